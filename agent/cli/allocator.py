"""How the C library handles the host's memory."""

from __future__ import annotations

LARGE = 4 << 20
"""Bytes from which an array has pages of its own, which go back to the system as soon as it is freed."""
_M_MMAP_THRESHOLD = -3  # of malloc.h


def return_freed_memory() -> None:
    """Have large arrays go back to the system when they are freed; does nothing where the C library is not glibc.

    By itself glibc moves that border up to the largest array that was ever freed, 32 MB at the most, and keeps what is
    below it: in every thread's own heap, so that a long run that is at 130 MB between its peaks comes to hold 500.
    """
    import ctypes  # not before a command runs: `--help` is to be quick

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
