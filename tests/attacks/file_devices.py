"""Opens the devices that lead to the machine's memory, disks and kernel."""

import glob
import os

from envs import Controller

NAMES = (
    "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/vsock",
    "/dev/userfaultfd", "/dev/loop-control", "/dev/mapper/control", "/dev/snapshot", "/dev/uinput", "/dev/console",
    "/dev/tty", "/dev/autofs", "/dev/btrfs-control", "/dev/cpu_dma_latency",
)  # fmt: skip


class Attack(Controller):
    def solve(self, question):
        stopped = None
        disks = [
            file
            for kind in ("sd?", "vd?", "nvme*", "xvd?", "loop?", "dm-*", "zram*")
            for file in glob.glob("/dev/" + kind)
        ]
        for file in (*NAMES, *disks):
            try:
                os.close(os.open(file, os.O_RDONLY | os.O_NONBLOCK))
                raise Breach(f"opened {file}")
            except OSError as error:
                stopped = error
        raise stopped
