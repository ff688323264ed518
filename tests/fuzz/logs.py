"""Fuzzes the scorer of action logs: it accepts a log if a controller that obeys the contract could have made it.

An input is a byte that chooses the batch and the form, followed by the logs of the last episodes of the batch. In the
form *packed* they are arbitrary bytes; *records* are read so that most logs are well-formed; *actions* are carried out
by the contract itself, and those that it refuses are left out, so that the scorer must accept the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np

from autotts.envs import IllegalAction
from autotts.envs.contract.question import BudgetSpent
from autotts.envs.contract.replay import ADVANCE, BRANCH, PROBE, PRUNE, RUN, STEP, ActionLog, ReplayQuestion
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.scoring import ForgedLog, Scores, score
from autotts.sandbox.kept_logs import BadFrame, KeptLogs, LogBudget, logs_in_order
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.wire import SandboxJob, SealedBatch

from ..environments import limited, random_environment, recording
from .mutation import Raw

FUZZED = 3
"""Episodes of a batch that are read from the input; those before them do nothing."""


@dataclass(frozen=True)
class Stage:
    """A batch, sealed for the sandbox."""

    episodes: Episodes
    job: SandboxJob

    @property
    def fuzzed(self) -> range:
        return range(len(self.episodes) - FUZZED, len(self.episodes))

    def question(self, index: int) -> ReplayQuestion:
        """Return the question of an episode, as the contract replays it."""
        episodes = self.episodes
        env, number = episodes.environments[episodes.environment[index]], int(episodes.question[index])
        order = episodes.permutations[len(env.branches(number)), int(episodes.order[index])].tolist()
        return ReplayQuestion(recording(env, number), order, episodes.max_branches, episodes.max_tokens)

    def token(self, index: int, answer: int) -> int:
        """Return the token of an answer in an episode, or a number that is none."""
        meaning = self.job.batch.questions[self.job.batch.question[index]].meaning
        places = np.flatnonzero(meaning == answer)
        return int(places[0]) if len(places) else len(meaning) + answer

    def vocabulary(self, index: int) -> tuple[str, ...]:
        return self.episodes.environments[self.episodes.environment[index]].vocabulary


@cache
def stages() -> tuple[Stage, ...]:
    """Return the batches: with and without prices, limits, several environments and several chunks of the scorer."""
    free, priced = random_environment(Random(1)), random_environment(Random(4), probe_cost=11, name="priced")
    batches = [
        grid([free], betas=(0.5,), orders=(1, 2)),
        grid([priced], betas=(0.5,), orders=(1, 2)),
        grid([priced, free], betas=(0.5,), orders=(5,), max_branches=3),
        limited(grid([free], betas=(0.5,), orders=(1, 2)), 4 * free.delta),
        limited(grid([priced], betas=(0.5,), orders=(1, 2)), 5 * priced.delta + 30),
        limited(grid([free, priced], betas=(0.5,), orders=(3,)), 3 * max(free.delta, priced.delta)),
        grid([priced], betas=(0.5,), orders=range(65)),
    ]
    return tuple(Stage(batch, SandboxJob(Candidate("fuzzed", ""), SealedBatch.of(batch))) for batch in batches)


class Bytes:
    """Reads an input; a read past its end gives zeros."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def number(self) -> int:
        """Return a small number usually, and now and then one of the largest."""
        value = self.byte()
        return value if value < 250 else 65530 + value - 250

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


Played = tuple[int, ActionLog]
"""The answer of an episode, as an index of the vocabulary, and its log."""


def read_records(data: Bytes) -> Played:
    """Read an answer and records, which may be illegal."""
    answer, log = data.byte(), ActionLog()
    for _ in range(data.byte()):
        verb, repeats, count = data.byte() % 7, data.byte(), data.number() % 9
        log.add(verb, [data.number() for _ in range(count)], repeats if repeats < 250 else 65530 + repeats - 250)
    return answer, log


