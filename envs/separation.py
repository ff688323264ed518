"""Measures what signals, verifier scores and prefixes tell of an environment's branches, against the gold answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .environment import ROOT, Environment
from .signals import VERIFIER, comes_with

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Separation:
    """How often a number is higher for a right branch than for a wrong one, in [0, 1]; ties count one half.

    The two branches are of the same question, and stand at the same depth. 0.5 tells nothing; below, lower is better.
    Forks are left out. None means that no such pair has the number.
    """

    unfinished: float | None
    """At the intervals before the last. The numbers of a probe tell right from wrong probe answers instead."""
    finished: float | None
    """Of finished branches, whatever their lengths."""


def separations(env: Environment) -> dict[str, Separation]:
    """Return the separation of each signal by name, and that of the verifier under the name ``verifier``."""
    cells, finals = _Groups.of_cells(env), _Groups.of_branches(env)
    answers = _Groups(cells.chosen, (env.probe_answers == env.gold[env.question_of][cells.owner])[cells.chosen],
                      cells.group, cells.owner)  # fmt: skip
    found = {}
    for name, unfinished, finished in _numbers(env):
        groups = answers if name != VERIFIER and comes_with(name) == "probe" else cells
        found[name] = Separation(
            None if unfinished is None else groups.separation(unfinished),
            None if finished is None else finals.separation(finished),
        )
    return found


def _numbers(env: Environment) -> Iterator[tuple[str, npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None]]:
    for name in env.signal_names:
        if name != VERIFIER:
            yield name, env.signals.get(name), env.final_signals.get(name)
    if env.verifier is not None:
        yield VERIFIER, env.verifier, env.final_verifier


@dataclass(frozen=True, slots=True)
class _Groups:
    """Numbers of a column that can be compared with each other: those of one question at one depth."""

    chosen: Mask
    """Which numbers of the column count."""
    right: Mask
    """Whether each chosen number is of something right."""
    group: Indices
    """The group of each chosen number."""
    owner: Indices
    """The branch of each number of the column."""

    @classmethod
    def of_cells(cls, env: Environment) -> _Groups:
        owner = np.repeat(np.arange(len(env.final_answers)), env.probes)
        depth = np.arange(len(owner)) - env.probe_offsets[owner]
        chosen = env.is_root[owner]
        group = env.question_of[owner] * (int(env.probes.max(initial=0)) + 1) + depth
        return cls(chosen, _right(env)[owner[chosen]], group[chosen], owner)

    @classmethod
    def of_branches(cls, env: Environment) -> _Groups:
        chosen, question = env.is_root, env.question_of.astype(np.int64)
        return cls(chosen, _right(env)[chosen], question[chosen], np.arange(len(chosen)))

    def separation(self, column: npt.NDArray[np.float32]) -> float | None:
        values = column[self.chosen]
        present = ~np.isnan(values)
        return ranks_above(values[present], self.right[present], self.group[present])


def _right(env: Environment) -> Mask:
    return np.asarray(env.final_answers == env.gold[env.question_of])


def ranks_above(values: npt.NDArray[np.float32], right: Mask, group: Indices) -> float | None:
    """Return how often a number of something right is above one of something wrong in its group; ties count one half.

    Args:
        values: (N,) numbers, none of them NaN.
        right: (N,) whether each is of something right.
        group: (N,) the group of each.

    Returns:
        The share of pairs over all groups together; None if no group has both kinds.
    """
    if not len(values):
        return None
    order = np.lexsort((values, group))
    values, right, group = values[order], right[order], group[order]
    new_group = np.concatenate(([True], group[1:] != group[:-1]))
    new_value = new_group | np.concatenate(([True], values[1:] != values[:-1]))
    wrong_before = np.concatenate(([0], np.cumsum(~right)))
    starts = np.flatnonzero(new_value)
    block = np.cumsum(new_value) - 1
    first, last = wrong_before[starts][block], wrong_before[np.append(starts[1:], len(values))][block]
    group_starts = np.flatnonzero(new_group)
    at = np.cumsum(new_group) - 1
    base = wrong_before[group_starts][at]
    wrongs = wrong_before[np.append(group_starts[1:], len(values))][at] - base
    pairs = int(wrongs[right].sum())
    return float(((first + last) / 2 - base)[right].sum() / pairs) if pairs else None


def fate_inheritance(env: Environment) -> float | None:
    """Return how much the end of a branch tells of the ends of its forks: 0 for nothing, 1 for everything.

    It is the share of forks that end right among those of right branches, minus that among those of wrong ones, over
    forks of the same question and depth: the probability that the shared prefix has decided the end.

    Returns:
        The difference; None if no question has forks of right and of wrong branches at the same depth.
    """
    if env.parents is None or env.fork_depths is None:
        return None
    forks = np.flatnonzero(env.parents != ROOT)
    if not len(forks):
        return None
    right, question = _right(env), env.question_of
    parent_right = right[env.parents[forks] + env.branch_offsets[:-1][question[forks]]]
    _, group = np.unique(question[forks].astype(np.int64) << 32 | env.fork_depths[forks], return_inverse=True)
    size = int(group.max()) + 1
    ones, ends = np.ones(len(forks)), right[forks].astype(float)
    count = [np.bincount(group, weights=ones * (parent_right == kind), minlength=size) for kind in (False, True)]
    share = [np.bincount(group, weights=ends * (parent_right == kind), minlength=size) for kind in (False, True)]
    both = (count[0] > 0) & (count[1] > 0)
    if not both.any():
        return None
    wrong, good = count[0][both], count[1][both]
    weight = wrong * good / (wrong + good)
    difference = share[1][both] / good - share[0][both] / wrong
    return float((weight * difference).sum() / weight.sum())
