"""The moves that change a genome, and the moves that may help against each kind of finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...records.version import Finding
from .genome import Genome, scaled, spread

WIDE = ("mutate", "cross", "fresh", "remedy")
"""The operators of wide steps, arms of a bandit. "fresh" is a slightly changed starting genome."""


@dataclass(frozen=True, slots=True)
class ScaleMove:
    """Multiply both ends of a constant by a factor; a whole-number constant changes by at least one."""

    name: str
    factor: float

    def apply(self, genome: Genome) -> Genome | None:
        """Return the changed genome, or None if it lacks the constant or the constant is at its bound."""
        if self.name not in genome.spans:
            return None
        lo, hi = (scaled(self.name, end, self.factor) for end in genome.spans[self.name])
        return changed(genome, genome.with_spans(**{self.name: (lo, hi)}))


@dataclass(frozen=True, slots=True)
class ChooseMove:
    """Put another building block into a slot; with `of`, only if the slot holds one of these blocks."""

    slot: str
    choice: str
    of: tuple[str, ...] = ()

    def apply(self, genome: Genome) -> Genome | None:
        """Return the changed genome, or None if nothing changes."""
        if self.of and genome.blocks[self.slot] not in self.of:
            return None
        return changed(genome, genome.with_blocks(**{self.slot: self.choice}))


@dataclass(frozen=True, slots=True)
class SpreadMove:
    """Move the ends of a constant apart (factor above 1) or together (factor below 1), about their middle."""

    name: str
    factor: float

    def apply(self, genome: Genome) -> Genome | None:
        """Return the changed genome, or None if nothing changes."""
        if self.name not in genome.spans:
            return None
        span = spread(self.name, genome.spans[self.name], self.factor)
        return changed(genome, genome.with_spans(**{self.name: span}))


def changed(before: Genome, after: Genome) -> Genome | None:
    """Return ``after``, or None if it equals ``before``."""
    return after if after != before else None


Move = ScaleMove | ChooseMove | SpreadMove

REMEDIES: dict[str, tuple[Move, ...]] = {
    "stopped_early": (
        ScaleMove("bar", 1.4),
        ScaleMove("others", 1.4),
        ScaleMove("chance", 0.5),
        ScaleMove("price", 0.5),
        ScaleMove("doubt", 0.4),
        ScaleMove("steady", 1.4),
        ScaleMove("complete", 1.4),
        ScaleMove("calm", 1.5),
        ScaleMove("early_doubt", 0.3),
        ScaleMove("quiet", 1.5),
        ChooseMove("first", "none", ("firm",)),
        ChooseMove("stop", "both", ("confidence", "steady")),
    ),
    "pruned_right": (
        ScaleMove("patience", 1.5),
        ScaleMove("factor", 1.25),
        ScaleMove("few", 1.5),
        ChooseMove("disagreement", "dominated", ("dissent",)),
        ChooseMove("disagreement", "none", ("dominated",)),
    ),
    "idle_tokens": (
        ScaleMove("bar", 0.7),
        ScaleMove("chance", 2.0),
        ScaleMove("price", 2.0),
        ScaleMove("doubt", 2.5),
        ScaleMove("at_once", 0.6),
        ScaleMove("steady", 0.7),
        ScaleMove("complete", 0.7),
        ScaleMove("calm", 0.7),
        ChooseMove("first", "firm", ("none",)),
        ChooseMove("length", "median", ("none",)),
        ChooseMove("opening", "trickle", ("flood",)),
    ),
    "idle_width": (
        ScaleMove("opening", 0.6),
        ScaleMove("at_once", 0.6),
        ScaleMove("wave", 0.7),
        ScaleMove("most", 0.7),
        ChooseMove("opening", "trickle", ("flood", "waves")),
    ),
    "hopeless": (
        ChooseMove("hopeless", "scattered", ("none",)),
        ScaleMove("tries", 0.7),
        ScaleMove("grip", 1.25),
        ScaleMove("most", 0.7),
        ScaleMove("closing", 1.4),
        ScaleMove("others", 0.7),
        ChooseMove("length", "median", ("none",)),
        ScaleMove("factor", 0.85),
    ),
    "uneven_beta": (
        ChooseMove("first", "firm", ("none",)),
        *(
            SpreadMove(name, factor)
            for name in ("most", "bar", "chance", "price", "doubt", "steady", "calm", "tries", "firm")
            for factor in (1.4, 0.7)
        ),
    ),
}
"""Moves that may help against each kind of finding."""

PURPOSES = {
    "stopped_early": "to wait for more agreement",
    "pruned_right": "to give fewer right branches up",
    "idle_tokens": "to stop sooner once the lead no longer changes",
    "idle_width": "to open fewer branches that change nothing",
    "hopeless": "to spend less where no answer emerges",
    "uneven_beta": "to spread the tokens more evenly over beta",
}


def urgency(findings: Sequence[Finding]) -> list[float]:
    """Return a weight for each finding: its share of episodes plus its share of the tokens that all findings cost."""
    total = max(1, sum(finding.tokens for finding in findings))
    return [finding.share + finding.tokens / total + 1e-6 for finding in findings]
