"""The HTTP interface of the gateway: OpenAI's chat completions and models, health, and metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from .chat_request import PassReason, read_request
from .completions import AnswerShape
from .episodes import AskedQuestion
from .errors import GatewayError
from .event_stream import DONE, ClientGone, EventStream, event, while_connected
from .gateway import Gateway

_LOG = logging.getLogger("autotts.serve")
PATHS = ("/v1/chat/completions", "/v1/models", "/healthz", "/readyz", "/metrics")


def create(gateway: Gateway) -> FastAPI:
    """Return the application, without its `GatewayGuard`."""
    app = FastAPI(title="AutoTTS gateway", docs_url=None, redoc_url=None, openapi_url=None)
    pages = GatewayPages(gateway)
    app.add_api_route("/v1/chat/completions", pages.chat, methods=["POST"], response_model=None)
    app.add_api_route("/v1/models", pages.models, methods=["GET"], response_model=None)
    app.add_api_route("/v1/models/{name:path}", pages.model, methods=["GET"], response_model=None)
    app.add_api_route("/healthz", pages.health, methods=["GET"], response_model=None)
    app.add_api_route("/readyz", pages.ready, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", pages.metrics, methods=["GET"], response_model=None)
    app.add_exception_handler(GatewayError, pages.refuse)
    app.add_exception_handler(HTTPException, pages.http_error)
    app.add_exception_handler(Exception, pages.refuse)
    return app


class GatewayPages:
    """Answers HTTP requests.

    Args:
        gateway: the gateway.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._started = int(time.time())

    async def chat(self, http: Request) -> Response:
        """Answer a conversation."""
        try:
            request, fields = read_request(await http.body(), self.gateway.settings.messages)
            begun = self.gateway.begin(request, http.headers)
            if not isinstance(begun, AskedQuestion):
                return await self._pass_on(http, begun, fields)
            return self._stream(begun, fields) if request.stream else await self._answer(http, begun, fields)
        except (ClientGone, ClientDisconnect):
            self._client_gone()
            return Response(status_code=499)  # nobody reads it: it is for the metrics
        except Exception as error:
            return await self.refuse(http, error)

    async def models(self) -> Response:
        """List the model."""
        return JSONResponse({"object": "list", "data": [self._model()]})

    async def model(self, name: str) -> Response:
        """Describe the model."""
        if name != self.gateway.model:
            raise GatewayError(404, "model_not_found", f"no model {name!r}: this gateway serves {self.gateway.model!r}")
        return JSONResponse(self._model())

    async def health(self) -> Response:
        """Answer that the process lives."""
        return PlainTextResponse("ok\n")

    async def ready(self) -> Response:
        """Tell whether questions are answered now."""
        why = await self.gateway.not_ready()
        return PlainTextResponse(f"{why or 'ready'}\n", 503 if why else 200)

    async def metrics(self) -> Response:
        """Return the metrics."""
        return Response(self.gateway.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    # Errors

    async def refuse(self, http: Request, error: Exception) -> Response:
        """Return the answer for an error; one of our own names itself too."""
        if not isinstance(error, GatewayError):
            _LOG.error("%s %s failed", http.method, http.url.path, exc_info=error)
            error = _internal(error)
        self.refused(error)
        return JSONResponse(error.body, error.status, headers=error.headers)

    def refused(self, error: GatewayError) -> None:
        """Count and log a request that was not answered."""
        self.gateway.metrics.refused.labels(error.code).inc()
        self.gateway.log.other("refused", status=error.status, code=error.code, message=str(error))

    async def http_error(self, http: Request, error: Exception) -> Response:
        """Return the answer for a path or a method that there is not."""
        assert isinstance(error, HTTPException)
        text = f"there is no {http.method} {http.url.path}; this gateway has {', '.join(PATHS)}"
        code = "not_found" if error.status_code == 404 else "method_not_allowed"
        return await self.refuse(http, GatewayError(error.status_code, code, text))

    def _client_gone(self) -> None:
        self.gateway.metrics.departures.inc()
        self.gateway.log.other("client_gone")

    # Episodes

    async def _answer(self, http: Request, question: AskedQuestion, fields: dict[str, Any]) -> Response:
        try:
            answer = await while_connected(http.receive, self.gateway.answer(question, fields))
        finally:
            question.ticket.leave()  # an answer that was cancelled before it began has left nothing
        return JSONResponse(self._shape(question).completion(answer))

    def _stream(self, question: AskedQuestion, fields: dict[str, Any]) -> EventStream:
        async def closed() -> None:
            question.ticket.leave()

        return self._event_stream(self._events(question, fields), closed)

    def _event_stream(
        self,
        events: AsyncGenerator[bytes],
        closed: Callable[[], Awaitable[None]],
        headers: dict[str, str] | None = None,
    ) -> EventStream:
        return EventStream(events, self.gateway.settings.keep_alive_seconds, self._client_gone, closed, headers)

    async def _events(self, question: AskedQuestion, fields: dict[str, Any]) -> AsyncGenerator[bytes]:
        shape = self._shape(question)
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        if question.request.options.progress:
            question.progress = lines.put_nowait
        yield event(shape.first_chunk())
        working = asyncio.create_task(self.gateway.answer(question, fields))
        working.add_done_callback(lambda _: lines.put_nowait(None))
        try:
            while (line := await lines.get()) is not None:
                yield event(shape.progress_chunk(line))
            for chunk in shape.last_chunks(working.result()):
                yield event(chunk)
            yield DONE
        except Exception as error:
            if not isinstance(error, GatewayError):
                _LOG.exception("episode %s failed", question.id)
                error = _internal(error)
            self.refused(error)
            yield event(error.body)
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))

    # Requests that pass through

    async def _pass_on(self, http: Request, reason: PassReason, fields: dict[str, Any]) -> Response:
        answer, leave = await while_connected(http.receive, self.gateway.pass_on(fields, reason))
        headers = answer.headers | {"x-autotts-pass-through": reason}

        async def closed() -> None:
            await answer.close()
            leave()

        if answer.streams:
            return self._event_stream(answer.pieces(), closed, headers)
        try:
            async with asyncio.timeout(self.gateway.settings.deadline):
                body = await while_connected(http.receive, answer.read())
        except TimeoutError:
            text = f"the model's server did not answer within {self.gateway.settings.deadline:g} seconds"
            raise GatewayError(504, "deadline", text) from None
        finally:
            await closed()
        return Response(body, answer.status, headers)

    def _shape(self, question: AskedQuestion) -> AnswerShape:
        return AnswerShape(f"chatcmpl-{question.id}", int(time.time()), self.gateway.model, question.request)

    def _model(self) -> dict[str, Any]:
        return {"id": self.gateway.model, "object": "model", "created": self._started, "owned_by": "autotts"}


def _internal(error: Exception) -> GatewayError:
    return GatewayError(500, "internal_error", f"the gateway failed: {type(error).__name__}: {error}")
