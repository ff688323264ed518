"""What a run has of its versions at any moment: those that are archived, and the drafts on their way there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from envs.episodes import Episodes, Logs
from envs.errors import DamagedFile
from envs.statistics import Floats
from envs.store import Environment

from .. import population
from ..archive.archive import unpack_logs
from ..archive.run_directory import Run
from ..population.outcome import outcome
from ..population.program_form import program_form
from ..records.card import Card
from .staging import CandidateRecord, Staging


class CandidateStore:
    """The versions of a run, and the episodes on which they are tried.

    Args:
        run: where everything is kept.
        sandbox: what cards say that drafts have run in.
    """

    def __init__(self, run: Run, sandbox: str) -> None:
        self.run, self.archive, self.staging = run, run.archive, Staging(run.staged)
        self._sandbox = sandbox
        self._forms: dict[str, str] = {}  # of versions, which never change

    @cached_property
    def environments(self) -> list[Environment]:
        """The search environments."""
        return self.run.environments()

    @cached_property
    def episodes(self) -> Episodes:
        """The batch on which every candidate is tried."""
        return self.run.episodes(self.environments)

    @cached_property
    def recorded(self) -> Episodes:
        """The part of it that was recorded, its beginning: all that is diagnosed, and shown to an explorer."""
        return self.run.episodes(self.run.environments(simulated=False))

    @cached_property
    def budgets(self) -> Floats:
        """The token budgets of quality: they follow from the hand-written controllers, which have no outcome."""
        return population.budgets(self.cards_before(1))

    def cards_before(self, generation: int) -> list[Card]:
        """Return the cards of earlier generations: those of this one may be there after a crash."""
        return self.archive.cards_with_beliefs(generation - 1)

    def stage(self, drafts: Sequence[CandidateRecord]) -> list[str]:
        """Keep the drafts that are new, and return the ids of all."""
        for new in drafts:
            if new.id not in self.archive and self.staging.get(new.id) is None:
                self.staging.put(new)
        return [new.id for new in drafts]

    def card(self, candidate: str) -> Card:
        """Return the card of a draft, as far as it is known, or of what has become of it.

        Raises:
            Damaged: there is neither.
        """
        tried = self.staging.get(candidate)
        if tried is not None:
            return self.carded(tried)
        if candidate in self.archive:
            return self.archive.card(candidate)
        raise DamagedFile(
            f"{self.staging.home}: the draft of {candidate} is missing; remove {self.run.checkpoint}, and resume: "
            "the archive is kept"
        )

    def carded(self, new: CandidateRecord) -> Card:
        """Return the card of a draft."""
        return new.card(self.run.config.protocol(), self._sandbox)

    def with_outcome(self, card: Card) -> Card:
        """Return the card with what came of its prediction; its first parent may be of the same generation."""
        parent = next((p for p in card.parents if p in self.archive or self.staging.get(p) is not None), None)
        if parent is None:
            return card
        return card.model_copy(update={"outcome": outcome(card.expects, card, self.card(parent), self.budgets)})

    def source(self, version: str) -> str:
        """Return the source of a draft, or of an archived version."""
        waiting = self.staging.get(version)
        return waiting.source if waiting else self.archive.source(version)

    def form(self, version: str) -> str:
        """Return what the source has in common with copies of it (`bench.normalise.form`)."""
        if version not in self._forms:
            self._forms[version] = program_form(self.source(version))
        return self._forms[version]

    def logs(self, version: str) -> Logs:
        """Return the action logs of a draft, or of an archived version, on recorded environments."""
        packed = self.staging.logs(version)
        return self.of_recorded(self.archive.logs(version) if packed is None else unpack_logs(packed))

    def of_recorded(self, logs: Logs) -> Logs:
        """Return what of the logs of the whole batch is of recorded environments; logs of another batch as they are."""
        return logs.part(0, len(self.recorded)) if len(logs) == len(self.episodes) else logs
