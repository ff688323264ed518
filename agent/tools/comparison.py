"""Two versions side by side: by beta, by environment, and in what they do wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.statistics import CurveDifference, Floats, compare

from ..population.measurement import Measurement, interval
from ..records.version import Finding
from .text import evenly_spread, table


def by_part(one: Measurement, two: Measurement, betas: int) -> list[str]:
    """Return the second, and what it has more than the first, by beta, by environment, and on the mean of both.

    Args:
        one: the first.
        two: the second, on the same episodes.
        betas: so many, spread over the grid, have a row.
    """
    differences, episodes = compare(one.scores, two.scores), one.scores.episodes
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
    return [*table(rows), "won, lost: questions answered right more often, less often"]


def _cells(
    first: Floats, second: Floats, gains: Floats | None, differences: Sequence[CurveDifference]
) -> tuple[str, ...]:
    """Return the cells of accuracy in per cent, and of tokens; ``gains`` are resampled differences of the former."""
    among = "" if gains is None else " [{:+.1f}, {:+.1f}]".format(*interval(gains))
    change = f"{100 * (second[1] / first[1] - 1):+.1f}%" if first[1] else "-"
    return (
        f"{second[0]:.1f}", f"{second[0] - first[0]:+.1f}{among}", f"{second[1] / 1000:,.1f}", change,
        str(sum(d.wins for d in differences)), str(sum(d.losses for d in differences)),
    )  # fmt: skip


def by_finding(one: Sequence[Finding], two: Sequence[Finding]) -> list[str]:
    """Return how the findings of two versions differ."""
    kinds = list(dict.fromkeys(finding.kind for finding in (*one, *two)))
    rows = [("finding", "episodes %", "tokens it cost, a thousand an episode")]
    for kind in kinds:
        pair = [next((f for f in found if f.kind == kind), None) for found in (one, two)]
        shares = [100 * f.share if f else 0.0 for f in pair]
        costs = [f.tokens / max(1, round(f.episodes / f.share)) / 1000 if f and f.share else 0.0 for f in pair]
        cost = f"{costs[0]:.2f} -> {costs[1]:.2f}" if np.any(costs) else "-"
        rows.append((kind, f"{shares[0]:.1f} -> {shares[1]:.1f}", cost))
    return table(rows) if kinds else ["no findings in either"]
