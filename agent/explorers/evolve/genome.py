"""The genome of an evolved controller: its building blocks, and how their constants change with beta."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

Span = tuple[float, float]
"""The value of a constant at beta = 0 and at beta = 1."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """The range of a constant.

    `direction` is +1 if the constant must not fall as beta grows, -1 if it must not rise, and 0 if either makes sense.
    With these directions, more beta means more tokens.
    """

    low: float
    high: float
    default: Span
    whole: bool = False
    geometric: bool = False
    direction: int = 1


PARAMETERS: dict[str, Parameter] = {
    # Width
    "opening": Parameter(1, 16, (2, 2), whole=True),
    "at_once": Parameter(1, 16, (2, 2), whole=True),
    "most": Parameter(2, 128, (4, 64), whole=True, geometric=True),
    "wave": Parameter(2, 32, (2, 8), whole=True, geometric=True),
    # Depth
    "burst": Parameter(2, 6, (2, 3), whole=True),
    # When to stop
    "firm": Parameter(-8, 10, (6, -4), whole=True, direction=-1),
    "complete": Parameter(1, 24, (2, 2), whole=True),
    "bar": Parameter(0.2, 40.0, (1.2, 8.0), geometric=True),
    "closing": Parameter(0.2, 5.0, (1.0, 1.0), direction=0),
    "others": Parameter(0.02, 1.0, (0.2, 0.2)),
    "chance": Parameter(0.0001, 0.45, (0.25, 0.02), geometric=True, direction=-1),
    "price": Parameter(0.0001, 0.3, (0.08, 0.003), geometric=True, direction=-1),
    "doubt": Parameter(0.00001, 0.4, (0.2, 0.01), geometric=True, direction=-1),
    "steady": Parameter(1, 24, (2, 6), whole=True),
    "calm": Parameter(0.05, 3.0, (0.2, 0.6)),
    "early_doubt": Parameter(0.00001, 0.3, (0.1, 0.01), geometric=True, direction=-1),
    "quiet": Parameter(0.05, 0.9, (0.2, 0.5)),
    "tries": Parameter(3, 64, (6, 24), whole=True),
    "grip": Parameter(0.05, 0.6, (0.3, 0.25), direction=0),
    # What is long
    "rank": Parameter(0.5, 1.0, (0.9, 0.9), direction=0),
    # What to give up
    "patience": Parameter(0.2, 3.0, (0.8, 1.0)),
    "behind": Parameter(0.25, 8.0, (1.0, 2.0)),
    "few": Parameter(1, 16, (3, 3), whole=True),
    "factor": Parameter(0.8, 4.0, (2.0, 2.0), direction=0),
    # How to vote
    "given_up": Parameter(0.05, 1.0, (0.4, 0.4), direction=0),
    "power": Parameter(0.25, 5.0, (2.0, 2.0), direction=0),
    "shrink": Parameter(0.0, 10.0, (2.0, 2.0), direction=0),
    "cap": Parameter(1.0, 6.0, (3.0, 3.0), direction=0),
    "ripe": Parameter(0.05, 1.0, (0.3, 0.3), direction=0),
    "keep": Parameter(0.1, 4.0, (1.0, 1.0), direction=0),
    "against": Parameter(0.1, 8.0, (1.0, 1.0), direction=0),
}

BLOCKS: dict[str, dict[str, tuple[str, ...]]] = {
    "opening": {
        "trickle": ("opening", "at_once", "most"),
        "flood": ("most",),
        "waves": ("wave", "most"),
    },
    "depth": {"lockstep": (), "burst": ("burst",)},
    "stop": {
        "confidence": ("complete", "doubt"),
        "steady": ("complete", "steady"),
        "both": ("complete", "doubt", "steady"),
        "calm": ("complete", "doubt", "calm"),
        "lead": ("complete", "bar", "closing"),
        "margin": ("complete", "bar", "closing", "others"),
        "overtake": ("complete", "chance"),
        "price": ("complete", "price"),
    },
    "first": {"none": (), "firm": ("firm",)},
    "early": {"none": (), "probes": ("early_doubt", "quiet")},
    "hopeless": {"none": (), "scattered": ("tries", "grip")},
    "typical": {"median": (), "upper": ("rank",)},
    "disagreement": {"none": (), "dissent": ("patience",), "dominated": ("patience", "behind")},
    "length": {"none": (), "median": ("few", "factor")},
    "vote": {"finished": (), "given_up": ("given_up",), "everyone": ()},
    "weight": {
        "equal": (),
        "shortness": ("power", "shrink", "cap"),
        "ripeness": ("power", "shrink", "cap", "ripe"),
    },
    "abandoned": {"ignored": (), "share": ("keep",), "against": ("against",), "each": ("against",)},
}
"""Each slot, its choices, and the constants of each choice. The first choice is the default.

