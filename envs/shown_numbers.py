"""Finds the signals and the scores that one episode was shown: its log is replayed as the controller played it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .contract.replay import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERIFY, ReplayQuestion
from .episodes import Episodes, Logs
from .recordings import recording_of


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """The numbers of one record of a log."""

    signals: tuple[tuple[float | None, ...], ...] = ()
    """For each branch of the record, the value of each signal at the depth that the branch reached."""
    scores: tuple[float | None, ...] = ()
    """The score of each branch that the record verified."""


def numbers_shown(episodes: Episodes, logs: Logs, names: Sequence[str]) -> list[StepNumbers]:
    """Return the numbers of each record of one episode.

    Args:
        episodes: the episode.
        logs: its log. `scoring.score` must accept it.
        names: the signals, which the environment has.
    """
    env = episodes.environments[episodes.environment[0]]
    if not names and VERIFY not in logs.verbs:
        return [StepNumbers()] * len(logs.verbs)
    recording = recording_of(env, int(episodes.question[0]))
    question = ReplayQuestion(recording, recording.order(int(episodes.order[0])), episodes.max_branches)
    result = []
    for record, verb in enumerate(logs.verbs.tolist()):
        branches = logs.indices[logs.index_offsets[record] : logs.index_offsets[record + 1]].tolist()
        scores = _act(question, verb, branches, int(logs.repeats[record]))
        rows = tuple(tuple(question.signal(i, name) for name in names) for i in branches) if names else ()
        result.append(StepNumbers(rows, scores))
    return result


def _act(question: ReplayQuestion, verb: int, branches: list[int], times: int) -> tuple[float | None, ...]:
    """Take the action of a record, and return the scores that it showed."""
    if verb == BRANCH:
        question.branch_many(len(branches))
    elif verb == STEP:
        for _ in range(times):
            question.step_many(branches)
    elif verb == RUN:
        question.run_many_to_end(branches)
    elif verb == VERIFY:
        return tuple(question.verify_many(branches))
    else:
        one = {ADVANCE: question.advance, PROBE: question.probe, PRUNE: question.prune, FORK: question.fork}[verb]
        one(branches[0])
    return ()
