"""Becomes another interpreter, to be rid of its limits."""

import os

from envs import Controller

AFTER = """
import json, os, struct
try:
    if os.fork() == 0:
        os._exit(0)
except OSError:
    os._exit(3)
said = json.dumps({"kind": "exception", "message": "Breach: shed its limits", "episode": None}).encode()
for descriptor in range(3, 8):
    try:
        os.write(descriptor, struct.pack("<cIiI", b"F", 0, 0, len(said)) + said)
    except OSError:
        pass
"""


class Attack(Controller):
    def solve(self, question):
        for descriptor in range(3, 8):
            if os.path.lexists(f"/proc/self/fd/{descriptor}"):
                os.set_inheritable(descriptor, True)
        os.execve("/proc/self/exe", ["python", "-I", "-S", "-c", AFTER], {})
