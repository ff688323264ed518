"""Paths of files in a storage that is no directory, with the methods of `pathlib.Path` that the program uses.

Code that reads ``run.home / "report.json"`` need not know where a run is kept.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .protocol import Storage

_ROOT = PurePosixPath()


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """The part of `os.stat_result` that the program uses."""

    st_size: int
    st_mtime_ns: int

    @property
    def st_mtime(self) -> float:
        """Seconds; for telling changes only."""
        return self.st_mtime_ns / 1e9


@dataclass(frozen=True, slots=True)
class StoredPath:
    """A file or directory of a storage. Directories exist as long as they hold files.

    Args:
        storage: the storage.
        inner: path within it; empty for its root.
    """

    storage: Storage
    inner: PurePosixPath = _ROOT

    def __str__(self) -> str:
        return f"{self.storage.name}#{self.inner}" if self.inner.parts else self.storage.name

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is no file of this machine")

    def __truediv__(self, name: str) -> StoredPath:
        return StoredPath(self.storage, self.inner / name)

    def __lt__(self, other: StoredPath) -> bool:
        return (self.storage.name, self.inner) < (other.storage.name, other.inner)

    @property
    def name(self) -> str:
        """The last part; of the root, the name of the run or archive."""
        return self.inner.name or self.storage.title

    @property
    def suffix(self) -> str:
        """The end of the name, from the last dot on."""
        return self.inner.suffix

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.inner.stem

    @property
    def parent(self) -> StoredPath:
        """The directory that holds it; the root is its own parent."""
        return StoredPath(self.storage, self.inner.parent)

    def with_name(self, name: str) -> StoredPath:
        """Return the path with another last part."""
        return StoredPath(self.storage, self.inner.with_name(name))

    def with_stem(self, stem: str) -> StoredPath:
        """Return the path with another last part, but the same suffix."""
        return StoredPath(self.storage, self.inner.with_stem(stem))

    def with_suffix(self, suffix: str) -> StoredPath:
        """Return the path with another suffix."""
        return StoredPath(self.storage, self.inner.with_suffix(suffix))

    def relative_to(self, other: StoredPath) -> PurePosixPath:
        """Return the path from ``other`` on."""
        return self.inner.relative_to(other.inner)

    def as_posix(self) -> str:
        """Return the path as text."""
        return str(self)

    def resolve(self) -> StoredPath:
        """Return the path itself: a storage has no links."""
        return self

    def exists(self) -> bool:
        """Return whether it is a file or a directory."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Return whether it is a file, a log, or a file of a version."""
        return bool(self.inner.parts) and self.storage.stamp(str(self.inner)) is not None

    def is_symlink(self) -> bool:
        """Return False: a storage has no links."""
        return False

    def is_dir(self) -> bool:
        """Return whether anything is kept below it."""
        if not self.inner.parts:
            return self.storage.exists()
        name = str(self.inner)
        return self.storage.has(name) or bool(self.storage.names(name))

    def iterdir(self) -> Iterator[StoredPath]:
        """Yield the files and directories in it, sorted.

        Raises:
            FileNotFoundError: it is not there.
        """
        if not self.is_dir():
            raise FileNotFoundError(2, "No such file or directory", str(self))
        name, depth = str(self.inner) if self.inner.parts else "", len(self.inner.parts)
        if name and self.storage.has(name):
            found = {*self.storage.files(name)}
        else:
            found = {PurePosixPath(each).parts[depth] for each in self.storage.names(name)}
            found |= set() if name else {*self.storage.folders()}
        for each in sorted(found):
            yield self / each

    def glob(self, pattern: str) -> list[StoredPath]:
        """Return what is in it and matches a pattern without slashes, sorted."""
        found = self.iterdir() if self.is_dir() else iter(())
        return [path for path in found if fnmatch.fnmatchcase(path.name, pattern)]

    def rglob(self, pattern: str) -> list[StoredPath]:
        """Return the files and logs below it whose names match, sorted; files of versions are left out."""
        names = self.storage.names(str(self.inner) if self.inner.parts else "")
        paths = (StoredPath(self.storage, PurePosixPath(name)) for name in names)
        return [path for path in paths if fnmatch.fnmatchcase(path.name, pattern)]

    def stat(self) -> StoredStatus:
        """Return its size, and a time that changes with it.

        Raises:
            FileNotFoundError: there is no such file.
        """
        stamp = self.storage.stamp(str(self.inner))
        if stamp is None:
            raise FileNotFoundError(2, "No such file or directory", str(self))
        return StoredStatus(stamp.size, stamp.changed)

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            FileNotFoundError: there is no such file.
        """
        return self.storage.read(str(self.inner))

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the content as text."""
        return self.read_bytes().decode(encoding, errors)

    def write_bytes(self, data: bytes, /) -> int:
        """Replace the content, whole or not at all, and return its size."""
        self.storage.write(str(self.inner), data)
        return len(data)

    def append_bytes(self, data: bytes) -> None:
        """Add to the end of a log."""
        self.storage.append(str(self.inner), data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove a file or a log.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if not missing_ok:
            self.stat()
        self.storage.remove(str(self.inner))

    def rename(self, target: StoredPath) -> StoredPath:
        """Give a file another name in the same storage."""
        target.write_bytes(self.read_bytes())
        self.storage.remove(str(self.inner))
        return target

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a directory is there with its first file."""

    def rmdir(self) -> None:
        """Do nothing: a directory is gone with its last file."""

    def remove_tree(self) -> None:
        """Remove all files below it; folders of versions stay."""
        for path in self.rglob("*"):
            path.unlink(missing_ok=True)


AnyPath = Path | StoredPath
"""Where a run or an archive is kept, or a file of it: a path of this machine, or of another storage."""
