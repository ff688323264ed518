"""Kept episodes: their lines, and their replays, which give the same actions, tokens and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autotts
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.envs.contract.controller import Controller, answer_without_tokens
from autotts.envs.contract.question import IllegalAction, Question, TokensSpent
from autotts.envs.contract.replay import Recording, ReplayQuestion, shuffled
from autotts.envs.errors import InputError
from autotts.envs.live.exchange import LiveActions
from autotts.envs.live.kept_environment import as_environment
from autotts.envs.live.kept_episode import KeptEpisode, read_episodes
from autotts.envs.live.question import LiveQuestion
from autotts.envs.live.repetition import replay, replay_with
from autotts.envs.synthetic.model import default_models, generate

from .fake_endpoint import MESSAGES, FakeEndpoint, fake_reader, recordings_of
from .test_episode_equals_replay import Action, actions, expanded, live_episode, live_settings, lived, recordings


def planned(plan: Sequence[Action]) -> type[Controller]:
    """Return a controller that follows ``plan``, and answers what the last branch showed last."""

    class Planned(Controller):
        name = "planned"

        def solve(self, question: Question) -> str | None:
            for verb, argument in plan:
                with suppress(IllegalAction):
                    attribute = getattr(question, verb)
                    attribute = attribute(argument) if callable(attribute) else attribute
            return next(reversed(question.latest_answers.values()), None)

    return Planned


def kept(recording: Recording, plan: Sequence[Action], max_tokens: int | None, **options: object) -> KeptEpisode:
    """Follow the plan live, and keep the episode."""

    async def live() -> KeptEpisode:
        endpoint = FakeEndpoint(recording, **options)  # type: ignore[arg-type]
        episode = await live_episode(endpoint, live_settings(recording, max_tokens))
        await lived(episode, plan)
        answer = next(reversed(episode.latest_answers.values()), None)
        if answer is None and episode.tokens_ran_out:
            answer = autotts.majority(each for each in episode.latest_answers.values() if each is not None)
        await episode.close()
        return KeptEpisode.of(episode, controller="planned", beta=0.5, answer=answer, text=True)

    return asyncio.run(live())


@pytest.mark.slow
@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_kept_episode_is_repeated(data: st.DataObject) -> None:
    """With losses, with and without a limit on tokens; also after its way through a line of JSON."""
    whole = data.draw(st.booleans())
    recording = data.draw(recordings(whole))
    least = recording.delta + recording.probe_cost
    limit = data.draw(st.none() | st.integers(least, 3 * least + sum(recording.total_tokens)))
    plan = expanded(data.draw(actions(len(recording.total_tokens))))
    places = st.tuples(st.integers(0, 4), st.integers(0, 5).map(lambda depth: depth * recording.delta))
    losses = data.draw(st.sets(places, max_size=4))
    episode = kept(recording, plan, limit, losses=losses, level="width only" if whole else "full")
    read = KeptEpisode.read(episode.line())
    assert read == episode
    assert replay(read, planned(plan)).differences == ()
    assert read.log.pack() == episode.log.pack()


@pytest.mark.slow
@given(st.data())
@settings(max_examples=50, deadline=None)
def test_an_environment_of_episodes_repeats_them(data: st.DataObject) -> None:
    recording = data.draw(recordings())
    plans = data.draw(st.lists(actions(len(recording.total_tokens)).map(expanded), min_size=1, max_size=3))
    order = data.draw(st.integers(0, 3))
    episodes = [kept(recording, plan, None) for plan in plans]
    environment = as_environment("kept/fake", episodes, order)
    for plan, episode, found in zip(plans, episodes, recordings_of(environment, exact=True), strict=True):
        width = len(recording.total_tokens)
        question = ReplayQuestion(found, shuffled(width, order), width)
        answer = planned(plan)(0.5).solve(question)
        assert (answer, question.tokens, question.latency) == (episode.answer, episode.tokens, episode.latency)
        assert question.finish().pack() == episode.log.pack()


def test_episodes_of_different_intervals_are_no_environment() -> None:
    one = kept(Recording.of([["1"]], [3], 3), [], None)
    other = kept(Recording.of([["1"]], [3], 4), [], None)
    with pytest.raises(InputError, match="intervals of 4 tokens"):
        as_environment("kept/fake", [one, other])
    with pytest.raises(InputError, match="no episodes"):
        as_environment("kept/fake", [])


def test_lines_that_are_no_episodes_are_named(tmp_path: Path) -> None:
    line = kept(Recording.of([["1", "2"]], [6], 4), [("branch_many", 1), ("step_many", [0])], None).line()
    path = tmp_path / "episodes.jsonl"
    path.write_text(f"{line}\n\n{line}\n{line[:40]}")
    assert len(list(read_episodes(path))) == 2
    path.write_text(f"{line}\n{{}}\n")
    with pytest.raises(InputError, match=r"line 2: not a kept episode: controller: Field required"):
        list(read_episodes(path))
    path.write_text(line.replace('"delta":4', '"delta":0') + "\n")
    with pytest.raises(InputError, match="line 1"):
        list(read_episodes(path))
    with pytest.raises(InputError, match="No such file"):
        list(read_episodes(tmp_path / "none"))


def test_another_controller_differs() -> None:
    recording = Recording.of([["1", "2"], ["3"]], [6, 4], 4)
    episode = kept(recording, [("branch_many", 2), ("step_many", [0, 1])], None)
    found = replay(episode, planned([("branch_many", 2), ("step_many", [0])]))
    assert found.differences[0] == "action 2: step 0, 1 live, step 0 in replay"
    assert not found.same
    longer = replay(episode, planned([("branch_many", 2), ("step_many", [0, 1]), ("prune", 0)]))
    assert longer.differences == ("actions: 2 live, 3 in replay; the first 2 agree", "answer: 3 live, 3 in replay")[:1]


def test_a_controller_behind_live_actions_is_repeated() -> None:
    recording = Recording.of([["1", "2"], ["3"]], [6, 4], 4)
    plan = [("branch_many", 2), ("step_many", [0, 1]), ("run_many_to_end", [0])]
    episode = kept(recording, plan, None)

    async def solve(question: LiveActions) -> tuple[str | None, str]:
        await question.branch_many(2)
        await question.step_many((0, 1))
        await question.run_many_to_end([0])
        return question.latest_answers[1], ""

    assert asyncio.run(replay_with(episode, solve)).same


@cache
def sources() -> dict[str, str]:
    found = {name: baseline_source(name) for name in baseline_names()}
    return found | {version.id: version.source for version in list(autotts.open_archive("shipped:evolve"))[-4:]}


@cache
def controller(name: str) -> type[Controller]:
    """Return the class of a baseline or of a shipped version, on the classes of this process."""
    space = {"__name__": f"loaded.{name}"}
    exec(compile(sources()[name].replace("from envs import", "from autotts.envs import"), name, "exec"), space)
    return [v for v in space.values() if isinstance(v, type) and issubclass(v, Controller) and v is not Controller][-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", sources())
@pytest.mark.parametrize("max_tokens", [None, 9000])
def test_real_controllers_do_the_same_live_and_in_replay(name: str, max_tokens: int | None) -> None:
    environment = generate(next(iter(default_models().values())), "live/real", questions=2, branches=16, seed=3)
    for recording in recordings_of(environment):
        for beta in (0.3, 1.0):
            endpoint = FakeEndpoint(recording)
            asked = live_settings(recording, max_tokens)
            with LiveQuestion.open(endpoint, MESSAGES, asked, fake_reader()) as live:
                replayed = ReplayQuestion(recording, range(16), 16, max_tokens)
                answers = [solved(controller(name), beta, question) for question in (live, replayed)]
                assert answers[0] == answers[1]
                assert (live.tokens, live.latency) == (replayed.tokens, replayed.latency)
                assert live.episode.log.pack() == replayed.finish().pack()
            episode = KeptEpisode.of(live.episode, controller=name, beta=beta, answer=answers[0], seed=5)
            assert replay(KeptEpisode.read(episode.line()), controller(name)).differences == ()


def solved(kind: type[Controller], beta: float, question: Question) -> str | None:
    answer = None
    with suppress(TokensSpent):
        answer = kind(beta, 5).solve(question)
    return answer_without_tokens(question) if answer is None and question.tokens_ran_out else answer
