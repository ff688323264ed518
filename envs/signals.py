"""The standard names of signals: what each number means, its unit, and what reveals it.

A signal is a number that a branch carries at its present depth. Names that begin with ``answer_`` come with a probe.
All others, and those that users invent, come with the interval: whatever advances the branch reveals them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GROUP_TOKENS = 2_048
"""Tokens of the sliding window of a DeepConf group."""
TOP_CANDIDATES = 20
"""The candidates for each token over which DeepConf's token confidence is a mean."""
TAIL_PART = 4
"""The tail of an interval is its last 1/4, rounded up to whole tokens."""
BOTTOM_SHARE = 0.1
"""Share of the groups of which ``bottom_group`` is the mean."""

ComesWith = Literal["interval", "probe"]


@dataclass(frozen=True, slots=True)
class Signal:
    """The meaning of a signal."""

    name: str
    unit: str
    comes_with: ComesWith
    """What reveals it: the interval that ends at the present depth, or a probe there."""
    higher_is: Literal["surer", "less sure"]
    definition: str


@dataclass(frozen=True, slots=True)
class NumberMeaning:
    """What a number of a branch means: a signal, standard or not, or the score of a verifier."""

    unit: str
    """Empty where nobody has said it, as the two last fields."""
    comes_with: Literal["interval", "probe", "verification"]
    """What shows it to a controller."""
    higher_is: str
    definition: str


VERIFIER = "verifier"
"""The name of the verifier's scores among the numbers of an environment; a signal of this name gives way to them."""
SCORE = NumberMeaning("", "verification", "better", "score of the verifier")
"""What the score of a verifier means."""

_LOG = "log-probability (nats)"
_NATS = "nats"
_MEAN = "mean log-probability of the tokens of"
_LOWEST = "lowest log-probability of a token of"
_ENTROPY = "mean entropy of the tokens of"
_INTERVAL, _TAIL, _ANSWER = "the interval", "the last quarter of the interval", "the probe's answer"
_C = f"C, the mean of -ln p over the top {TOP_CANDIDATES} candidates of a token"

STANDARD: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("confidence", _LOG, "interval", "surer", f"{_MEAN} {_INTERVAL}"),
        Signal("lowest", _LOG, "interval", "surer", f"{_LOWEST} {_INTERVAL}"),
        Signal("entropy", _NATS, "interval", "less sure", f"{_ENTROPY} {_INTERVAL}"),
        Signal("tail_confidence", _LOG, "interval", "surer", f"{_MEAN} {_TAIL}"),
        Signal("tail_lowest", _LOG, "interval", "surer", f"{_LOWEST} {_TAIL}"),
        Signal("tail_entropy", _NATS, "interval", "less sure", f"{_ENTROPY} {_TAIL}"),
        Signal("answer_confidence", _LOG, "probe", "surer", f"{_MEAN} {_ANSWER}"),
        Signal("answer_lowest", _LOG, "probe", "surer", f"{_LOWEST} {_ANSWER}"),
        Signal("answer_entropy", _NATS, "probe", "less sure", f"{_ENTROPY} {_ANSWER}"),
        Signal("answer_probability", "probability", "probe", "surer", f"mean probability of the tokens of {_ANSWER}"),
        Signal("token_confidence", _NATS, "interval", "surer", f"mean of {_C}, over the interval"),
        Signal("branch_token_confidence", _NATS, "interval", "surer", "mean of C over all tokens of the branch so far"),
        Signal(
            "group", _NATS, "interval", "surer",
            f"mean of C over the last {GROUP_TOKENS:,} tokens of the branch, or over all if there are fewer: also the"
            " tail confidence of a finished branch",
        ),
        Signal(
            "lowest_group", _NATS, "interval", "surer",
            f"the lowest mean of C over any {GROUP_TOKENS:,} tokens in a row so far; over all if there are fewer",
        ),
        Signal(
            "bottom_group", _NATS, "interval", "surer",
            f"mean of the lowest tenth of these means (of one at least), one for each place of the"
            f" {GROUP_TOKENS:,} tokens",
        ),
    )
}  # fmt: skip
"""The standard signals by name. The last five are those of DeepConf (arXiv 2508.15260)."""


def comes_with(name: str) -> ComesWith:
    """Return what reveals the signal ``name``, a standard one or any other."""
    return "probe" if name.startswith("answer_") else "interval"


def meaning(name: str) -> NumberMeaning:
    """Return what the signal ``name`` means, a standard one or any other."""
    known = STANDARD.get(name)
    if known is None:
        return NumberMeaning("", comes_with(name), "", "")
    return NumberMeaning(known.unit, known.comes_with, known.higher_is, known.definition)
