"""The archive on disk: one immutable folder for each version, and an index that is derived from the folders."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache

from autotts.envs.episodes import Logs
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import read_sealed, write_sealed

from ..population.overfitting.beliefs import BeliefCache, ResultsLoader, with_beliefs
from ..population.overfitting.question_results import QuestionResults
from ..records.audit import AuditRecord
from ..records.card import Card, EvaluationProtocol
from ..records.index_row import IndexRow
from ..records.row_columns import RowColumns
from .audits import audit_file, write_audit
from .beliefs_file import with_beliefs_file, write_beliefs
from .card_files import read_cards
from .columns_file import LARGE, write_columns
from .index_file import read_index, write_index
from .layout import CARD, FIGURES, INDEX, LOGS, MANIFEST, REPLAYS, SOURCE, TRANSCRIPT, sha256, sync
from .origins import ArchiveOrigins, read_origins
from .overview import overview_of
from .overview_file import state_of, write_overview
from .packing import pack_logs, pack_transcript, unpack_logs, unpack_transcript
from .shipped import archive_name, derived_root
from .storage.addresses import storage_of
from .storage.protocol import ImmutableFolder
from .storage.stored_path import AnyPath
from .verify import archive_problems

__all__ = [
    "CARD", "FIGURES", "INDEX", "LOGS", "MANIFEST", "REPLAYS", "SOURCE", "TRANSCRIPT", "Archive", "pack_logs", "sha256",
    "sync", "unpack_logs",
]  # fmt: skip

_WHOLE = 64
"""Number of complete cards that are cached in memory."""
_LISTED = 5
"""Largest number of versions that a message names."""


class Archive:
    """All versions that were ever evaluated. A folder appears complete or not at all, and never changes.

    Args:
        root: directory of the archive, or its place in another storage (`storage.addresses`); it begins to exist with
            the first version.

    Attributes:
        derived: directory of the index and of other files that follow from the versions: ``root``, or a cache for an
            archive that ships with the program, which is never written to.
    """

    def __init__(self, root: AnyPath) -> None:
        self.root, self.derived = root, derived_root(root)
        self.storage = storage_of(root)
        self._cards: dict[str, Card] = {}  # lean cards (`Card.lean`); immutable, so never stale
        self._card = lru_cache(_WHOLE)(self._read)
        self._protocols: dict[str, EvaluationProtocol] = {}
        self._known = BeliefCache()
        self._written = 0  # versions in the index file that this object has written
        self._believed: tuple[tuple[str, ...], Sequence[Card]] = ((), [])

    # Reading

    def __contains__(self, version: str) -> bool:
        return self.storage.has(version)

    def ids(self) -> list[str]:
        """Return the ids of all versions, by generation and id."""
        names = self.storage.folders()
        self._learn(names)
        return sorted(names, key=lambda i: (self._cards[i].generation, i))

    def card(self, version: str) -> Card:
        """Return a version's card.

        Raises:
            InputError: there is no such version.
            DamagedFile: its card is damaged.
        """
        return self._card(version)

    def _read(self, version: str) -> Card:
        return next(read_cards(self.root, self.storage, [version], self.origins))

    def _lean(self, version: str) -> Card:
        if version not in self._cards:
            self._keep(version, self._read(version))
        return self._cards[version]

    def _learn(self, versions: Sequence[str]) -> None:
        """Read the cards of ``versions`` that are not in memory yet."""
        new = [version for version in versions if version not in self._cards]
        for card in read_cards(self.root, self.storage, new, self.origins):
            self._keep(card.id, card)

    def _keep(self, version: str, card: Card) -> None:
        self._cards[version] = card.lean(self._protocols.setdefault(card.protocol.key(), card.protocol))

    def cards(self) -> list[Card]:
        """Return the lean cards of all versions, by generation and id (see `Card.lean`)."""
        return [self._lean(version) for version in self.ids()]

    def cards_with_beliefs(self, generation: int | None = None) -> Sequence[Card]:
        """Return the cards of all versions, or of those up to a generation (included), each with its belief."""
        cards = [card for card in self.cards() if generation is None or card.generation <= generation]
        ids = tuple(card.id for card in cards)
        cached = self._believed  # other threads may replace it meanwhile
        if cached[0] != ids:
            self._believed = cached = ids, self.with_beliefs(cards)
        return cached[1]

    def with_beliefs(self, cards: Sequence[Card], figures: ResultsLoader | None = None) -> Sequence[Card]:
        """Return ``cards`` with beliefs: the estimates of their true quality, given all of ``cards``.

        Args:
            cards: cards of archived or new versions, in any order.
            figures: loads the results of versions that are not in the cache; the archive's own loader by default.
        """
        return with_beliefs(cards, figures or self.figures, self._known)

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
        files = {SOURCE: source.encode(), CARD: card.model_dump_json(indent=1).encode()}
        if logs is not None:
            files[LOGS] = logs
        if transcript:
            files[TRANSCRIPT] = pack_transcript(transcript)
        manifest = {name: sha256(data) for name, data in sorted(files.items())}
        files[MANIFEST] = json.dumps(manifest, indent=1).encode()
        with suppress(ImmutableFolder):  # another run was quicker: its version is the one that counts
            self.storage.add(card.id, files, IndexRow.of(card))
            self._keep(card.id, card)

    def must_be_writable(self) -> None:
        """Refuse to add a version to an archive that ships with the program.

        Raises:
            InputError: it does.
        """
        if self.derived != self.root:
            raise InputError(f"{archive_name(self.root)} ships with the program, and is never written to")

    def put_figures(self, version: str, figures: QuestionResults) -> None:
        """Store the results of a version by question. The version need not be in the archive yet."""
        write_sealed(self.derived / FIGURES / f"{version}.npz", figures.pack())
        self._known.forget(version)
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

    def add_replay(self, version: str, name: str, document: dict[str, object]) -> AnyPath:
        """Store the scores of a version from a replay, and return the path of the file."""
        path = self.derived / REPLAYS / version / f"{name}.json"
        write_sealed(path, json.dumps(document, indent=1, sort_keys=True).encode())
        return path

    def sweep(self) -> None:
        """Remove the incomplete folders of killed processes."""
        self.storage.sweep()

    # Trust

    def verify(self, each: Callable[[Sequence[AnyPath]], Iterable[AnyPath]] = iter) -> list[str]:
        """Return the problems of the archive, one line each (`agent.archive.verify`).

        Args:
            each: called with the folders; yields them one by one, for example to show progress.
        """
        return archive_problems(self, each)

    def reindex(self) -> int:
        """Rebuild the index from the folders, and return the number of versions in it."""
        rows = [IndexRow.of(card) for card in self.cards_with_beliefs()]
        if (kept := self.storage.version_rows) is not None:
            known = {row.id: row for row in kept.read()[0].rows()}
            kept.put([row for row in rows if not row.same_facts(known.get(row.id))])
        self.write_derived(rows)
        return len(rows)

    def write_derived(self, rows: Sequence[IndexRow]) -> None:
        """Write the files that lists read in place of cards; rows of a database are not among them.

        Args:
            rows: of all versions, with beliefs, by generation and id.
        """
        in_rows, large = self.storage.version_rows is not None, len(rows) > LARGE
        columns = RowColumns.of(rows) if in_rows or large else None
        if not in_rows and (not large or len(rows) > 1.1 * self._written):  # else the columns alone say all
            write_index(self.derived, rows)
            self._written = len(rows)
        if columns is not None:
            (write_beliefs if in_rows else write_columns)(self.derived, columns)
        if columns is not None and large and all(columns.finite()):
            write_overview(self.derived, overview_of(rows), state_of(self.storage, self.derived, columns.ids))

    def index(self) -> list[IndexRow]:
        """Return the rows of the index, by generation and id. Versions added since it was built may be missing.

        Raises:
            InputError: there is no index.
            DamagedFile: the index is damaged.
        """
        if (kept := self.storage.version_rows) is None:
            return read_index(self.derived)
        return with_beliefs_file(self.derived, kept.read()[0]).rows()
