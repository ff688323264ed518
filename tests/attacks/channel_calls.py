"""Makes every system call of the kernel, to find one that is neither needed nor refused."""

import ctypes

from envs import Controller

BASES = {"x86_64": (0, 0x40000000), "aarch64": (0,)}[BAIT["machine"]]
REFUSALS = (1, 11)  # EPERM; EAGAIN for new processes
# the last two on x86_64 are for breakpoints of the kernel: no filter sees them, and they end every other caller
NEEDED = {
    "x86_64": {1, 9, 10, 11, 12, 25, 28, 60, 202, 231, 318, 335, 336},
    "aarch64": {64, 222, 226, 215, 214, 216, 233, 93, 98, 94, 278},
}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        for base in BASES:
            for number in range(600):
                if number in NEEDED and base == 0:
                    continue
                ctypes.set_errno(0)
                if (
                    libc.syscall(ctypes.c_long(base + number), *[ctypes.c_long(-1)] * 6) != -1
                    or ctypes.get_errno() not in REFUSALS
                ):
                    raise Breach(f"system call {number + base:#x} reaches the kernel")
        return honest(question)
