"""Simulates forks for the branches of any environment: trees in which a prefix decides, or not, how it continues.

Each branch has a point in its course at which its end is decided. A fork beyond that point ends as its parent does,
right or wrong. A fork before it is open: it ends as a branch drawn anew would that still runs at this depth. Either
way, its course from the fork on is that of another branch of the question, which the recording or the model gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..environment import FORK_RULES, ROOT, Environment
from ..episodes import BRANCH_INDEX_LIMIT
from ..errors import InputError
from ..ranges import ranges
from .columns import generator

_MAX_BRANCHES = 4_000_000
"""The largest number of branches of an environment with simulated forks."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """Which forks to simulate.

    Raises:
        InputError: a number is out of range.
    """

    depths: tuple[int, ...]
    """Intervals after which every branch that still runs is forked."""
    forks: int = 2
    """Forks of a branch at each of these depths."""
    levels: int = 1
    """1 for forks of roots; 2 for forks of these as well, at later depths; and so on."""
    decided: tuple[float, float] = (0.5, 0.5)
    """The probability that a prefix has decided the end: at the start of a branch, and at its end; even in between."""
    rule: str = FORK_RULES[0]
    """What answers a fork that is not there, one of `FORK_RULES`."""

    def __post_init__(self) -> None:
        if not self.depths or min(self.depths) < 1 or len(set(self.depths)) < len(self.depths):
            raise InputError("depths of forks must be different numbers of intervals, from 1 on")
        if self.forks < 1 or self.levels < 1:
            raise InputError("forks and their levels must be at least 1")
        if not 0 <= self.decided[0] <= self.decided[1] <= 1:
            raise InputError(
                f"the probabilities that a prefix has decided the end are {self.decided[0]:g} and"
                f" {self.decided[1]:g}, but must ascend within 0 and 1"
            )


def with_forks(env: Environment, plan: ForkPlan, seed: int = 0) -> Environment:
    """Return ``env`` with simulated forks behind the branches of each question. Equal arguments give equal bits.

    Signals and verifier scores of a fork are those of its parent, and from the fork on those of the branch whose course
    it takes. Simulate them after the forks instead, so that they depend on how the fork itself ends.

    Args:
        env: an environment without forks.
        plan: which forks to make.
        seed: seed of the draws.

    Raises:
        InputError: the environment has forks, no branch reaches a depth, or a question would have too many branches.
    """
    if env.parents is not None:
        raise InputError(f"{env.name} has forks already")
    if not (env.probes >= min(plan.depths)).any():
        raise InputError(f"{env.name}: no branch still runs after {min(plan.depths)} intervals")
    rng = generator(f"{seed} forks")
    questions = []
    total = 0
    for q in range(len(env)):
        questions.append(_Tree(env, q, rng).grow(plan))
        total += len(questions[-1].parent)
        if len(questions[-1].parent) > BRANCH_INDEX_LIMIT or total > _MAX_BRANCHES:
            raise InputError(
                f"{env.name}: with these forks, a question has more than {BRANCH_INDEX_LIMIT:,} branches, or all have"
                f" more than {_MAX_BRANCHES:,}"
            )
    return _gathered(env, questions, plan.rule)


class _Tree:
    """The branches of a question: its roots, and the forks that grow from them."""

    def __init__(self, env: Environment, question: int, rng: np.random.Generator) -> None:
        branches = env.branches(question)
        self.first = branches.start
        self.probes = env.probes[branches.start : branches.stop].astype(np.int64)
        """(R,) the probes of each root."""
        self.right = env.final_answers[branches.start : branches.stop] == env.gold[question]
        self.parent = [ROOT] * len(branches)
        self.depth = [0] * len(branches)
        self.course = list(range(len(branches)))
        """The root whose course each branch takes from its fork on."""
        self.point: list[float] = rng.random(len(branches)).tolist()
        """A branch has decided its end at a depth where the probability of the plan is above this number."""
        self._rng = rng

    def grow(self, plan: ForkPlan) -> _Tree:
        """Add the forks of ``plan``."""
        level = range(len(self.parent))
        for _ in range(plan.levels):
            before = len(self.parent)
            for branch in level:
                for depth in sorted(plan.depths):
                    if self.depth[branch] < depth <= self.probes[self.course[branch]]:
                        for _ in range(plan.forks):
                            self._fork(branch, depth, plan.decided)
                if len(self.parent) > BRANCH_INDEX_LIMIT:
                    return self
            level = range(before, len(self.parent))
        return self

    def _fork(self, branch: int, depth: int, decided: tuple[float, float]) -> None:
        course, first, last = self.course[branch], *decided
        chance = first + (last - first) * depth / (int(self.probes[course]) + 1)
        draws = self._rng.random(2)
        fits = self.probes >= depth
        fits[course] = False
        if self.point[branch] < chance:
            fits &= self.right == self.right[course]
            point = -1.0  # its forks beyond have its end too
        else:
            point = chance + (1 - chance) * float(draws[0])  # undecided up to here, as its parent was
        others = np.flatnonzero(fits)
        self.parent.append(branch)
        self.depth.append(depth)
        self.point.append(point)
        self.course.append(int(others[int(draws[1] * len(others))]) if len(others) else course)


def _gathered(env: Environment, trees: Sequence[_Tree], rule: str) -> Environment:
    """Return ``env`` with the branches of ``trees``, each made of a prefix of its parent and a course."""
    course = np.concatenate([np.array(tree.course, np.int64) + tree.first for tree in trees])
    widths = np.array([len(tree.parent) for tree in trees], np.int64)
    parents = np.concatenate([np.array(tree.parent, np.int32) for tree in trees])
    depths = np.concatenate([np.array(tree.depth, np.int32) for tree in trees])
    probes = env.probes[course].astype(np.int64)
    first = np.concatenate(([0], np.cumsum(probes)))
    starts = env.probe_offsets.astype(np.int64)[course]
    cells = ranges(starts, starts + probes)
    before = np.repeat(np.cumsum(widths) - widths, widths)
    for b in np.flatnonzero(parents != ROOT).tolist():  # a parent stands before its forks, so its cells are final
        of, depth = int(first[before[b] + parents[b]]), int(depths[b])
        cells[first[b] : first[b] + depth] = cells[of : of + depth]
    return replace(
        env,
        branch_offsets=np.concatenate(([0], np.cumsum(widths))).astype(np.int32),
        probe_offsets=first.astype(np.int32),
        probe_answers=env.probe_answers[cells],
        final_answers=env.final_answers[course],
        total_tokens=env.total_tokens[course],
        signals={name: column[cells] for name, column in env.signals.items()},
        final_signals={name: column[course] for name, column in env.final_signals.items()},
        verifier=None if env.verifier is None else env.verifier[cells],
        final_verifier=None if env.final_verifier is None else env.final_verifier[course],
        parents=parents,
        fork_depths=depths,
        fork_rule=rule,
    )
