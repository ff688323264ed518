"""Imports a bundle into an archive: all versions or none, after every check. No source is ever run."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile, InputError

from ...records.index_row import IndexRow
from ..archive import (
    FIGURES,
    INDEX,
    LOGS,
    REPLAYS,
    SOURCE,
    TRANSCRIPT,
    Archive,
    sha256,
    unpack_logs,
)  # fmt: skip
from ..audits import AUDITS
from ..layout import BELIEFS, COLUMNS, OVERVIEW
from ..origins import ORIGINS, FigureState, Rescore, VersionOrigin, record_origins
from ..storage.addresses import of_a_run
from ..storage.stored_path import AnyPath
from ..verify import check_folder
from .bundle import FOLDERS, FORMAT, ID, LIST, MOST_BYTES, MOST_ENTRIES, MOST_TEXT, MOST_UNPACKED, BundleListing

PACKED = (LOGS, TRANSCRIPT)


@dataclass(frozen=True, slots=True)
class ImportedBundle:
    """The result of an import."""

    sha256: str
    """SHA-256 of the bundle, by which it is cited."""
    added: tuple[str, ...]
    already_present: tuple[str, ...]
    """Versions that the archive had already, with the same bytes."""
    claimed: dict[str, str]
    """The reason why the figures of an added version are only claimed, by its id; the others were scored again here."""


def import_bundle(
    path: Path,
    archive: Archive,
    expected: str | None = None,
    each: Callable[[Sequence[str]], Iterable[str]] = iter,
    rescore: Rescore | None = None,
) -> ImportedBundle:
    """Add the versions of a bundle to an archive, which is created if it does not exist.

    Args:
        path: path of the bundle.
        archive: the archive to add to; not the archive of a run, whose search would treat the versions as its own.
        expected: the sha256 by which the bundle was cited.
        each: called with the ids of the new versions; yields them one by one, for example to show progress.
        rescore: scores a version again; None takes all figures as claims.

    Raises:
        InputError: the hash differs from ``expected``, the bundle is damaged or does not fit the archive, or the action
            logs of a version do not give the figures of its card; nothing was added.
        OSError: the archive could not be written; each version was added completely or not at all.
    """
    if of_a_run(archive.root):
        raise InputError(f"{archive.root} belongs to a run, which would take them for its own: choose another archive")
    archive.must_be_writable()
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: larger than a bundle may be ({MOST_BYTES:,} bytes)")
    data = path.read_bytes()
    digest = sha256(data)
    if expected is not None and digest != expected.strip().lower():
        raise InputError(f"{path}: its sha256 is {digest}, not the one that was cited")
    try:
        listing, contents = unpack(data)
    except _BundleRefused as refused:
        raise DamagedFile(f"{path}: {refused}; nothing was imported") from None
    with _staged(contents) as aside:
        problem = next(_problems(listing, aside, archive), None)
        if problem:
            raise InputError(f"{path}: {problem}; nothing was imported")
        added = tuple(version for version in listing.versions if version not in archive)
        origins, claimed = _origins(path, digest, added, Archive(aside), rescore)
        if added:
            record_origins(archive.root, origins)  # before the versions: a kill never makes a claim a figure
        for version in each(added):  # parents first, so that a kill leaves no version without its parents
            archive.storage.add(version, contents[version], IndexRow.of(Archive(aside).card(version)))
    Archive(archive.root).reindex()  # another object: this one may know earlier origins
    return ImportedBundle(digest, added, tuple(v for v in listing.versions if v not in added), claimed)


def _origins(
    path: Path, digest: str, added: Sequence[str], bundle: Archive, rescore: Rescore | None
) -> tuple[dict[str, VersionOrigin], dict[str, str]]:
    """Return the origin of each new version, and the reason why its figures are only claimed.

    Raises:
        InputError: the action logs of a version do not give the figures of its card.
    """
    origins, claimed = dict[str, VersionOrigin](), dict[str, str]()
    for version in added:
        if rescore is None:
            figures: FigureState = "claimed"
            claimed[version] = "nobody has scored its action logs here"
        else:
            logs = bundle.root / version / LOGS
            found = rescore(bundle.card(version), logs.read_bytes() if logs.is_file() else None)
            if found.difference:
                raise InputError(f"{path}: {version}: {found.difference}; nothing was imported")
            figures = found.figures
            if figures == "claimed":
                claimed[version] = found.reason
        origins[version] = VersionOrigin(bundle=digest, figures=figures)
    return origins, claimed


class _BundleRefused(Exception):
    """The file is not a valid bundle; the message gives the reason."""


def unpack(data: bytes) -> tuple[BundleListing, dict[str, dict[str, bytes]]]:
    """Return the listing of a bundle, and its files by version and name, after a check of every hash.

    Raises:
        _BundleRefused: the bundle is invalid.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, len(data))
            files = {entry.filename: archive.read(entry) for entry in entries}
    except _BundleRefused:
        raise
    except Exception as error:  # zipfile raises many types of errors for damaged bytes
        raise _BundleRefused(f"not a whole zip ({error})") from None
    try:
        listing = BundleListing.model_validate_json(files.pop(LIST))
    except KeyError:
        raise _BundleRefused(f"not a bundle: it has no {LIST}") from None
    except ValidationError as error:
        raise _BundleRefused(f"{LIST}: {error.errors()[0]['msg']}") from None
    if listing.format != FORMAT:
        raise _BundleRefused(f"a bundle of format {listing.format}, and this program reads format {FORMAT}")
    for name in files.keys() ^ listing.files.keys():
        raise _BundleRefused(f"{name!r} is {'missing' if name in listing.files else 'not listed'}")
    contents: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        wanted = listing.files[name]
        if (sha256(content), len(content)) != (wanted.sha256, wanted.size):
            raise _BundleRefused(f"{name}: content does not match its hash")
        version, file = _version_file(name)
        _check_size(name, file, content)
        contents.setdefault(version, {})[file] = content
    if sorted(listing.versions) != sorted(contents) or not set(listing.asked) <= contents.keys():
        raise _BundleRefused(f"{LIST}: its versions are not those of its files")
    return listing, contents