- opening: a few branches, refilled as branches finish; all at once; waves, sized by disagreement.
- depth: all running branches in lockstep; or more intervals for branches that agree with the leading answer.
- stop, once enough branches have finished: little doubt that the leading answer is ahead; a lead that several finishes
  left unchanged; both; little doubt, and a lead unchanged for a part of a typical branch length; a lead in votes that
  suffices for the remaining width; a lead that also grows with the votes for other answers; a small chance that the
  leading answer is overtaken within the remaining width; or at most a given chance of that ("price") per further vote.
- first: whether the first finished branch may be enough: never; or if it has shown few different answers.
- early: never; or when finished and running branches together have left little doubt for a part of all rounds.
- hopeless: never; or when many branches have finished and even the leading answer has few votes.
- typical: the length that lengths are compared with: the median of the finished branches, or a higher rank.
- disagreement: which branches are pruned for disagreeing with the leading answer: none; those that keep disagreeing;
  or only those whose answer is also far behind.
- length: whether branches are pruned that run far longer than the finished ones (with "trickle", a new one starts).
- vote, weight: which branches vote; and whether a branch counts more if it is short for this question, or if it soon
  reached the answer that it kept.
- abandoned: the votes that an answer loses for branches that showed and then left it: none; all but the share of the
  branches that kept it, to a power; some votes per branch that left it, times the branch's weight; or some votes each.

