"""Lists the integers of many ranges at once: the branches of some questions, or the probes of some branches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ranges(starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the integers of all ranges ``start:stop``, one range after another."""
    sizes = stops - starts
    before = np.cumsum(sizes) - sizes
    numbers: npt.NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes)
    return numbers
