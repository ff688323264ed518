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


def checked_part(part: str) -> str:
    """Return one part of a name.

    Raises:
        InputError: no storage can keep it.
    """
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= _LONGEST or part in (".", "..") or "/" in part or "\0" in part:
        raise InputError(f"{part!r} is no name of a file in a run or an archive")
    return part
