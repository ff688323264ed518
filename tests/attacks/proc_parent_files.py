"""Opens what its parent has open, and where the jobs of others come in."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for process in (os.getppid(), 1):
            for name in (
                "fd/0",
                "fd/1",
                "fd/2",
                "fd/3",
                "maps",
                "environ",
                "cwd",
                "root",
                "exe",
                "stack",
                "syscall",
                "io",
            ):
                try:
                    os.close(os.open(f"/proc/{process}/{name}", os.O_RDONLY | os.O_NONBLOCK))
                    raise Breach(f"opened {name} of process {process}")
                except OSError as error:
                    stopped = stopped or error
        raise stopped
