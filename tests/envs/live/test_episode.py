"""What a live episode does beside a replay: losses, limits of length, ends, bounds, observers, texts and counts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from autotts.envs.contract.question import IllegalAction
from autotts.envs.contract.replay import VERBS, Recording
from autotts.envs.errors import InputError
from autotts.envs.live.episode import LiveEpisode
from autotts.envs.live.episode_state import EpisodeObserver
from autotts.envs.live.exchange import TokenUse
from autotts.envs.live.question import LiveQuestion, run_live
from autotts.envs.live.settings import LiveSettings, request_seed

from .fake_endpoint import SUFFIX, FakeEndpoint, fake_reader, in_event_loop
from .test_episode_equals_replay import live_episode, live_settings

BRANCHES = Recording.of([["1", "2", "2"], ["1", None, "3", "2"], ["1"]], [11, 14, 2], 4)


def asked(**changes: Any) -> LiveSettings:
    fields = {"delta": 4, "max_branches": 3, "branch_tokens": 400, "probe_suffix": SUFFIX, "seed": 7}
    return LiveSettings(**fields | changes)


async def opened(endpoint: FakeEndpoint, **options: Any) -> LiveEpisode:
    episode = await live_episode(endpoint, options.pop("settings", asked()), **options)
    await episode.branch_many(3)
    return episode


async def settled(endpoint: FakeEndpoint, requests: int) -> None:
    """Let the loop run until ``requests`` requests wait."""
    for _ in range(100):
        await asyncio.sleep(0)
    assert endpoint.at_once == requests


def verbs(episode: LiveEpisode) -> list[str]:
    return [VERBS[verb] for verb in episode.log.verbs]


@in_event_loop
async def test_one_request_for_each_branch_and_interval_all_at_once() -> None:
    endpoint = FakeEndpoint(BRANCHES)
    episode = await opened(endpoint)
    assert await episode.step_many([0, 1, 2]) == [("1", False), ("1", False), ("1", True)]
    assert endpoint.most_at_once == 3
    assert endpoint.requests == [(0, 0, 4), (1, 0, 4), (2, 0, 4), (0, 4, -16), (1, 4, -16)]
    assert (episode.use.generated, episode.use.requests) == (4 + 4 + 2, 3)
    assert (episode.probe_use.generated, episode.probe_use.requests) == (6, 2)
    assert (episode.tokens, episode.latency) == (10, 4)
    assert await episode.run_many_to_end([0, 1]) == ["2", "2"]
    assert endpoint.requests[5:] == [(0, 4, 396), (1, 4, 396)]
    assert [branch.depth for branch in episode.branches] == [3, 4, 1]
    assert episode.branches[1].cells == ["1", None, None, "2"]


@in_event_loop
async def test_a_shared_limit_bounds_the_requests_at_once() -> None:
    endpoint = FakeEndpoint(BRANCHES)
    episode = await opened(endpoint, limit=asyncio.Semaphore(2))
    await episode.step_many([0, 1, 2])
    await episode.run_many_to_end([0, 1])
    assert endpoint.most_at_once == 2


@in_event_loop
async def test_a_lost_branch_is_finished_without_an_answer() -> None:
    endpoint = FakeEndpoint(BRANCHES, losses={(0, 4), (1, 0)})
    episode = await opened(endpoint)
    assert not await episode.advance(0)
    assert await episode.probe(0) is None  # the probe is lost, the branch is not
    assert await episode.step_many([0, 1]) == [(None, True), (None, True)]
    assert (episode.tokens, episode.active) == (4, [2])
    assert episode.branches[1].lost == "no answer for branch 1 at 0"
    assert episode.notes == [
        "branch 0, depth 1: probe lost: no answer for branch 0 at 4",
        "branch 0, depth 2: lost: no answer for branch 0 at 4",
        "branch 1, depth 1: lost: no answer for branch 1 at 0",
    ]
    assert await episode.run_many_to_end([2]) == ["1"]
    assert episode.latest_answers == {0: None, 1: None, 2: "1"}


@in_event_loop
async def test_the_longest_branch_ends_with_what_its_text_says() -> None:
    endpoint = FakeEndpoint(BRANCHES)
    episode = await opened(endpoint, settings=asked(branch_tokens=9))  # two whole intervals
    assert await episode.step_many([0, 1]) == [("1", False), ("1", False)]
    assert await episode.step_many([0]) == [(None, True)]
    assert await episode.run_many_to_end([1]) == [None]
    assert (episode.tokens, episode.latency) == (16, 12)
    assert not any(branch.lost for branch in episode.branches)


@in_event_loop
async def test_the_context_bounds_a_branch() -> None:
    endpoint = FakeEndpoint(BRANCHES, context=3 + 10)  # the prompt has 3 tokens
    episode = await opened(endpoint)
    await episode.step_many([0, 1])
    await episode.step_many([0, 1])
    assert await episode.step_many([0]) == [(None, True)]
    assert endpoint.requests[-1] == (0, 8, 2)
    assert await episode.run_many_to_end([1]) == [None]
    assert episode.tokens == 8 + 8 + 2 + 2


@in_event_loop
async def test_closing_ends_requests_and_refuses_actions() -> None:
    endpoint = FakeEndpoint(BRANCHES, gate=asyncio.Event())
    episode = await opened(endpoint)
    action = asyncio.ensure_future(episode.run_many_to_end([0, 1, 2]))
    await settled(endpoint, 3)
    await episode.close()
    await episode.close()
    assert (endpoint.at_once, endpoint.cancelled) == (0, 3)
    with pytest.raises(asyncio.CancelledError):
        await action
    with pytest.raises(IllegalAction, match="closed"):
        await episode.step_many([0])
    assert verbs(episode) == ["branch"]


@in_event_loop
async def test_a_cancelled_action_changes_nothing() -> None:
    endpoint = FakeEndpoint(BRANCHES, gate=asyncio.Event())
    episode = await opened(endpoint)
    action = asyncio.ensure_future(episode.step_many([0, 1, 2]))
    await settled(endpoint, 3)
    action.cancel()
    with pytest.raises(asyncio.CancelledError):
        await action
    assert (endpoint.at_once, endpoint.cancelled) == (0, 3)
    assert (episode.tokens, episode.active, verbs(episode)) == (0, [0, 1, 2], ["branch"])
    assert endpoint.gate is not None
    endpoint.gate.set()
    assert await episode.step_many([0, 2]) == [("1", False), ("1", True)]


@in_event_loop
async def test_answers_so_far_include_branches_that_ended_inside_the_action() -> None:
    class OneHangs(FakeEndpoint):
        async def generate(self, *given: Any, **options: Any) -> Any:
            if self._place(given[1], options["seed"])[0] == 1:
                await asyncio.Event().wait()
            return await super().generate(*given, **options)

    episode = await opened(OneHangs(BRANCHES))
    action = asyncio.ensure_future(episode.run_many_to_end([0, 1, 2]))
    for _ in range(20):
        await asyncio.sleep(0)
    assert episode.latest_answers == {}
    assert episode.answers_so_far() == {0: "2", 2: "1"}
    assert episode.text_of("2") == "0:11;\\boxed{2}"
    action.cancel()
    with pytest.raises(asyncio.CancelledError):
        await action
    assert episode.answers_so_far() == {0: "2", 2: "1"}
    await episode.close()


@in_event_loop
async def test_the_shortest_branch_with_the_answer_gives_the_text() -> None:
    episode = await opened(FakeEndpoint(BRANCHES))
    await episode.run_many_to_end([0, 1])
    assert episode.text_of("2") == "0:11;\\boxed{2}"
    assert episode.text_of("3") is None
    await episode.step_many([2])
    assert episode.text_of("1") == "2:2;\\boxed{1}"


@in_event_loop
async def test_a_server_that_cannot_be_used_ends_the_action() -> None:
    endpoint = FakeEndpoint(BRANCHES, fails=InputError("a wrong key"))
    episode = await opened(endpoint)
    with pytest.raises(InputError, match="a wrong key"):
        await episode.step_many([0, 1])
    assert (endpoint.at_once, verbs(episode)) == (0, ["branch"])


@in_event_loop
async def test_observers_see_changes_texts_and_completions() -> None:
    seen: list[Any] = []
    observer = EpisodeObserver(
        on_change=lambda state: seen.append(state.tokens),
        on_text=lambda branch, piece: seen.append((branch, piece)),
        on_completion=lambda branch, depth, kind, done: seen.append((branch, depth, kind, done.tokens)),
    )
    episode = await opened(FakeEndpoint(BRANCHES), observer=observer)
    await episode.step_many([0])
    await episode.run_many_to_end([2])
    assert seen == [
        0, (0, "0:4;"), (0, 0, "interval", 4), (0, 1, "probe", 3), 4, (2, "2:2;\\boxed{1}"), (2, 0, "run", 2), 6,
    ]  # fmt: skip


@in_event_loop
async def test_seconds_on_the_critical_path_are_those_of_the_longest_branch_of_each_call() -> None:
    ticks = iter(range(1000))
    episode = await opened(FakeEndpoint(BRANCHES), clock=lambda: float(next(ticks)))
    await episode.step_many([0, 1])
    await episode.advance(0)
    assert 0 < episode.seconds < episode.elapsed
    await episode.close()
    assert episode.elapsed == episode.elapsed


@in_event_loop
async def test_a_suffix_does_not_close_thoughts_twice() -> None:
    suffixes: list[str] = []

    class Thinking(FakeEndpoint):
        async def generate(self, *given: Any, suffix: str = "", **options: Any) -> Any:
            suffixes.append(suffix)
            return await super().generate(*given, suffix=SUFFIX if suffix else "", **options)

    episode = await opened(Thinking(BRANCHES), settings=asked(probe_suffix="\n</think>\n" + SUFFIX))
    await episode.step_many([0])
    passage = episode.branches[0].passage
    episode.branches[0].passage = type(passage)(passage.text + "</think>0:4;", passage.token_ids)
    await episode.step_many([0])
    assert suffixes == ["", "\n</think>\n" + SUFFIX, "", "\n" + SUFFIX]


@in_event_loop
async def test_real_and_contract_tokens_are_counted_apart() -> None:
    priced = Recording.of([["1", "2"]], [6], 4, probe_cost=1)
    endpoint = FakeEndpoint(priced)
    episode = await live_episode(endpoint, live_settings(priced))
    await episode.branch_many(1)
    await episode.step_many([0])
    assert (episode.tokens, episode.use.generated, episode.probe_use.generated) == (5, 4, 3)
    total = TokenUse()
    total.add(episode.use)
    total.add(episode.probe_use)
    assert (total.generated, total.requests) == (7, 2)


def test_a_live_question_serves_code_that_is_not_asynchronous() -> None:
    endpoint = FakeEndpoint(BRANCHES)
    with LiveQuestion.open(endpoint, "a question", asked(max_tokens=8), fake_reader()) as question:
        assert question.branch() == 0
        assert question.step(0) == ("1", False)
        assert (question.depth(0), question.finished(0), question.active, question.width) == (1, False, [0], 1)
        assert (question.tokens, question.latency, question.tokens_left, question.can_step) == (4, 4, 4, True)
        with pytest.raises(IllegalAction, match="8 of at most 8 tokens"):
            question.run_to_end(0)
        assert question.tokens_ran_out
        assert question.probe(0) == "2"
        question.prune(0)
        assert question.latest_answers == {}
    with pytest.raises(IllegalAction, match="closed"):
        question.branch()
    run_live(endpoint.close())
    assert endpoint.closed


def test_seeds_of_requests_differ_and_fit_31_bits() -> None:
    seeds = {request_seed(seed, branch, depth) for seed in (0, 1) for branch in range(50) for depth in range(50)}
    assert len(seeds) == 5000 and all(seed is not None and 0 <= seed < 2**31 for seed in seeds)
    assert request_seed(None, 0, 0) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"delta": 0}, {"max_branches": 0}, {"max_branches": 2**17}, {"branch_tokens": 3}, {"branch_tokens": 4 * 10**6},
        {"probe_tokens": 0}, {"probe_cost": -1}, {"max_tokens": 3}, {"max_tokens": 4, "probe_cost": 1},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        asked(**wrong)
