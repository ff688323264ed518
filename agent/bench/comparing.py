"""Two versions side by side: by beta, by environment, and in what they do wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.evaluate import Difference, compare

from ..explorers.base import Finding
from .measured import Measured, interval
from .wording import table


def by_beta(one: Measured, two: Measured) -> list[str]:
    """Return the second less the first by beta, and then by environment."""
    differences = compare(one.scores, two.scores)
    rows = [("beta", "accuracy %", "difference [95%]", "tokens", "change", "won", "lost")]
    for i, beta in enumerate(one.betas):
        gain = two.samples[:, i, 0] - one.samples[:, i, 0]
        (low, high), before, after = interval(gain), one.curve[i], two.curve[i]
        rows.append(
            (
                f"{beta:g}", f"{before.accuracy:.1f} -> {after.accuracy:.1f}",
                f"{after.accuracy - before.accuracy:+.1f} [{low:+.1f}, {high:+.1f}]",
                f"{before.tokens:,.0f} -> {after.tokens:,.0f}", _change(before.tokens, after.tokens),
                *_won_and_lost([d for d in differences if d.beta == beta]),
            )
        )  # fmt: skip
    note = "won, lost: questions answered right more often, less often; by environment, over all betas:"
    return [*table(rows, left=0), note, *_by_place(one, two)]


def _by_place(one: Measured, two: Measured) -> list[str]:
    differences = compare(one.scores, two.scores)
    rows = [("environment", "accuracy %", "difference", "tokens", "change", "won", "lost")]
    for e, env in enumerate(one.scores.episodes.environments):
        mine = one.scores.episodes.environment == e
        right = [100 * float(m.scores.correct[mine].mean()) for m in (one, two)]
        spent = [float(m.scores.tokens[mine].mean()) for m in (one, two)]
        rows.append(
            (
                f"e{e + 1}", f"{right[0]:.1f} -> {right[1]:.1f}", f"{right[1] - right[0]:+.1f}",
                f"{spent[0]:,.0f} -> {spent[1]:,.0f}", _change(*spent),
                *_won_and_lost([d for d in differences if d.environment == env.name]),
            )
        )  # fmt: skip
    return table(rows)


def _won_and_lost(differences: Sequence[Difference]) -> tuple[str, str]:
    return str(sum(d.wins for d in differences)), str(sum(d.losses for d in differences))


def _change(before: float, after: float) -> str:
    return f"{100 * (after / before - 1):+.1f}%" if before else "-"


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
