"""A file that is kept elsewhere than in a directory, for example in a database."""

from __future__ import annotations

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
