"""A model behind an OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from autotts.envs.errors import InputError

from .capabilities import Capabilities
from .dialects import NativeTokens, RawTokens, choose, logprob_fields, sampling_fields
from .exchange import Completion, Level, Message, Passage, Prompt, RequestLost, Sampling, TokenUse
from .failures import MAY_HAVE_COST, AttemptFailed
from .generation import ContextFull, GenerationRequest, TextOnce
from .rendering import PromptRenderer
from .replies import FULL, ReplyReader
from .retries import RequestClock, RequestRetries, RetryLimits, SystemClock
from .transport import HttpTransport

_Result = TypeVar("_Result")
_LOG = logging.getLogger(__name__)
_CONTEXT_FULL = Completion("", True, FULL, 0, (), ())
_LONG_REQUEST = 512
"""Tokens from which a request is streamed unasked: a silent server is noticed, and leaving ends the generation."""


class HttpEndpoint:
    """A model behind an OpenAI-compatible server; see `envs.live.exchange.Endpoint` for its methods.

    `envs.live.connecting.connect` makes one.

    Args:
        transport: the connections to the server.
        capabilities: what the server can do.
        limits: how long to wait for it.
        clock: the time.
    """

    def __init__(
        self, transport: HttpTransport, capabilities: Capabilities, limits: RetryLimits | None = None,
        clock: RequestClock | None = None,
    ) -> None:  # fmt: skip
        self.capabilities = capabilities
        self.base_url: str = transport.shown_url
        """The address, without a password."""
        self.model: str = capabilities.model
        self.level: Level = capabilities.level
        self.context: int | None = capabilities.context
        self.transport = transport
        """The connections to the server."""
        self._limits = limits or RetryLimits()
        self._retries = RequestRetries(self._limits, clock or SystemClock())
        self._renderer = PromptRenderer(transport, capabilities)
        self._estimated = False

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Render ``messages`` once, as the start of all branches of a question."""
        try:
            return await self._retried(lambda _: self._renderer.prompt(messages), lambda _: None)
        except ContextFull as full:
            raise RequestLost(f"the prompt is longer than the context: {full}") from None

    async def generate(
        self,
        prompt: Prompt,
        passage: Passage,
        *,
        max_tokens: int | None,
        sampling: Sampling,
        use: TokenUse,
        suffix: str = "",
        seed: int | None = None,
        stream: bool = False,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Continue ``passage``, and return what the server generated."""
        dialect = choose(self.capabilities, prompt, passage)
        ids: Sequence[int] = ()
        if suffix and isinstance(dialect, RawTokens | NativeTokens):
            ids = await self._retried(lambda _: self._renderer.suffix(suffix), lambda _: None)
        try:
            body = {"model": self.model, **dialect.start(prompt, passage, suffix, ids)}
        except ValueError as error:
            raise RequestLost(str(error)) from None
        body |= sampling_fields(self.capabilities, sampling) | logprob_fields(self.capabilities, dialect)
        if seed is not None and self.capabilities.seed:
            body["seed"] = seed
        echo, thinking = dialect.echo(passage, suffix), self._thinking(passage)
        request = GenerationRequest(dialect, body, echo, max_tokens, self._room(body), thinking)
        long = max_tokens is None or max_tokens > _LONG_REQUEST
        try:
            return await self._generate(request, use, stream or long or on_text is not None, TextOnce(on_text))
        except ContextFull:
            return _CONTEXT_FULL

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()

    async def _generate(self, request: GenerationRequest, use: TokenUse, stream: bool, text: TextOnce) -> Completion:
        """Send the request until it is answered.

        Raises:
            ContextFull: the context has no room for another token.
        """
        lost = 0

        def failed(failure: AttemptFailed) -> None:
            nonlocal lost
            use.retries += 1
            lost += failure.kind in MAY_HAVE_COST and not stream

        while request.room is None or request.room > 0:
            try:
                done = await self._retried(lambda left: self._attempt(request, use, stream, text, left), failed)
            except ContextFull as full:
                if full.room is None or full.room == request.room:
                    raise
                request.room = full.room
            else:
                use.cancelled += lost * done.tokens  # they may have been generated, and only their reply was lost
                return done
        raise ContextFull("")

    async def _attempt(
        self, request: GenerationRequest, use: TokenUse, stream: bool, text: TextOnce, seconds: float
    ) -> Completion:
        """Send the request once, and count its tokens whatever becomes of it."""
        reader = ReplyReader(request.echo, request.thinking)
        body = request.fields(self.capabilities, stream)
        url = self.transport.url(request.dialect.path)
        text.restart()
        use.requests += 1
        try:
            async with asyncio.timeout(seconds):
                if stream:
                    await self._read_stream(url, body, reader, text)
                else:
                    reader.read(await self.transport.post(url, body, min(seconds, self._limits.reply)))
                    reader.complete = True
            done, exact = reader.completion(request.limit, request.room)
        except TimeoutError:
            use.cancelled += reader.counted()
            raise AttemptFailed("silent", "the deadline of the request passed") from None
        except BaseException:
            use.cancelled += reader.counted()
            raise
        self._count(use, request, reader, done, exact)
        return done

    async def _read_stream(self, url: str, body: dict[str, Any], reader: ReplyReader, text: TextOnce) -> None:
        """Read a stream to its end; a break after the reason to stop costs at most the report of tokens."""
        try:
            async with aclosing(self.transport.stream(url, body)) as events:
                async for event in events:
                    if event is None:
                        reader.complete = True
                    else:
                        text(reader.read(event))
        except AttemptFailed as failure:
            if reader.finish_reason is None or failure.kind not in MAY_HAVE_COST:
                raise

    def _count(
        self, use: TokenUse, request: GenerationRequest, reader: ReplyReader, done: Completion, exact: bool
    ) -> None:
        """Add the tokens of a reply to ``use``; where the server does not say them, say so once."""
        prompt = reader.report.prompt
        if prompt is None:
            prompt = request.prompt_tokens
        cached = min(reader.report.cached or 0, prompt)
        use.generated += done.tokens
        use.cached += cached
        use.prefilled += prompt - cached
        if not self._estimated and (not exact or reader.report.prompt is None):
            self._estimated = True
            _LOG.warning("%s reports no usage: tokens are counted from what arrives", self.base_url)

    async def _retried(
        self, attempt: Callable[[float], Awaitable[_Result]], failed: Callable[[AttemptFailed], None]
    ) -> _Result:
        """Return the result of an attempt, with retries.

        Raises:
            ContextFull: prompt and completion do not fit into the context.
            InputError: the key, the model or the address is wrong.
            RequestLost: another failure, and the deadline has passed, or another attempt would fail too.
        """
        try:
            return await self._retries.run(attempt, failed)
        except AttemptFailed as failure:
            if failure.kind == "context":
                raise ContextFull(failure.message) from None
            line = f"{self.base_url}, model {self.model}: {failure.message}"
            if failure.kind == "user":
                raise InputError(line) from None
            raise RequestLost(line) from None

    def _room(self, body: dict[str, Any]) -> int | None:
        """Return the tokens that the context has left after the prompt, if both are known."""
        if self.context is None or not isinstance(body.get("prompt"), list):
            return None
        return self.context - len(body["prompt"])

    def _thinking(self, passage: Passage) -> bool:
        """Return whether the completion begins within a thought."""
        if not passage.text:
            return bool(self.capabilities.template_opens_think)
        return "</think>" not in passage.text
