"""The belief about a version: its measured curve corrected for luck. It exists only in memory, not in the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .version import CurvePoint


@dataclass(frozen=True, slots=True)
class Belief:
    """An estimate of a version's true quality, from the other versions and from the spread over questions."""

    curve: Sequence[CurvePoint]
    """The measured scaling curve, shifted as a whole by the estimated luck."""
    factor: float
    """The share of its difference from its parent that is kept, in [0, 1]; without a parent, from the mean."""
    error: float
    """Standard error of that difference over questions, in points of quality."""
    noise: Sequence[float]
    """Effect of each group of questions on its quality, in points (see `overfitting.shrinkage`)."""
