"""One episode as it is drawn: a row for each branch, a cell for each interval, and when each cell was run and shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from autotts.envs.contract.replay import BRANCH, PRUNE, VERBS
from autotts.envs.episodes import Episodes, Logs
from autotts.envs.opened_branches import opened_branches, recorded_answers
from autotts.envs.store import Environment
from autotts.envs.trace import Trace, TraceStep, end_reason, trace

from .lead import lead_history

_LONGEST = 300
"""Characters of a recorded answer that are drawn; a recorded answer may have any length."""

STATES = ("correct", "wrong", "absent", "pruned", "unseen")
"""The states of a cell: its answer if the controller saw the answer, else why the controller did not see it."""
_CORRECT, _WRONG, _ABSENT, _PRUNED, _UNSEEN = range(len(STATES))


@dataclass(frozen=True, slots=True)
class DrawnBranch:
    """A branch that was opened. Steps are numbered from 0; -1 means never."""

    cells: tuple[int, ...]
    """The recorded answers by interval, the final answer last: positions in ``DrawnEpisode.answers``."""
    passed: tuple[int, ...]
    """The step in which the branch ran each interval."""
    seen: tuple[int, ...]
    """The step in which the controller saw the answer of each interval."""
    opened: int
    pruned: int
    ended: int


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """One call of the controller."""

    verb: str
    times: int
    branches: tuple[int, ...]
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
        """Return for every branch the final state of each cell: positions in `STATES`."""
        return tuple(tuple(self._state(branch, cell) for cell in range(len(branch.cells))) for branch in self.branches)

    def _state(self, branch: DrawnBranch, cell: int) -> int:
        if branch.seen[cell] >= 0:
            answer = branch.cells[cell]
            return _CORRECT if answer == self.gold else _WRONG if answer else _ABSENT
        return _PRUNED if branch.pruned >= 0 and branch.passed[cell] < 0 else _UNSEEN

    def votes(self) -> list[tuple[int, int]]:
        """Return (position in ``answers``, votes), most votes first, counting the last shown answers of unpruned
        branches."""
        last: list[int] = []
        for branch in self.branches:
            seen = [answer for answer, step in zip(branch.cells, branch.seen, strict=True) if step >= 0]
            last += seen[-1:] if branch.pruned < 0 else []
        return Counter(last).most_common()


def draw_episode(
    episodes: Episodes, logs: Logs, index: int, version: str, stated: str, played: bool = False
) -> DrawnEpisode:
    """Return episode ``index`` of a batch.

    Raises:
        InputError: there is no such episode.
        ForgedLog: its log is not one that a controller can have made.
    """
    found = trace(episodes, logs, index)
    one = episodes.take(np.array([index]))
    words = _Words()
    branches = _branches(found, one, logs.part(index, index + 1), words)
    steps = tuple(_step(step, words, seen) for step, seen in _with_sight(found.steps))
    lead = lead_history(one, logs.part(index, index + 1))
    return DrawnEpisode(
        version=version,
        environment=found.environment,
        question=found.question,
        text=one.environments[one.environment[0]].questions[found.question][:20_000],
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


def _branches(found: Trace, episode: Episodes, log: Logs, words: _Words) -> tuple[DrawnBranch, ...]:
    env, opened = episode.environments[episode.environment[0]], opened_branches(episode, log)
    rows = [
        _as_words(env, opened.columns.get((0, b)) or recorded_answers(env, branch), words)
        for b, branch in enumerate(opened.branch[0, : found.width].tolist())
    ]
    passed, seen = ([[-1] * len(row) for row in rows] for _ in range(2))
    marks = [[-1, -1, -1] for _ in rows]  # opened, pruned, ended
    for number, step in enumerate(found.steps):
        for b, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            if step.verb == VERBS[BRANCH]:
                marks[b][0] = number
            elif step.verb == VERBS[PRUNE]:
                marks[b][1] = number
            for cell in range(depth - 1, -1, -1):
                if passed[b][cell] >= 0:
                    break
                passed[b][cell] = number
            for cell in range(depth - len(answers), depth):
                seen[b][cell] = number
        for b in step.ended:
            marks[b][2] = number
        for b in step.forks:
            marks[b][0] = number
    return tuple(
        DrawnBranch(cells=tuple(row), passed=tuple(p), seen=tuple(s), opened=m[0], pruned=m[1], ended=m[2])
        for row, p, s, m in zip(rows, passed, seen, marks, strict=True)
    )


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
        verb=step.verb, times=step.times, branches=step.branches, tokens=step.tokens, latency=step.latency,
        leader=words(step.leader) if sight else -1,
    )  # fmt: skip
