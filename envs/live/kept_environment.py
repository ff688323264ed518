"""Makes an environment of kept episodes: their revealed parts, on which any controller can be replayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..contract.replay import shuffled
from ..environment import ABSENT, ROOT, Environment
from ..errors import InputError
from .kept_episode import KeptBranch, KeptEpisode

NO_GOLD = "(no gold answer)"
"""Stands for a gold answer that is not known. No branch gives it."""
_ABSENT_TEXT = "ERR"
_NEVER_OPENED = KeptBranch(cells=(), tokens=0, finished=False)
_Column = list[float | None]


def as_environment(name: str, episodes: Sequence[KeptEpisode], order: int = 0) -> Environment:
    """Return an environment whose questions are ``episodes``, in that order.

    Under the branch order ``order``, and with the budget of the episodes, a controller opens and forks the branches of
    each question as they were live. So the controller that made the episodes repeats them. A branch that was never
    opened, and what follows a branch that did not finish, have no answers; a signal that nobody read, and a score that
    nobody paid for, are absent, and so are forks beyond those that were made: other controllers score lower here than
    they would live.

    Args:
        name: the name of the environment.
        episodes: at least one; all with the same interval, and the same prices of a probe and of a verification.
        order: the branch order that repeats the episodes.

    Raises:
        InputError: there are no episodes, or their intervals or prices differ.
    """
    _check_alike(name, episodes)
    first = episodes[0].settings
    verified, forked = any(each.verifier for each in episodes), any(each.forks for each in episodes)
    signals = sorted({signal for episode in episodes for signal in episode.signals})
    names: list[str | None] = [*signals, *([None] if verified else [])]
    rows = [_rows(episode, names, order) for episode in episodes]
    every = [row for question in rows for row in question]
    codes: dict[str | None, int] = {None: ABSENT}
    probes: list[int] = []
    finals: list[int] = []
    gold: list[int] = []
    for episode, question in zip(episodes, rows, strict=True):
        for row in question:
            *before, last = (codes.setdefault(answer, len(codes)) for answer in row.answers)
            probes += before
            finals.append(last)
        gold.append(codes.setdefault(NO_GOLD if episode.gold is None else episode.gold, len(codes)))
    inside = {each: _numbers(n for row in every for n in row.numbers[each][:-1]) for each in names}
    at_end = {each: _numbers(row.numbers[each][-1] for row in every) for each in names}
    environment = Environment(
        name=name,
        delta=first.delta,
        probe_cost=first.probe_cost,
        questions=tuple(episode.question for episode in episodes),
        vocabulary=(_ABSENT_TEXT, *(answer for answer in codes if answer is not None)),
        gold=np.array(gold, np.int32),
        branch_offsets=np.cumsum([0, *map(len, rows)], dtype=np.int32),
        probe_offsets=np.cumsum([0, *(len(row.answers) - 1 for row in every)], dtype=np.int32),
        probe_answers=np.array(probes, np.int32),
        final_answers=np.array(finals, np.int32),
        total_tokens=np.array([row.tokens for row in every], np.int32),
        answers=episodes[0].answers,
        question_ids=tuple(episode.id for episode in episodes),
        signals={each: column for each, column in inside.items() if each is not None},
        final_signals={each: column for each, column in at_end.items() if each is not None},
        verifier=inside.get(None),
        final_verifier=at_end.get(None),
        verify_cost=next((each.settings.verify_cost for each in episodes if each.verifier), 0),
        parents=np.array([row.parent for row in every], np.int32) if forked else None,
        fork_depths=np.array([row.fork_depth for row in every], np.int32) if forked else None,
    )
    environment.check()
    return environment


def _check_alike(name: str, episodes: Sequence[KeptEpisode]) -> None:
    if not episodes:
        raise InputError(f"{name}: no episodes to make an environment of")
    first = episodes[0]
    judged = next((episode for episode in episodes if episode.verifier), first)
    for episode in episodes:
        mine, settings = episode.settings, first.settings
        if (mine.delta, mine.probe_cost) != (settings.delta, settings.probe_cost):
            raise InputError(
                f"{name}: episode {episode.id} has intervals of {mine.delta} tokens and probes of {mine.probe_cost}, "
                f"but episode {first.id} has {settings.delta} and {settings.probe_cost}"
            )
        if episode.verifier and mine.verify_cost != judged.settings.verify_cost:
            raise InputError(
                f"{name}: a verification costs {mine.verify_cost} tokens in episode {episode.id}, but "
                f"{judged.settings.verify_cost} in episode {judged.id}"
            )


@dataclass(slots=True)
class _Row:
    """A branch as the environment holds it."""

    answers: list[str | None]
    """One for each interval, the final one last."""
    tokens: int
    parent: int = ROOT
    """The number of its parent within the question."""
    fork_depth: int = 0
    numbers: dict[str | None, _Column] = field(default_factory=dict)
    """Signals by name, and the scores for None: as many numbers as answers."""


def _rows(episode: KeptEpisode, names: Sequence[str | None], order: int) -> list[_Row]:
    """Return the branches of an episode, placed so that they are opened and forked under ``order`` as they were live.

    There are as many roots as branches may be open, so that what may still be opened is always what it was live.
    """
    opened = episode.branches
    groups: dict[tuple[int, int], list[int | None]] = {(ROOT, 0): []}
    for number, branch in enumerate(opened):
        group = (ROOT, 0) if branch.origin is None else (branch.origin, branch.fork_depth)
        groups.setdefault(group, []).append(number)
    roots = groups[ROOT, 0]
    roots += [None] * (episode.settings.max_branches - len(roots))
    places: dict[int, int] = {}
    rows: list[_Row] = []
    for (origin, depth), branches in sorted(groups.items()):  # a parent was opened before its forks
        placed = dict(zip(shuffled(len(branches), order), branches, strict=True))
        for place in range(len(branches)):
            i = placed[place]
            parent = ROOT if origin == ROOT else places[origin]
            rows.append(_row(_NEVER_OPENED if i is None else opened[i], names, parent, depth, rows))
            if i is not None:
                places[i] = len(rows) - 1
    return rows


def _row(branch: KeptBranch, names: Sequence[str | None], parent: int, depth: int, rows: Sequence[_Row]) -> _Row:
    """Return a branch; what it shares with its parent is what the parent has."""
    answers, tokens = branch.column()
    numbers = {name: branch.numbers(name, len(answers)) for name in names}
    if parent != ROOT:
        answers[:depth] = rows[parent].answers[:depth]
        for name, column in numbers.items():
            column[:depth] = rows[parent].numbers[name][:depth]
    return _Row(answers, tokens, parent, depth, numbers)


def _numbers(values: Iterable[float | None]) -> npt.NDArray[np.float32]:
    return np.array([np.nan if value is None else value for value in values], np.float32)
