"""Reads zips of NumPy columns that may come from somebody else: no more is unpacked than was declared and allowed."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from .syntax_lock import SYNTAX_LOCK

MOST_ENTRIES = 1_000
"""The largest number of entries of a zip of columns."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NPY_HEADER = 4_096
"""The largest header of a column, in bytes; that of a column with one axis has 128."""


class TooLarge(ValueError):
    """A file declares more than may be unpacked."""


class BoundedZip(zipfile.ZipFile):
    """A zip whose declared sizes are checked before any entry is unpacked.

    Args:
        file: the zip.
        most: the largest number of bytes of all entries together.

    Raises:
        TooLarge: it has more entries, or declares more bytes.
        zipfile.BadZipFile: it is no zip.
    """

    def __init__(self, file: Path | IO[bytes], most: int) -> None:
        super().__init__(file)
        entries = self.infolist()
        declared = sum(entry.file_size for entry in entries)
        problem: Exception | None = None
        if len(entries) > MOST_ENTRIES:
            problem = TooLarge(f"{len(entries):,} entries")
        elif declared > most:
            problem = TooLarge(f"its entries hold {declared:,} bytes, more than {most:,}")
        elif len({entry.filename for entry in entries}) != len(entries):
            problem = zipfile.BadZipFile("an entry is there twice")
        if problem is not None:
            self.close()
            raise problem

    def content(self, name: str, most: int | None = None) -> bytes:
        """Return the content of an entry.

        Args:
            name: name of the entry.
            most: the largest number of bytes; None for what the whole zip may hold.

        Raises:
            TooLarge: it declares more bytes.
            ValueError: it is compressed by another method, or holds less than it declares.
            KeyError: there is no such entry.
        """
        entry = self.getinfo(name)
        if most is not None and entry.file_size > most:
            raise TooLarge(f"{name} holds {entry.file_size:,} bytes, more than {most:,}")
        if entry.compress_type not in _METHODS:
            raise ValueError(f"{name} is compressed by an unknown method")
        with self.open(entry) as file:
            data = file.read(entry.file_size)  # stops at the declared size, whatever follows
            if len(data) != entry.file_size or file.read(1):
                raise ValueError(f"{name} does not have the size that it declares")
        return data

    def length(self, name: str) -> int:
        """Return the declared length of a column, from its header alone.

        Raises:
            ValueError: it is not a column of numbers, or declares another size than its entry.
        """
        with self.open(self.getinfo(name)) as file:
            head = file.read(_NPY_HEADER)
        return _shape(head, self.getinfo(name).file_size, axes=1)[0]

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column: an array of one axis of numbers.

        Raises:
            ValueError: it is not a column of numbers, or declares another size than its entry.
        """
        data = self.content(name)
        _shape(data[:_NPY_HEADER], len(data), axes=1)
        return _loaded(data)

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return an array of any shape, of numbers or of text.

        Raises:
            ValueError: it holds objects, or declares another size than its entry.
        """
        data = self.content(name)
        _shape(data[:_NPY_HEADER], len(data), axes=None)
        return _loaded(data)


def _loaded(data: bytes) -> npt.NDArray[Any]:
    with SYNTAX_LOCK:
        array: npt.NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _shape(head: bytes, size: int, axes: int | None) -> tuple[int, ...]:
    """Return the shape in the header of an array.

    Args:
        head: the first bytes of the entry.
        size: the size of the entry in bytes, which must be that of the header and of the declared numbers.
        axes: the number of axes; None for any number of them, and for text beside numbers.
    """
    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of format {version}")
    with SYNTAX_LOCK:
        shape, _, kind = read(file)
    if kind.hasobject or kind.names is not None or (axes is not None and kind.kind not in "iuf"):
        raise ValueError("not a column of numbers")
    if (axes is not None and len(shape) != axes) or any(each < 0 for each in shape):
        raise ValueError("not a column of numbers")
    count: int = math.prod([int(each) for each in shape])
    if kind.itemsize == 0 and count:
        raise ValueError("an array of nothing")
    if file.tell() + count * kind.itemsize != size:
        raise ValueError("an array whose size is not the one that it declares")
    return tuple(shape)
