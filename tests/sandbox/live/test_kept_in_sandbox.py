"""Live episodes of sandboxed controllers are repeated: by live workers on the kept episode, and by the evaluation."""

from __future__ import annotations

import asyncio

import pytest

from autotts.agent.archive.champions import champion_source
from autotts.envs.contract.replay import Recording
from autotts.envs.episodes import grid
from autotts.envs.live.episode import LiveEpisode
from autotts.envs.live.exchange import LiveActions
from autotts.envs.live.kept_environment import as_environment
from autotts.envs.live.kept_episode import KeptEpisode, single_actions
from autotts.envs.live.repetition import replay_with
from autotts.envs.live.settings import LiveSettings
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.live.workers import LiveWorkers
from autotts.sandbox.outcome import Candidate

from ...envs.live.fake_endpoint import MESSAGES, SUFFIX, FakeEndpoint, fake_reader, recordings_of
from ..test_token_limit import CARELESS

CONTROLLERS = {"careless": CARELESS, "accurate": champion_source("accurate")}
WIDTH, BETA = 12, 0.9


async def live(workers: LiveWorkers, recording: Recording, max_tokens: int | None) -> KeptEpisode:
    """Play the controller of ``workers`` on a live question, with a loss, and keep the episode."""
    endpoint = FakeEndpoint(recording, losses={(2, 2 * recording.delta)})
    asked = LiveSettings(
        delta=recording.delta, max_branches=WIDTH, branch_tokens=100 * recording.delta, max_tokens=max_tokens,
        probe_suffix=SUFFIX, probe_cost=recording.probe_cost, seed=7,
    )  # fmt: skip
    episode = LiveEpisode(endpoint, await endpoint.prompt(MESSAGES), fake_reader(), asked)
    outcome = await workers.solve(episode, BETA, 0)
    await episode.close()
    assert outcome.verdict.ok, outcome
    return KeptEpisode.of(episode, controller="live", beta=BETA, answer=outcome.answer)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTROLLERS)
@pytest.mark.parametrize("max_tokens", [None, 30_000])
def test_live_episodes_are_repeated(name: str, max_tokens: int | None) -> None:
    candidate = Candidate(name, CONTROLLERS[name])
    made = generate(next(iter(default_models().values())), "live/kept", questions=3, branches=WIDTH, seed=4)

    async def play() -> list[KeptEpisode]:
        async with LiveWorkers.open(candidate, "process", check_policy=False) as workers:
            kept = [await live(workers, recording, max_tokens) for recording in recordings_of(made)]

            async def solve(actions: LiveActions) -> tuple[str | None, str]:
                outcome = await workers.solve(actions, BETA, 0)
                return outcome.answer, "" if outcome.verdict.ok else outcome.verdict.message

            for episode in kept:
                assert (await replay_with(KeptEpisode.read(episode.line()), solve)).differences == ()
            return kept

    kept = asyncio.run(play())
    environment = as_environment("kept/live", kept, order=0)
    episodes = grid([environment], (BETA,), range(1), WIDTH, max_tokens)
    found = evaluate(candidate, episodes)
    assert found.logs is not None and found.scores is not None, found.verdict
    assert found.scores.tokens.tolist() == [episode.tokens for episode in kept]
    words = (None, *environment.vocabulary[1:])
    assert [words[code] for code in found.logs.answer] == [episode.answer for episode in kept]
    for at, episode in enumerate(kept):
        part = found.logs.part(at, at + 1)
        log = episode.log.__class__()
        log.verbs, log.repeats = part.verbs.tolist(), part.repeats.tolist()
        log.counts, log.indices = part.counts.tolist(), part.indices.tolist()
        assert single_actions(log) == single_actions(episode.log)
