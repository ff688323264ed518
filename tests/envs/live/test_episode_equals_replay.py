"""A live episode and a replay of the same branches give equal results, errors, logs and counts, whatever is done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs.contract.question import IllegalAction
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.live.episode import LiveEpisode
from autotts.envs.live.settings import LiveSettings

from .fake_endpoint import MESSAGES, SUFFIX, FakeEndpoint, fake_reader

Action = tuple[str, Any]
ANSWERS = st.sampled_from([None, "1", "2", "3"])


@st.composite
def recordings(draw: st.DrawFn, whole: bool = False) -> Recording:
    """Draw a recording; with ``whole``, of branches that are one interval of any length."""
    delta = draw(st.integers(1, 7))
    columns = draw(st.lists(st.lists(ANSWERS, min_size=1, max_size=1 if whole else 6), min_size=1, max_size=5))
    most = 6 * delta if whole else delta
    tokens = [(len(column) - 1) * delta + draw(st.integers(1, most)) for column in columns]
    return Recording.of(columns, tokens, delta, draw(st.integers(0, 3)))


def actions(branches: int) -> st.SearchStrategy[list[Action]]:
    """Return lists of actions, most of them legal; sequences of equal steps are common."""
    index = st.integers(-1, branches)
    indices = st.one_of(st.lists(index, max_size=branches), st.just(list(range(branches))), st.tuples(index))
    return st.lists(
        st.one_of(
            st.tuples(st.just("branch_many"), st.integers(-1, branches)),
            st.tuples(st.sampled_from(("advance", "probe", "prune", "finished", "depth")), index),
            st.tuples(st.sampled_from(("step_many", "step_many", "run_many_to_end")), indices),
            st.tuples(st.just("steps"), st.tuples(indices, st.integers(1, 7))),
            st.tuples(st.just("latest_answers"), st.none()),
        ),
        max_size=25,
    ).map(lambda rest: [("branch_many", branches), *rest] if len(rest) % 3 else rest)


@dataclass
class Outcome:
    """What both sides must have in common after an action."""

    result: Any
    tokens: int
    latency: int
    active: list[int]
    width: int
    depths: list[tuple[int, bool]]
    can_step: bool
    ran_out: bool


def expanded(plan: Sequence[Action]) -> list[Action]:
    """Return the plan with each sequence of steps as single steps."""
    return [
        single
        for verb, argument in plan
        for single in ([("step_many", argument[0])] * argument[1] if verb == "steps" else [(verb, argument)])
    ]


def replayed(question: ReplayQuestion, plan: Sequence[Action]) -> list[Outcome]:
    """Return the outcome of each action."""
    found = []
    for verb, argument in plan:
        try:
            attribute = getattr(question, verb)
            result = attribute(argument) if callable(attribute) else attribute
        except IllegalAction as error:
            result = repr(error)
        found.append(outcome(question, result))
    return found


async def lived(episode: LiveEpisode, plan: Sequence[Action]) -> list[Outcome]:
    """Return the outcome of each action."""
    found = []
    for verb, argument in plan:
        try:
            attribute = getattr(episode, verb)
            result = attribute(argument) if callable(attribute) else attribute
            result = await result if asyncio.iscoroutine(result) else result
        except IllegalAction as error:
            result = repr(error)
        found.append(outcome(episode, result))
    return found


def outcome(question: ReplayQuestion | LiveEpisode, result: Any) -> Outcome:
    return Outcome(
        result, question.tokens, question.latency, question.active, question.width,
        [(question.depth(i), question.finished(i)) for i in range(question.width)], question.can_step,
        question.tokens_ran_out,
    )  # fmt: skip


def live_settings(recording: Recording, max_tokens: int | None = None) -> LiveSettings:
    """Return settings under which the branches of ``recording`` end by themselves."""
    return LiveSettings(
        delta=recording.delta,
        max_branches=len(recording.total_tokens),
        branch_tokens=100 * recording.delta,
        max_tokens=max_tokens,
        probe_suffix=SUFFIX,
        probe_cost=recording.probe_cost,
        seed=7,
    )


async def live_episode(endpoint: FakeEndpoint, asked: LiveSettings, **options: Any) -> LiveEpisode:
    return LiveEpisode(endpoint, await endpoint.prompt(MESSAGES), fake_reader(), asked, **options)


def compare(recording: Recording, plan: Sequence[Action], max_tokens: int | None, **options: Any) -> LiveEpisode:
    """Do the plan on both sides, and compare everything."""
    question = ReplayQuestion(recording, range(len(recording.total_tokens)), len(recording.total_tokens), max_tokens)
    plan = expanded(plan)

    async def live() -> tuple[LiveEpisode, list[Outcome]]:
        endpoint = FakeEndpoint(recording, **options)
        episode = await live_episode(endpoint, live_settings(recording, max_tokens))
        found = await lived(episode, plan)
        await episode.close()
        return episode, found

    episode, found = asyncio.run(live())
    wanted = replayed(question, plan)
    for action, one, other in zip(plan, found, wanted, strict=True):
        assert one == other, action
    assert episode.log.pack() == question.finish().pack()
    assert episode.latest_answers == question.latest_answers
    return episode


@pytest.mark.slow
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_actions_without_a_limit(data: st.DataObject) -> None:
    recording = data.draw(recordings())
    compare(recording, data.draw(actions(len(recording.total_tokens))), None)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_actions_under_a_limit_on_tokens(data: st.DataObject) -> None:
    recording = data.draw(recordings())
    least = recording.delta + recording.probe_cost
    limit = data.draw(st.integers(least, 3 * least + sum(recording.total_tokens)))
    compare(recording, data.draw(actions(len(recording.total_tokens))), limit)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_actions_where_the_server_gives_whole_answers_only(data: st.DataObject) -> None:
    recording = data.draw(recordings(whole=True))
    least = recording.delta + recording.probe_cost
    limit = data.draw(st.none() | st.integers(least, 3 * least + sum(recording.total_tokens)))
    compare(recording, data.draw(actions(len(recording.total_tokens))), limit, level="width only")


def test_a_look_at_the_latest_answers_ends_a_record_of_equal_steps() -> None:
    recording = Recording.of([["1"] * 6], [22], 4)
    plan: list[Action] = [("branch_many", 1), ("steps", ([0], 2)), ("latest_answers", None), ("steps", ([0], 3))]
    episode = compare(recording, plan, None)
    assert episode.log.repeats == [1, 2, 3]


def test_whole_answers_under_a_limit_reserve_an_interval_each() -> None:
    """The second answer would fit, had the first not reserved a whole interval; the next call need not ask again."""
    recording = Recording.of([["1"], ["2"], ["3"]], [2, 9, 30], 5)
    plan: list[Action] = [("branch_many", 3), ("step_many", [0, 1, 2]), ("step_many", [1]), ("step_many", [2])]
    episode = compare(recording, plan, 16 - 4, level="width only")
    assert episode.active == [2]
    assert episode.use.requests == 2, "for the third answer, no whole interval is left"


def test_a_run_counts_the_last_interval_that_is_begun() -> None:
    recording = Recording.of([["1", "2", "3"], ["1"]], [9, 4], 4)
    episode = compare(recording, [("branch_many", 2), ("run_many_to_end", [0, 1])], 16)
    assert [branch.depth for branch in episode.branches] == [3, 1]


def test_each_depth_is_probed_and_paid_for_once() -> None:
    recording = Recording.of([["1", "2", "3", "2"]], [14], 4, probe_cost=1)
    round_trip: list[Action] = [("advance", 0), ("probe", 0), ("probe", 0)]
    episode = compare(recording, [("branch_many", 1), *round_trip * 3, ("advance", 0), ("probe", 0)], None)
    assert (episode.probe_use.requests, episode.tokens) == (3, 14 + 3)
