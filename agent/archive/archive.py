"""The archive on disk: one immutable folder for each version, and an index that is derived from the folders."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import fields
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from autotts.envs.bounded_zip import BoundedZip
from autotts.envs.episodes import Logs
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import read_sealed, write_sealed
from autotts.envs.store import naming_os_errors

from ..population.overfitting.beliefs import ContributionCache, ResultsLoader, with_beliefs
from ..population.overfitting.question_results import QuestionResults
from ..records.audit import AuditRecord
from ..records.card import CLAIMED, Card, EvaluationProtocol
from ..records.index_row import COLUMNS, IndexRow
from .audits import audit_file, with_audit, write_audit
from .layout import CARD, FIGURES, INDEX, LOGS, MANIFEST, REPLAYS, SOURCE, TRANSCRIPT, sha256, sync
from .origins import ADVICE, ArchiveOrigins, read_origins
from .shipped import archive_name, derived_root
from .verify import archive_problems

__all__ = [
    "CARD", "FIGURES", "INDEX", "LOGS", "MANIFEST", "REPLAYS", "SOURCE", "TRANSCRIPT", "Archive", "pack_logs", "sha256",
    "sync", "unpack_logs",
]  # fmt: skip

MOST_LOG_BYTES = 1 << 30
"""Largest size in bytes of the unpacked action logs of a version."""
MOST_TRANSCRIPT_BYTES = 1 << 26
"""Largest size in bytes of the text of a transcript."""
_WHOLE = 64
"""Number of complete cards that are cached in memory."""
_LISTED = 5
"""Largest number of versions that a message names."""


class Archive:
    """All versions that were ever evaluated. A folder appears complete or not at all, and never changes.

    Args:
        root: directory of the archive; created when the first version is added.

    Attributes:
        derived: directory of the index and of other files that follow from the versions: ``root``, or a cache for an
            archive that ships with the program, which is never written to.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.derived = root, derived_root(root)
        self._cards: dict[str, Card] = {}  # lean cards (`Card.lean`); immutable, so never stale
        self._card = lru_cache(_WHOLE)(self._read)
        self._protocols: dict[str, EvaluationProtocol] = {}
        self._contributions: ContributionCache = {}
        self._believed: tuple[tuple[str, ...], list[Card]] = ((), [])

    # Reading

    def __contains__(self, version: str) -> bool:
        return (self.root / version / MANIFEST).is_file()

    def ids(self) -> list[str]:
        """Return the ids of all versions, by generation and id."""
        if not self.root.is_dir():
            return []
        names = [name for name in os.listdir(self.root) if not name.startswith(".")]
        ids = [name for name in names if name in self._cards or name in self]
        return sorted(ids, key=lambda i: (self._lean(i).generation, i))

    def card(self, version: str) -> Card:
        """Return a version's card.

        Raises:
            InputError: there is no such version.
            DamagedFile: its card is damaged.
        """
        return self._card(version)

    def _read(self, version: str) -> Card:
        path = self.root / version / CARD
        try:
            data = path.read_bytes()
            card = Card.model_validate_json(data)
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"no version {version!r} in {archive_name(self.root)}; see `autotts lineage`") from None
        except ValidationError as error:
            raise DamagedFile(f"{path}: not a card ({error.errors()[0]['msg']}); see `archive verify`") from None
        if card.id != version:  # ids become parts of paths, and the archive may come from somebody else
            raise DamagedFile(f"{path}: is the card of {card.id!r}; see `archive verify`")
        if card.audited is not None and version in self.origins.imported:
            card = card.model_copy(update={"audited": None})  # that audit too is a claim
        if card.ok and self.origins.claimed(version):
            card = card.model_copy(update={"verdict": CLAIMED, "message": f"its figures are claims; {ADVICE}"})
        if expected_hash(path) not in (None, sha256(data)):
            raise DamagedFile(f"{path}: damaged (its content does not match its hash); see `archive verify`")
        return with_audit(self.root, card)

    def _lean(self, version: str) -> Card:
        if version not in self._cards:
            self._keep(version, self._read(version))
        return self._cards[version]

    def _keep(self, version: str, card: Card) -> None:
        self._cards[version] = card.lean(self._protocols.setdefault(card.protocol.key(), card.protocol))

    def cards(self) -> list[Card]:
        """Return the lean cards of all versions, by generation and id (see `Card.lean`)."""
        return [self._lean(version) for version in self.ids()]

    def cards_with_beliefs(self, generation: int | None = None) -> list[Card]:
        """Return the cards of all versions, or of those up to a generation (included), each with its belief."""
        cards = [card for card in self.cards() if generation is None or card.generation <= generation]
        ids = tuple(card.id for card in cards)
        cached = self._believed  # other threads may replace it meanwhile
        if cached[0] != ids:
            self._believed = cached = ids, self.with_beliefs(cards)
        return list(cached[1])

    def with_beliefs(self, cards: Sequence[Card], figures: ResultsLoader | None = None) -> list[Card]:
        """Return ``cards`` with beliefs: the estimates of their true quality, given all of ``cards``.

        Args:
            cards: cards of archived or new versions, in any order.
            figures: loads the results of versions that are not in the cache; the archive's own loader by default.
        """
        return with_beliefs(cards, figures or self.figures, self._contributions)

    def figures(self, version: str) -> QuestionResults | None:
        """Return the results of a version by question; None if the file is missing or damaged (see `rebuild`)."""
        try:
            return QuestionResults.unpack(read_sealed(self.derived / FIGURES / f"{version}.npz"))
        except Exception:  # zipfile and numpy raise many types of errors for damaged bytes
            return None

    def source(self, version: str) -> str:
        """Return a version's source.

        Raises:
            InputError: there is no such version.
            DamagedFile: its source is damaged.
        """
        card = self._lean(version)
        path = self.root / version / SOURCE
        try:
            data = path.read_bytes()
            text = data.decode("utf-8")
        except (OSError, ValueError) as error:
            raise DamagedFile(f"{path}: not readable ({error}); see `archive verify`") from None
        if sha256(data) != card.source_sha256:
            raise DamagedFile(f"{path}: damaged (its content does not match its hash); see `archive verify`")
        return text

    def logs(self, version: str) -> Logs:
        """Return the action logs of a version's evaluation.

        Raises:
            InputError: the version has no logs: it did not run.
            DamagedFile: the file is damaged.
        """
        self._lean(version)
        path = self.root / version / LOGS
        try:
            return unpack_logs(path.read_bytes())
        except FileNotFoundError:
            raise InputError(f"version {version} has no action logs: it did not run") from None
        except Exception as error:  # zipfile and numpy raise many types of errors for damaged bytes
            raise DamagedFile(f"{path}: damaged ({error}); see `archive verify`") from None

    def transcript(self, version: str) -> str:
        """Return the conversation that led to a version.

        Raises:
            InputError: the version has no transcript.
            DamagedFile: the file is damaged.
        """
        self._lean(version)
        path = self.root / version / TRANSCRIPT
        try:
            return unpack_transcript(path.read_bytes())
        except FileNotFoundError:
            raise InputError(f"version {version} has no transcript: no language model wrote it") from None
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise DamagedFile(f"{path}: damaged ({error}); see `archive verify`") from None

    def has_transcript(self, version: str) -> bool:
        """Return whether a version has a transcript."""
        return (self.root / version / TRANSCRIPT).is_file()

    def resolve(self, text: str) -> str:
        """Return the id that equals ``text``, or the only id that begins with it.

        Raises:
            InputError: no id, or more than one, begins with ``text``.
        """
        if text in self:
            return text
        matches = [version for version in self.ids() if version.startswith(text)]
        if len(matches) != 1:
            where = f"{text!r} in {archive_name(self.root)}"
            if not matches:
                raise InputError(f"no version is called {where}; see `autotts lineage --all`")
            more = ", ..." if len(matches) > _LISTED else ""
            raise InputError(f"{len(matches)} versions begin with {where}: {', '.join(matches[:_LISTED])}{more}")
        return matches[0]

    @cached_property
    def origins(self) -> ArchiveOrigins:
        """The origins of its imported versions, as they were at the first look."""
        return read_origins(self.root)

    # Writing

    def add(self, card: Card, source: str, logs: bytes | None, transcript: str = "") -> None:
        """Add a version; do nothing if the archive has it already.

        Raises:
            InputError: the archive ships with the program.
            OSError: the folder could not be written; no part of it remains.
        """
        if card.id in self:
            return
        self.must_be_writable()
        with naming_os_errors(self.root / card.id):
            self._add(card, source, logs, transcript)

    def must_be_writable(self) -> None:
        """Refuse to add a version to an archive that ships with the program.

        Raises:
            InputError: it does.
        """
        if self.derived != self.root:
            raise InputError(f"{archive_name(self.root)} ships with the program, and is never written to")

    def _add(self, card: Card, source: str, logs: bytes | None, transcript: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        files = {SOURCE: source.encode(), CARD: card.model_dump_json(indent=1).encode()}
        if logs is not None:
            files[LOGS] = logs
        if transcript:
            files[TRANSCRIPT] = gzip.compress(transcript.encode("utf-8", "replace"), mtime=0)
        manifest = {name: sha256(data) for name, data in sorted(files.items())}
        files[MANIFEST] = json.dumps(manifest, indent=1).encode()
        aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.root))
        try:
            for name, data in files.items():
                with open(aside / name, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            os.chmod(aside, 0o755)
            sync(aside)
            os.rename(aside, self.root / card.id)
            sync(self.root)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        self._keep(card.id, card)

    def put_figures(self, version: str, figures: QuestionResults) -> None:
        """Store the results of a version by question. The version need not be in the archive yet."""
        write_sealed(self.derived / FIGURES / f"{version}.npz", figures.pack())
        self._contributions.pop(version, None)
        if version in self._believed[0]:
            self._believed = (), []

    def put_audit(self, version: str, audit: AuditRecord) -> None:
        """Store an audit of an archived version. From now on its card tells the result."""
        write_audit(self.root, version, audit)
        self._cards.pop(version, None)
        self._card.cache_clear()
        self._believed = (), []

    def has_later_audit(self, version: str) -> bool:
        """Return whether `put_audit` has stored an audit of a version."""
        return audit_file(self.root, version).exists()

    def add_replay(self, version: str, name: str, document: dict[str, object]) -> Path:
        """Store the scores of a version from a replay, and return the path of the file."""
        path = self.derived / REPLAYS / version / f"{name}.json"
        write_sealed(path, json.dumps(document, indent=1, sort_keys=True).encode())
        return path

    def sweep(self) -> None:
        """Remove the incomplete folders of killed processes."""
        for path in self.root.glob(".writing-*"):
            shutil.rmtree(path, ignore_errors=True)

    # Trust

    def verify(self, each: Callable[[Sequence[Path]], Iterable[Path]] = iter) -> list[str]:
        """Return the problems of the archive, one line each (`agent.archive.verify`).

        Args:
            each: called with the folders; yields them one by one, for example to show progress.
        """
        return archive_problems(self, each)

    def reindex(self) -> int:
        """Rebuild the index from the folders, and return the number of versions in it."""
        rows = [IndexRow.of(card).cells() for card in self.cards_with_beliefs()]
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute(f"CREATE TABLE versions ({', '.join(COLUMNS)}, PRIMARY KEY (id))")
            database.execute("CREATE INDEX by_source ON versions (source_sha256)")
            database.executemany(f"INSERT INTO versions VALUES ({', '.join('?' * len(COLUMNS))})", rows)
            database.commit()
            image = database.serialize()
        write_sealed(self.derived / INDEX, image)
        return len(rows)

    def index(self) -> list[IndexRow]:
        """Return the rows of the index, by generation and id. Versions added since it was built are missing.

        Raises:
            InputError: there is no index.
            DamagedFile: the index is damaged.
        """
        path = self.derived / INDEX
        if not path.is_file():
            raise InputError(f"{path}: not there; build it with `autotts archive reindex`")
        try:
            with closing(sqlite3.connect(":memory:")) as database:
                database.deserialize(read_sealed(path) or b"empty")  # no bytes would be a MemoryError
                table = database.execute(f"SELECT {', '.join(COLUMNS)} FROM versions ORDER BY generation, id")
                return [IndexRow.read(cells) for cells in table]
        except (sqlite3.DatabaseError, DamagedFile, TypeError, ValueError) as error:
            raise DamagedFile(f"{path}: damaged ({error}); rebuild it with `autotts archive reindex`") from None


def expected_hash(path: Path) -> str | None:
    """Return the hash of a file of a version in the version's manifest; None if the manifest has none."""
    try:
        return str(json.loads((path.parent / MANIFEST).read_bytes())[path.name])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # `archive verify` reports it


def pack_logs(logs: Logs) -> bytes:
    """Return ``logs`` as a compressed file; equal logs give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, column in logs.columns().items():
            if name == "indices" and len(column) and column.max() < 256:
                column = column.astype(np.uint8)
            data = io.BytesIO()
            np.save(data, column, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data.getvalue())
    return buffer.getvalue()


def unpack_logs(packed: bytes) -> Logs:
    """Return the logs from the bytes of `pack_logs`.

    Raises:
        Exception: any error that the zip and NumPy readers raise for damaged bytes, and `TooLarge`.
    """
    with BoundedZip(io.BytesIO(packed), MOST_LOG_BYTES) as archive:
        if extra := set(archive.namelist()) - {f"{each.name}.npy" for each in fields(Logs)}:
            raise ValueError(f"unknown columns: {', '.join(sorted(extra))[:200]}")
        return Logs(**{each.name: archive.column(f"{each.name}.npy") for each in fields(Logs)})


def unpack_transcript(packed: bytes) -> str:
    """Return the text of a transcript.

    Raises:
        OSError, EOFError, zlib.error: the bytes are damaged.
        ValueError: the text is larger than `MOST_TRANSCRIPT_BYTES`.
    """
    with gzip.open(io.BytesIO(packed)) as stream:
        data = stream.read(MOST_TRANSCRIPT_BYTES + 1)
    if len(data) > MOST_TRANSCRIPT_BYTES:
        raise ValueError(f"more than {MOST_TRANSCRIPT_BYTES:,} bytes of text")
    return data.decode("utf-8", "replace")
