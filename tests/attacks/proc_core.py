"""Leaves an image of its memory behind by crashing."""

import ctypes
import os
import resource

from envs import Controller

PR_SET_DUMPABLE = 4


class Attack(Controller):
    def solve(self, question):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        if resource.getrlimit(resource.RLIMIT_CORE)[1]:
            raise Breach("may leave an image of its memory")
        os.abort()
