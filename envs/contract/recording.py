"""The recorded branches of one question, as a replay reads them.

Standard library only: this file also runs inside the sandbox.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

from .question import Probe

NEAREST = "nearest"
"""The rule of an environment whose `fork` takes the nearest recorded fork where none was recorded at the depth."""


class DeclaredUse(Protocol):
    """What a controller declares that it uses: see the attributes of `Controller`."""

    signals: tuple[str, ...]
    optional_signals: tuple[str, ...]
    verifier: str
    forks: str


class Recording:
    """The recorded branches of one question, ready for replay.

    Args:
        columns: the results of the steps of each branch; the last one is the final answer.
        total_tokens: the length of each branch in tokens.
        delta: tokens of one interval.
        probe_cost: tokens charged for each probe.
        signals: by name, the numbers of each branch: one for each interval, of the finished branch last; NaN where
            the signal is absent.
        verifier: the scores of each branch in the same form; None for no verifier.
        verify_cost: tokens charged for each verification.
        parents: the parent of each forked branch, and -1 for the others (the roots); None if there are no forks.
            The column of a forked branch begins with the intervals that it shares with its parent.
        fork_depths: the intervals that each branch shares with its parent; 0 for roots.
        fork_rule: ``recorded``, or ``nearest`` (see `RecordedForks`).
    """

    __slots__ = (
        "answers_only", "columns", "delta", "fork_depths", "fork_rule", "parents", "probe_cost", "signals",
        "total_tokens", "verifier", "verify_cost",
    )  # fmt: skip

    def __init__(
        self,
        columns: Columns | list[list[Probe]],
        total_tokens: Sequence[int],
        delta: int,
        probe_cost: int = 0,
        *,
        signals: Mapping[str, BranchNumbers] | None = None,
        verifier: BranchNumbers | None = None,
        verify_cost: int = 0,
        parents: Sequence[int] | None = None,
        fork_depths: Sequence[int] = (),
        fork_rule: str = "recorded",
    ) -> None:
        self.columns = columns
        self.total_tokens = total_tokens
        self.delta = delta
        self.probe_cost = probe_cost
        self.signals = signals or {}
        self.verifier = verifier
        self.verify_cost = verify_cost
        self.parents = parents
        self.fork_depths = fork_depths
        self.fork_rule = fork_rule
        self.answers_only = not self.signals and verifier is None and parents is None

    @classmethod
    def of(
        cls,
        answers: Sequence[Sequence[str | None]],
        total_tokens: Sequence[int],
        delta: int,
        probe_cost: int = 0,
        *,
        signals: Mapping[str, Sequence[Sequence[float | None]]] | None = None,
        verifier: Sequence[Sequence[float | None]] | None = None,
        verify_cost: int = 0,
        parents: Sequence[int] | None = None,
        fork_depths: Sequence[int] = (),
        fork_rule: str = "recorded",
    ) -> Recording:
        """Return a recording from the answers of each branch: a probe answer for each interval, then the final one.

        The numbers of a branch are as many as its answers, None where there is none. See the class for all else.

        Raises:
            ValueError: the arguments do not fit each other.
        """
        columns: list[list[Probe]] = [[(answer, False) for answer in column] for column in answers]
        for column in columns:
            column[-1] = (column[-1][0], True)
        sizes = list(map(len, columns))
        for numbers in (*(signals or {}).values(), *(() if verifier is None else (verifier,))):
            if list(map(len, numbers)) != sizes:
                raise ValueError("a signal or the verifier does not have a number for each answer of each branch")
        if parents is not None:
            _check_forks(parents, fork_depths, sizes)
        return cls(
            columns,
            total_tokens,
            delta,
            probe_cost,
            signals={name: _rounded(numbers) for name, numbers in (signals or {}).items()},
            verifier=None if verifier is None else _rounded(verifier),
            verify_cost=verify_cost,
            parents=parents,
            fork_depths=fork_depths,
            fork_rule=fork_rule,
        )

    def order(self, seed: int) -> list[int]:
        """Return the order in which the branches are opened under ``seed``: the roots, and then the forks."""
        if self.parents is None:
            return shuffled(len(self.total_tokens), seed)
        return branch_order(self.parents, self.fork_depths, seed)

    def seen_by(self, controller: DeclaredUse) -> Recording:
        """Return the recording as ``controller`` (or its class) sees it: without the parts that it does not declare.

        If it does not declare ``forks``, only the roots remain, numbered anew.
        """
        branches = list(range(len(self.total_tokens)))
        forked, verifies = self.parents is not None and bool(controller.forks), bool(controller.verifier)
        if self.parents is not None and not forked:
            branches = [b for b in branches if self.parents[b] < 0]
        names = (*controller.signals, *controller.optional_signals)
        seen = Recording(
            [self.columns[b] for b in branches],
            [self.total_tokens[b] for b in branches],
            self.delta,
            self.probe_cost,
            signals={name: [self.signals[name][b] for b in branches] for name in names if name in self.signals},
            verifier=[self.verifier[b] for b in branches] if self.verifier is not None and verifies else None,
            verify_cost=self.verify_cost if verifies else 0,
            parents=self.parents if forked else None,
            fork_depths=self.fork_depths if forked else (),
            fork_rule=self.fork_rule if forked else "recorded",
        )
        seen.answers_only = seen.answers_only and not names
        return seen


def _check_forks(parents: Sequence[int], depths: Sequence[int], sizes: Sequence[int]) -> None:
    if not len(parents) == len(depths) == len(sizes):
        raise ValueError("parents and fork depths do not match the branches")
    for branch, (parent, depth) in enumerate(zip(parents, depths, strict=True)):
        if parent < 0 and depth:
            raise ValueError(f"branch {branch} has no parent, but shares {depth} intervals")
        if parent >= 0 and not (parent < branch and 1 <= depth < min(sizes[parent], sizes[branch])):
            raise ValueError(f"branch {branch} cannot have been forked from branch {parent} at depth {depth}")


def _rounded(numbers: Sequence[Sequence[float | None]]) -> list[Sequence[float]]:
    """Return numbers as float32, which is how they cross the wall of the sandbox."""
    return [array("f", (float("nan") if value is None else value for value in row)) for row in numbers]


class Columns(dict[int, list[Probe]]):
    """The results of the steps of each branch. A column is made when it is first used.

    Args:
        pairs: the result of a step for each code. Branches share these pairs, which saves memory and speeds up
            comparisons.
        cells: the codes of all branches, one branch after another.
        offsets: the first cell of each branch, and the end of the last branch.
    """

    __slots__ = ("_cells", "_offsets", "_pairs")

    def __init__(self, pairs: Sequence[Probe], cells: Sequence[int], offsets: Sequence[int]) -> None:
        self._pairs = pairs
        self._cells = cells
        self._offsets = offsets

    def __missing__(self, branch: int) -> list[Probe]:
        codes = self._cells[self._offsets[branch] : self._offsets[branch + 1]]
        column = list(map(self._pairs.__getitem__, codes))
        column[-1] = (column[-1][0], True)
        self[branch] = column
        return column


class Numbers(dict[int, Sequence[float]]):
    """The numbers of each branch: a signal, or the scores of a verifier. Those of a branch are cut when first used.

    Args:
        cells: the numbers of all branches, one branch after another.
        offsets: the first cell of each branch, and the end of the last branch.
    """

    __slots__ = ("_cells", "_offsets")

    def __init__(self, cells: Sequence[float], offsets: Sequence[int]) -> None:
        self._cells = cells
        self._offsets = offsets

    def __missing__(self, branch: int) -> Sequence[float]:
        self[branch] = numbers = self._cells[self._offsets[branch] : self._offsets[branch + 1]]
        return numbers


BranchNumbers = Numbers | Sequence[Sequence[float]]


def unpacked_extras(
    heads: Sequence[dict[str, Any] | None], blobs: Mapping[str, Any], branches: Sequence[int], cells: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Return the arguments of `Recording` for the signals, the verifier and the forks of some questions, by question.

    Args:
        heads: of each question, the names of its signals, and the cost of its verifier and its rule for forks where it
            has them; None for a question that has answers alone.
        blobs: the columns: ``numbers`` (of each question its signals, then its scores), ``parents``, ``fork_depths``.
        branches: the first branch of each question, and the end of the last one.
        cells: the first cell of each branch, and the end of the last one.
    """
    found: dict[int, dict[str, Any]] = {}
    at = fork = 0
    for which, head in enumerate(heads):
        if head is None:
            continue
        first, last = branches[which], branches[which + 1]
        offsets = [cell - cells[first] for cell in cells[first : last + 1]]
        columns = []
        for _ in range(len(head["signals"]) + ("verify_cost" in head)):
            columns.append(Numbers(blobs["numbers"][at : at + offsets[-1]], offsets))
            at += offsets[-1]
        more: dict[str, Any] = {"signals": dict(zip(head["signals"], columns, strict=False))}
        found[which] = more
        if "verify_cost" in head:
            more.update(verifier=columns[-1], verify_cost=head["verify_cost"])
        if "fork_rule" in head:
            end = fork + last - first
            more.update(parents=blobs["parents"][fork:end], fork_depths=blobs["fork_depths"][fork:end])
            more.update(fork_rule=head["fork_rule"])
            fork = end
    return found


