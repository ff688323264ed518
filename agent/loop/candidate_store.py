"""All versions of a run at any moment: the archived versions, and the candidates on their way into the archive."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.errors import DamagedFile
from autotts.envs.statistics import Floats
from autotts.envs.store import Environment

from .. import population
from ..archive.archive import unpack_logs
from ..archive.run_directory import Run
from ..population.program_form import program_form
from ..records.candidate import CandidateRecord
from ..records.card import Card
from .staging import Staging


class CandidateStore:
    """The versions and candidates of a run, and the episodes on which they are evaluated.

    Args:
        run: the run directory.
        sandbox: the name of the sandbox, as cards give it.
        interpreter: the interpreter of the sandbox.
    """

    def __init__(self, run: Run, sandbox: str, interpreter: str = "cpython") -> None:
        self.run, self.archive, self.staging = run, run.archive, Staging(run.staged)
        self._sandbox, self._interpreter = sandbox, interpreter
        self._forms: dict[str, str] = {}  # the source of a version never changes

    @cached_property
    def environments(self) -> list[Environment]:
        """The search environments."""
        return self.run.environments()

    @cached_property
    def episodes(self) -> Episodes:
        """The batch on which every candidate is evaluated."""
        return self.run.episodes(self.environments)

    @cached_property
    def recorded(self) -> Episodes:
        """The episodes on recorded environments, with which the batch begins: only these are diagnosed and shown."""
        return self.run.episodes(self.run.environments(simulated=False))

    @cached_property
    def budgets(self) -> Floats:
        """The token budgets of quality, which follow from the baselines."""
        return population.budgets(self.cards_before(1))

    def cards_before(self, generation: int) -> Sequence[Card]:
        """Return the cards of earlier generations. After a crash, the archive may hold some of this generation too."""
        return self.archive.cards_with_beliefs(generation - 1)

    def stage(self, proposed: Sequence[CandidateRecord]) -> list[str]:
        """Write the records of the candidates that are new, and return the ids of all."""
        for record in proposed:
            if record.id not in self.archive and self.staging.get(record.id) is None:
                self.staging.put(record)
        return [record.id for record in proposed]

    def card(self, candidate: str) -> Card:
        """Return the card of a candidate, as far as its record goes, or of the version that it has become.

        Raises:
            DamagedFile: there is neither.
        """
        record = self.staging.get(candidate)
        if record is not None:
            return self.card_of(record)
        if candidate in self.archive:
            return self.archive.card(candidate)
        raise DamagedFile(
            f"{self.staging.home}: the draft of {candidate} is missing; remove {self.run.checkpoint}, and resume: "
            "the archive is kept"
        )

    def card_of(self, record: CandidateRecord) -> Card:
        """Return the card of a record."""
        return record.card(self.run.config.protocol(), self._sandbox, self._interpreter)

    def first_parent(self, record: CandidateRecord) -> Card | None:
        """Return the card of the first parent that exists; it may be a candidate of the same generation."""
        for parent in record.parents:
            if parent in self.archive or self.staging.get(parent) is not None:
                return self.card(parent)
        return None

    def source(self, version: str) -> str:
        """Return the source of a candidate, or of an archived version."""
        record = self.staging.get(version)
        return record.source if record else self.archive.source(version)

    def form(self, version: str) -> str:
        """Return the form of the source, which all copies of a program share (`program_form`)."""
        if version not in self._forms:
            self._forms[version] = program_form(self.source(version))
        return self._forms[version]

    def logs(self, version: str) -> Logs:
        """Return the action logs of a candidate, or of an archived version, on recorded environments."""
        packed = self.staging.logs(version)
        return self.of_recorded(self.archive.logs(version) if packed is None else unpack_logs(packed))

    def of_recorded(self, logs: Logs) -> Logs:
        """Return the part of the whole batch's logs that is on recorded environments; other logs come back whole."""
        return logs.part(0, len(self.recorded)) if len(logs) == len(self.episodes) else logs
