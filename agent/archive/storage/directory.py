"""A storage in a directory of a file system: the default."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from autotts.envs.store import naming_os_errors, write_atomically

from ...records.index_row import IndexRow
from ..holder_file import RunningProcess
from ..layout import MANIFEST, sync
from ..run_lock import running, working_on
from .names import checked, checked_part, is_part
from .protocol import FileStamp, ImmutableFolder, VersionRows

_ASIDE = ".writing-"
"""Begins the names of files and folders that are being written."""
_THERE = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
"""Errors of a folder that cannot take its name, because another has it."""


class DirectoryStorage:
    """Keeps a run or an archive in a directory. A folder that was added is a directory with a manifest.

    Args:
        root: the directory, which need not exist.
    """

    version_rows: VersionRows | None = None

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """The directory."""
        return str(self.root)

    @property
    def title(self) -> str:
        """The name of the directory."""
        return self.root.resolve().name

    def _path(self, name: str) -> Path:
        return self.root.joinpath(*checked(name).split("/"))

    def exists(self) -> bool:
        """See `Storage.exists`."""
        return self.root.is_dir()

    def read(self, name: str) -> bytes:
        """See `Storage.read`."""
        try:
            return self._path(name).read_bytes()
        except (NotADirectoryError, IsADirectoryError) as error:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), error.filename) from None

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `Storage.read_many`."""
        for name in names:
            with suppress(FileNotFoundError):
                yield name, self.read(name)

    def read_from(self, name: str, start: int) -> bytes:
        """See `Storage.read_from`."""
        try:
            with self._path(name).open("rb") as file:
                file.seek(start)
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return b""

    def stamp(self, name: str) -> FileStamp | None:
        """See `Storage.stamp`."""
        path = self._path(name)
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return FileStamp(status.st_mtime_ns, status.st_size) if path.is_file() else None

    def names(self, below: str = "") -> list[str]:
        """See `Storage.names`."""
        top = self._path(below) if below else self.root
        return sorted(path.relative_to(self.root).as_posix() for path in _files(top, self.root))

    def write(self, name: str, data: bytes) -> None:
        """See `Storage.write`."""
        path = self._path(name)
        if path.parent != self.root and (self.root / path.relative_to(self.root).parts[0] / MANIFEST).is_file():
            raise ImmutableFolder(f"{path}: folders of versions never change")
        write_atomically(path, data)

    def remove(self, name: str) -> None:
        """See `Storage.remove`; an empty directory goes too."""
        path = self._path(name)
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            if path.parent != self.root:
                with suppress(OSError):  # other files are there
                    path.parent.rmdir()

    def append(self, name: str, data: bytes) -> None:
        """See `Storage.append`."""
        path = self._path(name)
        with naming_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                with suppress(OSError):  # a file system without locks: one write call stays together there too
                    fcntl.flock(file, fcntl.LOCK_EX)
                _append_all(file, data)
                os.fsync(file)
            finally:
                os.close(file)

    def folders(self) -> list[str]:
        """See `Storage.folders`."""
        try:
            with os.scandir(self.root) as entries:
                names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in names if self.has(name))

    def has(self, folder: str) -> bool:
        """See `Storage.has`."""
        return is_part(folder) and (self.root / folder / MANIFEST).is_file()

    def files(self, folder: str) -> list[str]:
        """See `Storage.files`."""
        return sorted(os.listdir(self._path(folder))) if self.has(folder) else []

    def add(self, folder: str, files: Mapping[str, bytes], row: IndexRow | None = None) -> bool:
        """See `Storage.add`."""
        target = self.root / checked_part(folder)
        if self.has(folder):
            return self._same(target, files)
        with naming_os_errors(target):
            self.root.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=self.root))
            try:
                for name, data in files.items():
                    with open(aside / checked_part(name), "wb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                os.chmod(aside, 0o755)
                sync(aside)
                os.rename(aside, target)
                sync(self.root)
            except BaseException as error:
                shutil.rmtree(aside, ignore_errors=True)
                if isinstance(error, OSError) and error.errno in _THERE and self.has(folder):
                    return self._same(target, files)  # another writer was quicker
                raise
        return True

    def _same(self, target: Path, files: Mapping[str, bytes]) -> bool:
        """Return False if a folder that is there has the same content.

        Raises:
            ImmutableFolder: it has another content.
        """
        if (target / MANIFEST).read_bytes() != files.get(MANIFEST):
            raise ImmutableFolder(f"{target}: there already, with another content")
        return False

    def sweep(self) -> None:
        """See `Storage.sweep`."""
        for path in self.root.glob(f"{_ASIDE}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def hold(self) -> AbstractContextManager[None]:
        """See `Storage.hold` and `run_lock.working_on`."""
        return working_on(self.root)

    def holder(self) -> RunningProcess | None:
        """See `Storage.holder`."""
        return running(self.root)


def _files(top: Path, root: Path) -> Iterator[Path]:
    """Yield the files below ``top``, without hidden ones and without those of folders that were added."""
    for home, directories, names in os.walk(top):
        here = Path(home)
        if here.parent == root and MANIFEST in names:
            directories.clear()
            continue
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (here / name for name in names if not name.startswith("."))


def _append_all(file: int, data: bytes) -> None:
    """Write all of ``data``, or nothing: a full disk leaves no part of a line."""
    before, left = os.fstat(file).st_size, memoryview(data)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        os.ftruncate(file, before)
        raise
