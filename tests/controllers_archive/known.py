"""Worlds of known truth: how much a signal or a verifier tells, and whether a prefix decides how a branch ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean, stdev

from autotts.envs import Controller

from .worlds import Numbers, World, play

RIGHT = "right"


def flat_worlds(
    questions: int, separation: float, seed: int = 0, branches: int = 40, intervals: int = 8, share: float = 0.42
) -> list[World]:
    """Return worlds of unforked branches, in which ``share`` of the branches are right on average.

    The final answer of a branch appears at a random interval, and stays; before that the branch shows other answers.
    The signals ``lowest_group`` and ``group`` and the verifier are higher for right branches by
    ``separation`` standard deviations; ``answer_confidence`` is nearer to 0 where the answer shown is right.
    """
    chance, made = Random(seed), []
    for _ in range(questions):
        p = min(0.95, max(0.05, chance.gauss(share, 0.15)))
        answers, tokens = [], []
        rows: dict[str, Numbers] = {name: [] for name in ("lowest_group", "group", "answer_confidence", "judge")}
        for _ in range(branches):
            end = RIGHT if chance.random() < p else chance.choice(("wrong", "wrong", "wrong", "false", "off"))
            size = chance.randint(intervals // 2, intervals)
            known_at = chance.randint(0, size - 2)
            column = [end if t >= known_at else chance.choice(("wrong", "false", "off", end)) for t in range(size)]
            shift = separation * (end == RIGHT)
            levels = [chance.gauss(shift, 1) for _ in range(2)]
            answers.append(column)
            tokens.append(2048 * (size - 1) + chance.randint(1, 2048))
            rows["lowest_group"].append([max(0.5, 6 + 2 * levels[0])] * size)
            rows["group"].append([max(0.5, 6 + 2 * levels[0])] * size)
            rows["judge"].append([min(0.99, max(0.01, 0.3 + 0.15 * levels[1]))] * size)
            sure = [separation * (answer == RIGHT) + chance.gauss(0, 1) for answer in column]
            rows["answer_confidence"].append([min(0.0, -0.8 + value / 5) for value in sure])
        judge = rows.pop("judge")
        made.append(World(answers, tokens, 2048, dict(rows), judge))
    return made


def trees(
    questions: int, early: bool, seed: int = 0, roots: int = 8, depth: int = 4, children: int = 3, slip: float = 0.5
) -> list[World]:
    """Return worlds in which every branch has ``children`` recorded forks at each depth.

    A branch is right if it makes no slip in ``depth`` intervals, and the verifier says whether it has made one. If
    ``early``, each interval slips with probability ``slip``: prefixes decide. Otherwise one chance, equal to that of
    no slip at all, is drawn in the last interval, and prefixes tell nothing.
    """
    chance, made = Random(seed), []
    for _ in range(questions):
        fine = [_grown([], depth, early, slip, chance) for _ in range(roots)]
        parents, fork_depths = [-1] * roots, [0] * roots
        for at in range(1, depth):
            for b in range(len(fine)):
                for _ in range(children):
                    fine.append(_grown(fine[b][:at], depth, early, slip, chance))
                    parents.append(b)
                    fork_depths.append(at)
        ends = [RIGHT if row[-1] else chance.choice(("wrong", "false", "off", "bad")) for row in fine]
        answers = [[*[None] * (depth - 1), end] for end in ends]
        scores: Numbers = [[0.9 if ok else 0.1 for ok in row] for row in fine]
        made.append(
            World(list(map(list, answers)), [500 * depth] * len(fine), 500, {}, scores, 0, 0, parents, fork_depths)
        )
    return made


def _grown(prefix: Sequence[bool], depth: int, early: bool, slip: float, chance: Random) -> list[bool]:
    row = list(prefix)
    while len(row) < depth:
        last = len(row) == depth - 1
        fails = chance.random() < (slip if early else 1 - (1 - slip) ** depth if last else 0.0)
        row.append((not row or row[-1]) and not fails)
    return row


@dataclass
class Figures:
    """Of each world: whether the answer was right, and the tokens spent."""

    right: list[float]
    tokens: list[float]

    @property
    def accuracy(self) -> float:
        return mean(self.right)

    def over(self, other: Figures) -> tuple[float, float]:
        """Return (gain in accuracy over ``other``, its standard error), paired by world."""
        gains = [a - b for a, b in zip(self.right, other.right, strict=True)]
        return mean(gains), stdev(gains) / len(gains) ** 0.5

    def saved(self, other: Figures) -> float:
        """Return the share of the tokens of ``other`` that this saves."""
        return 1 - sum(self.tokens) / sum(other.tokens)


def measured(kind: type[Controller], worlds: Sequence[World], beta: float = 1.0, max_branches: int = 64) -> Figures:
    """Play every world once."""
    played = [play(kind, world, beta, order, max_branches, seed=order) for order, world in enumerate(worlds)]
    return Figures([float(each.answer == RIGHT) for each in played], [float(each.tokens) for each in played])


def clear(gain: tuple[float, float]) -> bool:
    """Whether a gain is positive by three standard errors."""
    return gain[0] > 3 * gain[1]


def none(gain: tuple[float, float]) -> bool:
    """Whether a gain is within three standard errors of nothing."""
    return abs(gain[0]) <= 3 * gain[1] + 1e-9
