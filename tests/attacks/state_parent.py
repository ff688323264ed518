"""Looks for traces of earlier processes in what it has inherited, and leaves some."""

import os
import resource
import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        left = getattr(sys, "left_by", None)
        if left not in (None, os.getpid()):
            raise Breach("found what another process had left")
        sys.left_by = os.getpid()
        try:
            limits = resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
            resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, limits)
        except OSError:
            return honest(question)
        raise Breach("reached the limits of its parent")
