"""Raises its own limits."""

import resource

from envs import Controller

NAMES = ("AS", "CPU", "NPROC", "FSIZE", "CORE", "NOFILE", "MSGQUEUE", "MEMLOCK")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for name in NAMES:
            kind = getattr(resource, f"RLIMIT_{name}")
            soft, hard = resource.getrlimit(kind)
            if hard == resource.RLIM_INFINITY:
                raise Breach(f"has no limit {name}")
            for limit in ((hard + 1, hard + 1), (soft, resource.RLIM_INFINITY), (soft, hard + 4096)):
                for raise_it in (resource.setrlimit, lambda *limit: resource.prlimit(0, *limit)):
                    try:
                        raise_it(kind, limit)
                        raise Breach(f"raised its limit {name}")
                    except (OSError, ValueError) as error:
                        stopped = stopped or error
        raise stopped
