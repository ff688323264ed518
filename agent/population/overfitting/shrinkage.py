"""Empirical-Bayes shrinkage: separates real differences between many versions from noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autotts.envs.statistics import Floats

from .contributions import Bools, QualityPanel

MEAN, SELF = -1, -2
"""Anchors other than a version: the mean of all versions; or none, for a version not selected by its results."""
_LEAST = 0.01
"""The least shrinkage factor: greater than 0, so that versions that seem equal keep their measured order."""


@dataclass(frozen=True, slots=True)
class ShrinkageEstimate:
    """Shrinkage estimates of V versions."""

    quality: Floats
    """(V,) in per cent."""
    factor: Floats
    """(V,) in [0, 1]: the share of a version's difference from its anchor that is kept."""
    error: Floats
    """(V,) standard error of that difference over questions, in points; 0 where unknown."""
    noise: Floats
    """(V, G) influence of each group of questions on a version's quality, in points."""


def shrink(panel: QualityPanel, anchors: Sequence[int], cells: Bools | None = None) -> ShrinkageEstimate:
    """Return the qualities of versions, each shrunk towards its anchor according to the noise of the difference.

    Empirical Bayes (Efron and Morris 1975): differences from one kind of anchor (other versions, or the mean) are
    assumed to be normal around zero, with their observed variance minus the noise variance. An anchor that is a version
    is itself shrunk first, so that a sequence of small, lucky gains does not add up.

    Args:
        panel: the contributions.
        anchors: for each version, the index of another version, `MEAN` or `SELF`.
        cells: (N,) mask of the cells to use; all if None.
    """
    weights = panel.weights if cells is None else np.where(cells, panel.weights, 0.0)
    weights = weights / weights.sum()
    raw, noise, to = panel.values @ weights, _noise(panel, weights), np.asarray(anchors)
    middle = raw.mean()
    other = np.where(to >= 0, to, np.arange(len(raw)))
    apart = np.where(to == MEAN, raw - middle, raw - raw[other])
    against = np.where((to == MEAN)[:, None], noise.mean(axis=0), noise[other])
    error = np.sqrt(((noise - against) ** 2).sum(axis=1))
    factor = np.ones(len(raw))
    for kind in (to >= 0, to == MEAN):
        if kind.any():
            real = max(0.0, float(np.mean(apart[kind] ** 2 - error[kind] ** 2)))
            total = real + error[kind] ** 2
            factor[kind] = np.maximum(_LEAST, np.divide(real, total, out=np.ones_like(total), where=total > 0))
    believed, kept = np.where(to == MEAN, middle + factor * apart, raw).tolist(), (factor * apart).tolist()
    for version in anchors_first(anchors):
        if anchors[version] >= 0:
            believed[version] = believed[anchors[version]] + kept[version]
    return ShrinkageEstimate(np.array(believed), factor, error, noise)


def _noise(panel: QualityPanel, weights: Floats) -> Floats:
    """Return (V, G) the influence of each group of questions; the sum of squares over groups is the variance.

    Environments are fixed and questions are sampled. An environment with one question gives no variance.
    """
    environment, group = np.eye(panel.environment.max() + 1), np.eye(panel.question.max() + 1)
    member = environment[panel.environment]
    total, count = weights @ member, (weights > 0) @ member
    means = (panel.values * weights) @ member / np.where(total > 0, total, 1.0)
    weights = weights * np.sqrt(count / np.maximum(1, count - 1))[panel.environment]
    return np.asarray(((panel.values - means[:, panel.environment]) * weights) @ group[panel.question])


def anchors_first(anchors: Sequence[int]) -> list[int]:
    """Return all versions, each after its anchor."""
    if (np.asarray(anchors, int) < np.arange(len(anchors))).all():
        return list(range(len(anchors)))
    order: dict[int, None] = {}
    for version in range(len(anchors)):
        path: dict[int, None] = {}
        while version >= 0 and version not in order and version not in path:
            path[version] = None
            version = anchors[version]
        order.update(dict.fromkeys(reversed(path)))
    return list(order)
