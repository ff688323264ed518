"""Makes the C library return freed memory to the system."""

from __future__ import annotations

LARGE = 4 << 20
"""Bytes. A larger array gets its own pages, and the system gets them back when the array is freed."""
_M_MMAP_THRESHOLD = -3  # of malloc.h


def return_freed_memory() -> None:
    """Return freed arrays above `LARGE` to the system; do nothing where the C library is not glibc.

    By default glibc raises this limit to the largest array freed so far, at most 32 MB, and each thread's heap keeps
    smaller freed arrays. A long run that needs 130 MB between its peaks then holds 500 MB.
    """
    import ctypes  # only when a command runs: `autotts --help` must be quick

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
