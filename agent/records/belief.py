"""What is believed of a version, once its luck is taken into account: in memory beside its card, never a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .version import CurvePoint


@dataclass(frozen=True, slots=True)
class Belief:
    """What the others in a population, and how much the questions disagree, make of a version's figures."""

    curve: Sequence[CurvePoint]
    """Its scaling curve as measured, moved as a whole by what is taken for luck."""
    factor: float
    """The part of its difference from its parent that is believed, in [0, 1]; or from the mean, without a parent."""
    error: float
    """Standard error of that difference over questions, in points of quality."""
    noise: Sequence[float]
    """What each group of questions adds to its quality by being there (see `shrinkage.Shrunk`)."""
