"""Computes the signals of DeepConf (arXiv 2508.15260) and MARS (arXiv 2606.12935) from confidences of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..signals import BOTTOM_SHARE, GROUP_TOKENS

Floats = npt.NDArray[np.float64]

NAMES = ("token_confidence", "branch_token_confidence", "group", "lowest_group", "bottom_group")


def confidence_signals(
    confs: Floats, depths: Sequence[int], window: int = GROUP_TOKENS
) -> tuple[dict[str, list[float | None]], dict[str, float | None]]:
    """Return the signals at some depths of a branch, and those of the finished branch, by name (see `envs.signals`).

    Args:
        confs: (T,) the token confidence C of every token of the branch.
        depths: ascending numbers of tokens at which intervals end, up to T; the last interval ends at T.
        window: tokens of a group.

    Returns:
        The numbers at each depth, and the numbers at T. All are None where T is 0 or a confidence is not finite; so is
        that of an interval without tokens.
    """
    ends = [*depths, len(confs)]
    if not len(confs) or not np.isfinite(confs).all():
        return {name: [None] * len(depths) for name in NAMES}, dict.fromkeys(NAMES)
    total = np.concatenate(([0.0], np.cumsum(confs)))
    groups = (total[window:] - total[:-window]) / window  # the mean of every full window, by its end
    lowest = np.minimum.accumulate(groups)
    columns: dict[str, list[float | None]] = {name: [] for name in NAMES}
    for start, end in zip([0, *ends], ends, strict=False):
        mean = float(total[end] / end) if end else None
        full = end - window + 1  # the windows up to here
        values = (
            float((total[end] - total[start]) / (end - start)) if end > start else None, mean,
            float(groups[full - 1]) if full > 0 else mean, float(lowest[full - 1]) if full > 0 else mean,
            _bottom(groups[:full]) if full > 0 else mean,
        )  # fmt: skip
        for name, value in zip(NAMES, values, strict=True):
            columns[name].append(value)
    return {name: values[:-1] for name, values in columns.items()}, {
        name: values[-1] for name, values in columns.items()
    }


def group_signals(groups: Floats) -> dict[str, float | None]:
    """Return the signals of a finished branch of which only the means of the windows are known."""
    if not len(groups) or not np.isfinite(groups).all():
        return {}
    return {"group": float(groups[-1]), "lowest_group": float(groups.min()), "bottom_group": _bottom(groups)}


def _bottom(groups: Floats) -> float:
    """Return the mean of the lowest tenth of ``groups``, and of one at least."""
    count = max(1, int(BOTTOM_SHARE * len(groups)))
    return float(np.cumsum(np.sort(np.partition(groups, count - 1)[:count]))[-1] / count)
