"""Answers one question: an episode of the controller in service, with a deadline, and a vote whatever happens."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from autotts.envs.contract.controller import majority
from autotts.envs.errors import InputError
from autotts.envs.live.exchange import RequestLost
from autotts.envs.live.verifier import VerifierFailed
from autotts.sandbox.base import SandboxError

from .admission import AdmissionTicket
from .chat_request import ChatRequest
from .controllers import ControllerInService, Controllers
from .errors import GatewayError
from .final_text import final_text
from .parts import QuestionEpisode, QuestionSource
from .served_answer import Result, ServedAnswer, branch_counts, vote
from .settings import GatewaySettings
from .tracing import Span, Tracing
from .watched_actions import WatchedActions

_SEEDS = 1 << 31
"""Seeds of requests are smaller: some servers take 32 bits with a sign."""
_LOG = logging.getLogger("autotts.serve")


@dataclass(slots=True, eq=False)
class AskedQuestion:
    """A question that was admitted."""

    request: ChatRequest
    ticket: AdmissionTicket
    arrived: float
    """Time of the event loop, in seconds."""
    deadline: float
    """Seconds after ``arrived``."""
    beta: float
    seed: int
    max_branches: int
    max_tokens: int | None
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    headers: Mapping[str, str] | None = None
    progress: Callable[[str], None] | None = None
    """Called with lines that say how far the episode is."""

    ended: bool = False
    """Whether `end_now` was called."""
    _limit: asyncio.Timeout | None = None

    @property
    def ends(self) -> float:
        """Time of the event loop at which the vote so far is the answer."""
        return 0.0 if self.ended else self.arrived + self.deadline

    def time_limit(self) -> asyncio.Timeout:
        """Return a context that the deadline ends with TimeoutError. One runs at a time."""
        self._limit = asyncio.timeout_at(self.ends)
        return self._limit

    def end_now(self) -> None:
        """Let the vote so far be the answer, as if the deadline had passed."""
        self.ended = True
        if self._limit is not None:
            with suppress(RuntimeError):  # it has ended
                self._limit.reschedule(self.ends)


def asked(
    request: ChatRequest, ticket: AdmissionTicket, arrived: float, source: QuestionSource, settings: GatewaySettings
) -> AskedQuestion:
    """Return a question with its limits: those of the request, within those of the gateway."""
    own = request.options
    beta = next((beta for beta in (own.beta, request.beta) if beta is not None), settings.beta)
    tokens = [limit for limit in (request.token_limit, source.max_tokens) if limit is not None]
    return AskedQuestion(
        request=request,
        ticket=ticket,
        arrived=arrived,
        deadline=min(own.deadline or settings.deadline, settings.deadline),
        beta=beta,
        seed=secrets.randbelow(_SEEDS) if request.seed is None else request.seed % _SEEDS,
        max_branches=min(own.max_branches or source.max_branches, source.max_branches),
        max_tokens=min(tokens, default=None),
    )


class EpisodeRunner:
    """Plays episodes.

    Args:
        source: opens episodes on the model.
        controllers: the controller in service.
        tracing: opens spans.
    """

    def __init__(self, source: QuestionSource, controllers: Controllers, tracing: Tracing) -> None:
        self.source, self.controllers, self.tracing = source, controllers, tracing

    async def run(
        self, question: AskedQuestion, keep: Callable[[QuestionEpisode, ServedAnswer], None] | None = None
    ) -> ServedAnswer:
        """Play one episode, and return its answer. Cancelling ends everything that the episode has begun.

        Args:
            question: the question.
            keep: called with the closed episode.

        Raises:
            GatewayError: the deadline has passed in the queue (504), or the model cannot be asked (502).
        """
        async with self._turn(question) as controller:
            with self.tracing.span("autotts.episode", self._attributes(question, controller), question.headers) as span:
                episode = await self._open(question)
                watched = WatchedActions(episode, self.tracing, question.progress)
                try:
                    played = await self._play(question, controller, watched)
                finally:
                    await episode.close()
                answer = self._answer(question, controller, watched, played)
                _describe(span, answer)
            if keep is not None:
                keep(episode, answer)
        return answer

    @asynccontextmanager
    async def _turn(self, question: AskedQuestion) -> AsyncIterator[ControllerInService]:
        """Wait for the turn of a question, and hold its place and its controller.

        Raises:
            GatewayError: the deadline passes before.
        """
        try:
            async with question.time_limit():
                await question.ticket.__aenter__()
        except TimeoutError:
            text = f"the deadline of {question.deadline:g} seconds passed before the question's turn came"
            raise GatewayError(504, "deadline_in_queue", text, retry_after=1) from None
        try:
            async with self.controllers.episode() as controller:
                yield controller
        finally:
            question.ticket.leave()

    async def _open(self, question: AskedQuestion) -> QuestionEpisode:
        try:
            async with question.time_limit():
                return await self.source.open(
                    question.request.conversation(), question.seed, question.max_branches, question.max_tokens
                )
        except TimeoutError:
            text = f"the model's server did not answer within the deadline of {question.deadline:g} seconds"
            raise GatewayError(504, "deadline", text) from None
        except (RequestLost, InputError) as error:
            raise GatewayError(502, "model_unavailable", f"the model's server: {error}", retry_after=5) from None

    async def _play(self, question: AskedQuestion, controller: ControllerInService, watched: WatchedActions) -> _Played:
        episode = watched.episode
        deadline = question.time_limit()
        try:
            async with deadline:
                outcome = await controller.workers.solve(watched, question.beta, question.seed)
        except TimeoutError:
            if not deadline.expired():
                raise
            return _Played("ended" if question.ended else "deadline", _votes_so_far(episode))
        except SandboxError as error:
            _LOG.warning("episode %s: the sandbox failed: %s", question.id, error)
            return _Played("fallback", _votes_so_far(episode), ("sandbox", str(error)))
        except VerifierFailed as error:
            _LOG.warning("episode %s: %s", question.id, error)
            return _Played("fallback", _votes_so_far(episode), ("verifier", str(error)))
        except InputError as error:
            raise GatewayError(502, "model_unavailable", f"the model's server: {error}", retry_after=5) from None
        if not outcome.verdict.ok:
            verdict = outcome.verdict.kind, outcome.verdict.message
            _LOG.warning("episode %s: controller %s: %s: %s", question.id, controller.name, *verdict)
            return _Played("fallback", _votes_so_far(episode), verdict)
        if episode.tokens_ran_out:
            return _Played("tokens", outcome.answer)
        return _Played("no answer" if outcome.answer is None else "ok", outcome.answer)

    def _answer(
        self, question: AskedQuestion, controller: ControllerInService, watched: WatchedActions, played: _Played
    ) -> ServedAnswer:
        episode = watched.episode
        branches = list(episode.branches)
        if played.answer is None and branches and all(branch.lost for branch in branches):
            text = "the model's server lost every branch of this question"
            raise GatewayError(502, "model_unavailable", text, retry_after=5)
        return ServedAnswer(
            episode=question.id,
            controller=controller.name,
            controller_hash=controller.hash,
            beta=question.beta,
            seed=question.seed,
            limits={
                "max_branches": question.max_branches,
                "max_tokens": question.max_tokens,
                "deadline": question.deadline,
            },
            text=final_text(branches, played.answer, self.source.probe_suffix),
            result=played.result,
            vote=vote(episode.answers_so_far(), played.answer),
            branches=branch_counts(episode),
            use=episode.use,
            probe_use=episode.probe_use,
            tokens=episode.tokens,
            actions=watched.actions,
            critical_tokens=episode.latency,
            critical_seconds=episode.seconds,
            seconds=asyncio.get_running_loop().time() - question.arrived,
            verdict=played.verdict,
            unused=question.request.unused,
        )

    def _attributes(self, question: AskedQuestion, controller: ControllerInService) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": self.source.model,
            "autotts.episode": question.id,
            "autotts.controller": controller.name,
            "autotts.controller.hash": controller.hash,
            "autotts.beta": question.beta,
        }


@dataclass(frozen=True, slots=True)
class _Played:
    """How a controller ended."""

    result: Result
    answer: str | None
    verdict: tuple[str, str] | None = None


def _votes_so_far(episode: QuestionEpisode) -> str | None:
    return majority(answer for answer in episode.answers_so_far().values() if answer is not None)


def _describe(span: Span, answer: ServedAnswer) -> None:
    """Add the result to the span of an episode."""
    usage = answer.usage
    span.set(
        {
            "gen_ai.usage.input_tokens": usage["prompt_tokens"],
            "gen_ai.usage.output_tokens": usage["completion_tokens"],
            "autotts.result": answer.result,
            "autotts.branches": answer.branches["opened"],
            "autotts.tokens": answer.tokens,
            "autotts.critical_path.tokens": answer.critical_tokens,
        }
    )
