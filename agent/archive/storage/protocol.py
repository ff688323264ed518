"""The protocol of a storage: everything that a run or an archive asks of the place where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from autotts.envs.errors import InputError

from ...records.index_row import IndexRow
from ...records.row_columns import RowColumns
from ..holder_file import RunningProcess


class StorageUnavailable(InputError):
    """The place where a run or an archive is kept does not answer. The message says which, and what to do."""


class ImmutableFolder(InputError):
    """A folder that is kept was to be changed, or added again with another content."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Changes whenever a file changes."""

    changed: int
    """Nanoseconds of its last change, or the number of that change."""
    size: int
    """Its size in bytes."""


@runtime_checkable
class Storage(Protocol):
    """The files of one run or of one archive.

    A storage is a tree of files. A name is a relative path with forward slashes, such as ``figures/g001-ab.npz``; it
    may hold any characters except NUL. All files are read in the same way. They are written in three ways:

    - `write` replaces one file: settings, reports, figures, audits, records of candidates. A reader sees the old
      content or the new one, never a part.
    - `append` adds to the end of a log: the events of a run. What one call adds stays together, and the order is the
      order in which the calls have returned.
    - `add` makes a folder that never changes: a version of an archive. It appears with all its files or not at all.
      Of several writers of one folder, the first wins; the others are told that it is there, or, if their content
      differs, that theirs is another truth.

    What a method has written when it returns survives a kill of the program and a crash of the machine. Killed writers
    leave nothing that a reader sees. One process at a time may `hold` a storage; reading needs no hold.

    All methods are safe to call from several threads. They raise `StorageUnavailable` if the place does not answer,
    `OSError` if it refuses (a full disk, a lack of rights), and `InputError` for a name that it cannot keep.
    `autotts.testing.check_storage` checks an implementation.
    """

    @property
    def name(self) -> str:
        """Its name for people, without a password: a directory, or the address of a database."""

    @property
    def title(self) -> str:
        """The last part of its name: that of the directory, or of the run or archive."""

    @property
    def version_rows(self) -> VersionRows | None:
        """The rows of its versions, if it keeps rows beside the folders; None if `Archive` keeps an index file."""

    def exists(self) -> bool:
        """Return whether anything is kept here."""

    def read(self, name: str) -> bytes:
        """Return the content of a file, of a log, or of a file of a folder (``folder/file``).

        Raises:
            FileNotFoundError: there is no such file.
            DamagedFile: the storage has seen that the content is not what was written.
        """

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the content of each file of ``names`` that is there, in their order; see `read`."""

    def read_from(self, name: str, start: int) -> bytes:
        """Return the content of a log from byte ``start`` on; nothing if it is not longer, or not there."""

    def stamp(self, name: str) -> FileStamp | None:
        """Return a value that changes whenever a file or a log changes; None if there is no such file."""

    def names(self, below: str = "") -> list[str]:
        """Return the names of all files and logs in the directory ``below``, at any depth, sorted.

        Files of folders are left out; see `folders` and `files`.
        """

    def write(self, name: str, data: bytes) -> None:
        """Replace the content of a file.

        Raises:
            ImmutableFolder: the name is that of a file in a folder that was added.
        """

    def remove(self, name: str) -> None:
        """Remove a file or a log; do nothing if it is not there."""

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a log, which begins empty."""

    def folders(self) -> list[str]:
        """Return the names of all folders that were added, sorted."""

    def has(self, folder: str) -> bool:
        """Return whether a folder was added."""

    def files(self, folder: str) -> list[str]:
        """Return the names of the files of a folder, sorted; an empty list if there is no such folder."""

    def add(self, folder: str, files: Mapping[str, bytes], row: IndexRow | None = None) -> bool:
        """Add a folder with all its files.

        Args:
            folder: its name, one part of a path.
            files: the content of each file by name, one part of a path; one of them is the manifest.
            row: its row, for a storage with `version_rows`.

        Returns:
            Whether it was added; False if it is there already with the same content.

        Raises:
            ImmutableFolder: it is there already with another content.
        """

    def sweep(self) -> None:
        """Remove what killed writers have left behind; only a holder may do so."""

    def hold(self) -> AbstractContextManager[None]:
        """Hold the storage, as a context manager; the hold of a killed process ends by itself.

        Raises:
            RunIsLocked: another process or thread holds it.
        """

    def holder(self) -> RunningProcess | None:
        """Return the process that holds the storage; None if none does."""


class VersionRows(Protocol):
    """The rows of the versions of a storage: what lists need of each version, kept beside its folder."""

    def read(self, after: int = 0) -> tuple[RowColumns, int]:
        """Return the rows that have changed, by generation and id, and the number of the last change.

        Args:
            after: number of an earlier change; 0 returns all rows.
        """

    def state(self) -> tuple[int, int]:
        """Return the number of rows, and the number of the last change; the two are (0, 0) without rows."""

    def put(self, rows: Sequence[IndexRow]) -> None:
        """Replace the rows of versions, by their ids."""
