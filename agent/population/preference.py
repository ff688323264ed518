"""Orders versions: better ones first, and the simpler of two versions whose difference may be noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autotts.envs.statistics import Floats

from ..records.complexity import UNKNOWN


def preferred(quality: Floats, noise: Floats, complexity: Sequence[int] | npt.NDArray[np.int64]) -> list[int]:
    """Return the indices of versions, best first. A lead that may be noise counts less for a more complicated version.

    The simplest version may trail the most complicated one by one standard error and still precede it. For other
    pairs, the tolerance is proportional to the difference of their complexity on the logarithm. A longer lead always
    wins. (The rule of one standard error, Breiman and others 1984, is all or nothing and gives away real leads.)

    Args:
        quality: (V,) in per cent.
        noise: (V, G) influence of each of G groups of questions on a version's quality, in points.
        complexity: (V,) `UNKNOWN` if not computed. Among equals, the simpler version precedes, then the earlier one.
    """
    if not len(quality):
        return []
    size = np.asarray(complexity)
    known = size[size < UNKNOWN]
    logs = np.log1p(np.minimum(size, known.max()) if len(known) else np.zeros(len(size)))
    apart = (logs - logs.min()) / max(float(np.ptp(logs)), 1e-9)
    best = int(np.argmax(quality))
    errors = np.delete(np.sqrt(((noise - noise[best]) ** 2).sum(axis=1)), best)
    error = float(np.median(errors)) if len(errors) else 0.0
    order: list[int] = np.lexsort((size, error * apart - quality)).tolist()
    return order
