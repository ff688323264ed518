"""Has the kernel act at once, by the file that stands for the magic key."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        handle = os.open("/proc/sysrq-trigger", os.O_WRONLY)
        os.write(handle, b"h")  # prints help in the kernel's log
        raise Breach("the kernel obeys it")
