"""A remote question cannot be told from the question that it asks, whatever a controller does."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs.contract.question import BudgetSpent, IllegalAction, Question
from autotts.envs.contract.remote import LATEST, RemoteQuestion
from autotts.envs.contract.replay import BRANCH, PROBE, STEP, ActionLog, Recording, ReplayQuestion
from autotts.envs.declarations import Declarations
from autotts.envs.recordings import recording_of
from autotts.sandbox.kept_logs import BadFrame
from autotts.sandbox.live.dialogue import IDLE_REQUESTS, LiveDialogue

from ...envs.contract.test_ledger import Everything
from ...envs.extended import extended_environment
from .replayed import ReplayedActions


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits")


def remote_of(question: ReplayQuestion) -> tuple[RemoteQuestion, LiveDialogue]:
    dialogue = LiveDialogue(ReplayedActions(question), Declarations.of(Everything))
    has = dialogue.declared
    remote = RemoteQuestion(
        lambda request: now(dialogue.reply(request)), question.max_branches, question.max_tokens, question.can_step,
        has.signals, has.can_verify, has.branches_left,
    )  # fmt: skip
    return remote, dialogue


def random_question(random: Random, max_tokens: int | None) -> Callable[[], ReplayQuestion]:
    n = random.randint(1, 6)
    answers = [[random.choice(["x", "y", "z", None]) for _ in range(random.randint(1, 5))] for _ in range(n)]
    totals = [100 * (len(column) - 1) + random.randint(1, 100) for column in answers]
    cost, most = random.choice((0, 5)), random.randint(1, 7)
    return lambda: ReplayQuestion(Recording.of(answers, totals, 100, cost), range(n), most, max_tokens)


def random_extended_question(random: Random, max_tokens: int | None) -> Callable[[], ReplayQuestion]:
    """Return a question with signals, a verifier and forks."""
    recording, most = recording_of(extended_environment(random), 0).seen_by(Everything), random.randint(1, 9)
    limit = max_tokens and max_tokens // 10
    return lambda: ReplayQuestion(recording, recording.order(0), most, limit or max_tokens)


def act(question: Question, random: Random) -> Any:
    """Take a random action, most of them legal, and return its result or its error."""
    some = [random.randint(-1, question.width) for _ in range(random.randint(0, 3))]
    if random.random() < 0.8 and question.active:
        some = random.sample(question.active, random.randint(1, len(question.active)))
    one = some[0] if some else -1
    actions: list[Callable[[], Any]] = [
        question.branch,
        lambda: question.branch_many(random.choice((-1, 0, 1, 2, 9, 1 << 70))),
        lambda: question.advance(one),
        lambda: question.step(one),
        lambda: question.step_many(some),
        lambda: question.step_many(tuple(some)),
        lambda: question.probe(one),
        lambda: question.prune(one),
        lambda: question.run_to_end(one),
        lambda: question.run_many_to_end(some),
        lambda: question.finished(one),
        lambda: question.depth(one),
        lambda: question.advance(1 << 70),
        lambda: question.verify(one),
        lambda: question.verify_many(some),
        lambda: question.fork(one),
        lambda: question.can_fork(one),
        lambda: question.step(one, *question.signals),
        lambda: question.signal(one, random.choice(("confidence", "answer_x", "unknown"))),
    ]
    try:
        return random.choices(actions, [4, 1, 3, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1, 3, 1, 4, 1, 2, 2])[0]()
    except IllegalAction as error:
        return type(error), str(error)


def state(question: Question) -> list[Any]:
    branches = [(question.depth(i), question.finished(i)) for i in range(question.width)]
    values = [[question.signal(i, name) for name in question.signals] for i in range(question.width)]
    forks = [question.can_fork(i) for i in range(question.width)]
    return [
        values, forks, question.has_forks, question.can_verify, question.branches_left,
        branches, question.active, question.tokens, question.latency, question.can_step, question.tokens_left,
        question.can_branch, question.tokens_ran_out, question.max_branches, question.max_tokens,
    ]  # fmt: skip


def calls(log: ActionLog) -> list[tuple[int, list[int]]]:
    """Return each call of a log: whether equal calls share a record depends on the types of their sequences."""
    found, at = [], 0
    for verb, times, count in zip(log.verbs, log.repeats, log.counts, strict=True):
        found += [(verb, log.indices[at : at + count])] * times
        at += count
    return found


def read(value: Any, dialogue: LiveDialogue, known: set[str]) -> Any:
    """Return ``value`` with the answers in place of their tokens."""
    if isinstance(value, str):
        return dialogue.answer(value.encode()) if value in known else value
    if isinstance(value, list | tuple):
        return type(value)(read(part, dialogue, known) for part in value)
    return {i: read(answer, dialogue, known) for i, answer in value.items()} if isinstance(value, dict) else value


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**9), max_tokens=st.one_of(st.none(), st.integers(1, 2000)), extended=st.booleans())
def test_a_remote_question_behaves_as_the_question_that_it_asks(
    seed: int, max_tokens: int | None, extended: bool
) -> None:
    make = (random_extended_question if extended else random_question)(Random(seed), max_tokens)
    here, there = make(), make()
    remote, dialogue = remote_of(there)
    one, two = Random(seed + 1), Random(seed + 1)
    for _ in range(40):
        expected, result = act(here, one), act(remote, two)
        assert read(result, dialogue, set(remote.answers)) == expected
        assert state(remote) == state(here)
        assert one.getstate() == two.getstate()
    latest = remote.latest_answers
    assert read(latest, dialogue, set(remote.answers)) == here.latest_answers and list(latest) == sorted(latest)
    assert calls(there.finish()) == calls(here.finish())


def test_answers_are_fresh_tokens_for_each_question() -> None:
    shown = []
    for _ in range(2):
        remote, dialogue = remote_of(ReplayedActions.small().question)
        remote.branch_many(4)
        answers = remote.run_many_to_end(range(4))
        assert answers[1] == answers[2] != answers[0]
        assert {len(answer or "") for answer in answers} == {12}
        assert [dialogue.answer((answer or "").encode()) for answer in answers] == ["c", "b", "b", "a"]
        shown.append(set(answers))
    assert not shown[0] & shown[1]
    for unknown in (*shown[0], "a", "\xff", "c" * 12):
        with pytest.raises(BadFrame) as refused:
            dialogue.answer((unknown or "").encode("latin-1"))
        assert refused.value.verdict.kind == "illegal_answer"
    assert dialogue.answer(b"") is None


GARBAGE = [b"", b"\x07", b"\xff", bytes([STEP]) + b"abc", bytes([BRANCH]), bytes([PROBE]) + bytes(16),
           bytes([LATEST]) + bytes(8), bytes([STEP]) + bytes(8 * 5), b"[" * 33]  # fmt: skip


@pytest.mark.parametrize("request_", GARBAGE)
def test_what_is_no_request_is_a_verdict(request_: bytes) -> None:
    dialogue = LiveDialogue(ReplayedActions.small())
    with pytest.raises(BadFrame) as refused:
        now(dialogue.reply(request_))
    assert refused.value.verdict.kind == "protocol"


def test_a_controller_cannot_ask_for_ever() -> None:
    remote, _ = remote_of(ReplayedActions.small().question)
    remote.branch_many(4)
    asked = 0
    with pytest.raises(BadFrame) as refused:
        while True:
            with pytest.raises(IllegalAction):
                remote.probe(0)
            asked += 1
    assert refused.value.verdict.kind == "timeout"
    assert IDLE_REQUESTS <= asked <= IDLE_REQUESTS + 16


def test_more_numbers_than_branches_are_refused_in_the_controller() -> None:
    remote, _ = remote_of(ReplayedActions.small(max_branches=2).question)
    remote.branch_many(2)
    with pytest.raises(IllegalAction, match="same branch twice"):
        remote.step_many([0, 1, 0])
    with pytest.raises(BudgetSpent, match="2 of at most 2 are open"):
        remote.branch()
