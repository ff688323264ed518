"""What is to be believed of the figures of many versions: noise told from merit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.statistics import Floats

from .contributions import Bools, QualityPanel

MEAN, SELF = -1, -2
"""Anchors that are no version: the mean of all; and none, of a version that was not chosen for its figures."""
_LEAST = 0.01
"""The least part of a difference that is believed: those that seem equal keep the order in which they were seen."""


@dataclass(frozen=True, slots=True)
class ShrinkageEstimate:
    """What is believed of V versions."""

    quality: Floats
    """(V,) in per cent."""
    factor: Floats
    """(V,) in [0, 1]: the part of a version's difference from its anchor that is believed."""
    error: Floats
    """(V,) standard error of that difference over questions, in points; 0 where it is not known."""
    noise: Floats
    """(V, G) what each group of questions adds to a version's figure by being there, in points."""


def shrink(panel: QualityPanel, anchors: Sequence[int], cells: Bools | None = None) -> ShrinkageEstimate:
    """Return the qualities of versions, each drawn towards its anchor as far as its difference may be noise.

    Empirical Bayes (Efron and Morris 1975): differences from the anchors of a kind (other versions, or the mean) are
    taken to be normal around zero, with the variance that remains of theirs without the noise's. An anchor that is a
    version has been drawn towards its own first, so that a row of small, lucky gains does not add up.

    Args:
        panel: the contributions.
        anchors: for each version, the index of another, `MEAN` or `SELF`.
        cells: (N,) those that are looked at; all if None.
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
    believed = np.where(to == MEAN, middle + factor * apart, raw).tolist()
    for version in anchors_first(anchors):
        if anchors[version] >= 0:
            believed[version] = believed[anchors[version]] + float(factor[version] * apart[version])
    return ShrinkageEstimate(np.array(believed), factor, error, noise)


def _noise(panel: QualityPanel, weights: Floats) -> Floats:
    """Return (V, G) what each group adds to a version's figure by being there: the sum of squares is the variance.

    Environments are fixed, questions are drawn. An environment with one question does not say how questions differ.
    """
    environment, group = np.eye(panel.environment.max() + 1), np.eye(panel.question.max() + 1)
    member = environment[panel.environment]
    total, count = weights @ member, (weights > 0) @ member
    means = (panel.values * weights) @ member / np.where(total > 0, total, 1.0)
    weights = weights * np.sqrt(count / np.maximum(1, count - 1))[panel.environment]
    return np.asarray(((panel.values - means[:, panel.environment]) * weights) @ group[panel.question])


def anchors_first(anchors: Sequence[int]) -> list[int]:
    """Return all versions, each after the one that it is anchored to."""
    order: dict[int, None] = {}
    for version in range(len(anchors)):
        path: dict[int, None] = {}
        while version >= 0 and version not in order and version not in path:
            path[version] = None
            version = anchors[version]
        order.update(dict.fromkeys(reversed(path)))
    return list(order)
