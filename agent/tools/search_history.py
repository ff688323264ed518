"""The versions that an explorer may look at, its drafts, and the measurements of both."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.scoring import ForgedLog
from autotts.envs.statistics import Floats, Interval
from autotts.sandbox.outcome import Verdict

from .. import population
from ..diagnosis.findings import diagnose
from ..population.measurement import Curve, Measurement, interval
from ..population.program_form import program_form
from ..records.card import Card
from ..records.version import Finding
from .draft_episodes import part_of
from .text import EpisodeNames, one_line, without_run_specifics

_KEPT = {True: 64, False: 8}
"""Measurements kept in memory: on the drafts' part of the search set (True), and on the whole set (False)."""
MOST_OF_A_CANDIDATE = 200
"""Characters that a failed candidate may say to an explorer."""
_MOST_QUALITIES = 2_000
_DRAFT = re.compile("try-[0-9]{1,9}")
_qualities: OrderedDict[tuple[str, str, bytes], Floats] = OrderedDict()  # determined by source, protocol and budgets


@dataclass(frozen=True)
class DraftTrial:
    """A draft that was run on the drafts' part of the search set."""

    name: str
    source: str
    verdict: Verdict
    measured: Measurement | None


class SearchHistory:
    """Cards, sources and logs by version, including drafts.

    Args:
        cards: of all versions: the archived ones, and those of this generation that have been tried.
        episodes: the search set on which they were tried.
        source: returns a version's source.
        logs: returns the logs of a version that ran, on ``episodes``.
        parents: ids of the parents in the brief.
        all_versions: whether to show all versions, or only the hand-written controllers and ``parents``.
        seed: seed of the choice of the drafts' part; each brief has another.
    """

    def __init__(
        self,
        cards: Sequence[Card],
        episodes: Episodes,
        source: Callable[[str], str],
        logs: Callable[[str], Logs],
        parents: Sequence[str] = (),
        all_versions: bool = True,
        seed: int = 0,
    ) -> None:
        self.episodes, self.all_versions = episodes, all_versions
        self.parents = tuple(dict.fromkeys(parents))
        shown = [card for card in cards if all_versions or card.generation == 0 or card.id in self.parents]
        self.cards = {card.id: card for card in shown}
        self.names = EpisodeNames(episodes)
        self.which = part_of(episodes, seed)
        self.part = episodes.take(self.which)
        self.budgets = population.budgets(shown)
        self.baselines: list[Curve] = [(card.id, card.mean_curve) for card in shown if card.generation == 0 and card.ok]
        self.tries: dict[str, DraftTrial] = {}
        self._everything = list(cards)
        self._source, self._logs = source, logs
        self._kept: dict[bool, OrderedDict[str, Measurement]] = {True: OrderedDict(), False: OrderedDict()}
        self._forms: dict[str, str] | None = None

    @cached_property
    def ranked(self) -> list[Card]:
        """The versions that ran, best first."""
        return population.ranked(list(self.cards.values()))

    @cached_property
    def front(self) -> list[Curve]:
        """The curves of the versions on the Pareto front."""
        return [(card.id, card.mean_curve) for card in population.front(list(self.cards.values()))]

    def card(self, version: str) -> Card:
        """Return a version's card.

        Raises:
            InputError: there is no such version, or it must not be shown.
        """
        if version in self.cards:
            return self.cards[version]
        if version in self.tries:
            raise InputError(f"{version} is a draft, and not a version: it has no card")
        if _DRAFT.fullmatch(version):
            raise InputError(f"no draft {version}: drafts are kept until their task or the program ends")
        raise InputError(f"no version {one_line(version, 60)!r}: see list_versions")

    def source(self, version: str) -> str:
        """Return the source of a version or draft.

        Raises:
            InputError: there is no such version, or it must not be shown.
        """
        if version in self.tries:
            return self.tries[version].source
        return self.names.hide_in_source(self._source(self.card(version).id))

    def on_part(self, *versions: str | None) -> bool:
        """Return whether ``versions`` can only be compared on the drafts' part, because one of them is a draft."""
        return any(version in self.tries for version in versions)

    def measured(self, version: str, part: bool) -> Measurement:
        """Return the measurement of a version or draft, on the drafts' part or on the whole search set.

        Raises:
            InputError: there is no such version, it must not be shown, or it did not run.
        """
        if version in self.tries:
            tried = self.tries[version]
            if tried.measured is None:
                raise InputError(f"{version} did not run ({tried.verdict.kind}): there is nothing to look at")
            return tried.measured
        card = self.card(version)
        if not card.ok:
            raise InputError(f"{version} has no scores ({self._why(card)}): there is nothing to look at")
        kept = self._kept[part]
        if version not in kept:
            kept[version] = self._measure(version, part)
            while len(kept) > _KEPT[part]:
                kept.popitem(last=False)
        kept.move_to_end(version)
        return kept[version]

    def quality(self, version: str) -> float:
        """Return the quality of a version that ran, on the whole search set, in per cent."""
        return population.quality(self.cards[version], self.budgets)

    def behind(self, version: str) -> tuple[float, Interval]:
        """Return the quality of a version minus that of the best, and its paired 95% interval, on the whole set."""
        ours, best = (self._resampled(card) for card in (self.cards[version], self.ranked[0]))
        return float(ours[0] - best[0]), interval(ours[1:] - best[1:])

    def _resampled(self, card: Card) -> Floats:
        """Return the quality, followed by the qualities of resampled questions."""
        key = (card.source_sha256, card.protocol.key(), self.budgets.tobytes())
        result = _qualities.get(key)
        if result is None:
            measured = self.measured(card.id, False)
            result = np.append(measured.quality(self.budgets), measured.resampled_quality(self.budgets))
            _qualities[key] = result
            while len(_qualities) > _MOST_QUALITIES:
                _qualities.popitem(last=False)
        return result

    def _measure(self, version: str, part: bool) -> Measurement:
        logs = self._logs(version)
        if len(logs) != len(self.episodes):
            raise DamagedFile(
                f"version {version} has logs of {len(logs)} episodes, but was tried on {len(self.episodes)}"
            )
        try:
            return Measurement.of(self.part, logs.take(self.which)) if part else Measurement.of(self.episodes, logs)
        except ForgedLog as forged:
            raise DamagedFile(f"version {version} has logs that no controller can have made ({forged})") from None

    def findings(self, version: str) -> Sequence[Finding]:
        """Return the findings of a version or draft, most important first.

        Raises:
            InputError: there is no such version, it must not be shown, or it did not run.
        """
        tried = self.measured(version, True) if version in self.tries else None
        if tried is not None:
            # the few betas of a try are too coarse to judge how even the steps of beta are
            return [finding for finding in diagnose(tried.scores, tried.logs) if finding.kind != "uneven_beta"]
        card = self.card(version)
        if not card.ok:
            raise InputError(f"{version} has no findings ({self._why(card)})")
        return card.findings

    def _why(self, card: Card) -> str:
        """Return why a version has no scores; for a duplicate, the message names the version that it equals."""
        return f"{card.verdict}: {self.sanitize(card.message)}" if card.message else card.verdict

    def sanitize(self, message: str) -> str:
        """Return a failed candidate's message as one safe line of at most `MOST_OF_A_CANDIDATE` characters.

        The candidate may have put anything into it, recorded answers too: a line is too short to be worth it.
        """
        return one_line(without_run_specifics(self.names.hide(message)), MOST_OF_A_CANDIDATE)

    def same_program(self, source: str) -> str | None:
        """Return the version with the same source, or the same program under other names; None if there is none."""
        if self._forms is None:
            self._forms = {}
            for card in self._everything:
                self._forms.setdefault(program_form(self._source(card.id)), card.id)
        return self._forms.get(program_form(source))

    def same_draft(self, source: str) -> DraftTrial | None:
        """Return the draft with the same source, or else one with the same program under other names."""
        exact = [tried for tried in self.tries.values() if tried.source == source]
        wanted = program_form(source)
        return next(iter(exact), None) or next(
            (t for t in self.tries.values() if program_form(t.source) == wanted), None
        )
