"""Puts the forks of a question behind their parents, and finds those that do not fit the branches they fork from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from .gathered import GatheredBranch, MaybeNumber

Named = dict[int | str | None, GatheredBranch]
"""Branches by name."""


def settle_forks(
    branches: Sequence[GatheredBranch], delta: int
) -> tuple[list[GatheredBranch], list[tuple[GatheredBranch, str]]]:
    """Return the branches of a question in an order in which every parent stands before its forks.

    A fork at or before the fork depth of its own parent shares its intervals with the parent's parent: it is given to
    that branch. Fork depths are brought to intervals of ``delta`` tokens.

    Args:
        branches: all branches in their order, with fork depths in intervals of their own; the order changes only where
            a parent stands behind a fork.
        delta: tokens of an interval, to which the probes of the branches have been brought.

    Returns:
        The branches that fit, and the others with what is wrong with each. The forks of these do not fit either.
    """
    named: Named = {branch.name: branch for branch in branches if branch.name is not None}
    placed: dict[int, GatheredBranch] = {}
    wrong: dict[int, tuple[GatheredBranch, str]] = {}
    for branch in branches:
        line = {id(branch): branch}  # the branch and its ancestors that have no place yet
        parent = named.get(branch.parent)
        while parent is not None and not (id(parent) in line or id(parent) in placed or id(parent) in wrong):
            line[id(parent)] = parent
            parent = named.get(parent.parent)
        for each in reversed(line.values()):
            if id(each) in placed or id(each) in wrong:
                continue
            problem = _placed(each, named, placed, delta)
            if problem:
                wrong[id(each)] = (each, problem)
            else:
                placed[id(each)] = each
    return list(placed.values()), list(wrong.values())


def _placed(branch: GatheredBranch, named: Named, placed: dict[int, GatheredBranch], delta: int) -> str:
    """Give a fork its parent and depth; return what is wrong with it, or ''."""
    if branch.parent is None:
        return ""
    parent = named.get(branch.parent)
    if parent is None or id(parent) not in placed:
        return "the parent of a fork is not there"
    tokens = branch.fork_depth * (branch.delta or delta)
    if tokens % delta:
        return "a fork between two intervals"
    depth = tokens // delta
    while parent.parent is not None and depth <= parent.fork_depth:
        parent = named[parent.parent]
    if depth > min(len(parent.probes), len(branch.probes)):
        return "a fork beyond the probes of its parent, or beyond its own"
    if not _agree(branch, parent, depth):
        return "a fork that differs from its parent in the intervals that both share"
    branch.parent, branch.fork_depth = parent.name, depth
    return ""


def _agree(branch: GatheredBranch, parent: GatheredBranch, depth: int) -> bool:
    """Return whether both have the same answers, signals and scores in the first ``depth`` intervals."""
    if branch.probes[:depth] != parent.probes[:depth]:
        return False
    pairs = [(branch.scores, parent.scores)]
    pairs += [(branch.signals.get(name), parent.signals.get(name)) for name in {*branch.signals, *parent.signals}]
    return all(_same(*both) for a, b in pairs for both in zip_longest((a or [])[:depth], (b or [])[:depth]))


def _same(one: MaybeNumber, other: MaybeNumber) -> bool:
    return one == other or (one != one and other != other)  # two absent numbers are the same
