"""The rows of versions in a database: what lists need, in columns, so that 100,000 versions are read at once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np

from ....records.complexity import UNKNOWN
from ....records.index_row import IndexRow
from ....records.row_columns import RowColumns
from .leases import changed
from .place import DatabasePlace

if TYPE_CHECKING:
    from psycopg import Connection

_COLUMNS = ("generation", "name", "explorer", "island", "parents", "verdict", "source_sha256", "cost", "size", "curve")
_MARKS = ", ".join("%s" for _ in _COLUMNS)
_INSERT = f"""
    INSERT INTO autotts.versions (storage, id, manifest, {", ".join(_COLUMNS)}) VALUES (%s, %s, %s, {_MARKS})
    ON CONFLICT (storage, id) DO NOTHING
"""
_UPDATE = f"""
    UPDATE autotts.versions SET ({", ".join(_COLUMNS)}) = ROW ({_MARKS}), added = nextval('autotts.changes')
    WHERE storage = %s AND id = %s AND ({", ".join(_COLUMNS)}) IS DISTINCT FROM ROW ({_MARKS})
"""
# one value for each column: to make a hundred thousand rows of Python objects would take ten times as long
_LISTS = (
    "id", "generation", "name", "explorer", "island", "parents::json", "verdict", "source_sha256", "cost::json", "size",
    "octet_length(curve) / 32",
)  # fmt: skip
_SELECT = f"""
    SELECT string_agg(curve, ''), max(added), {", ".join(f"json_agg({each})::text" for each in _LISTS)}
    FROM (SELECT * FROM autotts.versions WHERE storage = %s AND added > %s AND generation IS NOT NULL
          ORDER BY generation, id) AS ordered
"""
_STATE = "SELECT count(*), coalesce(max(added), 0) FROM autotts.versions WHERE storage = %s AND generation IS NOT NULL"
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


class DatabaseRows:
    """The rows of the versions of one storage (`VersionRows`).

    Args:
        storage: the storage.
    """

    def __init__(self, storage: DatabasePlace) -> None:
        self._storage = storage

    def read(self, after: int = 0) -> tuple[RowColumns, int]:
        """See `VersionRows.read`; rows say nothing of beliefs."""
        number = self._storage.number()
        if number is None:
            return RowColumns.of([]), after
        server = self._storage.server
        row = server.run(lambda c: c.execute(_SELECT, (number, after), binary=True).fetchone())
        assert row is not None
        curves, last, *texts = row
        if last is None:
            return RowColumns.of([]), after
        lists: list[list[Any]] = [json.loads(text) for text in texts]
        values = np.frombuffer(curves, "<f8").reshape(-1, 4).astype(float, copy=False)
        noise = np.empty((len(lists[0]), 0))
        return RowColumns(*lists, values, values, noise), int(last)  # type: ignore[call-arg,arg-type]

    def state(self) -> tuple[int, int]:
        """See `VersionRows.state`."""
        row = self._storage.looked(lambda c, number: c.execute(_STATE, (number,)).fetchone(), None)
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def put(self, rows: Sequence[IndexRow]) -> None:
        """See `VersionRows.put`; rows that say the same already do not change."""

        def work(connection: Connection[Any], number: int) -> None:
            cells = [(_cells(row), row.id) for row in rows]
            connection.cursor().executemany(_UPDATE, [(*each, number, id, *each) for each, id in cells])

        changed(self._storage, work)


def insert_version(
    connection: Connection[Any], storage: int, folder: str, manifest: bytes, row: IndexRow | None
) -> bool:
    """Insert the row of a version, and return whether there was none."""
    cells = _cells(row) if row is not None else (None,) * len(_COLUMNS)
    return bool(connection.execute(_INSERT, (storage, folder, manifest, *cells)).rowcount)


def _cells(row: IndexRow) -> tuple[Any, ...]:
    texts = [_UNKEEPABLE.sub("\ufffd", text) for text in (row.name, row.explorer, row.island)]
    return (
        row.generation, *texts, json.dumps(row.parents), _UNKEEPABLE.sub("\ufffd", row.verdict), row.source_sha256,
        json.dumps(astuple(row.cost)), min(row.size, UNKNOWN), row.mean_curve.values.astype("<f8").tobytes(),
    )  # fmt: skip
