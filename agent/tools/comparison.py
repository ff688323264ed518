"""Compares two versions as text: by beta, by environment, and by their findings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autotts.envs.statistics import MEAN, CurveDifference, Floats, compare

from ..population.measurement import Measurement, interval
from ..records.version import Finding
from .text import evenly_spread, table


def by_part(one: Measurement, two: Measurement, betas: int) -> list[str]:
    """Return a table of the second version and its difference from the first, by beta, by environment, and on average.

    Args:
        one: the first version.
        two: the second version, on the same episodes.
        betas: rows for betas, at most; they are spread over the grid.
    """
    differences = [d for d in compare(two.scores, one.scores) if d.environment != MEAN]
    episodes = one.scores.episodes
    rows: list[tuple[str, ...]] = [("", "accuracy %", "difference [95%]", "tokens/1000", "change", "won", "lost")]
    gains = two.samples[:, :, 0] - one.samples[:, :, 0]
    for i in evenly_spread(len(one.betas), betas):
        beta = one.betas[i]
        mine = [d for d in differences if d.beta == beta]
        rows.append((f"beta {beta:g}", *_cells(one.means[i], two.means[i], gains[:, i], mine)))
    for e, env in enumerate(episodes.environments):
        here = episodes.environment == e
        pair = [np.array([100 * m.scores.correct[here].mean(), m.scores.tokens[here].mean()]) for m in (one, two)]
        mine = [d for d in differences if d.environment == env.name]
        rows.append((f"e{e + 1}", *_cells(pair[0], pair[1], None, mine)))
    rows.append(("mean", *_cells(one.means.mean(axis=0), two.means.mean(axis=0), gains.mean(axis=1), differences)))
    return [*table(rows), "won, lost: questions that the second answers right more often, less often"]


def _cells(
    first: Floats, second: Floats, gains: Floats | None, differences: Sequence[CurveDifference]
) -> tuple[str, ...]:
    """Return the cells for accuracy (per cent) and tokens; ``gains`` are resampled differences of accuracy."""
    interval_text = "" if gains is None else " [{:+.1f}, {:+.1f}]".format(*interval(gains))
    change = f"{100 * (second[1] / first[1] - 1):+.1f}%" if first[1] else "-"
    return (
        f"{second[0]:.1f}", f"{second[0] - first[0]:+.1f}{interval_text}", f"{second[1] / 1000:,.1f}", change,
        str(sum(d.wins for d in differences)), str(sum(d.losses for d in differences)),
    )  # fmt: skip


def by_finding(one: Sequence[Finding], two: Sequence[Finding]) -> list[str]:
    """Return a table of the differences between the findings of two versions."""
    kinds = list(dict.fromkeys(finding.kind for finding in (*one, *two)))
    rows = [("finding", "episodes %", "cost in thousand tokens per episode")]
    for kind in kinds:
        pair = [next((f for f in findings if f.kind == kind), None) for findings in (one, two)]
        shares = [100 * f.share if f else 0.0 for f in pair]
        costs = [f.tokens / max(1, round(f.episodes / f.share)) / 1000 if f and f.share else 0.0 for f in pair]
        cost = f"{costs[0]:.2f} -> {costs[1]:.2f}" if np.any(costs) else "-"
        rows.append((kind, f"{shares[0]:.1f} -> {shares[1]:.1f}", cost))
    return table(rows) if kinds else ["no findings in either"]