Lengths are compared with lengths of the same episode: nothing depends on the branch lengths of a particular model.
"""


@dataclass(frozen=True, slots=True)
class Genome:
    """One choice for every slot of `BLOCKS`, and a span for exactly the constants that the choices need.

    Build a genome with `make`, which completes and normalises it: equal genomes render to equal sources.
    """

    blocks: Mapping[str, str]
    spans: Mapping[str, Span]

    @classmethod
    def make(cls, blocks: Mapping[str, str], spans: Mapping[str, Span]) -> Genome:
        """Return a valid genome: defaults for missing choices and constants, superfluous ones removed, ranges enforced.

        Raises:
            ValueError: a slot, a choice or a constant is unknown, or a constant is not a finite number.
        """
        for slot, choice in blocks.items():
            if choice not in BLOCKS.get(slot, {}):
                raise ValueError(f"the genome has no block {slot}={choice!r}")
        for name in spans:
            if name not in PARAMETERS:
                raise ValueError(f"the genome has no constant {name!r}")
        chosen = {slot: blocks.get(slot, next(iter(choices))) for slot, choices in BLOCKS.items()}
        if chosen["vote"] == "given_up" and not gives_up(chosen):
            chosen["vote"] = "finished"
        if not measures_lengths(chosen):
            chosen["typical"] = "median"
        needed = needs(chosen)
        kept = {name: tidy(name, spans.get(name, PARAMETERS[name].default)) for name in PARAMETERS if name in needed}
        return cls(chosen, kept)

    def with_blocks(self, **blocks: str) -> Genome:
        """Return this genome with other choices; newly needed constants get their defaults."""
        return Genome.make({**self.blocks, **blocks}, self.spans)

    def with_spans(self, **spans: Span) -> Genome:
        """Return this genome with other constants, clipped to their ranges."""
        return Genome.make(self.blocks, {**self.spans, **spans})

    def value(self, name: str, beta: float) -> float:
        """Return a constant at ``beta``, as the rendered schedule computes it."""
        parameter = PARAMETERS[name]
        lo, hi = self.spans[name]
        # rounded as in the source, so that both give the same number
        value = lo * float(f"{hi / lo:.4g}") ** beta if parameter.geometric else lo + float(f"{hi - lo:.4g}") * beta
        return round(value) if parameter.whole else value

    @property
    def key(self) -> Hashable:
        """A hashable key, equal for equal genomes."""
        return tuple(self.blocks.items()), tuple(self.spans.items())

    def to_json(self) -> dict[str, Any]:
        """Return the genome as plain JSON."""
        return {"blocks": dict(self.blocks), "spans": {name: list(span) for name, span in self.spans.items()}}

    @classmethod
    def from_json(cls, document: object) -> Genome:
        """Return the genome that `to_json` wrote.

        Raises:
            ValueError: the document is not a genome; the message says why.
        """
        if not isinstance(document, Mapping):
            raise ValueError("a genome is an object with blocks and spans")
        blocks, spans = document.get("blocks"), document.get("spans")
        if not isinstance(blocks, Mapping) or not isinstance(spans, Mapping):
            raise ValueError("a genome is an object with blocks and spans")
        if not all(isinstance(choice, str) for choice in blocks.values()):
            raise ValueError("every block of a genome is a string")
        return cls.make(blocks, {str(name): _pair(name, span) for name, span in spans.items()})


def gives_up(blocks: Mapping[str, str]) -> bool:
    """Return whether these choices ever prune a branch."""
    return blocks["disagreement"] != "none" or blocks["length"] != "none"


def measures_lengths(blocks: Mapping[str, str]) -> bool:
    """Return whether these choices use the typical length."""
    return gives_up(blocks) or blocks["weight"] != "equal" or blocks["stop"] == "calm"


def needs(blocks: Mapping[str, str]) -> set[str]:
    """Return the names of the constants that these choices use."""
    return {name for slot, choice in blocks.items() for name in BLOCKS[slot][choice]}


def tidy(name: str, span: Span) -> Span:
    """Return ``span`` clipped to the range of constant ``name``, with two significant digits, in its direction.

    If the ends are in the wrong order, both become their middle: beta then does not change the constant.
    """
    parameter = PARAMETERS[name]
    lo, hi = (min(max(end, parameter.low), parameter.high) for end in span)
    if (hi - lo) * parameter.direction < 0:
        lo = hi = math.sqrt(lo * hi) if parameter.geometric else (lo + hi) / 2
    return _round(lo, parameter.whole), _round(hi, parameter.whole)


def _round(value: float, whole: bool) -> float:
    """Return ``value`` with at most two significant digits, as a person would write it."""
    return round(value) if whole else float(f"{value:.2g}")


def _pair(name: object, span: object) -> Span:
    if isinstance(span, list | tuple) and len(span) == 2:
        lo, hi = span
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (lo, hi))
        if numbers and math.isfinite(lo) and math.isfinite(hi):
            return lo, hi
    raise ValueError(f"constant {name!r} of a genome is not a pair of finite numbers")


def scaled(name: str, end: float, factor: float) -> float:
    """Return ``end`` times ``factor``; a whole-number constant changes by at least one."""
    value = end * factor
    if PARAMETERS[name].whole and round(value) == end:
        return end + (1 if factor > 1 else -1 if factor < 1 else 0)
    return value


def spread(name: str, span: Span, factor: float) -> Span:
    """Return ``span`` with its ends ``factor`` times as far apart; equal ends are first moved apart."""
    parameter = PARAMETERS[name]
    lo, hi = span
    if lo == hi:
        away = 1.3 if parameter.direction >= 0 else 1 / 1.3
        lo, hi = scaled(name, lo, 1 / away), scaled(name, hi, away)
    if parameter.geometric:
        middle, half = math.sqrt(lo * hi), (hi / lo) ** (factor / 2)
        return middle / half, middle * half
    middle, half = (lo + hi) / 2, (hi - lo) / 2 * factor
    return middle - half, middle + half


def part(genome: Genome, slot: str) -> tuple[str, tuple[Span, ...]]:
    """Return a slot's choice with its constants: the unit that recombination passes on."""
    choice = genome.blocks[slot]
    return choice, tuple(genome.spans[name] for name in BLOCKS[slot][choice])


def difference(before: Genome, after: Genome) -> str:
    """Describe the changes between two genomes; empty if there are none."""
    words = [
        f"{slot} {before.blocks[slot]} -> {after.blocks[slot]}"
        for slot in BLOCKS
        if before.blocks[slot] != after.blocks[slot]
    ]
    both = needs(before.blocks) & needs(after.blocks)
    for name in PARAMETERS:
        if name in both and before.spans[name] != after.spans[name]:
            words.append(f"{name} {_format_span(before.spans[name])} -> {_format_span(after.spans[name])}")
    return ", ".join(words)


def _format_span(span: Span) -> str:
    lo, hi = span
    return f"{lo:g}" if lo == hi else f"{lo:g}..{hi:g}"


