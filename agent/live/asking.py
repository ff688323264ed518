"""Asks a live model one question with a controller in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.episode import LiveEpisode
from autotts.envs.live.episode_state import EpisodeObserver
from autotts.envs.live.exchange import Endpoint, LiveActions, Message, TokenUse
from autotts.envs.live.settings import LiveSettings
from autotts.envs.live.verifier import Verifier
from autotts.envs.live.vote import BranchVote
from autotts.sandbox.live.workers import LiveOutcome
from autotts.sandbox.outcome import Verdict


class Solver(Protocol):
    """Plays a controller on live questions; `sandbox.live.workers.LiveWorkers` is one."""

    async def solve(self, actions: LiveActions, beta: float, seed: int = 0) -> LiveOutcome: ...


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """What came of one live question."""

    verdict: Verdict
    """How the controller ended; if not ok, there is no answer."""
    vote: BranchVote
    """The answer, and the votes of the branches."""
    text: str
    """The text of the shortest finished branch that gave the answer; "" if none did."""
    branches: int
    pruned: int
    lost: tuple[str, ...]
    """A line for each request that was lost for good."""
    tokens: int
    """Tokens by the contract: of all branches, plus the price of the probes."""
    latency: int
    """Tokens on the critical path, by the contract."""
    seconds: float
    """Seconds on the critical path."""
    elapsed: float
    """Seconds from the question to the answer."""
    use: TokenUse = field(default_factory=TokenUse)
    """Real tokens of branches."""
    probe_use: TokenUse = field(default_factory=TokenUse)
    """Real tokens of probes."""

    @property
    def answer(self) -> str | None:
        """The answer; None for no answer."""
        return self.vote.answer


async def ask(
    endpoint: Endpoint,
    solver: Solver,
    messages: Sequence[Message],
    reader: AnswerReader,
    settings: LiveSettings,
    beta: float,
    observer: EpisodeObserver | None = None,
    verifier: Verifier | None = None,
) -> tuple[LiveAnswer, LiveEpisode]:
    """Ask one question, and return the answer with the episode, which is closed.

    Args:
        endpoint: the model.
        solver: plays the controller.
        messages: the question as a chat; its last message is the user's.
        reader: finds and compares answers.
        settings: the budget, and how the model is asked.
        beta: the budget knob of the controller.
        observer: functions that are told what happens.
        verifier: scores branches; None for no verifier.

    Raises:
        InputError: the server cannot be used like this.
        RequestLost: the server does not even render the question.
        SandboxError: no worker can be started.
    """
    prompt = await endpoint.prompt(messages)
    episode = LiveEpisode(endpoint, prompt, reader, settings, observer=observer, verifier=verifier)
    try:
        outcome = await solver.solve(episode, beta, settings.seed or 0)
    finally:
        await episode.close()
    return answer_of(episode, outcome), episode


def answer_of(episode: LiveEpisode, outcome: LiveOutcome) -> LiveAnswer:
    """Return what came of an episode that is closed."""
    return LiveAnswer(
        verdict=outcome.verdict,
        vote=BranchVote.of(outcome.answer, episode.answers_so_far().values()),
        text=episode.text_of(outcome.answer) or "",
        branches=episode.width,
        pruned=sum(branch.pruned for branch in episode.branches),
        lost=tuple(episode.notes),
        tokens=episode.tokens,
        latency=episode.latency,
        seconds=episode.seconds,
        elapsed=episode.elapsed,
        use=episode.use,
        probe_use=episode.probe_use,
    )
