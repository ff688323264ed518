"""The index of a large archive in a directory once more, in columns: SQLite's rows would take seconds to read.

The file is written with each generation; the SQLite index of a large archive only when it has grown by a tenth.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import fields

import numpy as np

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed

from ..records.row_columns import RowColumns
from .layout import COLUMNS
from .storage.stored_path import AnyPath

LARGE = 2000
"""Versions from which on an archive has this file."""
_ARRAYS = ("curves", "believed", "noise")
_LISTS = tuple(each.name for each in fields(RowColumns) if each.name not in _ARRAYS)


def write_columns(home: AnyPath, columns: RowColumns) -> None:
    """Write the rows of all versions of an archive, with beliefs, to the directory ``home``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("lists.json"), json.dumps([getattr(columns, name) for name in _LISTS]))
        for name in _ARRAYS:
            data = io.BytesIO()
            np.save(data, getattr(columns, name), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue())
    write_sealed(home / COLUMNS, buffer.getvalue())


def read_columns(home: AnyPath) -> RowColumns:
    """Return the rows of the archive whose derived files are in ``home``.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFile: the file is damaged.
    """
    path = home / COLUMNS
    try:
        with zipfile.ZipFile(io.BytesIO(read_sealed(path))) as archive:
            lists = dict(zip(_LISTS, json.loads(archive.read("lists.json")), strict=True))
            arrays = {name: np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False) for name in _ARRAYS}
            return RowColumns(**lists, **arrays)
    except (FileNotFoundError, DamagedFile):
        raise
    except Exception as error:  # zipfile and numpy raise many types of errors for damaged bytes
        raise DamagedFile(f"{path}: damaged ({error}); `autotts archive reindex` makes it anew") from None
