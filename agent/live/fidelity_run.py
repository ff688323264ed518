"""Runs a controller live on collected questions, and kept episodes again in replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from autotts.envs.declarations import read_declarations
from autotts.envs.live.exchange import Endpoint, LiveActions
from autotts.envs.live.kept_episode import KeptEpisode
from autotts.envs.live.repetition import EpisodeComparison, replay_with
from autotts.envs.live.verifier import Verifier
from autotts.sandbox.evaluation import CandidateFailed
from autotts.sandbox.outcome import Candidate

from .asking import Solver, ask
from .collected import CollectedEnvironmentSetup
from .fidelity import LiveResult

_Result = TypeVar("_Result")


async def run_live(
    endpoint: Endpoint,
    solver: Solver,
    candidate: Candidate,
    setup: CollectedEnvironmentSetup,
    questions: Sequence[int],
    *,
    beta: float,
    max_branches: int | None = None,
    max_tokens: int | None = None,
    seeds: Sequence[int] = (0,),
    done: Callable[[], None] = lambda: None,
    verifier: Verifier | None = None,
    forks_anywhere: bool = False,
) -> list[LiveResult]:
    """Run a controller live on ``questions``, once for each seed, and return the results.

    Args:
        endpoint: the model.
        solver: plays the controller.
        candidate: the controller, for an error.
        setup: the environment of the questions.
        questions: their numbers.
        beta: the budget knob of the controller.
        max_branches: branches of a question at most; None for all that are recorded.
        max_tokens: tokens of a question at most.
        seeds: a seed for each episode of a question.
        done: called after each episode.
        verifier: scores branches; None for no verifier.
        forks_anywhere: whether branches may be forked where no recorded one was.

    Raises:
        CandidateFailed: the controller failed on a question.
        InputError: the server cannot be used like this.
        RequestLost: the server does not render a question.
    """

    forks = bool(read_declarations(candidate.source).forks)

    async def one(question: int, seed: int) -> LiveResult:
        settings = setup.settings(question, max_branches, max_tokens, seed, forks, forks_anywhere)
        messages = setup.messages(question)
        found, _ = await ask(endpoint, solver, messages, setup.reader, settings, beta, verifier=verifier)
        if not found.verdict.ok:
            raise CandidateFailed(candidate, found.verdict)
        done()
        right = setup.is_right(question, found.answer)
        return LiveResult(question, right, found.tokens, found.latency, len(found.lost))

    return await _all([one(question, seed) for question in questions for seed in seeds])


async def _all(episodes: Sequence[Coroutine[Any, Any, _Result]]) -> list[_Result]:
    """Run episodes side by side; the first that fails ends the others, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(episode) for episode in episodes]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def repeat(
    episodes: Sequence[KeptEpisode], solver: Solver, done: Callable[[], None] = lambda: None
) -> list[EpisodeComparison]:
    """Play the controller of kept episodes again, on what they revealed, and compare actions, tokens and answers.

    Args:
        episodes: the episodes; each by the controller that ``solver`` plays.
        solver: plays the controller.
        done: called after each episode.
    """

    async def one(episode: KeptEpisode) -> EpisodeComparison:
        async def solve(actions: LiveActions) -> tuple[str | None, str]:
            outcome = await solver.solve(actions, episode.beta, episode.seed)
            return outcome.answer, "" if outcome.verdict.ok else outcome.verdict.kind

        found = await replay_with(episode, solve)
        done()
        return found

    return await _all([one(episode) for episode in episodes])