def read_actions(data: Bytes, question: ReplayQuestion) -> Played:
    """Carry out actions, and leave out those that the contract refuses."""
    answer = data.byte()
    for _ in range(data.byte()):
        verb, repeats, count = data.byte() % 6, 1 + data.byte() % 4, 1 + data.byte() % 3
        try:
            perform(question, verb, [data.byte() % 8 for _ in range(count)], repeats)
        except (IllegalAction, BudgetSpent):
            continue
    return answer, question.finish()


def perform(question: ReplayQuestion, verb: int, indices: list[int], repeats: int) -> None:
    """Carry out a record by the calls of the contract."""
    if verb == BRANCH:
        question.branch_many(len(indices))
    elif verb == STEP:
        for _ in range(repeats):
            question.step_many(indices)
    elif verb == RUN:
        question.run_many_to_end(indices)
    else:
        {ADVANCE: question.advance, PROBE: question.probe, PRUNE: question.prune}[verb](indices[0])


def records(log: ActionLog) -> Iterator[tuple[int, int, list[int]]]:
    """Yield (verb, repeats, indices) of each record."""
    at = 0
    for verb, repeats, count in zip(log.verbs, log.repeats, log.counts, strict=True):
        yield verb, repeats, log.indices[at : at + count]
        at += count


def single(log: ActionLog) -> list[tuple[int, list[int]]]:
    """Return the records of a log with each repetition for itself."""
    return [(verb, indices) for verb, repeats, indices in records(log) for _ in range(repeats)]


def shown(stage: Stage, index: int, log: ActionLog) -> set[int]:
    """Return the answers that an episode has seen, as indices of the vocabulary; with the absent one."""
    question, words = stage.question(index), stage.vocabulary(index)
    seen: set[str | None] = {None}
    for verb, repeats, indices in records(log):
        if verb == STEP:
            for _ in range(repeats):
                seen.update(answer for answer, _ in question.step_many(indices))
            continue
        perform(question, verb, indices, repeats)
        seen.update(
            question.probe(i) for i in indices if verb in (PROBE, RUN) or (verb == ADVANCE and question.finished(i))
        )
    return {words.index(answer) if answer else 0 for answer in seen}


def obeys(stage: Stage, index: int, log: ActionLog) -> ReplayQuestion | None:
    """Return the question after the actions of ``log``; None if the contract refuses one, or would log another."""
    question = stage.question(index)
    for verb, repeats, indices in records(log):
        fits = len(indices) == 1 or verb in (BRANCH, STEP, RUN)
        if verb > PRUNE or not indices or not repeats or not fits or (repeats > 1 and verb != STEP):
            return None
        if verb == BRANCH and indices != list(range(question.width, question.width + len(indices))):
            return None
        try:
            perform(question, verb, indices, repeats)
        except (IllegalAction, BudgetSpent, IndexError):
            return None
    return question if single(question.finish()) == single(log) else None


