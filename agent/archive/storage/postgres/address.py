"""The address of a run or an archive in a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Kind = Literal["run", "archive"]


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A run or an archive in a database. A run and its archive have the same name."""

    server: str
    """The address of the database, with parameters of the connection, and without a password."""
    kind: Kind
    name: str

    def __str__(self) -> str:
        place, mark, query = self.server.partition("?")
        return f"{place}/{quote(self.name, safe='')}{mark}{query}"
