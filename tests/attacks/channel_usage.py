"""Reads its page faults and the blocks that were read for it, which tell which files were in memory."""

import os
import resource

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN, resource.RUSAGE_THREAD):
            try:
                usage = resource.getrusage(who)
            except OSError:
                continue
            raise Breach(f"{usage.ru_minflt} and {usage.ru_majflt} faults, {usage.ru_inblock} blocks")
        try:
            raise Breach(f"waited for a child: {os.wait4(-1, os.WNOHANG)}")
        except ChildProcessError:
            raise Breach("knows that it has no child") from None
        except OSError:
            return honest(question)
