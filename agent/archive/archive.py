"""The archive on disk: one immutable folder for each version, and an index that is derived from the folders."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from autotts.envs.episodes import Logs
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.store import naming_os_errors, write_atomically
from autotts.envs.syntax_lock import SYNTAX_LOCK

from ..population.overfitting.beliefs import ContributionCache, ResultsLoader, with_beliefs
from ..population.overfitting.question_results import QuestionResults
from ..records.audit import AuditRecord
from ..records.card import Card, EvaluationProtocol
from ..records.index_row import COLUMNS, IndexRow
from .audits import AUDITS, with_audit, write_audit
from .shipped import archive_name, derived_root

SOURCE, CARD, LOGS, MANIFEST = "controller.py", "card.json", "logs.npz", "manifest.json"
TRANSCRIPT = "transcript.txt.gz"
INDEX = "index.sqlite"
REPLAYS = "replays"
FIGURES = "figures"
"""Results of each version by question, derived from its logs (`agent.population.overfitting.question_results`)."""
_WHOLE = 64
"""Number of complete cards that are cached in memory."""
_LISTED = 5
"""Largest number of versions that a message names."""


def sha256(data: bytes) -> str:
    """Return the SHA-256 hash of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


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
            card = Card.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"no version {version!r} in {archive_name(self.root)}; see `autotts lineage`") from None
        except ValidationError as error:
            raise DamagedFile(f"{path}: not a card ({error.errors()[0]['msg']}); see `archive verify`") from None
        if card.id != version:  # ids become parts of paths, and the archive may come from somebody else
            raise DamagedFile(f"{path}: is the card of {card.id!r}; see `archive verify`")
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
            return QuestionResults.unpack((self.derived / FIGURES / f"{version}.npz").read_bytes())
        except Exception:  # zipfile and numpy raise many types of errors for damaged bytes
            return None

    def source(self, version: str) -> str:
        """Return a version's source.

        Raises:
            InputError: there is no such version.
            DamagedFile: its source is damaged.
        """
        self._lean(version)
        path = self.root / version / SOURCE
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise DamagedFile(f"{path}: not readable ({error}); see `archive verify`") from None

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
            return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        except FileNotFoundError:
            raise InputError(f"version {version} has no transcript: no language model wrote it") from None
        except (OSError, EOFError, zlib.error) as error:
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
        write_atomically(self.derived / FIGURES / f"{version}.npz", figures.pack())
        self._contributions.pop(version, None)
        if version in self._believed[0]:
            self._believed = (), []

    def put_audit(self, version: str, audit: AuditRecord) -> None:
        """Store an audit of an archived version. From now on its card tells the result."""
        write_audit(self.root, version, audit)
        self._cards.pop(version, None)
        self._card.cache_clear()
        self._believed = (), []

    def add_replay(self, version: str, name: str, document: dict[str, object]) -> Path:
        """Store the scores of a version from a replay, and return the path of the file."""
        path = self.derived / REPLAYS / version / f"{name}.json"
        write_atomically(path, json.dumps(document, indent=1, sort_keys=True).encode())
        return path

    def sweep(self) -> None:
        """Remove the incomplete folders of killed processes."""
        for path in self.root.glob(".writing-*"):
            shutil.rmtree(path, ignore_errors=True)

    # Trust

    def verify(self, each: Callable[[Sequence[Path]], Iterable[Path]] = iter) -> list[str]:
        """Return the problems of the archive, one line each: hashes, cards, parents, stray files, the index.

        Args:
            each: called with the folders; yields them one by one, for example to show progress.
        """
        problems: list[str] = []
        names: set[str] = set()
        for path in each(sorted(self.root.iterdir()) if self.root.is_dir() else []):
            if path.name.startswith(".") or path.name.startswith(INDEX) or path.name in (REPLAYS, FIGURES, AUDITS):
                continue
            names.add(path.name)
            problems += check_folder(path)
        for version in sorted(names):
            try:
                card = self.card(version)
            except (InputError, OSError):
                continue  # `check_folder` has reported it
            problems += [f"{version}: parent {p} is not in the archive" for p in card.parents if p not in names]
        if (self.derived / INDEX).exists():
            try:
                self.index()
            except DamagedFile as error:
                problems.append(str(error))
        return problems

    def reindex(self) -> int:
        """Rebuild the index from the folders, and return the number of versions in it."""
        rows = [IndexRow.of(card).cells() for card in self.cards_with_beliefs()]
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute(f"CREATE TABLE versions ({', '.join(COLUMNS)}, PRIMARY KEY (id))")
            database.execute("CREATE INDEX by_source ON versions (source_sha256)")
            database.executemany(f"INSERT INTO versions VALUES ({', '.join('?' * len(COLUMNS))})", rows)
            database.commit()
            image = database.serialize()
        write_atomically(self.derived / INDEX, image)
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
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                table = database.execute(f"SELECT {', '.join(COLUMNS)} FROM versions ORDER BY generation, id")
                return [IndexRow.read(cells) for cells in table]
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            raise DamagedFile(f"{path}: damaged ({error}); rebuild it with `autotts archive reindex`") from None


def check_folder(path: Path) -> Iterator[str]:
    """Yield the problems of the folder of a version, one line each."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        expected = dict(manifest)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        yield f"{path.name}: no readable {MANIFEST} ({error})"
        return
    present = {file.name for file in path.iterdir()} - {MANIFEST}
    for name in sorted(present - expected.keys()):
        yield f"{path.name}/{name}: not in the manifest"
    for name, wanted in sorted(expected.items()):
        if name not in present:
            yield f"{path.name}/{name}: missing"
        elif not (path / name).is_file() or sha256((path / name).read_bytes()) != wanted:
            yield f"{path.name}/{name}: content does not match its hash"
    try:
        card = Card.model_validate_json((path / CARD).read_bytes())
        if card.id != path.name:
            yield f"{path.name}/{CARD}: is the card of {card.id}"
        if card.source_sha256 != sha256((path / SOURCE).read_bytes()):
            yield f"{path.name}/{CARD}: names another source"
    except (OSError, ValidationError):
        yield f"{path.name}/{CARD}: not a card"


def sync(directory: Path) -> None:
    """Flush a directory to disk, so that its entries survive a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    """Return the logs from the bytes of `pack_logs`."""
    with SYNTAX_LOCK, np.load(io.BytesIO(packed), allow_pickle=False) as columns:
        return Logs(**{key: columns[key] for key in columns.files})
