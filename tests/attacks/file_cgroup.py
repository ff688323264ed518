"""Makes a control group, and names the program that the kernel runs when it is empty."""

import glob
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        groups = [*glob.glob("/sys/fs/cgroup/*/"), "/sys/fs/cgroup", "/tmp", "/mnt"]
        for group in groups:
            for name in (
                "release_agent",
                "cgroup.procs",
                "memory.max",
                "memory.limit_in_bytes",
                "pids.max",
                "notify_on_release",
            ):
                try:
                    os.close(os.open(os.path.join(group, name), os.O_WRONLY))  # writes nothing
                    raise Breach(f"may write to {group}/{name}")
                except OSError as error:
                    stopped = error
            if group.startswith("/sys"):
                try:
                    os.mkdir(os.path.join(group, f"group-{os.getpid()}"))
                    os.rmdir(os.path.join(group, f"group-{os.getpid()}"))
                    raise Breach(f"made a control group in {group}")
                except OSError as error:
                    stopped = error
        raise stopped
