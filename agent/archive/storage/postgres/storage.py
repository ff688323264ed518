"""A run or an archive in a PostgreSQL database (`migrations` says in which tables)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from autotts.envs.errors import DamagedFile, InputError

from ....records.index_row import IndexRow
from ...holder_file import RunningProcess
from ...layout import MANIFEST
from ..names import checked, checked_part, is_part
from ..protocol import FileStamp, ImmutableFolder
from .leases import changed, holder_of, holding
from .place import DatabasePlace
from .rows import DatabaseRows, insert_version

if TYPE_CHECKING:
    from psycopg import Connection

_BATCH = 500
"""Names of files that one query asks for."""
_FILE = "SELECT data, sha256 FROM autotts.files WHERE storage = %s AND name = %s"
_IN_FOLDER = """
    SELECT data, sha256 FROM autotts.version_files JOIN autotts.blobs USING (sha256)
    WHERE storage = %s AND version = %s AND name = %s
"""
_LOG = """
    SELECT string_agg(data, '' ORDER BY part), coalesce(min(ends - octet_length(data)), 0) FROM autotts.log_parts
    WHERE storage = %s AND name = %s AND ends > %s
"""
_LAST = "SELECT part, ends FROM autotts.log_parts WHERE storage = %s AND name = %s ORDER BY part DESC LIMIT 1"
_WRITE = """
    INSERT INTO autotts.files (storage, name, sha256, data) VALUES (%s, %s, %s, %s)
    ON CONFLICT (storage, name) DO UPDATE
    SET sha256 = excluded.sha256, data = excluded.data, changed = nextval('autotts.changes')
"""
_STAMPS = """
    SELECT changed, octet_length(data) FROM autotts.files WHERE storage = %(storage)s AND name = %(name)s
    UNION ALL SELECT 0, octet_length(data) FROM autotts.version_files JOIN autotts.blobs USING (sha256)
    WHERE storage = %(storage)s AND version = %(folder)s AND version_files.name = %(file)s
    UNION ALL SELECT max(ends), max(ends) FROM autotts.log_parts
    WHERE storage = %(storage)s AND name = %(name)s HAVING count(*) > 0
