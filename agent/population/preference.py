"""Which versions come first: the better ones, and of those that may be equals the simpler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.statistics import Floats

from ..records.complexity import UNKNOWN


def preferred(quality: Floats, noise: Floats, complexity: Sequence[int]) -> list[int]:
    """Return versions, the best first, where a lead that may be noise counts for less the more complicated the leader.

    The simplest version may be behind the most complicated one by a standard error, and comes before it all the same;
    others by as much as they are apart in complexity, on the logarithm. A longer lead is never made up for. (Where the
    rule of one standard error, Breiman and others 1984, is all or nothing, it gives away leads that are real.)

    Args:
        quality: (V,) in per cent.
        noise: (V, G) what each of G groups of questions adds to a version's figure by being there, in points.
        complexity: of each version, `UNKNOWN` for none. Of equals, the simpler one comes first, then the earlier one.
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
