"""One episode as it is drawn: a row for each branch, a cell for each interval, and when each cell was run and shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import nan

import numpy as np

from autotts.envs.contract.replay import ADVANCE, BRANCH, PRUNE, STEP, VERBS, VERIFY
from autotts.envs.declarations import Declarations
from autotts.envs.episodes import Episodes, Logs
from autotts.envs.opened_branches import OpenedBranches, opened_branches, recorded_answers
from autotts.envs.store import Environment
from autotts.envs.trace import Trace, TraceStep, end_reason, trace

from .branch_numbers import DrawnNumber, OpenedBranch, drawn_numbers
from .lead import lead_history

_LONGEST = 300
"""Characters of a recorded answer that are drawn; a recorded answer may have any length."""

STATES = ("correct", "wrong", "absent", "pruned", "unseen")
"""The states of a cell: its answer if the controller saw the answer, else why the controller did not see it."""
_CORRECT, _WRONG, _ABSENT, _PRUNED, _UNSEEN = range(len(STATES))
SHARED = len(STATES)
"""The state of an interval that a fork shares with the branch that was forked: it is drawn there, and not again."""


@dataclass(frozen=True, slots=True)
class DrawnBranch:
    """A branch that was opened. Steps are numbered from 0; -1 means never."""

    cells: tuple[int, ...]
    """The recorded answers by interval, the final answer last: positions in ``DrawnEpisode.answers``."""
    passed: tuple[int, ...]
    """The step in which the branch ran each interval."""
    seen: tuple[int, ...]
    """The step in which the controller saw the answer of each interval."""
    stood: tuple[int, ...]
    """The step that left the branch at the end of each interval, where its signals can be read."""
    verified: tuple[int, ...]
    """The step in which the controller had the branch verified after each interval."""
    opened: int
    pruned: int
    ended: int
    parent: int
    """The branch that was forked; -1 for none. The four columns above know of shared intervals from then on."""
    start: int
    """The depth at which it was opened: intervals that a fork shares with its parent, else 0."""


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """One call of the controller."""

    verb: str
    times: int
    branches: tuple[int, ...]
    forks: tuple[int, ...]
    """Of a fork: the branch that it opened."""
    scores: tuple[float | None, ...]
    """Of a verification: the score of each branch."""
    tokens: int
    """Tokens spent in the episode by the end of the call."""
    latency: int
    """Tokens on the critical path by the end of the call."""
    leader: int
    """The leading answer after the call: a position in ``answers``; -1 before any answer was seen."""


@dataclass(frozen=True, slots=True)
class DrawnEpisode:
    """An episode. ``answers[0]`` is the absent answer."""

    version: str
    environment: str
    question: int
    text: str
    """The text of the question."""
    beta: float
    order: int
    answers: tuple[str, ...]
    gold: int
    answer: int
    correct: bool
    tokens: int
    latency: int
    delta: int
    max_branches: int
    max_tokens: int | None
    branches: tuple[DrawnBranch, ...]
    numbers: tuple[DrawnNumber, ...]
    """Signals and scores, those that the controller declares first."""
    numbers_left_out: int
    """Signals that are not in ``numbers``, because there would be too many figures."""
    steps: tuple[DrawnStep, ...]
    end: str
    """Why the episode ended."""
    settled: int
    """The step in which the given answer took the lead for good; -1 if it does not lead at the end."""
    idle: int
    """Tokens spent after that step."""
    stated: str
    """The controller's own description, from its source."""
    played: bool
    """Whether the episode was played just now, in a sandbox; else the archive has recorded it."""

    def states(self) -> tuple[tuple[int, ...], ...]:
        """Return for every branch the final state of each cell: positions in `STATES`, or `SHARED`."""
        return tuple(tuple(self._state(branch, cell) for cell in range(len(branch.cells))) for branch in self.branches)

    def _state(self, branch: DrawnBranch, cell: int) -> int:
        if cell < branch.start:
            return SHARED
        if branch.seen[cell] >= 0:
            answer = branch.cells[cell]
            return _CORRECT if answer == self.gold else _WRONG if answer else _ABSENT
        return _PRUNED if branch.pruned >= 0 and branch.passed[cell] < 0 else _UNSEEN

    def values(self, number: DrawnNumber) -> tuple[tuple[float | None, ...], ...]:
        """Return for every branch the number of each cell that the episode has shown.

        NaN stands where a number would have been shown, but there is none; None where none was shown.
        """
        columns = {"interval": "stood", "probe": "seen", "verification": "verified"}
        return tuple(
            tuple(
                None if step < 0 or cell < branch.start else nan if value is None else value
                for cell, (step, value) in enumerate(zip(getattr(branch, columns[number.comes_with]), row, strict=True))
            )
            for branch, row in zip(self.branches, number.cells, strict=True)
        )

    def votes(self) -> list[tuple[int, int]]:
        """Return (position in ``answers``, votes), most votes first, counting the last shown answers of unpruned
        branches."""
        last: list[int] = []
        for branch in self.branches:
            seen = [answer for answer, step in zip(branch.cells, branch.seen, strict=True) if step >= 0]
            last += seen[-1:] if branch.pruned < 0 else []
        return Counter(last).most_common()


