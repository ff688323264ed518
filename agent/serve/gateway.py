"""The gateway without its HTTP: takes requests, answers them by episodes or by the model itself, and counts them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from autotts.envs.counting import counted
from autotts.envs.errors import InputError
from autotts.sandbox.base import SandboxError
from autotts.sandbox.outcome import Candidate

from .admission import Admission
from .chat_request import ChatRequest, PassReason, pass_reason, passed_body
from .controllers import Controllers
from .episodes import AskedQuestion, EpisodeRunner, asked
from .errors import GatewayError
from .metrics import GatewayMetrics
from .parts import ControllerWorkers, QuestionEpisode, QuestionSource
from .pass_through import PassedAnswer, PassThrough
from .records import EpisodeKeeper, EpisodeLog
from .served_answer import ServedAnswer
from .settings import GatewaySettings
from .tracing import Tracing

_LAST_SECONDS = 5.0
"""Seconds in which a question that has to end now sends its answer."""
_LOG = logging.getLogger("autotts.serve")


class Gateway:
    """Answers questions with episodes of a controller.

    Args:
        source: opens episodes on the model; closed by `close`.
        open_workers: returns workers for a controller.
        passing: hands requests to the model's own server; closed by `close`.
        settings: its limits and defaults.
        log: writes a line for each request.
        keeper: keeps episodes; None to keep none.
        tracing: opens spans.
    """

    def __init__(
        self,
        source: QuestionSource,
        open_workers: Callable[[Candidate], ControllerWorkers],
        passing: PassThrough,
        settings: GatewaySettings | None = None,
        log: EpisodeLog | None = None,
        keeper: EpisodeKeeper | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.source, self.passing, self.keeper = source, passing, keeper
        self.settings = settings or GatewaySettings()
        self.log = log or EpisodeLog(None)
        self.controllers = Controllers(open_workers)
        self.admission = Admission(self.settings.questions, self.settings.queue)
        self.metrics = GatewayMetrics()
        self._hurry = asyncio.Event()
        self._questions: set[AskedQuestion] = set()
        self._runner = EpisodeRunner(source, self.controllers, tracing or Tracing())
        for name, text, read in (
            ("questions_running", "Questions that run now.", lambda: self.admission.running),
            ("questions_waiting", "Questions that wait for their turn.", lambda: self.admission.waiting),
            ("draining", "Whether the gateway is ending.", lambda: self.admission.draining),
        ):
            self.metrics.gauge(name, text, read)

    @property
    def model(self) -> str:
        """The name of the model for clients."""
        return self.settings.served_name or self.source.model

    def begin(self, request: ChatRequest, headers: Mapping[str, str]) -> AskedQuestion | PassReason:
        """Admit a request: return its question, or why it has to pass through to the model.

        Raises:
            GatewayError: there is no such model, the queue is full, or the gateway is ending.
        """
        if request.model is not None and request.model != self.model:
            text = f"no model {request.model!r}: this gateway serves {self.model!r}"
            raise GatewayError(404, "model_not_found", text, param="model")
        if (reason := pass_reason(request)) is not None:
            return reason
        arrived = asyncio.get_running_loop().time()
        question = asked(request, self.admission.ticket(), arrived, self.source, self.settings)
        if question.max_tokens is not None and question.max_tokens < self.source.step_tokens:
            question.ticket.leave()
            return "max_tokens"
        question.headers = headers
        return question

    async def answer(self, question: AskedQuestion, fields: dict[str, Any]) -> ServedAnswer:
        """Return the answer to an admitted question; `begin` admits it.

        An episode that gives no text, because the controller failed before a branch had one, is answered by the model
        itself.

        Args:
            question: the question.
            fields: the fields of its request, as they came.

        Raises:
            GatewayError: the deadline has passed in the queue, or the model cannot be asked.
        """
        self._questions.add(question)
        try:
            answer = await self._runner.run(question, self._keep)
        finally:
            self._questions.discard(question)
        if not answer.text.content and answer.result in ("fallback", "no answer"):
            self.metrics.passed.labels("no_text").inc()
            try:
                async with asyncio.timeout_at(question.ends):
                    answer.model_answer = await self.passing.complete(passed_body(fields, self.source.model))
            except TimeoutError:
                text = f"the deadline of {question.deadline:g} seconds has passed, and no branch has a text"
                raise GatewayError(504, "deadline", text) from None
            answer.seconds = asyncio.get_running_loop().time() - question.arrived
        self.metrics.episode(answer)
        self.log.episode(answer, streamed=bool(question.request.stream))
        return answer

    async def pass_on(self, fields: dict[str, Any], reason: PassReason) -> tuple[PassedAnswer, Callable[[], None]]:
        """Send a request to the model's own server. It takes the place of a question until it has ended.

        Returns:
            the answer, and a function that gives the place back.

        Raises:
            GatewayError: the server does not answer, the queue is full, or the gateway is ending.
        """
        self.metrics.passed.labels(reason).inc()
        self.log.other("pass_through", reason=reason)
        ticket = self.admission.ticket()
        try:
            async with asyncio.timeout(self.settings.deadline):
                await ticket.__aenter__()
                return await self.passing.begin(passed_body(fields, self.source.model)), ticket.leave
        except TimeoutError:
            ticket.leave()
            text = f"the model's server did not answer within {self.settings.deadline:g} seconds"
            raise GatewayError(504, "deadline", text) from None
        except BaseException:
            ticket.leave()
            raise

    async def not_ready(self) -> str:
        """Return why this gateway cannot answer questions now; "" if it can."""
        if self.admission.draining:
            return "the gateway is ending"
        if not self.controllers.ready:
            return "no worker of the controller is ready"
        return "" if await self.passing.reachable() else "the server of the model does not answer"

    async def change_controller(self, find: Callable[[], Candidate]) -> None:
        """Find the controller again, and let it take over if it has changed. A controller that fails changes nothing.

        Args:
            find: returns the controller; runs in a thread.
        """
        try:
            candidate = await asyncio.to_thread(find)
            changed = await self.controllers.take_over(candidate)
        except (InputError, SandboxError, ValueError) as error:
            result, level, text = "failed", logging.ERROR, f"the controller stays as it is: {error}"
        else:
            now = self.controllers.now
            result, level = "changed" if changed else "same", logging.INFO
            text = f"controller {now.name} ({now.hash[:12]}) {'has taken over' if changed else 'is the same'}"
        self.metrics.changes.labels(result).inc()
        self.log.other("controller", result=result, message=text)
        _LOG.log(level, "%s", text)

    async def drain(self) -> None:
        """Refuse new questions, and wait until all others have ended.

        Those that run after `drain_seconds`, or after `hurry`, get the vote so far.
        """
        self.admission.draining = True
        ends = asyncio.ensure_future(self.admission.idle()), asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait(ends, timeout=self.settings.drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        if self._questions:
            _LOG.warning("%s had not ended; each gets the vote so far", counted(len(self._questions), "question"))
        for question in self._questions:
            question.end_now()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self.admission.idle()

    def hurry(self) -> None:
        """Let `drain` wait no longer."""
        self._hurry.set()

    async def close(self) -> None:
        """End the workers, and close all connections."""
        await self.controllers.close()
        await self.source.close()
        await self.passing.close()
        if self.keeper is not None:
            self.keeper.close()

    def _keep(self, episode: QuestionEpisode, answer: ServedAnswer) -> None:
        if self.keeper is None or not self.keeper.keeps(answer.episode):
            return
        try:
            self.keeper.keep(episode, answer)
        except OSError as error:  # a full disk must not cost the client its answer
            _LOG.error("episode %s is not kept: %s", answer.episode, error.strerror or error)