def seeds() -> list[bytes]:
    """Return logs of every batch in every form."""
    chance, result = Random(5), []
    for number in range(len(stages())):
        for _ in range(3):
            actions = bytes(b for _ in range(FUZZED) for b in _few_actions(chance))
            head = bytes((number * 4 + 2,))
            played = [log for _, log in _played_logs(head + actions)]
            result.append(head + actions)
            result.append(bytes((number * 4 + 1,)) + b"".join(_as_records(log) for log in played))
            packed = [log.pack() for log in played]
            result.append(bytes((number * 4,)) + b"".join(bytes((1, len(p) % 256, len(p) // 256)) + p for p in packed))
    return result


def _few_actions(chance: Random) -> list[int]:
    actions = [
        (BRANCH, 0, 2, 0, 1, 2),
        *((chance.randrange(6), *(chance.randrange(4) for _ in range(5))) for _ in range(9)),
    ]
    return [chance.randrange(4), len(actions), *(n for a in actions for n in (*a[:3], *a[3 : 4 + a[2] % 3]))]


def _as_records(log: ActionLog) -> bytes:
    parts = [0, len(log.verbs)]
    for verb, repeats, indices in records(log):
        parts += [verb, repeats, len(indices), *indices]
    return bytes(parts)


def _played_logs(data: bytes) -> list[Played]:
    stage, read = stages()[data[0] // 4 % len(stages())], Bytes(data[1:])
    return [read_actions(read, stage.question(index)) for index in stage.fuzzed]


def mutate(data: bytes, chance: Random, change: Raw) -> bytes:
    """Change the bytes; or the batch or the form alone."""
    if data and not chance.randrange(10):
        return bytes((chance.randrange(4 * len(stages())),)) + data[1:]
    return data[:1] + change(data[1:], chance)


def run(data: bytes) -> bool:
    """Score the logs of ``data``; compare with the contract. Return whether they were accepted."""
    if not data:
        return False
    stage, form, read = stages()[data[0] // 4 % len(stages())], data[0] % 4, Bytes(data[1:])
    packed: list[tuple[int, bytes]] = [(stage.token(0, 0), ActionLog().pack())] * stage.fuzzed.start
    for index in stage.fuzzed:
        if form == 0:
            token = read.byte() - 1
            packed.append((token, read.take(read.byte() + 256 * read.byte())))
            continue
        answer, log = read_records(read) if form == 1 else read_actions(read, stage.question(index))
        packed.append((stage.token(index, answer), log.pack()))
    too_long = [i for i, (_, log) in enumerate(packed) if len(log) > stage.job.largest_log(i)]
    assert form < 2 or not too_long, "the contract allows a longer log than the reader"
    if too_long:
        return False
    kept = KeptLogs(LogBudget(len(packed)))
    try:
        for index, (token, log_bytes) in enumerate(packed):
            kept.add(stage.job.answer(index, token), log_bytes)
        logs = logs_in_order([(np.arange(len(packed)), kept)])
    except BadFrame as bad:
        assert bad.verdict.kind in ("protocol", "illegal_answer"), bad.verdict
        assert form == 0 or bad.verdict.kind == "illegal_answer", bad.verdict
        return False
    return _compared(stage, logs, must=form >= 2)


def _unpacked(logs: Logs, index: int) -> ActionLog:
    part, log = logs.part(index, index + 1), ActionLog()
    log.verbs, log.repeats = part.verbs.tolist(), part.repeats.tolist()
    log.counts, log.indices = part.counts.tolist(), part.indices.tolist()
    return log


def _compared(stage: Stage, logs: Logs, must: bool) -> bool:
    """Score ``logs``, and replay each by the contract: both accept or refuse it, and find the same figures."""
    made = {index: _unpacked(logs, index) for index in stage.fuzzed}
    questions = {index: obeys(stage, index, log) for index, log in made.items()}
    illegal = [index for index, question in questions.items() if question is None]
    unseen = [
        index for index, log in made.items()
        if index not in illegal and int(logs.answer[index]) not in shown(stage, index, log)
    ]  # fmt: skip
    assert not (must and illegal)
    try:
        scores = score(stage.episodes, logs)
    except ForgedLog as forged:
        assert forged.episode in (*illegal, *unseen), f"the contract allows what is refused: {forged}"
        return False
    assert not illegal and not unseen, f"accepted, but refused by the contract: {illegal}, unseen answers: {unseen}"
    for index, question in questions.items():
        _agree(scores, index, question)
    return True


def _agree(scores: Scores, index: int, question: ReplayQuestion | None) -> None:
    assert question is not None
    mine = (int(scores.tokens[index]), int(scores.latency[index]), int(scores.opened[index]))
    assert mine == (question.tokens, question.latency, question.width), (mine, question.tokens, question.latency)
    assert scores.depth[index, : question.width].tolist() == [question.depth(i) for i in range(question.width)]
