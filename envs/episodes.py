"""Batches of episodes, and the action logs of a batch, both stored as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .contract.replay import shuffled
from .defaults import DEFAULT_ORDERS as DEFAULT_ORDERS
from .defaults import MAX_BRANCHES as MAX_BRANCHES
from .errors import InputError
from .ranges import ranges as ranges
from .store import Environment

BETAS = tuple(round(0.1 * i, 1) for i in range(11))
"""The beta grid of a scaling curve."""

MAX_EPISODES = 20_000_000
"""The largest number of episodes in a batch: more do not fit into the memory of common machines."""
_BLOCK = 1 << 20  # records that are added up at a time
BRANCH_INDEX_LIMIT = 2**16
"""The largest number of branches in an episode: action logs number branches in 16 bits."""


@dataclass(frozen=True)
class Episodes:
    """A batch of E episodes under one budget. Every column has one entry for each episode."""

    environments: tuple[Environment, ...]
    environment: npt.NDArray[np.int32]
    """(E,) index into ``environments``."""
    question: npt.NDArray[np.int32]
    """(E,) index of the question in its environment."""
    beta: npt.NDArray[np.float64]
    """(E,)"""
    order: npt.NDArray[np.int64]
    """(E,) the branch order: the seed of the permutation in which the branches of the question are opened."""
    max_branches: int = MAX_BRANCHES
    max_tokens: int | None = None

    def __len__(self) -> int:
        return len(self.question)

    @cached_property
    def permutations(self) -> dict[tuple[int, int], npt.NDArray[np.int32]]:
        """The order of opening for each (number of roots, branch order), cut off at ``max_branches``."""
        sizes = sorted({int(n) for env in self.environments for n in np.diff(_root_offsets(env))})
        return {
            (n, order): np.array(shuffled(n, order)[: self.max_branches], np.int32)
            for n in sizes
            for order in np.unique(self.order).tolist()
        }

    @cached_property
    def opened(self) -> npt.NDArray[np.int32]:
        """(E, max_branches) the branch of the environment that each episode opens as its i-th, or -1 if it has none.

        Forks are left out: which one is opened depends on the episode (see `opened_branches`).
        """
        table = np.full((len(self), self.max_branches), -1, np.int32)
        for e, env in enumerate(self.environments):
            starts = _root_offsets(env)
            sizes = np.diff(starts)
            for n in np.unique(sizes).tolist():
                mine = np.flatnonzero((self.environment == e) & (sizes[self.question * (self.environment == e)] == n))
                orders, which = np.unique(self.order[mine], return_inverse=True)
                if len(orders) == 0:
                    continue
                permutations = np.stack([self.permutations[n, order] for order in orders.tolist()])
                table[mine, : permutations.shape[1]] = permutations[which] + starts[self.question[mine]][:, None]
                if env.parents is not None:
                    roots = np.flatnonzero(env.is_root)
                    table[mine, : permutations.shape[1]] = roots[table[mine, : permutations.shape[1]]]
        return table

    @cached_property
    def most_entries(self) -> npt.NDArray[np.int64]:
        """(E,) the most entries that the action log of each episode may have: see `sandbox.kept_logs`."""
        most = np.zeros(len(self), np.int64)
        for e, env in enumerate(self.environments):
            mine = self.environment == e
            if not mine.any():
                continue
            steps = _most_steps(env, self.max_branches)[self.question[mine]]
            forks = self.max_branches if env.parents is not None else 0
            most[mine] = entries_of(steps, env.verifier is not None, forks)
        return most

    def only(self, question: int) -> Episodes:
        """Return the episodes of the question with index ``question``, in every environment."""
        return self.take(np.flatnonzero(self.question == question))

    def take(self, which: npt.NDArray[np.int64]) -> Episodes:
        """Return the episodes ``which``, in that order."""
        columns = {name: getattr(self, name)[which] for name in ("environment", "question", "beta", "order")}
        return replace(self, **columns)

    def of_used_environments(self) -> Episodes:
        """Return the same episodes with only those environments that one of them is on."""
        used, environment = np.unique(self.environment, return_inverse=True)
        if len(used) == len(self.environments):
            return self
        environments = tuple(self.environments[e] for e in used.tolist())
        return replace(self, environments=environments, environment=environment.ravel().astype(np.int32))

    def count(self) -> str:
        """Return the number of episodes, and the factors of a `grid`, as text."""

        def many(n: int, what: str) -> str:
            return f"{n:,} {what}{'' if n == 1 else 's'}"

        questions = sum(map(len, self.environments))
        factors = (
            f"{many(len(self.environments), 'environment')} ({many(questions, 'question')})",
            many(len(np.unique(self.beta)), "beta"), many(len(np.unique(self.order)), "order"),
        )  # fmt: skip
        return f"{many(len(self), 'episode')}: {' x '.join(factors)}"

    def describe(self, index: int) -> str:
        """Return the environment, question, beta and branch order of episode ``index`` as text."""
        environment = self.environments[self.environment[index]].name
        return f"{environment}, question {self.question[index]}, beta {self.beta[index]:g}, order {self.order[index]}"


def _root_offsets(env: Environment) -> npt.NDArray[np.int32]:
    """Return (Q + 1,) the offsets of the branches of each question among those that are no forks."""
    if env.parents is None:
        return env.branch_offsets
    return np.concatenate(([0], np.cumsum(env.is_root)))[env.branch_offsets].astype(np.int32)


_Steps = TypeVar("_Steps", int, npt.NDArray[np.int64])


def entries_of(steps: _Steps, verifier: bool, forks: int) -> _Steps:
    """Return the most entries that the log of an episode may have.

    A branch with D steps to its end has D entries that open it or probe it, D that advance it, and D that verify it.
    A fork that was recorded at a lower depth than it is opened may have two more.

    Args:
        steps: the steps to the ends of all branches that may be opened.
        verifier: whether there is one.
        forks: the number of forks that may be opened, or more.
    """
    return (3 if verifier else 2) * steps + 2 * forks


def _most_steps(env: Environment, max_branches: int) -> npt.NDArray[np.int64]:
    """Return, for each question, the steps to the ends of its ``max_branches`` longest branches."""
    steps, sizes = env.probes.astype(np.int64) + 1, np.diff(env.branch_offsets)
    if int(sizes.max()) > max_branches:
        question = np.repeat(np.arange(len(sizes)), sizes)
        order = np.lexsort((-steps, question))
        steps[order[np.arange(len(steps)) - env.branch_offsets[question] >= max_branches]] = 0
    return np.add.reduceat(steps, env.branch_offsets[:-1])


def grid(
    environments: Sequence[Environment],
    betas: Iterable[float] = BETAS,
    orders: Iterable[int] = range(100),
    max_branches: int = MAX_BRANCHES,
    max_tokens: int | None = None,
) -> Episodes:
    """Return one episode for each environment x beta x question x branch order, the last index running fastest.

    Args:
        environments: at least one environment.
        betas: values in [0, 1].
        orders: branch orders, from 0 to 2**63 - 1.
        max_branches: the width of the budget.
        max_tokens: the tokens of the budget, at least one interval and its probe, or None for no limit.

    Raises:
        InputError: a list is empty, a value is out of range, or the batch has more than `MAX_EPISODES` episodes.
    """
    betas = list(betas)
    each = max(1, len(betas) * sum(map(len, environments)))
    orders = list(islice(orders, MAX_EPISODES // each + 1))  # a range may be far too long to list in full
    if not environments or not betas or not orders:
        raise InputError("nothing to evaluate: at least one environment, one beta and one branch order are needed")
    for beta in betas:
        if not 0 <= beta <= 1:
            raise InputError(f"beta is {beta}, but must lie in [0, 1]")
    if len(orders) * each > MAX_EPISODES:
        raise InputError(f"more than {MAX_EPISODES:,} episodes: take fewer branch orders, betas or environments")
    if min(orders) < 0 or max(orders) >= 2**63:
        raise InputError(
            f"branch order is {min(orders) if min(orders) < 0 else max(orders)}, but must be from 0 to 2**63 - 1"
        )
    if max_branches < 1:
        raise InputError(f"max_branches is {max_branches}, but must be at least 1")
    most = max(int(np.diff(env.branch_offsets).max()) for env in environments)
    max_branches = min(max_branches, most)  # a wider budget changes nothing but the size of the tables
    if max_branches > BRANCH_INDEX_LIMIT:
        raise InputError(f"max_branches is {max_branches}, but must be at most {BRANCH_INDEX_LIMIT}")
    if max_tokens is not None and max_tokens < 1:
        raise InputError(f"max_tokens is {max_tokens}, but must be at least 1")
    if max_tokens is not None:
        longest = max(environments, key=lambda env: env.delta + env.probe_cost)
        if max_tokens < longest.delta + longest.probe_cost:
            raise InputError(
                f"max_tokens is {max_tokens}, less than one interval and its probe in {longest.name} "
                f"({longest.delta + longest.probe_cost} tokens): no branch could run"
            )
    columns = Episodes(
        environments=tuple(environments),
        environment=np.empty(len(orders) * each, np.int32),
        question=np.empty(len(orders) * each, np.int32),
        beta=np.empty(len(orders) * each, np.float64),
        order=np.empty(len(orders) * each, np.int64),
        max_branches=max_branches,
        max_tokens=max_tokens,
    )
    first = 0
    for e, env in enumerate(environments):  # in place: a batch of ten million episodes has one copy of each column
        shape = len(betas), len(env), len(orders)
        here = slice(first, first + len(betas) * len(env) * len(orders))
        columns.environment[here] = e
        columns.question[here].reshape(shape)[:] = np.arange(len(env))[None, :, None]
        columns.beta[here].reshape(shape)[:] = np.array(betas, float)[:, None, None]
        columns.order[here].reshape(shape)[:] = np.array(orders)[None, None, :]
        first = here.stop
    return columns


@dataclass(frozen=True)
class Logs:
    """The action logs of E episodes, one after another: R records and I indices in total (see `replay.ActionLog`)."""

    answer: npt.NDArray[np.int32]
    """(E,) the answers given, as indices into the vocabulary of the environment; 0 for an absent answer."""
    record_offsets: npt.NDArray[np.int64]
    """(E + 1,) the first record of each episode, and R."""
    verbs: npt.NDArray[np.uint8]
    """(R,) action codes."""
    repeats: npt.NDArray[np.uint16]
    """(R,) repetitions of each record."""
    counts: npt.NDArray[np.uint16]
    """(R,) number of indices of each record."""
    indices: npt.NDArray[np.uint16]
    """(I,) branches, numbered in the order of opening."""

    def __len__(self) -> int:
        return len(self.answer)

    @cached_property
    def index_offsets(self) -> npt.NDArray[np.int64]:
        """(R + 1,) the first entry of ``indices`` of each record, and I."""
        offsets = np.zeros(len(self.counts) + 1, np.int64)
        for first in range(0, len(self.counts), _BLOCK):  # in parts: numpy would copy all counts as integers of 64 bits
            part = offsets[first + 1 : first + 1 + _BLOCK]
            np.cumsum(self.counts[first : first + _BLOCK], dtype=np.int64, out=part)
            part += offsets[first]
        return offsets

    @cached_property
    def episode_of_record(self) -> npt.NDArray[np.int64]:
        """(R,) the episode of each record."""
        return np.repeat(np.arange(len(self)), np.diff(self.record_offsets))

    @property
    def size(self) -> int:
        """Bytes of all columns of records and indices."""
        return self.verbs.nbytes + self.repeats.nbytes + self.counts.nbytes + self.indices.nbytes

    @classmethod
    def joined(cls, parts: Sequence[Logs]) -> Logs:
        """Return the logs of several batches as one, one batch after another."""
        sizes = [np.diff(part.record_offsets) for part in parts]
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return cls(record_offsets=np.concatenate(([0], np.cumsum(np.concatenate(sizes)))), **columns)

    def part(self, first: int, last: int) -> Logs:
        """Return the logs of the episodes ``first:last``."""
        r = slice(int(self.record_offsets[first]), int(self.record_offsets[last]))
        i = slice(int(self.index_offsets[r.start]), int(self.index_offsets[r.stop]))
        return Logs(
            self.answer[first:last],
            self.record_offsets[first : last + 1] - r.start,
            self.verbs[r],
            self.repeats[r],
            self.counts[r],
            self.indices[i],
        )

    def take(self, which: npt.NDArray[np.int64]) -> Logs:
        """Return the logs of the episodes ``which``, in that order."""
        records = ranges(self.record_offsets[which], self.record_offsets[which + 1])
        entries = ranges(self.index_offsets[records], self.index_offsets[records + 1])
        sizes = self.record_offsets[which + 1] - self.record_offsets[which]
        return Logs(
            self.answer[which],
            np.concatenate(([0], np.cumsum(sizes))),
            self.verbs[records],
            self.repeats[records],
            self.counts[records],
            self.indices[entries],
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns by name, in the form in which an archive stores them."""
        return {name: getattr(self, name) for name in ("answer", "record_offsets", *_COLUMNS[1:])}


_COLUMNS = ("answer", "verbs", "repeats", "counts", "indices")
