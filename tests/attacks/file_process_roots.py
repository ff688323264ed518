"""Goes through the root and the working directory of every process to a file of the host."""

import os
from pathlib import Path

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for process in [BAIT["pid"], *(name for name in os.listdir("/proc") if name.isdigit())]:
            for way in ("root", "cwd", f"task/{process}/root", "fd/0", "fd/3"):
                try:
                    Path(f"/proc/{process}/{way}{BAIT['file']}").read_text()
                    raise Breach(f"read the host's file through the {way} of process {process}")
                except OSError as error:
                    stopped = error
        raise stopped