class RecordedForks:
    """The recorded forks of one question that an episode has not taken yet.

    A fork of branch b at depth d takes the next recorded child of (b, d). Where the rule is `NEAREST` and none is
    left there, it takes the next child of b whose fork depth is nearest to d (of equally near ones, the smaller).
    Such a child is shown from depth d on; if it had ended before, its next interval shows its final answer, and is
    free.

    Args:
        parents: the parent of each branch; -1 for roots.
        depths: the intervals that each branch shares with its parent.
        order: the order of opening: the children of one parent and depth are taken as they come in it.
        nearest: whether the rule is `NEAREST`.
    """

    __slots__ = ("_children", "_nearest")

    def __init__(self, parents: Sequence[int], depths: Sequence[int], order: Sequence[int], nearest: bool) -> None:
        self._nearest = nearest
        self._children: dict[int, dict[int, list[int]]] = {}
        for branch in reversed(order):
            if parents[branch] >= 0:
                self._children.setdefault(parents[branch], {}).setdefault(depths[branch], []).append(branch)

    def has(self, branch: int, depth: int) -> bool:
        """Return whether a fork of ``branch`` at ``depth`` finds a child."""
        children = self._children.get(branch, {})
        return depth in children or (self._nearest and bool(children))

    def take(self, branch: int, depth: int) -> int:
        """Return the child that a fork of ``branch`` at ``depth`` opens. It is not taken again.

        Raises:
            KeyError: there is none (see `has`).
        """
        children = self._children[branch]
        if depth not in children and self._nearest:
            depth = min(children, key=lambda d: (abs(d - depth), d))
        left = children[depth]
        child = left.pop()
        if not left:
            del children[depth]
            if not children:
                del self._children[branch]
        return child


def shuffled(n: int, seed: int) -> list[int]:
    """Return the order in which a question's ``n`` branches are opened under ``seed``, as in the published data."""
    order = list(range(n))
    Random(seed).shuffle(order)
    return order


def branch_order(parents: Sequence[int], depths: Sequence[int], seed: int) -> list[int]:
    """Return the order of opening under ``seed`` for branches of which some were forked.

    First come the roots, `shuffled`. Then come the children of each (parent, fork depth), in the order in which the
    first of them is recorded; those of one parent and depth are `shuffled` among each other.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for branch, (parent, depth) in enumerate(zip(parents, depths, strict=True)):
        groups.setdefault((max(parent, -1), depth if parent >= 0 else 0), []).append(branch)
    roots = groups.pop((-1, 0), [])
    return [group[k] for group in (roots, *groups.values()) for k in shuffled(len(group), seed)]
