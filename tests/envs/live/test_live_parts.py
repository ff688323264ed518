"""Signals, a verifier and forks of live questions: the rules of replay, and kept episodes that replay the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import BudgetSpent, Controller, IllegalAction, Question, TokensSpent
from autotts.envs.answers.extraction import extraction
from autotts.envs.contract.controller import answer_without_tokens
from autotts.envs.contract.replay import ReplayQuestion
from autotts.envs.errors import InputError
from autotts.envs.importing.confidences import NAMES as CONFIDENCES
from autotts.envs.importing.confidences import confidence_signals
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.branch_signals import BranchSignals, live_signals
from autotts.envs.live.episode_state import EpisodeObserver
from autotts.envs.live.exchange import Completion
from autotts.envs.live.kept_environment import as_environment
from autotts.envs.live.kept_episode import KeptEpisode, single_actions
from autotts.envs.live.question import LiveQuestion
from autotts.envs.live.repetition import replay
from autotts.envs.live.request_signals import interval_signals
from autotts.envs.live.settings import CollectedForks, LiveSettings
from autotts.envs.live.verifier import FunctionVerifier
from autotts.envs.recordings import recording_of

from .collecting.fake_endpoint import SUFFIX, FakeEndpoint

SIGNALS = ("confidence", "lowest_group", "answer_confidence")
DELTA, COST, PROBE = 8, 3, 2


@dataclass
class Endpoint(FakeEndpoint):
    """A fake endpoint that is asked for alternatives."""

    confident: bool = True
    alternatives: int = 5

    @property
    def capabilities(self) -> Any:
        return SimpleNamespace(alternatives=self.alternatives)


def reader() -> AnswerReader:
    found = extraction("--extract", "boxed")
    assert found is not None
    return AnswerReader(found, "number")


def opened(
    endpoint: FakeEndpoint | None = None,
    verifier: Callable[..., Any] | None = None,
    observer: Any = None,
    **changes: Any,
) -> LiveQuestion:
    asked = {"delta": DELTA, "max_branches": 8, "branch_tokens": 64, "probe_tokens": 5, "seed": 0,
             "probe_suffix": SUFFIX, "verify_cost": COST, "probe_cost": PROBE} | changes  # fmt: skip
    judge = None if verifier is None else FunctionVerifier("v", verifier)
    return LiveQuestion.open(
        endpoint or Endpoint(), "2?", LiveSettings(**asked), reader(), verifier=judge, observer=observer
    )


def length(question: str, text: str, finished: bool) -> float:
    return len(text) / 8 + finished


def test_signals_are_those_of_the_present_depth() -> None:
    seen: dict[int, list[tuple[str, Completion]]] = {}

    def tell(i: int, depth: int, kind: str, done: Completion) -> None:
        seen.setdefault(i, []).append((kind, done))

    with opened(observer=EpisodeObserver(on_completion=tell)) as question:
        assert set(CONFIDENCES) < set(question.signals)
        i, ran, confidences = question.branch(), 0, list[float]()
        assert question.signal(i, "confidence") is None
        while not question.finished(i):
            question.advance(i)
            ran += 1
            kind, done = seen[i][-1]
            assert kind == "interval" and done.confidences is not None
            confidences += done.confidences
            expected = interval_signals(done)["confidence"]
            assert question.signal(i, "confidence") == float(np.float32(expected))
            _, final = confidence_signals(np.array(confidences), [len(confidences) - len(done.confidences)])
            assert question.signal(i, "bottom_group") == float(np.float32(final["bottom_group"] or 0))
            if not question.finished(i):
                assert question.signal(i, "answer_confidence") is None
                question.probe(i)
                assert question.signal(i, "answer_confidence") is not None
        assert question.step_many((), "confidence") == [] and question.signal_many([i], "lowest") is not None
        with pytest.raises(IllegalAction, match="no signal 'mine'"):
            question.signal(i, "mine")
        with pytest.raises(IllegalAction, match="never opened"):
            question.signal(9, "lowest")


@pytest.mark.parametrize(("level", "alternatives", "some"), [("full", 0, 7), ("full", 5, 15), ("continue", 5, 0)])
def test_a_question_has_the_signals_that_its_server_gives(level: Any, alternatives: int, some: int) -> None:
    with opened(Endpoint(level=level, alternatives=alternatives)) as question:
        assert len(question.signals) == some == len(live_signals(level, alternatives))


def test_several_intervals_of_one_request_leave_the_signals_of_the_last() -> None:
    logprobs = tuple(-0.1 * n for n in range(20))
    done = Completion(
        "x", False, "length", 20, None, logprobs, tuple("x" * 20), None, tuple(float(n) for n in range(20))
    )
    signals = BranchSignals()
    signals.ran(done, 4)
    assert signals.value("lowest", False) == pytest.approx(-1.9)
    assert signals.value("confidence", False) == pytest.approx(-1.75)
    assert signals.value("token_confidence", False) == 17.5 and signals.value("group", False) == 9.5
    signals.ran(None, 0)
    assert signals.value("confidence", False) is None and signals.value("group", False) is None


def test_verification_has_a_price_and_is_paid_once_a_depth() -> None:
    calls: list[tuple[str, bool]] = []

    def judge(question: str, text: str, finished: bool) -> float:
        calls.append((text, finished))
        return length(question, text, finished)

    with opened(verifier=judge) as question:
        i = question.branch()
        with pytest.raises(IllegalAction, match="nothing to verify"):
            question.verify(i)
        question.advance(i)
        before, latency = question.tokens, question.latency
        first = question.verify(i)
        assert first == len(question.episode.branches[i].text) / 8
        assert question.verify(i) == first and len(calls) == 1
        assert (question.tokens, question.latency) == (before + COST, latency)
        question.run_to_end(i)
        assert question.verify_many([i, i])[0] == length("", question.episode.branches[i].text, True)
        assert question.tokens > before and calls[-1][1]
        j = next(j for j in question.branch_many(5) if not question.advance(j))
        question.prune(j)
        with pytest.raises(IllegalAction, match="was pruned"):
            question.verify(j)
    with opened() as question:
        assert not question.can_verify
        question.advance(question.branch())
        with pytest.raises(IllegalAction, match="nothing can be verified"):
            question.verify(0)


def test_a_verifier_that_fails_leaves_the_question_as_it_was() -> None:
    def broken(question: str, text: str, finished: bool) -> float:
        raise ValueError("no")

    with opened(verifier=broken) as question:
        question.advance(question.branch())
        tokens = question.tokens
        with pytest.raises(InputError, match="--verifier v: ValueError: no"):
            question.verify(0)
        assert question.tokens == tokens and len(question.episode.log.verbs) == 2


def test_forks_continue_their_branch_and_generate_nothing_again() -> None:
    endpoint = Endpoint()
    with opened(endpoint, verifier=length) as question:
        i = question.branch()
        assert not question.can_fork(i)
        with pytest.raises(IllegalAction, match="nothing to fork"):
            question.fork(i)
        question.step(i)
        score, text = question.verify(i), question.episode.branches[i].text
        tokens, asked = question.tokens, endpoint.requests.total()
        made = question.fork_many(i, 3)
        assert made == [1, 2, 3] and question.tokens == tokens and endpoint.requests.total() == asked
        assert question.verify(made[0]) == score and question.probe(made[1]) == question.probe(i)
        assert question.signal(made[2], "answer_lowest") == question.signal(i, "answer_lowest")
        assert question.tokens == tokens and question.latest_answers[3] == question.latest_answers[0]
        question.step_many(question.active)
        texts = [branch.text for branch in question.episode.branches]
        assert len(set(texts)) == 4 and all(each.startswith(text) for each in texts)
        assert question.tokens <= tokens + 4 * (DELTA + PROBE)
        with pytest.raises(BudgetSpent, match="8 of at most 8 are open"):
            question.fork_many(next(iter(question.active)), 6)
    with opened(Endpoint(level="width only")) as question:
        question.advance(question.branch())
        with pytest.raises(IllegalAction, match="no branch can be forked"):
            question.fork(0)


def test_branches_at_one_place_have_one_answer_and_one_score() -> None:
    calls: list[str] = []

    def judge(question: str, text: str, finished: bool) -> float:
        calls.append(text)
        return float(len(calls))

    endpoint = Endpoint()
    with opened(endpoint, verifier=judge) as question:
        i = question.branch()
        question.advance(i)
        j = question.fork(i)
        tokens, asked = question.tokens, endpoint.requests.total()
        assert question.probe(j) == question.probe(i) and question.verify(j) == question.verify(i) == 1.0
        assert question.tokens == tokens + 2 * (PROBE + COST) and endpoint.requests.total() == asked + 1
        assert calls == [question.episode.branches[i].text]


def test_prices_never_exceed_the_limit() -> None:
    with opened(verifier=length, max_tokens=DELTA + PROBE + COST) as question:
        i = question.branch()
        question.step(i)
        question.verify(i)
        j = question.fork(i)
        assert question.verify(j) is not None  # was paid for
        with pytest.raises(TokensSpent):
            question.advance(j)
        assert question.tokens == question.max_tokens
    with opened(verifier=length, max_tokens=DELTA + PROBE) as question:
        question.step(question.branch())
        with pytest.raises(TokensSpent):
            question.verify(0)


class Wanderer(Controller):
    """Takes random actions of every kind; the signals and scores that it sees decide some of them."""

    signals = SIGNALS
    verifier = "needed"
    forks = "needed"

    def solve(self, question: Question) -> str | None:
        seen: list[Any] = [None]
        for _ in range(self.random.randint(3, 25)):
            try:
                seen.append(self._act(question))
            except IllegalAction as error:
                if isinstance(error, TokensSpent):
                    raise
                seen.append(str(error))
        texts = [each for each in question.latest_answers.values() if each is not None]
        return texts[hash(repr(seen)) % len(texts)] if texts and len(seen) > 9 else None

    def _act(self, question: Question) -> Any:
        kind = self.random.randrange(9)
        if kind == 0 or not question.width:
            return question.branch_many(self.random.randint(1, 2))
        i = self.random.randrange(question.width)
        values = [question.signal(i, name) for name in SIGNALS]
        if kind == 1 and question.active:
            return question.step_many(question.active)
        if kind == 2:
            return question.verify(i)
        if kind == 3:
            return question.probe(i)
        if kind == 4 and self.random.random() < 0.3:
            return question.run_to_end(i)
        if kind == 5:
            return question.prune(i)
        if kind in (6, 7) and values[0] is not None and values[0] > -1:
            return question.fork(i)
        return question.advance(i)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([None, 60, 200]))
def test_kept_episodes_with_all_parts_replay_the_same(seed: int, limit: int | None) -> None:
    answer = None
    with opened(verifier=length, max_tokens=limit, seed=seed, max_branches=Random(seed).randint(1, 8)) as question:
        with suppress(TokensSpent):
            answer = Wanderer(0.5, seed).solve(question)
        if answer is None and question.tokens_ran_out:
            answer = answer_without_tokens(question)
        kept = KeptEpisode.of(
            question.episode, controller="wanderer", beta=0.5, answer=answer, seed=seed
        )  # fmt: skip
    again = KeptEpisode.read(kept.line())
    assert again == kept
    assert replay(again, Wanderer).differences == ()
    order = seed % 3
    environment = as_environment("a/b", [kept, kept], order)
    assert set(kept.signals) == set(environment.signal_names)
    for number in range(2):
        recording = recording_of(environment, number).seen_by(Wanderer)
        again_there = ReplayQuestion(recording, recording.order(order), kept.settings.max_branches, limit)
        with suppress(TokensSpent):
            found = Wanderer(0.5, seed).solve(again_there)
            assert found == answer or again_there.tokens_ran_out
        assert single_actions(again_there.finish()) == single_actions(kept.log)
        assert (again_there.tokens, again_there.latency) == (kept.tokens, kept.latency)


def test_episodes_with_other_prices_of_a_verification_are_no_environment() -> None:
    found = []
    for cost in (COST, COST + 1):
        with opened(verifier=length, verify_cost=cost) as question:
            question.advance(question.branch())
            question.verify(0)
            found.append(KeptEpisode.of(question.episode, controller="x", beta=0.5, answer=None))
    with pytest.raises(InputError, match=r"costs 4 tokens in episode .*, but 3 in episode"):
        as_environment("a/b", found)
    assert as_environment("a/b", found[:1]).verify_cost == COST


def test_where_forks_are_as_collected_there_are_no_others() -> None:
    with opened(collected_forks=CollectedForks(3, (1,), 2)) as question:
        i, j = question.branch_many(2)
        assert question.branches_left == 1
        with pytest.raises(BudgetSpent, match="cannot open 2 more branches: 2 of at most 3 are open"):
            question.branch_many(2)
        question.advance(i)
        k = question.fork(i)
        assert question.can_fork(k), "it stands where its parent does"
        m = question.fork(k)
        assert not question.can_fork(i) and not question.can_fork(m) and question.branches_left == 1
        with pytest.raises(IllegalAction, match=f"no fork of branch {i} at depth 1 was collected, or all are open"):
            question.fork(i)
        question.advance(k)
        assert not question.can_fork(k), "forks are not forked again"
        finished = question.advance(j)
        assert question.can_fork(j) is not finished
    with opened(collected_forks=CollectedForks(2)) as question:
        assert not question.has_forks


def test_groups_have_as_many_tokens_as_the_settings_say() -> None:
    seen: list[float] = []

    def tell(i: int, depth: int, kind: str, done: Completion) -> None:
        seen.extend(done.confidences or ())

    with opened(observer=EpisodeObserver(on_completion=tell), group_tokens=4) as question:
        i = question.branch()
        while not question.finished(i):
            question.advance(i)
            _, final = confidence_signals(np.array(seen), [], 4)
            for name in ("group", "lowest_group", "bottom_group"):
                assert question.signal(i, name) == float(np.float32(final[name] or 0))
        lowest = min(sum(seen[at : at + 4]) / 4 for at in range(len(seen) - 3))
        assert question.signal(i, "lowest_group") == pytest.approx(lowest, rel=1e-6)


def test_episodes_of_answers_alone_keep_no_numbers() -> None:
    with opened() as question:
        question.step(question.branch())
        kept = KeptEpisode.of(question.episode, controller="x", beta=0.5, answer=None)
    assert not (kept.signals or kept.verifier or kept.forks) and kept.as_recording().answers_only
