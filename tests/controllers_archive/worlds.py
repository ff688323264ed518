"""Small recordings with signals, a verifier and forks, and controllers of the archive that play on them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from types import ModuleType

import numpy as np
import numpy.typing as npt

from autotts.agent.archive.baselines import baseline_source
from autotts.envs import Controller
from autotts.envs.contract.recording import Recording
from autotts.envs.contract.replay import ReplayQuestion
from autotts.envs.store import Environment

from ..environments import environment

Numbers = list[list[float | None]]


@dataclass
class World:
    """One question as nested lists: ``[branch][interval]``; the last entry of a branch is that of its end."""

    answers: list[list[str | None]]
    tokens: list[int]
    delta: int
    signals: dict[str, Numbers] = field(default_factory=dict)
    verifier: Numbers | None = None
    verify_cost: int = 0
    probe_cost: int = 0
    parents: list[int] | None = None
    fork_depths: list[int] = field(default_factory=list)

    def recording(self) -> Recording:
        """Return the world as a replay reads it."""
        return Recording.of(
            self.answers, self.tokens, self.delta, self.probe_cost, signals=self.signals, verifier=self.verifier,
            verify_cost=self.verify_cost, parents=self.parents, fork_depths=self.fork_depths,
        )  # fmt: skip


def stored(worlds: Sequence[World], name: str = "worlds") -> Environment:
    """Return worlds of one interval length, with the same signals, as the questions of an environment."""
    first = worlds[0]
    made = environment(
        [[[answer or "." for answer in column] for column in world.answers] for world in worlds],
        [world.tokens for world in worlds], ["A"] * len(worlds), first.delta, first.probe_cost, name,
    )  # fmt: skip

    def columns(rows: Sequence[Numbers]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        flat = [row for question in rows for row in question]
        cells = [value for row in flat for value in row[:-1]]
        return np.array(cells, np.float32), np.array([row[-1] for row in flat], np.float32)  # None becomes NaN

    found = {name: columns([world.signals[name] for world in worlds]) for name in first.signals}
    made = replace(
        made, signals={name: cells for name, (cells, _) in found.items()},
        final_signals={name: ends for name, (_, ends) in found.items()},
    )  # fmt: skip
    if first.verifier is not None:
        cells, ends = columns([world.verifier or [] for world in worlds])
        made = replace(made, verifier=cells, final_verifier=ends, verify_cost=first.verify_cost)
    if first.parents is not None:
        parents = np.array([parent for world in worlds for parent in world.parents or ()], np.int32)
        depths = np.array([depth for world in worlds for depth in world.fork_depths], np.int32)
        made = replace(made, parents=parents, fork_depths=depths)
    made.check()
    return made


@dataclass
class Played:
    """What an episode did."""

    answer: str | None
    depths: list[int]
    """Intervals that each branch has run, in the order of opening."""
    tokens: int
    question: ReplayQuestion


@cache
def module(name: str) -> ModuleType:
    """Return the baseline ``name`` as a module."""
    found = ModuleType(name)
    exec(baseline_source(name).replace("from envs import", "from autotts.envs import"), vars(found))
    return found


def controller(name: str, **params: float) -> type[Controller]:
    """Return the class of the baseline ``name``, with some inner parameters set."""
    (kind,) = (each for each in vars(module(name)).values() if isinstance(each, type) and Controller in each.__bases__)
    schedule = kind.schedule
    return type(kind.__name__, (kind,), {"schedule": staticmethod(lambda beta: schedule(beta) | params)})


def play(
    kind: type[Controller], world: World, beta: float = 1.0, order: int = 0, max_branches: int = 64, seed: int = 0
) -> Played:
    """Play one episode."""
    seen = world.recording().seen_by(kind)
    question = ReplayQuestion(seen, seen.order(order), max_branches)
    answer = kind(beta, seed).solve(question)
    depths = [question.depth(i) for i in range(question.width)]
    return Played(answer, depths, question.tokens, question)


def opened(world: World, kind: type[Controller], order: int) -> list[int]:
    """Return the roots of ``world`` in the order in which an episode opens them."""
    seen = world.recording().seen_by(kind)
    roots = [b for b in range(len(world.answers)) if world.parents is None or world.parents[b] < 0]
    return [roots[b] if len(seen.total_tokens) < len(world.answers) else b for b in seen.order(order)][: len(roots)]


def rounded(value: float) -> float:
    """Return a number that float32 holds exactly."""
    return round(value * 64) / 64


def random_world(
    chance: Random, names: Sequence[str] = (), verifier: bool = False, forks: bool = False, branches: int = 24,
    depth: int = 9, absent: float = 0.05,
) -> World:  # fmt: skip
    """Return a random world in which numbers and answers may be absent."""
    answers, sizes = list[list[str | None]](), [chance.randint(0, depth) + 1 for _ in range(branches)]
    for size in sizes:
        column = [chance.choice("AAABBC.")]
        while len(column) < size:
            column.append(column[-1] if chance.random() < 0.7 else chance.choice("AAABBC."))
        answers.append([None if answer == "." else answer for answer in column])
    delta = chance.choice((100, 500, 2048))
    made = World(answers, [], delta, verify_cost=chance.choice((0, 30)), probe_cost=chance.choice((0, 10)))
    if forks:
        _grow(made, chance, depth)
    made.tokens = [delta * (len(column) - 1) + chance.randint(1, delta) for column in made.answers]

    def numbers(low: float, high: float) -> Numbers:
        rows: Numbers = []
        for b, column in enumerate(made.answers):
            own = [None if chance.random() < absent else rounded(chance.uniform(low, high)) for _ in column]
            shared = made.fork_depths[b] if made.parents else 0
            rows.append([*(rows[made.parents[b]][:shared] if made.parents and shared else ()), *own[shared:]])
        return rows

    logs = ("confidence", "answer_confidence", "answer_hesitation")  # logarithms are at most 0
    made.signals = {name: numbers(-0.5, 0) if name in logs else numbers(1, 20) for name in names}
    made.verifier = numbers(0, 1) if verifier else None
    return made


def _grow(world: World, chance: Random, depth: int) -> None:
    """Add forks of branches, and of forks, to a world."""
    world.parents = [-1] * len(world.answers)
    world.fork_depths = [0] * len(world.answers)
    for _ in range(3 * len(world.answers)):
        parent = chance.randrange(len(world.answers))
        first = world.fork_depths[parent] + 1  # an earlier fork is one of the parent's own parent
        if first >= len(world.answers[parent]):
            continue
        at = chance.randrange(first, len(world.answers[parent]))
        rest: list[str | None] = [chance.choice("AABC") for _ in range(chance.randint(1, max(1, depth + 1 - at)))]
        world.answers.append([*world.answers[parent][:at], *rest])
        world.parents.append(parent)
        world.fork_depths.append(at)
