"""How much a simulated number tells: the probability that it ranks something right above something wrong."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import NormalDist

from ..errors import InputError

NOISE = 0.5
"""The strength of a number that tells nothing."""
MOST = 0.999
"""The largest strength."""


@dataclass(frozen=True, slots=True)
class Strength:
    """The probability that a number is higher for a right branch than for a wrong one of the same question and depth.

    This is the area under the receiver operating characteristic of a single number (AUROC), from 0.5 to `MOST`. It
    changes evenly along a branch, on the scale of the distance between the means of right and wrong branches.
    """

    first: float
    """After the first interval."""
    last: float
    """Of the finished branch."""

    def __post_init__(self) -> None:
        for value in (self.first, self.last):
            if not NOISE <= value <= MOST:
                raise InputError(f"a strength is {value:g}, but must be from {NOISE} (noise) to {MOST}")

    @classmethod
    def parse(cls, text: str) -> Strength:
        """Return the strength that ``text`` states: ``0.8``, or ``0.6:0.9`` for one that changes along a branch.

        Raises:
            InputError: the text has another form, or a number is out of range.
        """
        return cls(*pair(text, "a strength"))

    def text(self) -> str:
        """Return the form that `parse` reads."""
        return f"{self.first:g}" if self.first == self.last else f"{self.first:g}:{self.last:g}"

    def distances(self) -> tuple[float, float]:
        """Return the distances (d') between right and wrong, in standard deviations, of the first and last number."""
        first, last = (round(math.sqrt(2) * NormalDist().inv_cdf(value), 6) for value in (self.first, self.last))
        return first, last

    def program_distances(self) -> tuple[float, float]:
        """Return the distances at which a threshold in the middle is wrong with probability 1 - strength."""
        first, last = (round(2 * NormalDist().inv_cdf(value), 6) for value in (self.first, self.last))
        return first, last


def pair(text: str, what: str) -> tuple[float, float]:
    """Return two numbers from ``A`` or ``A:B``.

    Raises:
        InputError: the text has another form.
    """
    match = re.fullmatch(r"(\d{0,3}(?:\.\d{1,9})?)(?::(\d{0,3}(?:\.\d{1,9})?))?", text)
    if match is None or not match[1] or match[2] == "":
        raise InputError(f"{text[:40]!r} is not {what}: expected a number such as 0.8, or two as in 0.6:0.9")
    return float(match[1]), float(match[2] or match[1])
