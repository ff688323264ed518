"""Hands requests that cannot be voted on to the server of the model, and its answers back, unchanged."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from .errors import GatewayError

_HEADERS = ("content-type", "retry-after", "x-request-id")
"""Headers of the model's server that reach the client."""
_REACH_SECONDS = 2.0


class PassThrough:
    """A client of the model's own server, for whole requests.

    Args:
        base_url: its address, which ends in ``/v1`` with most servers.
        api_key: its key.
        client: the HTTP client; a new one by default.
    """

    def __init__(self, base_url: str, api_key: str | None, client: httpx.AsyncClient | None = None) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._client = client or httpx.AsyncClient(limits=limits, timeout=None, follow_redirects=False)

    async def begin(self, body: dict[str, Any]) -> PassedAnswer:
        """Send a request, and return its answer once the head of it has arrived. The caller closes it.

        Raises:
            GatewayError: the server does not answer.
        """
        request = self._client.build_request("POST", f"{self._base}/chat/completions", json=body, headers=self._headers)
        try:
            return PassedAnswer(await self._client.send(request, stream=True))
        except httpx.HTTPError as error:
            raise _unavailable(error) from None

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the model's own chat completion.

        Raises:
            GatewayError: the server does not answer, or answers something else.
        """
        answer = await self.begin(body | {"stream": False})
        try:
            content = await answer.read()
            found = json.loads(content)
            if answer.status == 200 and isinstance(found["choices"][0]["message"], dict):
                return dict(found)
        except (ValueError, KeyError, IndexError, TypeError):
            pass
        finally:
            await answer.close()
        text = f"the model's server answered {answer.status}, and no chat completion"
        raise GatewayError(502, "model_unavailable", text, retry_after=5)

    async def reachable(self) -> bool:
        """Return whether the server answers, within two seconds."""
        try:
            answer = await self._client.get(f"{self._base}/models", headers=self._headers, timeout=_REACH_SECONDS)
        except httpx.HTTPError:
            return False
        return answer.status_code < 500

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class PassedAnswer:
    """An answer of the model's server whose body is still to be read."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}

    @property
    def streams(self) -> bool:
        """Whether the body is a stream of events."""
        return str(self.headers.get("content-type", "")).startswith("text/event-stream")

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            GatewayError: the connection breaks.
        """
        try:
            return await self._response.aread()
        except httpx.HTTPError as error:
            raise _unavailable(error) from None

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the body as it arrives, and close it.

        Raises:
            GatewayError: the connection breaks.
        """
        try:
            async for piece in self._response.aiter_bytes():
                yield piece
        except httpx.HTTPError as error:
            raise _unavailable(error) from None
        finally:
            await self.close()

    async def close(self) -> None:
        """End the request."""
        await self._response.aclose()


def _unavailable(error: httpx.HTTPError) -> GatewayError:
    what = str(error) or type(error).__name__
    return GatewayError(502, "model_unavailable", f"the model's server does not answer: {what}", retry_after=5)
