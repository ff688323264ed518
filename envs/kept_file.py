"""Files and directories that are kept elsewhere than in a file system, for example in a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable


@runtime_checkable
class KeptFile(Protocol):
    """The part of `pathlib.Path` that sealed files need. What is written appears whole or not at all."""

    @property
    def name(self) -> str:
        """The last part of its path."""

    @property
    def suffix(self) -> str:
        """The end of its name, from the last dot on."""

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def write_bytes(self, data: bytes, /) -> int:
        """Replace the content."""


class KeptDirectory(Protocol):
    """The part of `pathlib.Path` that a directory of sealed files needs."""

    @property
    def name(self) -> str:
        """The last part of its path."""

    def __truediv__(self, name: str, /) -> KeptFile:
        """Return the path of a file in it."""

    def glob(self, pattern: str, /) -> Iterable[KeptFile]:
        """Return the files in it whose names match a pattern; none if it is not there."""