_USUAL = {"length": "median", "disagreement": "dissent", "weight": "ripeness", "abandoned": "against"}
_ONE_BY_ONE: dict[str, Span] = {
    "at_once": (1, 1), "most": (3, 64), "complete": (1, 3), "patience": (0.75, 0.9), "few": (4, 4),
    "factor": (2.2, 2.2), "shrink": (2, 2), "cap": (2.5, 2.5), "against": (1, 2.1),
}  # fmt: skip
_MARGIN = {
    "stop": "margin", "typical": "upper", "disagreement": "dominated", "vote": "given_up", "weight": "shortness",
    "abandoned": "share",
}  # fmt: skip
_FAR_AHEAD: dict[str, Span] = {
    "most": (4, 64), "complete": (1, 4), "bar": (1.2, 16), "closing": (2, 2), "others": (0.15, 0.3),
    "rank": (0.87, 0.87), "patience": (0.6, 0.6), "behind": (0.4, 2.4), "given_up": (0.2, 0.2), "power": (3.7, 3.7),
    "shrink": (4.5, 4.5), "cap": (4, 4), "keep": (1.2, 1.2), "against": (1, 2.4),
}  # fmt: skip
STARTS: dict[str, Genome] = {
    "one after another, a margin over all others": Genome.make(
        _MARGIN, {**_FAR_AHEAD, "opening": (1, 1), "at_once": (1, 1)}
    ),
    "one after another, each change of mind a vote against": Genome.make(
        {**_MARGIN, "abandoned": "each"}, {**_FAR_AHEAD, "opening": (1, 1), "at_once": (1, 1)}
    ),
    "six side by side, a margin over all others": Genome.make(
        _MARGIN, {**_FAR_AHEAD, "opening": (6, 6), "at_once": (6, 6)}
    ),
    "one after another, a bar that falls": Genome.make(
        {"stop": "lead", "vote": "given_up", **_USUAL}, {**_ONE_BY_ONE, "bar": (1.1, 4.5), "closing": (1.3, 1.3)}
    ),
    "one after another, until an overtaking is unlikely": Genome.make(
        {"stop": "overtake", **_USUAL}, {**_ONE_BY_ONE, "chance": (0.15, 0.04)}
    ),
    "one after another, while a vote is worth its price": Genome.make(
        {"stop": "price", **_USUAL}, {**_ONE_BY_ONE, "price": (0.06, 0.004)}
    ),
    "few at a time, long ones given up": Genome.make(
        {"stop": "both", "length": "median", "weight": "shortness"},
        {"at_once": (1, 3), "most": (6, 64), "doubt": (0.2, 0.005), "steady": (2, 8)},
    ),
    "one after another until there is little doubt": Genome.make(
        {"stop": "confidence", "length": "median", "abandoned": "against"},
        {"opening": (1, 2), "at_once": (1, 1), "most": (3, 64), "complete": (1, 3), "doubt": (0.3, 0.002)},
    ),
    "a lead that has lasted, lone dissenters given up": Genome.make(
        {"stop": "calm", "disagreement": "dominated", "abandoned": "share"},
        {"opening": (2, 4), "at_once": (2, 4), "most": (4, 64), "doubt": (0.25, 0.005)},
    ),
    "waves sized by disagreement": Genome.make(
        {"opening": "waves", "stop": "both", "length": "median", "weight": "shortness"},
        {"wave": (2, 10), "most": (4, 64), "doubt": (0.25, 0.002), "steady": (1, 8), "factor": (1.6, 1.6)},
    ),
    "all at once, stopped by their probes": Genome.make(
        {"opening": "flood", "stop": "both", "early": "probes", "disagreement": "dissent"},
        {"most": (2, 64), "doubt": (0.25, 0.01), "steady": (1, 6)},
    ),
    "a lead that finishes leave unchanged, scattered votes given up": Genome.make(
        {"stop": "steady", "hopeless": "scattered", "length": "median", "vote": "given_up"},
        {"opening": (2, 3), "at_once": (1, 3), "most": (4, 64), "steady": (1, 12), "complete": (1, 4)},
    ),
    "bursts for those that agree": Genome.make(
        {"depth": "burst", "stop": "lead", "disagreement": "dissent", "weight": "ripeness", "abandoned": "against"},
        {"opening": (2, 4), "at_once": (2, 6), "most": (4, 64), "bar": (1.2, 10)},
    ),
}
"""Hand-set starting genomes, chosen to be good and diverse; the keys describe them."""
