"""The index file of an archive in a directory: an SQLite database with a row for each version, and a checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import read_sealed, write_sealed

from ..records.index_row import COLUMNS, IndexRow
from .layout import INDEX
from .storage.stored_path import AnyPath


def write_index(home: AnyPath, rows: Sequence[IndexRow]) -> None:
    """Write the index of an archive anew.

    Args:
        home: directory of the files that follow from the versions.
        rows: the rows, by generation and id.
    """
    cells = [row.cells() for row in rows]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE versions ({', '.join(COLUMNS)}, PRIMARY KEY (id))")
        database.execute("CREATE INDEX by_source ON versions (source_sha256)")
        database.executemany(f"INSERT INTO versions VALUES ({', '.join('?' * len(COLUMNS))})", cells)
        database.commit()
        image = database.serialize()
    write_sealed(home / INDEX, image)


def read_index(home: AnyPath) -> list[IndexRow]:
    """Return the rows of the index, by generation and id. Versions added since it was built are missing.

    Raises:
        InputError: there is no index.
        DamagedFile: the index is damaged.
    """
    path = home / INDEX
    if not path.is_file():
        raise InputError(f"{path}: not there; build it with `autotts archive reindex`")
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(read_sealed(path) or b"empty")  # no bytes would be a MemoryError
            table = database.execute(f"SELECT {', '.join(COLUMNS)} FROM versions ORDER BY generation, id")
            return [IndexRow.read(cells) for cells in table]
    except (sqlite3.DatabaseError, DamagedFile, TypeError, ValueError) as error:
        raise DamagedFile(f"{path}: damaged ({error}); rebuild it with `autotts archive reindex`") from None
