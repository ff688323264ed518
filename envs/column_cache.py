"""Keeps the columns of large environments as files that are mapped into memory, in the user's cache directory.

The columns of an environment file are compressed, and compressed bytes cannot be mapped. So the first process that
reads a large file unpacks each column into a ``.npy`` file, and every process maps these files: the kernel reads a
page when it is used, all processes of a machine share it, and the kernel drops it when memory is short.

The cache is a directory, ``$XDG_CACHE_HOME/autotts/columns`` (else ``~/.cache``), with a folder for each environment.
A folder is named after the SHA-256 of the environment file, appears whole (write aside, rename), and never changes.
Whoever maps it checks the content hash of the environment again. Folders that were not used for the longest time are
removed when all take more than `LIMIT_VARIABLE` allows. The cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .syntax_lock import SYNTAX_LOCK

_LOG = logging.getLogger(__name__)

LIMIT_VARIABLE = "AUTOTTS_CACHE_MB"
"""Environment variable with the most megabytes that the cache may take; 0 for no cache."""
MAPPED_FROM = 16 << 20
"""Bytes of the columns of an environment from which on they are mapped; smaller ones are read into memory."""
_MOST_BYTES = 32 << 30
"""Bytes that the cache may take where `LIMIT_VARIABLE` is not set."""
_ASIDE = ".writing-"

Columns = dict[str, npt.NDArray[Any]]


def file_key(file: BufferedReader) -> str:
    """Return the name of a file's folder in the cache: the SHA-256 of its bytes, in hexadecimal."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def mapped(key: str, lengths: Mapping[str, int]) -> Columns | None:
    """Return the columns of a folder of the cache, mapped into memory and read-only.

    Args:
        key: the name of the folder.
        lengths: the columns that are wanted, and the length of each.

    Returns:
        The columns; None if the cache does not hold them.
    """
    place = _home() / key
    try:
        columns = {name: _mapped(place / _file_name(name), length) for name, length in lengths.items()}
        os.utime(place)
    except (OSError, ValueError):  # never written, removed by another process, or damaged
        discard(key)
        return None
    return columns


def keep(key: str, columns: Iterable[tuple[str, npt.NDArray[Any]]]) -> bool:
    """Write a folder of the cache, and remove the folders that were not used for the longest time.

    Args:
        key: the name of the folder.
        columns: the columns by name, each taken when the one before has been written.

    Returns:
        Whether the folder is there: False if the cache is switched off, or its directory cannot be written to.
    """
    home, most = _home(), _most_bytes()
    if not most:
        return False
    aside = None
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not all(_is_ours(place) for place in (home, home.parent, home.parent.parent)):
            raise PermissionError("others can write to it")
        aside = Path(tempfile.mkdtemp(dir=home, prefix=_ASIDE))
        for name, column in columns:
            np.save(aside / _file_name(name), column, allow_pickle=False)
        with suppress(FileExistsError):
            _rename(aside, home / key)
        _remove_oldest(home, key, most)
    except OSError as error:
        _LOG.warning("%s: large environments are read into memory, as the cache cannot be written (%s)", home, error)
        return False
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    return True


def discard(key: str) -> None:
    """Remove a folder whose content is not what it should be."""
    shutil.rmtree(_home() / key, ignore_errors=True)


def _home() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    parent = Path(given) if os.path.isabs(given) else Path("~/.cache").expanduser()
    return parent / "autotts" / "columns"


def _is_ours(place: Path) -> bool:
    """Return whether only this user and the superuser can change what is in ``place``."""
    status = place.stat()
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _most_bytes() -> int:
    given = os.environ.get(LIMIT_VARIABLE, "")
    return int(given) << 20 if given.isascii() and given.isdecimal() and len(given) < 10 else _MOST_BYTES


def _file_name(name: str) -> str:
    """Return the file of a column: names of signals may have any characters, and any length."""
    return f"{name}.npy" if name.isidentifier() else f"{hashlib.sha256(name.encode()).hexdigest()}.npy"


def _mapped(path: Path, length: int) -> npt.NDArray[Any]:
    with SYNTAX_LOCK:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != (length,) or array.dtype.str not in ("<i4", "<f4"):
        raise ValueError(f"{path}: another column")
    return np.asarray(array.view(np.ndarray))


def _rename(aside: Path, place: Path) -> None:
    try:
        os.rename(aside, place)
    except OSError:  # a folder that is not empty cannot be replaced: another process was first
        if not place.is_dir():
            raise
        raise FileExistsError(str(place)) from None


def _remove_oldest(home: Path, key: str, most: int) -> None:
    """Remove folders until all take at most ``most`` bytes; that of ``key`` stays. Those in use lose their name only:
    what is mapped stays readable."""
    folders = []
    for folder in home.iterdir():
        with suppress(OSError):  # another process may remove it now
            size = sum(file.stat().st_size for file in folder.iterdir())
            folders.append((folder.stat().st_mtime, size, folder))
    left = sum(size for _, size, _ in folders)
    for _, size, folder in sorted(folders):
        if left > most and folder.name != key:
            shutil.rmtree(folder, ignore_errors=True)
            left -= size