def _check_entries(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _BundleRefused(f"{len(entries):,} entries are more than a bundle may have")
    if len({entry.filename for entry in entries}) != len(entries):
        raise _BundleRefused("an entry is there twice")
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise _BundleRefused(f"{entry.filename!r} is not a plain file")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise _BundleRefused(f"{entry.filename!r} is compressed or encrypted, which no bundle is")
    if sum(entry.file_size for entry in entries) > size:
        raise _BundleRefused("its entries claim to hold more than the file does")


def _version_file(name: str) -> tuple[str, str]:
    """Return the version and the file name of an entry."""
    version, _, file = name.removeprefix(FOLDERS).partition("/")
    valid = name.startswith(FOLDERS) and ID.fullmatch(version) and ID.fullmatch(file)
    kept = (REPLAYS, FIGURES, ORIGINS, AUDITS, BELIEFS, COLUMNS, OVERVIEW)
    if not valid or version in kept or version.startswith(INDEX):
        raise _BundleRefused(f"{name!r} is no place for a file of a version")
    return version, file


def _check_size(name: str, file: str, content: bytes) -> None:
    """Raise for a file whose content would need too much memory."""
    if file not in PACKED:
        if len(content) > MOST_TEXT:
            raise _BundleRefused(f"{name}: larger than {MOST_TEXT:,} bytes")
        return
    try:
        size = _unpacked(content, file)
        if file == LOGS and size <= MOST_UNPACKED:
            unpack_logs(content)
    except Exception as error:  # zipfile and gzip raise many types of errors for damaged bytes
        raise _BundleRefused(f"{name}: damaged ({error})") from None
    if size > MOST_UNPACKED:
        raise _BundleRefused(f"{name}: holds more than {MOST_UNPACKED:,} bytes")


def _unpacked(content: bytes, file: str) -> int:
    """Return the uncompressed size of action logs or of a transcript, or some number above `MOST_UNPACKED`."""
    if file == LOGS:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    size = 0
    with gzip.open(io.BytesIO(content)) as stream:
        while size <= MOST_UNPACKED and (part := stream.read(1 << 20)):
            size += len(part)
    return size


@contextmanager
def _staged(contents: dict[str, dict[str, bytes]]) -> Iterator[Path]:
    """Write the versions to a temporary directory, where they are checked; remove the directory in the end."""
    with tempfile.TemporaryDirectory(prefix="autotts-import-") as home:
        aside = Path(home)
        for version, files in contents.items():
            (aside / version).mkdir()
            for name, content in files.items():
                with open(aside / version / name, "xb") as file:
                    file.write(content)
        yield aside


def _problems(listing: BundleListing, aside: Path, archive: Archive) -> Iterator[str]:
    """Yield the problems of the versions, and their conflicts with this archive."""
    bundle = Archive(aside)
    earlier: set[str] = set()
    for version in listing.versions:
        yield from check_folder(aside / version)
        card = bundle.card(version)
        try:
            (aside / version / SOURCE).read_text(encoding="utf-8")
        except ValueError:
            yield f"{version}/{SOURCE}: not text"
        for parent in card.parents:
            if not ID.fullmatch(parent) or (parent not in earlier and parent not in archive):
                yield f"{version}: its parent {parent!r} is neither before it in the bundle nor in {archive.root}"
        earlier.add(version)
        if not _free(archive, version) and _files(archive.root / version) != _files(aside / version):
            yield f"{version} is in {archive.root} with other content"


def _free(archive: Archive, version: str) -> bool:
    """Return whether nothing has the name of a version in an archive."""
    if isinstance(archive.root, Path):
        return not os.path.lexists(archive.root / version)
    return version not in archive


def _files(folder: AnyPath) -> dict[str, bytes] | None:
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else None
