"""The moves that change a genome, and which of them may help against what a diagnosis finds."""

from __future__ import annotations

from dataclasses import dataclass

from .genome import Genome, scaled, spread


@dataclass(frozen=True, slots=True)
class Scale:
    """Multiply a constant, at both ends; a whole one moves by one at least."""

    name: str
    factor: float

    def apply(self, genome: Genome) -> Genome | None:
        """Return the changed genome, or None where it does not have the constant or cannot move it any further."""
        if self.name not in genome.spans:
            return None
        lo, hi = (scaled(self.name, end, self.factor) for end in genome.spans[self.name])
        return changed(genome, genome.with_spans(**{self.name: (lo, hi)}))


@dataclass(frozen=True, slots=True)
class Choose:
    """Put another building block into a slot; with `of`, only where one of these is there now."""

    slot: str
    choice: str
    of: tuple[str, ...] = ()

    def apply(self, genome: Genome) -> Genome | None:
        """Return the changed genome, or None where there is nothing to change."""
        if self.of and genome.blocks[self.slot] not in self.of:
            return None
        return changed(genome, genome.with_blocks(**{self.slot: self.choice}))


@dataclass(frozen=True, slots=True)
class Spread:
    """Draw the ends of a constant apart (factor above 1) or together (below), about their middle."""

    name: str
    factor: float

    def apply(self, genome: Genome) -> Genome | None:
        """Return the changed genome, or None where there is nothing to spread."""
        if self.name not in genome.spans:
            return None
        span = spread(self.name, genome.spans[self.name], self.factor)
        return changed(genome, genome.with_spans(**{self.name: span}))


def changed(before: Genome, after: Genome) -> Genome | None:
    """Return ``after`` unless nothing has changed."""
    return after if after != before else None


Move = Scale | Choose | Spread

REMEDIES: dict[str, tuple[Move, ...]] = {
    "stopped_early": (
        Scale("bar", 1.4),
        Scale("others", 1.4),
        Scale("chance", 0.5),
        Scale("price", 0.5),
        Scale("doubt", 0.4),
        Scale("steady", 1.4),
        Scale("complete", 1.4),
        Scale("calm", 1.5),
        Scale("early_doubt", 0.3),
        Scale("quiet", 1.5),
        Choose("first", "none", ("firm",)),
        Choose("stop", "both", ("confidence", "steady")),
    ),
    "pruned_right": (
        Scale("patience", 1.5),
        Scale("factor", 1.25),
        Scale("few", 1.5),
        Choose("disagreement", "dominated", ("dissent",)),
        Choose("disagreement", "none", ("dominated",)),
    ),
    "idle_tokens": (
        Scale("bar", 0.7),
        Scale("chance", 2.0),
        Scale("price", 2.0),
        Scale("doubt", 2.5),
        Scale("at_once", 0.6),
        Scale("steady", 0.7),
        Scale("complete", 0.7),
        Scale("calm", 0.7),
        Choose("first", "firm", ("none",)),
        Choose("length", "median", ("none",)),
        Choose("opening", "trickle", ("flood",)),
    ),
    "idle_width": (
        Scale("opening", 0.6),
        Scale("at_once", 0.6),
        Scale("wave", 0.7),
        Scale("most", 0.7),
        Choose("opening", "trickle", ("flood", "waves")),
    ),
    "hopeless": (
        Choose("hopeless", "scattered", ("none",)),
        Scale("tries", 0.7),
        Scale("grip", 1.25),
        Scale("most", 0.7),
        Scale("closing", 1.4),
        Scale("others", 0.7),
        Choose("length", "median", ("none",)),
        Scale("factor", 0.85),
    ),
    "uneven_beta": (
        Choose("first", "firm", ("none",)),
        *(
            Spread(name, factor)
            for name in ("most", "bar", "chance", "price", "doubt", "steady", "calm", "tries", "firm")
            for factor in (1.4, 0.7)
        ),
    ),
}
"""What may help against each kind of finding."""

PURPOSES = {
    "stopped_early": "to wait for more agreement",
    "pruned_right": "to give fewer right branches up",
    "idle_tokens": "to stop sooner once the lead no longer changes",
    "idle_width": "to open fewer branches that change nothing",
    "hopeless": "to spend less where no answer emerges",
    "uneven_beta": "to spread the tokens more evenly over beta",
}
