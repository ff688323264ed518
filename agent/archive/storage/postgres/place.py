"""The place of a run or an archive in the tables of a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .address import DatabaseAddress
from .schema import HEAD, migrate, schema_version
from .server import DatabaseServer

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")

_numbers: dict[tuple[str, str], int] = {}
"""The number of each storage, by server and key; it never changes."""


@dataclass(frozen=True)
class DatabasePlace:
    """A run or an archive in a database: its connection, and its number in the tables.

    Args:
        address: where it is.
    """

    address: DatabaseAddress

    @property
    def name(self) -> str:
        """Its address, as a user gives it."""
        return str(self.address)

    @property
    def title(self) -> str:
        """The name of the run or archive."""
        return self.address.name

    @property
    def key(self) -> str:
        """Names it within its database."""
        return f"{self.address.kind}/{self.address.name}"

    @property
    def server(self) -> DatabaseServer:
        """The database."""
        return DatabaseServer.at(self.address.server)

    def number(self) -> int | None:
        """Return its number in the tables; None before anything was written."""
        known = _numbers.get((self.address.server, self.key))
        if known is None and schema_version(self.server) is not None:
            if schema_version(self.server) != HEAD:
                migrate(self.server)
            known = self.server.run(self._find)
            if known is not None:
                _numbers[self.address.server, self.key] = known
        return known

    def made(self) -> int:
        """Return its number in the tables; it gets one if it has none."""
        known = self.number()
        if known is None:
            migrate(self.server)
            known = _numbers[self.address.server, self.key] = self.server.run(self._make)
        return known

    def _find(self, connection: Connection[Any]) -> int | None:
        query = "SELECT id FROM autotts.storages WHERE kind = %s AND name = %s"
        row = connection.execute(query, (self.address.kind, self.address.name)).fetchone()
        return int(row[0]) if row else None

    def _make(self, connection: Connection[Any]) -> int:
        query = "INSERT INTO autotts.storages (kind, name) VALUES (%s, %s) ON CONFLICT DO NOTHING"
        connection.execute(query, (self.address.kind, self.address.name))
        found = self._find(connection)
        assert found is not None
        return found

    def looked(self, work: Callable[[Connection[Any], int], T], nothing: T) -> T:
        """Return the result of ``work``, or ``nothing`` before anything was written."""
        number = self.number()
        return nothing if number is None else self.server.run(lambda connection: work(connection, number))


def run_names(server: str) -> list[str]:
    """Return the names of all runs in a database, in the order in which they began."""
    database = DatabaseServer.at(server)
    if schema_version(database) is None:
        return []
    query = "SELECT name FROM autotts.storages WHERE kind = 'run' ORDER BY id"
    return database.run(lambda connection: [row[0] for row in connection.execute(query)])
