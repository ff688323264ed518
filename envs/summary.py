"""Summarises an environment in figures for a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .contract.replay import shuffled
from .environment import Environment
from .roots import without_forks
from .separation import Separation, fate_inheritance, separations

_WIDTHS = (4, 16, 64)
"""Widths for which the accuracy of the majority is computed, beside 1 and all branches."""
_ORDERS = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of an environment. Lengths are in tokens, accuracies in per cent. Forks count in ``forks`` alone."""

    questions: int
    branches: tuple[int, int]
    """Fewest and most branches of a question."""
    probes: int
    lengths: tuple[float, float, float, float]
    """Mean, median, 90th percentile and maximum of the branch length."""
    single: float
    """Accuracy of one branch: the mean over questions of the share of their branches that are right."""
    majority: dict[int, float]
    """Accuracy of the majority for each number of branches, as a mean over 100 branch orders: of 1 (which is
    ``single``), of 4, 16 and 64, and of the most. A question with fewer branches votes with all of them. Absent answers
    vote."""
    settled: tuple[float, float]
    """Median and 90th percentile, over branches, of the part of a branch after which its answer no longer changes."""
    absent: float
    """Percentage of final answers that are absent."""
    never: list[int]
    """Questions that no branch solves."""
    always: list[int]
    """Questions that every branch solves."""
    forks: int = 0
    inheritance: float | None = None
    """See `fate_inheritance`; None without forks."""
    separations: dict[str, Separation] = field(default_factory=dict)
    """How well each signal, and the verifier, tells right branches from wrong ones."""


def summarize(env: Environment) -> Summary:
    """Return the figures of ``env``."""
    whole, env = env, without_forks(env)
    sizes = np.diff(env.branch_offsets)
    right = env.final_answers == np.repeat(env.gold, sizes)
    solved = np.add.reduceat(right, env.branch_offsets[:-1]) / sizes
    settled = _settled(env)
    orders = {n: [shuffled(n, seed) for seed in range(_ORDERS)] for n in np.unique(sizes).tolist()}
    widths = sorted({*(n for n in _WIDTHS if n < sizes.max()), int(sizes.max())} - {1})
    single = float(100 * solved.mean())
    lengths = env.total_tokens
    return Summary(
        questions=len(env),
        branches=(int(sizes.min()), int(sizes.max())),
        probes=len(env.probe_answers),
        lengths=(
            float(lengths.mean()), float(np.median(lengths)), float(np.percentile(lengths, 90)), float(lengths.max())
        ),
        single=single,
        majority={1: single} | {n: _majority(env, n, orders) for n in widths},
        settled=(float(np.median(settled)), float(np.percentile(settled, 90))),
        absent=float(100 * (env.final_answers == 0).mean()),
        never=np.flatnonzero(solved == 0).tolist(),
        always=np.flatnonzero(solved == 1).tolist(),
        forks=len(whole.final_answers) - len(env.final_answers),
        inheritance=fate_inheritance(whole),
        separations=separations(env),
    )  # fmt: skip


def _settled(env: Environment) -> npt.NDArray[np.float64]:
    """Return (N,) the part of each branch, in (0, 1], after which all its probe answers equal its final answer."""
    owner = np.repeat(np.arange(len(env.final_answers)), env.probes)
    other = np.flatnonzero(env.probe_answers != env.final_answers[owner])
    first = np.ones(len(env.final_answers), np.int64)
    first[owner[other]] = other - env.probe_offsets[owner[other]] + 2  # in order, so that the last assignment wins
    return np.asarray(np.minimum(1.0, first / np.maximum(1, env.probes)))


def _majority(env: Environment, n: int, orders: Mapping[int, Sequence[Sequence[int]]]) -> float:
    """Return the accuracy of the majority of ``n`` branches, or of all branches of a question that has fewer."""
    hits = []
    for q in range(len(env)):
        branches = env.branches(q)
        finals = env.final_answers[branches.start : branches.stop].tolist()
        for order in orders[len(branches)]:
            votes = Counter(finals[i] for i in order[:n])
            hits.append(max(votes, key=votes.__getitem__) == env.gold[q])
    return float(100 * np.mean(hits))
