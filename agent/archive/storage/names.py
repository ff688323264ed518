"""Names of files in a storage: relative paths with forward slashes."""

from __future__ import annotations

from autotts.envs.errors import InputError

_LONGEST = 255
"""Bytes of one part of a name, as file systems allow."""


def checked(name: str) -> str:
    """Return the name of a file.

    Raises:
        InputError: no storage can keep a file of this name.
    """
    for part in name.split("/"):
        checked_part(part)
    return name


def is_part(part: str) -> bool:
    """Return whether a text may be one part of a name."""
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST and part not in (".", "..") and "/" not in part and "\0" not in part


def checked_part(part: str) -> str:
    """Return one part of a name.

    Raises:
        InputError: no storage can keep it.
    """
    if not is_part(part):
        raise InputError(f"{part!r} is no name of a file in a run or an archive")
    return part