"""


@dataclass(frozen=True)
class PostgresStorage(DatabasePlace):
    """Keeps a run or an archive in a database. It begins to exist with the first file that is written.

    Args:
        address: where it is.
    """

    @property
    def version_rows(self) -> DatabaseRows:
        """The rows of its versions."""
        return DatabaseRows(self)

    # Reading

    def exists(self) -> bool:
        """See `Storage.exists`."""
        return self.number() is not None

    def read(self, name: str) -> bytes:
        """See `Storage.read`."""
        folder, file = _split(checked(name))

        def work(connection: Connection[Any], number: int) -> bytes | None:
            for query, place in ((_FILE, (number, name)), (_IN_FOLDER, (number, folder, file))):
                row = connection.execute(query, place, binary=True).fetchone()
                if row is not None:
                    return self._whole(name, *row)
            row = connection.execute(_LOG, (number, name, -1), binary=True).fetchone()
            return row[0] if row else None

        data = self.looked(work, None)
        if data is None:
            raise FileNotFoundError(2, "No such file", f"{self.name}#{name}")
        return data

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `Storage.read_many`."""
        for first in range(0, len(names), _BATCH):
            nothing = list[tuple[str, bytes]]()
            yield from self.looked(partial(self._some, names[first : first + _BATCH]), nothing)

    def _some(self, names: Sequence[str], connection: Connection[Any], number: int) -> list[tuple[str, bytes]]:
        places = {_split(checked(name)): name for name in names}
        query = "SELECT name, data, sha256 FROM autotts.files WHERE storage = %s AND name = ANY(%s)"
        found = {row[0]: row[1:] for row in connection.execute(query, (number, list(names)), binary=True)}
        query = """
            SELECT version, name, data, sha256 FROM unnest(%s::text[], %s::text[]) AS asked (version, name)
            JOIN autotts.version_files USING (version, name) JOIN autotts.blobs USING (sha256) WHERE storage = %s
        """
        folders, files = [list(each) for each in zip(*places, strict=True)] or ([], [])
        for version, name, *rest in connection.execute(query, (folders, files, number), binary=True):
            found.setdefault(places[version, name], tuple(rest))
        return [(name, self._whole(name, *found[name])) for name in names if name in found]

    def _whole(self, name: str, data: bytes, digest: bytes) -> bytes:
        if hashlib.sha256(data).digest() != digest:
            raise DamagedFile(f"{self.name}#{name}: damaged (its content does not match its hash)")
        return data

    def read_from(self, name: str, start: int) -> bytes:
        """See `Storage.read_from`."""
        checked(name)

        def work(connection: Connection[Any], number: int) -> bytes:
            row = connection.execute(_LOG, (number, name, start), binary=True).fetchone()
            assert row is not None
            return b"" if row[0] is None else row[0][max(0, start - row[1]) :]

        return self.looked(work, b"")

    def stamp(self, name: str) -> FileStamp | None:
        """See `Storage.stamp`."""
        folder, file = _split(checked(name))

        def work(connection: Connection[Any], number: int) -> FileStamp | None:
            asked = {"storage": number, "name": name, "folder": folder, "file": file}
            row = connection.execute(_STAMPS, asked).fetchone()
            return FileStamp(int(row[0]), int(row[1])) if row else None

        return self.looked(work, None)

    def names(self, below: str = "") -> list[str]:
        """See `Storage.names`."""
        query, bounds = "", tuple[str, ...]()
        if below:
            query = " AND name > %s AND name < %s"  # "0" follows "/" in the order of bytes
            bounds = (f"{checked(below)}/", f"{below}0")
        both = " UNION ".join(
            f"SELECT name FROM autotts.{table} WHERE storage = %s{query}" for table in ("files", "log_parts")
        )

        def work(connection: Connection[Any], number: int) -> list[str]:
            found = connection.execute(f"{both} ORDER BY name", (number, *bounds) * 2)
            return [row[0] for row in found]

        return self.looked(work, [])

    def folders(self) -> list[str]:
        """See `Storage.folders`."""
        query = "SELECT id FROM autotts.versions WHERE storage = %s ORDER BY id"
        return self.looked(lambda connection, number: [row[0] for row in connection.execute(query, (number,))], [])

    def has(self, folder: str) -> bool:
        """See `Storage.has`."""
        if not is_part(folder):
            return False
        query = "SELECT 1 FROM autotts.versions WHERE storage = %s AND id = %s"
        return self.looked(lambda c, number: c.execute(query, (number, folder)).fetchone() is not None, False)

    def files(self, folder: str) -> list[str]:
        """See `Storage.files`."""
        query = "SELECT name FROM autotts.version_files WHERE storage = %s AND version = %s ORDER BY name"
        place = checked_part(folder)
        return self.looked(lambda c, number: [row[0] for row in c.execute(query, (number, place))], [])

    # Writing

    def write(self, name: str, data: bytes) -> None:
        """See `Storage.write`."""
        folder, _ = _split(checked(name))

        def work(connection: Connection[Any], number: int) -> None:
            if folder and _manifest(connection, number, folder) is not None:
                raise ImmutableFolder(f"{self.name}#{folder}: folders of versions never change")
            connection.execute(_WRITE, (number, name, hashlib.sha256(data).digest(), data))

        changed(self, work)

    def remove(self, name: str) -> None:
        """See `Storage.remove`."""
        checked(name)
        if self.number() is None:
            return

        def work(connection: Connection[Any], number: int) -> None:
            for table in ("files", "log_parts"):
                connection.execute(f"DELETE FROM autotts.{table} WHERE storage = %s AND name = %s", (number, name))

        changed(self, work)

    def append(self, name: str, data: bytes) -> None:
        """See `Storage.append`."""
        key = uuid.uuid4()  # work that is done twice adds once
        checked(name)

        def work(connection: Connection[Any], number: int) -> None:
            # the lock makes the order of parts that of commits; it ends with the transaction
            connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (number & 0x7FFFFFFF, name))
            part, ends = connection.execute(_LAST, (number, name)).fetchone() or (0, 0)
            connection.execute(
                "INSERT INTO autotts.log_parts (storage, name, part, ends, key, data) VALUES (%s, %s, %s, %s, %s, %s) "
                "ON CONFLICT (key) DO NOTHING",
                (number, name, part + 1, ends + len(data), key, data),
            )

        if data:
            changed(self, work)

    def add(self, folder: str, files: Mapping[str, bytes], row: IndexRow | None = None) -> bool:
        """See `Storage.add`."""
        checked_part(folder)
        digests = {checked_part(name): hashlib.sha256(data).digest() for name, data in files.items()}
        manifest = digests[MANIFEST]

        def work(connection: Connection[Any], number: int) -> bool:
            if not insert_version(connection, number, folder, manifest, row):
                if _manifest(connection, number, folder) != manifest:
                    raise ImmutableFolder(f"{self.name}#{folder}: there already, with another content")
                return False
            cursor = connection.cursor()
            for name in sorted(
                files, key=digests.__getitem__
            ):  # in one order, so that two writers never wait in a ring
                query = "INSERT INTO autotts.blobs (sha256, data) VALUES (%s, %s) ON CONFLICT DO NOTHING"
                cursor.execute(query, (digests[name], files[name]))
            cursor.executemany(
                "INSERT INTO autotts.version_files (storage, version, name, sha256) VALUES (%s, %s, %s, %s)",
                [(number, folder, name, digest) for name, digest in digests.items()],
            )
            return True

        try:
            return changed(self, work)
        except psycopg.DataError as error:
            raise InputError(f"{self.name}#{folder}: cannot be kept in a database ({error})") from None

    def sweep(self) -> None:
        """See `Storage.sweep`: the transaction of a killed writer leaves nothing."""

    # Holding

    def hold(self) -> AbstractContextManager[None]:
        """See `Storage.hold` and `leases`."""
        return holding(self)

    def holder(self) -> RunningProcess | None:
        """See `Storage.holder`."""
        return self.looked(holder_of, None)


def _split(name: str) -> tuple[str, str]:
    """Return the folder and the file of a name with two parts; empty texts for other names."""
    folder, _, file = name.partition("/")
    return (folder, file) if file and "/" not in file else ("", "")


def _manifest(connection: Connection[Any], number: int, folder: str) -> bytes | None:
    query = "SELECT manifest FROM autotts.versions WHERE storage = %s AND id = %s"
    row = connection.execute(query, (number, folder)).fetchone()
    return bytes(row[0]) if row else None
