"""Changes the kernel's parameters: what it runs when a program crashes, and the like."""

import os
from pathlib import Path

from envs import Controller

NAMES = (
    "kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "kernel/shmmni", "kernel/msgmni", "kernel/sem",
    "kernel/ns_last_pid", "fs/mqueue/queues_max", "net/ipv4/ip_forward", "vm/overcommit_memory", "vm/drop_caches",
    "fs/binfmt_misc/register",
)  # fmt: skip


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for name in NAMES:
            try:
                os.close(os.open(Path("/proc/sys") / name, os.O_WRONLY))  # writes nothing
                raise Breach(f"may write to {name}")
            except OSError as error:
                stopped = stopped or error
        raise stopped
