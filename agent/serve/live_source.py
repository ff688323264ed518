"""Opens episodes on a model behind an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.episode import LiveEpisode
from autotts.envs.live.exchange import Endpoint, Message
from autotts.envs.live.kept_episode import KeptEpisode
from autotts.envs.live.settings import LiveSettings
from autotts.envs.live.verifier import Verifier

from .parts import QuestionEpisode
from .served_answer import ServedAnswer


class LiveSource:
    """A `parts.QuestionSource` on a model.

    Args:
        endpoint: the model; its own limit on requests bounds the branches of all questions together.
        reader: finds the answers.
        settings: how the model is asked, and the most that a question may spend.
        verifier: scores branches; None for no verifier.
    """

    def __init__(
        self, endpoint: Endpoint, reader: AnswerReader, settings: LiveSettings, verifier: Verifier | None = None
    ) -> None:
        self._verifier = verifier
        self._endpoint, self._reader, self._settings = endpoint, reader, settings
        self.model = endpoint.model
        self.step_tokens = settings.delta + settings.probe_cost
        self.max_branches, self.max_tokens = settings.max_branches, settings.max_tokens
        self.probe_suffix = settings.probe_suffix

    async def open(
        self, messages: Sequence[Message], seed: int, max_branches: int, max_tokens: int | None
    ) -> LiveEpisode:
        """See `parts.QuestionSource.open`."""
        prompt = await self._endpoint.prompt(messages)
        settings = replace(self._settings, seed=seed, max_branches=max_branches, max_tokens=max_tokens)
        return LiveEpisode(self._endpoint, prompt, self._reader, settings, verifier=self._verifier)

    async def close(self) -> None:
        """Close all connections."""
        await self._endpoint.close()
        if self._verifier is not None:
            await self._verifier.close()


def kept_line(episode: QuestionEpisode, answer: ServedAnswer) -> str:
    """Return an episode as one line of JSON, which `envs.live.repetition` replays. It holds the question, but no text.

    An episode that was cut off has its result as its verdict: it does not replay as a whole.
    """
    assert isinstance(episode, LiveEpisode), "the episodes of this module"
    verdict = answer.verdict[0] if answer.verdict is not None else "ok"
    return KeptEpisode.of(
        episode,
        controller=answer.controller,
        beta=answer.beta,
        answer=answer.vote.answer,
        seed=answer.seed,
        id=answer.episode,
        controller_hash=answer.controller_hash,
        verdict=answer.result if answer.result in ("deadline", "ended") else verdict,
    ).line()
