"""What a run asks of its files, whether they are in a directory or in another storage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from autotts.envs.store import naming_os_errors

from ...records.index_row import IndexRow
from .addresses import storage_of
from .stored_path import AnyPath, StoredPath


def append_line(path: AnyPath, line: str) -> None:
    """Add a line to the end of a log.

    Raises:
        OSError: the log cannot be written.
    """
    data = (line + "\n").encode()
    if isinstance(path, StoredPath):
        path.append_bytes(data)
        return
    with naming_os_errors(path), path.open("ab") as file:
        file.write(data)


def remove_tree(path: AnyPath) -> None:
    """Remove a directory with all its files; do nothing if it is not there."""
    if isinstance(path, StoredPath):
        path.remove_tree()
    else:
        shutil.rmtree(path, ignore_errors=True)


def rename(path: AnyPath, stem: str) -> None:
    """Give a file another stem, in place of a file that has it."""
    if isinstance(path, StoredPath):
        path.rename(path.with_stem(stem))
    else:
        path.rename(path.with_stem(stem))


def below(path: AnyPath, home: AnyPath) -> PurePosixPath:
    """Return the path from ``home``, which is of the same storage, to ``path``."""
    if isinstance(path, StoredPath):
        assert isinstance(home, StoredPath)
        return path.relative_to(home)
    assert isinstance(home, Path)
    return PurePosixPath(path.relative_to(home).as_posix())


@contextmanager
def on_this_machine(place: AnyPath) -> Iterator[Path]:
    """Yield a path of this machine with the content of a file, or with the files below a directory.

    It is ``place`` itself, or a copy that is removed at the end of the context.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="autotts-") as directory:
        top = Path(directory) / place.name
        for path in [place] if place.is_file() else place.rglob("*"):
            copy = top / below(path, place)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        yield top


def copy_folder(source: AnyPath, target: AnyPath, folder: str, row: IndexRow | None = None) -> None:
    """Copy a folder that never changes from one archive to another; do nothing if it is there.

    Args:
        source, target: the archives.
        folder: its name.
        row: what an index holds of it (`Storage.add`).

    Raises:
        ImmutableFolder: it is there with another content.
    """
    storage = storage_of(source)
    files = {name: storage.read(f"{folder}/{name}") for name in storage.files(folder)}
    storage_of(target).add(folder, files, row)