def draw_episode(
    episodes: Episodes,
    logs: Logs,
    index: int,
    version: str,
    stated: str,
    played: bool = False,
    declared: Declarations | None = None,
) -> DrawnEpisode:
    """Return episode ``index`` of a batch.

    Args:
        episodes: the batch.
        logs: its logs.
        index: the episode.
        version: the name of the controller.
        stated: see `DrawnEpisode`.
        played: see `DrawnEpisode`.
        declared: what the controller declares that it uses; None for nothing.

    Raises:
        InputError: there is no such episode.
        ForgedLog: its log is not one that a controller can have made.
    """
    found = trace(episodes, logs, index, ())
    one = episodes.take(np.array([index]))
    words = _Words()
    recorded = opened_branches(one, logs.part(index, index + 1))
    opened = _opened(found, recorded)
    branches = _branches(found, one, recorded, opened, words)
    env = one.environments[one.environment[0]]
    numbers, left_out = drawn_numbers(env, found.question, opened, declared or Declarations())
    steps = tuple(_step(step, words, seen) for step, seen in _with_sight(found.steps))
    lead = lead_history(one, logs.part(index, index + 1))
    return DrawnEpisode(
        version=version,
        environment=found.environment,
        question=found.question,
        text=env.questions[found.question][:20_000],
        beta=found.beta,
        order=found.order,
        gold=words(found.gold),
        answer=words(found.answer),
        answers=words.list(),
        correct=found.correct,
        tokens=found.tokens,
        latency=found.latency,
        delta=found.delta,
        max_branches=found.max_branches,
        max_tokens=found.max_tokens,
        branches=branches,
        numbers=numbers,
        numbers_left_out=left_out,
        steps=steps,
        end=end_reason(found),
        settled=int(lead.settled[0]),
        idle=int(lead.idle[0]),
        stated=stated,
        played=played,
    )


class _Words:
    """Numbers the answers in the order in which they come up; 0 is the absent answer."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}

    def __call__(self, answer: str | None) -> int:
        return self._numbers.setdefault(answer, len(self._numbers))

    def list(self) -> tuple[str, ...]:
        return tuple((word or "")[:_LONGEST] for word in self._numbers)


def _opened(found: Trace, recorded: OpenedBranches) -> list[OpenedBranch]:
    """Return the branches in the order of opening."""
    forked = {new: step.branches[0] for step in found.steps for new in step.forks}
    columns = zip(recorded.branch[0].tolist(), recorded.start[0].tolist(), strict=True)
    return [OpenedBranch(branch, forked.get(b, -1), start) for b, (branch, start) in enumerate(columns)][: found.width]


class _BranchColumns:
    """The steps of a branch while its episode is followed."""

    def __init__(self, length: int) -> None:
        self.passed, self.seen, self.stood, self.verified = ([-1] * length for _ in range(4))
        self.opened = self.pruned = self.ended = -1

    def inherit(self, parent: _BranchColumns, start: int, number: int) -> None:
        """Begin as a fork that step ``number`` opened: what its parent has shown is known of it."""
        self.opened = number
        for mine, theirs in ((self.passed, parent.passed), (self.seen, parent.seen), (self.stood, parent.stood),
                             (self.verified, parent.verified)):  # fmt: skip
            mine[:start] = [number if step >= 0 else -1 for step in theirs[:start]]

    def take(self, step: TraceStep, number: int, depth: int, answers: int) -> None:
        """Take a step that left the branch at ``depth`` and showed its last ``answers`` answers."""
        if step.verb == VERBS[BRANCH]:
            self.opened = number
        elif step.verb == VERBS[PRUNE]:
            self.pruned = number
        elif step.verb == VERBS[VERIFY]:
            self.verified[depth - 1] = number
        moved = depth > 0 and self.passed[depth - 1] < 0
        for cell in range(depth - 1, -1, -1):
            if self.passed[cell] >= 0:
                break
            self.passed[cell] = number
        if moved:
            stops = step.times if step.verb in (VERBS[STEP], VERBS[ADVANCE]) else 1
            self.stood[depth - stops : depth] = [number] * stops
        self.seen[depth - answers : depth] = [number] * answers


def _branches(
    found: Trace, episode: Episodes, recorded: OpenedBranches, opened: list[OpenedBranch], words: _Words
) -> tuple[DrawnBranch, ...]:
    env, columns = episode.environments[episode.environment[0]], recorded.columns
    rows = [
        _as_words(env, columns.get((0, b)) or recorded_answers(env, branch.recorded), words)
        for b, branch in enumerate(opened)
    ]
    known = [_BranchColumns(len(row)) for row in rows]
    for number, step in enumerate(found.steps):
        for b, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            known[b].take(step, number, depth, len(answers))
        for b in step.ended:
            known[b].ended = number
        for b in step.forks:
            known[b].inherit(known[step.branches[0]], opened[b].start, number)
    return tuple(
        DrawnBranch(
            cells=tuple(row), passed=tuple(k.passed), seen=tuple(k.seen), stood=tuple(k.stood),
            verified=tuple(k.verified), opened=k.opened, pruned=k.pruned, ended=k.ended, parent=branch.parent,
            start=branch.start,
        )
        for row, k, branch in zip(rows, known, opened, strict=True)
    )  # fmt: skip


def _as_words(env: Environment, codes: list[int], words: _Words) -> list[int]:
    return [words(env.vocabulary[code] if code else None) for code in codes]


def _with_sight(steps: tuple[TraceStep, ...]) -> list[tuple[TraceStep, bool]]:
    """Return each step, with whether any answer had been seen by its end."""
    sight, result = False, []
    for step in steps:
        sight = sight or any(step.answers)
        result.append((step, sight))
    return result


def _step(step: TraceStep, words: _Words, sight: bool) -> DrawnStep:
    return DrawnStep(
        verb=step.verb, times=step.times, branches=step.branches, forks=step.forks, scores=step.scores,
        tokens=step.tokens, latency=step.latency, leader=words(step.leader) if sight else -1,
    )  # fmt: skip
