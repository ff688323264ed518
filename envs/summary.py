"""What a person wants to know of an environment, in figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .replay import shuffled
from .store import Environment

WIDTHS = (1, 4, 16, 64)
_ORDERS = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of an environment. Lengths are in tokens, accuracies in per cent."""

    questions: int
    branches: tuple[int, int]
    """Fewest and most of a question."""
    probes: int
    lengths: tuple[float, float, float, float]
    """Mean, median, 90th percentile and longest of a branch."""
    single: float
    """Accuracy of one branch."""
    majority: dict[int, float]
    """Accuracy of the majority of so many branches, over 100 orders."""
    settled: tuple[float, float]
    """Median and 90th percentile of the part of a branch after which its answer is the final one for good."""
    absent: float
    """Per cent of final answers that are absent."""
    never: list[int]
    """Questions that no branch solves."""
    always: list[int]
    """Questions that every branch solves."""


def summarize(env: Environment) -> Summary:
    """Return the figures of ``env``."""
    sizes = np.diff(env.branch_offsets)
    right = env.final_answers == np.repeat(env.gold, sizes)
    solved = np.add.reduceat(right, env.branch_offsets[:-1]) / sizes
    settled = np.array([_settled(env, b) for b in range(len(env.final_answers))])
    lengths = env.total_tokens
    return Summary(
        questions=len(env),
        branches=(int(sizes.min()), int(sizes.max())),
        probes=len(env.probe_answers),
        lengths=(
            float(lengths.mean()), float(np.median(lengths)), float(np.percentile(lengths, 90)), float(lengths.max())
        ),
        single=float(100 * solved.mean()),
        majority={n: _majority(env, n) for n in WIDTHS if n <= sizes.max()},
        settled=(float(np.median(settled)), float(np.percentile(settled, 90))),
        absent=float(100 * (env.final_answers == 0).mean()),
        never=np.flatnonzero(solved == 0).tolist(),
        always=np.flatnonzero(solved == 1).tolist(),
    )  # fmt: skip


def _settled(env: Environment, branch: int) -> float:
    """Return the part of a branch, in (0, 1], after which its probe answers are its final answer."""
    probes = env.probe_answers[env.probe_offsets[branch] : env.probe_offsets[branch + 1]]
    other = np.flatnonzero(probes != env.final_answers[branch])
    first = int(other[-1]) + 2 if len(other) else 1
    return min(1.0, first / max(1, len(probes)))


def _majority(env: Environment, n: int) -> float:
    """Return the accuracy of the majority of ``n`` branches, over the questions that have so many."""
    hits = []
    for q in range(len(env)):
        branches = env.branches(q)
        if len(branches) < n:
            continue
        finals = env.final_answers[branches.start : branches.stop].tolist()
        for seed in range(_ORDERS):
            votes = Counter(finals[i] for i in shuffled(len(finals), seed)[:n])
            hits.append(max(votes, key=votes.__getitem__) == env.gold[q])
    return float(100 * np.mean(hits))
