"""An archive that several runs share, on one machine or on many: versions migrate through it from run to run.

A run keeps an archive of its own. After each generation it also puts the versions that ran into the shared archive,
under names that follow from their sources, so that of two runs with the same source the second finds the version of the
first. Before each generation it looks for good versions of other runs. The event log names those that it takes
(`MigrantsChosen`), so that the run can be repeated; they become candidates of the generation.

Nothing in the shared archive is believed. Its figures only say which versions are worth a try. Its action logs stand
for the plays of a candidate with the same source if they give scores here, and if a sample of them is played again here
with the same actions; the audit of this run then decides as it does about every candidate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.scoring import ForgedLog, score
from autotts.sandbox import policy
from autotts.sandbox.audit.look_ahead import AUDIT_SHARE, audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.base import Sandbox
from autotts.sandbox.outcome import Candidate

from ..archive.archive import LOGS, Archive, sha256
from ..archive.index import ArchiveIndex
from ..archive.run_directory import RunConfig
from ..archive.storage.addresses import located
from ..archive.storage.protocol import ImmutableFolder
from ..diagnosis.rescoring import check_size
from ..population.islands import EMIGRANTS, island_of
from ..records.candidate import CandidateRecord
from ..records.card import Card
from ..records.explorer import Proposal

MIGRANT = "migrant"
"""The explorer on the cards of versions that came from another run."""


@dataclass(frozen=True, slots=True)
class ChosenMigrants:
    """The versions of other runs that a generation takes."""

    versions: tuple[str, ...]
    """Their names in the shared archive."""
    seen: int
    """Number of versions that the shared archive had."""


class SharedArchive:
    """The archive that a run shares with others.

    Args:
        archive: the shared archive.
        config: the settings of this run.
    """

    def __init__(self, archive: Archive, config: RunConfig) -> None:
        self.archive, self._config = archive, config
        self._protocol = config.protocol()
        self._index = ArchiveIndex(archive.root)

    def add(self, card: Card, own: Archive) -> None:
        """Add a version of this run, unless it did not run, or another run has added its source."""
        name = shared_name(card)
        if not card.ok or name in self.archive:
            return
        shared = card.model_copy(update={"id": name, "parents": tuple(self._parents(card, own)), "island": None})
        if (figures := own.figures(card.id)) is not None:
            self.archive.put_figures(name, figures)
        try:
            self.archive.add(shared, own.source(card.id), (own.root / card.id / LOGS).read_bytes())
        except ImmutableFolder:
            return  # another run was quicker

    def _parents(self, card: Card, own: Archive) -> Iterator[str]:
        """Yield the names of the nearest ancestors of a version that are in the shared archive, each once."""
        found: dict[str, None] = {}
        waiting, met = [*card.parents], set[str]()
        while waiting:
            parent = waiting.pop(0)
            if parent in met or parent not in own:
                continue
            met.add(parent)
            ancestor = own.card(parent)
            if (name := shared_name(ancestor)) in self.archive:
                found[name] = None
            else:
                waiting += ancestor.parents
        yield from found

    def choose(self, known: Collection[str], earlier: Collection[str]) -> ChosenMigrants:
        """Return good versions of other runs: first those of the front, then the best ones.

        Args:
            known: hashes of the sources of this run.
            earlier: versions that it took before.
        """
        view = self._index.view()
        chosen: dict[str, None] = {}
        for row in (*view.front, *view.ranked):
            if len(chosen) == self._most:
                break
            if row.ok and row.generation > 0 and row.source_sha256 not in known and row.id not in earlier:
                chosen[row.id] = None
        return ChosenMigrants(tuple(chosen), len(view.rows))

    @property
    def _most(self) -> int:
        """As many as migrate between the islands of one run, and a quarter of a generation at the most."""
        return min(EMIGRANTS, max(1, self._config.population // 4))

    def candidate(self, version: str, generation: int, turn: int) -> CandidateRecord:
        """Return a version of another run as a candidate of a generation.

        Args:
            version: its name in the shared archive.
            generation: the generation that takes it.
            turn: its place among those that the generation takes; islands take turns.

        Raises:
            InputError: the shared archive has lost it.
            DamagedFile: it is damaged.
        """
        config, card = self._config, self.archive.card(version)
        proposal = Proposal(
            self.archive.source(version), f"Version {version} of the shared archive, from another run.", data=card.data
        )
        island = island_of(generation, turn, config.population, config.islands) if config.islands > 1 else None
        return CandidateRecord.proposed(proposal, generation, MIGRANT, island=island)

    def logs(self, record: CandidateRecord, episodes: Episodes, sandbox: Sandbox, secret: AuditSecret) -> Logs | None:
        """Return action logs that stand for the plays of a candidate; None if there are none that can be relied on.

        Args:
            record: the candidate.
            episodes: the batch on which candidates are evaluated.
            sandbox: where a sample of the episodes is played again.
            secret: the secret of this run's audits, from which the sample comes.

        Raises:
            SandboxError: the sandbox failed.
        """
        candidate = Candidate(record.id, record.source)
        name = _name(record.generation, record.id, sha256(record.source.encode()))
        try:
            if name not in self.archive or self.archive.card(name).protocol != self._protocol:
                return None
            if self.archive.source(name) != record.source or not policy.check(record.source).ok:
                return None
            logs = self.archive.logs(name)
            if len(logs) != len(episodes):
                return None
            check_size(logs, episodes)
            score(episodes, logs)
        except (InputError, DamagedFile, ForgedLog):
            return None
        return logs if audit(candidate, episodes, logs, sandbox, AUDIT_SHARE, secret, passes=1).ok else None


def shared_name(card: Card) -> str:
    """Return the name of a version in a shared archive, which is the same for the same source in all runs."""
    return _name(card.generation, card.id, card.source_sha256)


def _name(generation: int, id: str, source_sha256: str) -> str:
    return id if generation == 0 else f"v-{source_sha256[:16]}"


def open_shared(config: RunConfig) -> SharedArchive | None:
    """Return the archive that the settings of a run name; None if it shares none.

    Raises:
        InputError: it ships with the program, or its versions were measured by another protocol.
        StorageUnavailable: the place where it is kept does not answer.
    """
    if not config.share:
        return None
    shared = Archive(located(config.share, "archive"))
    shared.must_be_writable()
    first = next(iter(shared.ids()), None)
    if first is not None and shared.card(first).protocol != config.protocol():
        raise InputError(
            f"{config.share} holds versions that were measured on other environments, or with other orders, betas or "
            "limits: runs that share an archive have these settings in common; name another archive"
        )
    return SharedArchive(shared, config)
