"""Checksums of a run's checkpoint database: one for each row, and one for the whole file while nobody works on it.

SQLite sees damage to the structure of a database, but no changed bit in a value. A process that writes the database
removes the checksum of the file first, and writes it anew when it has closed the database. After a kill only the
checksums of the rows are there.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from autotts.envs.errors import DamagedFile
from autotts.envs.store import write_atomically

TABLE = "row_checksums"
_TABLES = ("checkpoints", "writes")
_ADVICE = "remove it, and resume: the archive is kept"
SETUP = f"CREATE TABLE IF NOT EXISTS {TABLE} (place TEXT, id INTEGER, sha256 TEXT, PRIMARY KEY (place, id))"


def checksum_file(database: Path) -> Path:
    """Return the path of the checksum of a whole database: ``checkpoint.sha256``."""
    return database.with_suffix(".sha256")


def seal_new_rows(cursor: sqlite3.Cursor) -> None:
    """Write the checksums of the rows that have none, and drop those of rows that were replaced."""
    for table in _TABLES:
        last = f"SELECT coalesce(max(id), 0) FROM {TABLE} WHERE place = '{table}'"
        new = [(table, row[0], _digest(row[1:])) for row in cursor.execute(_rows(table, f"WHERE rowid > ({last})"))]
        cursor.executemany(f"INSERT OR REPLACE INTO {TABLE} VALUES (?, ?, ?)", new)
        cursor.execute(f"DELETE FROM {TABLE} WHERE place = ? AND id NOT IN (SELECT rowid FROM {table})", (table,))


def seal_file(database: Path) -> None:
    """Write the checksum of a database that has just been closed."""
    if database.is_file():
        write_atomically(checksum_file(database), f"{_hash(database)}\n".encode())


def unseal_file(database: Path) -> None:
    """Remove the checksum of a database that is about to be written."""
    checksum_file(database).unlink(missing_ok=True)


def check_checkpoint(database: Path) -> None:
    """Check a database before it is used.

    Raises:
        DamagedFile: it does not match its checksums.
    """
    if not database.is_file():
        return  # the user has removed it, as messages advise
    problem = next(checkpoint_problems(database), None)
    if problem is not None:
        raise DamagedFile(f"{database}: damaged ({problem}); {_ADVICE}")


def has_checksums(database: Path) -> bool:
    """Return whether a database has checksums; that of an earlier version has none."""
    if checksum_file(database).is_file():
        return True
    try:
        with closing(_opened_copy(database)) as connection:
            return _has_table(connection)
    except (sqlite3.DatabaseError, OSError):
        return True  # damaged: `checkpoint_problems` says so


def checkpoint_problems(database: Path) -> Iterator[str]:
    """Yield the problems of a database, in words; none if there is no database."""
    whole = checksum_file(database)
    if not database.is_file():
        if whole.is_file():
            yield f"it is missing, and {whole.name} is there"
        return
    if whole.is_file() and whole.read_bytes() != f"{_hash(database)}\n".encode():
        yield f"its content does not match {whole.name}"
        return
    try:
        with closing(_opened_copy(database)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchone()
            if found != ("ok",):
                yield str(found[0]).splitlines()[0]
            elif _has_table(connection):
                yield from _row_problems(connection)
    except sqlite3.DatabaseError as error:
        yield str(error)


def _row_problems(connection: sqlite3.Connection) -> Iterator[str]:
    for table in _TABLES:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            yield f"it has no table {table}"
            continue
        known = dict(connection.execute(f"SELECT id, sha256 FROM {TABLE} WHERE place = ?", (table,)))
        last = max(known, default=0)
        for row in connection.execute(_rows(table)):
            digest = known.pop(row[0], None)
            if digest is None and row[0] < last:  # the last rows have none if the process was killed at that moment
                yield f"row {row[0]} of {table} has no checksum"
            elif digest not in (None, _digest(row[1:])):
                yield f"row {row[0]} of {table} does not match its checksum"
        if known:
            yield f"row {min(known)} of {table} is missing"
    others = connection.execute(f"SELECT count(*) FROM {TABLE} WHERE place NOT IN ('checkpoints', 'writes')")
    if others.fetchone()[0]:
        yield f"{TABLE} has checksums of no row"


def _rows(table: str, where: str = "") -> str:
    return f"SELECT rowid, * FROM {table} {where} ORDER BY rowid"


def _digest(cells: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(cells).encode(errors="backslashreplace")).hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _has_table(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone() is not None


def _opened_copy(database: Path) -> sqlite3.Connection:
    """Open a copy: to look at a database whose process was killed would change its files."""
    with tempfile.TemporaryDirectory() as aside:
        copy = Path(aside) / database.name
        shutil.copyfile(database, copy)
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{database}-wal", f"{copy}-wal")
        memory = sqlite3.connect(":memory:")
        try:
            with closing(sqlite3.connect(copy)) as connection:
                connection.backup(memory)
        except BaseException:
            memory.close()
            raise
    memory.text_factory = _text
    return memory


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
