"""The connections to a model server: sends requests and returns JSON, or says why an attempt failed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from .failures import AttemptFailed, failure_in_stream, failure_of_status, one_line
from .retries import RetryLimits

try:
    import httpx
except ImportError:
    raise InputError(f"a live model needs httpx: {install_command('live')}") from None

HIDDEN_KEY = "[secret]"
_DATA = "data:"
_ERROR = "error:"
_REST = 1.0
"""Seconds to wait for the end of a stream after the mark of its end."""
_DONE = "[DONE]"


class HttpTransport:
    """Connections to one server, with keep-alive.

    Args:
        base_url: the address of the interface, such as ``http://127.0.0.1:8000/v1``.
        api_key: sent as a bearer token; replaced wherever a message would show it.
        limits: limits of time.
        concurrency: the most requests in flight; others wait for their turn.

    Raises:
        InputError: the address cannot be one.
    """

    def __init__(self, base_url: str, api_key: str | None, limits: RetryLimits, concurrency: int) -> None:
        self.base_url = _checked(base_url)
        self.root = self.base_url.removesuffix("/v1")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise InputError("the API key has characters that no key has, such as a line break")
        self._key, self._limits, self._turns = api_key, limits, asyncio.Semaphore(concurrency)
        # certificates are loaded once, and only if they are needed: that takes time
        self._verify = httpx.create_ssl_context() if self.base_url.startswith("https") else False
        self._clients: list[httpx.AsyncClient] = []
        self._free: list[httpx.AsyncClient] = []  # the one used last is the next: its connection is open

    def url(self, path: str) -> str:
        """Return the address of a path: below the base address, or with two slashes from the root of the server."""
        return self.root + path[1:] if path.startswith("//") else self.base_url + path

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        url = httpx.URL(self.base_url)
        return str(url.copy_with(userinfo=b"")) if url.userinfo else self.base_url

    async def get(self, url: str) -> Any:
        """Return the JSON at an address.

        Raises:
            AttemptFailed: there is none.
        """
        async with self._turns, self._failures(), self._client() as client:
            response = await client.get(url)
            self._check(response, response.content)
            return _json(response.content)

    async def text(self, url: str) -> str:
        """Return the text at an address.

        Raises:
            AttemptFailed: there is none.
        """
        async with self._turns, self._failures(), self._client() as client:
            response = await client.get(url)
            self._check(response, response.content)
            return response.text

    async def post(self, url: str, body: Mapping[str, Any], seconds: float | None = None) -> Any:
        """Send ``body`` and return the JSON of the reply.

        Args:
            url: the address.
            body: sent as JSON.
            seconds: how long the reply may take; None for the limit of silence.

        Raises:
            AttemptFailed: there is none.
        """
        timeout = self._timeout(seconds)
        async with self._turns, self._failures(), self._client() as client:
            response = await client.post(url, json=body, timeout=timeout)
            self._check(response, response.content)
            return _json(response.content)

    async def stream(self, url: str, body: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """Send ``body`` and yield the JSON of each event of the reply, and None for the mark of its end.

        A server that does not stream sends one document; it is yielded alone, and None after it.

        Raises:
            AttemptFailed: the reply is an error, or breaks.
        """
        async with (
            self._turns,
            self._failures(),
            self._client() as client,
            client.stream("POST", url, json=body) as response,
        ):
            if response.status_code != 200:
                self._check(response, await response.aread())
            if "json" in response.headers.get("content-type", ""):
                yield _json(await response.aread())
                yield None
                return
            lines = response.aiter_lines()
            async for line in lines:
                if line.startswith(_ERROR):  # llama.cpp names the event instead of wrapping it
                    raise failure_in_stream(_json(line[len(_ERROR) :]))
                if not line.startswith(_DATA):
                    continue
                data = line[len(_DATA) :].strip()
                if data == _DONE:
                    yield None
                    break
                yield _json(data)
            with suppress(TimeoutError, httpx.HTTPError):  # a connection whose reply was read to its end is used again
                async with asyncio.timeout(_REST):
                    async for _ in lines:
                        pass

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a client of one connection: a pool looks at all of its connections for each request."""
        if not self._free:
            new = httpx.AsyncClient(
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=30.0),
                timeout=self._timeout(None),
                verify=self._verify,
            )
            self._clients.append(new)
            self._free.append(new)
        client = self._free.pop()
        try:
            yield client
        finally:
            self._free.append(client)

    def _timeout(self, seconds: float | None) -> httpx.Timeout:
        silence = self._limits.silence if seconds is None else seconds
        return httpx.Timeout(silence, connect=self._limits.connect, pool=None)

    def _check(self, response: httpx.Response, body: bytes) -> None:
        if response.status_code != 200:
            raise failure_of_status(response.status_code, response.headers, body, time.time())

    @asynccontextmanager
    async def _failures(self) -> AsyncIterator[None]:
        """Turn each exception of the network into an `AttemptFailed` that does not show the key."""
        try:
            yield
        except httpx.HTTPError as error:
            raise self._hidden(failure_of_exception(error)) from None
        except httpx.InvalidURL as error:
            raise InputError(f"{self.shown_url}: {error}") from None
        except AttemptFailed as failure:
            raise self._hidden(failure) from None

    def _hidden(self, failure: AttemptFailed) -> AttemptFailed:
        if self._key and self._key in failure.message:
            message = failure.message.replace(self._key, HIDDEN_KEY)
            return AttemptFailed(failure.kind, message, failure.retry_after, failure.status)
        return failure


def failure_of_exception(error: httpx.HTTPError) -> AttemptFailed:
    """Return the failure that an exception of the network means."""
    text = one_line(str(error)) or type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol):
        return AttemptFailed("user", text)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        return AttemptFailed("unreachable", f"no connection: {text}")
    if isinstance(error, httpx.TimeoutException):
        return AttemptFailed("silent", "the server was silent for too long")
    return AttemptFailed("cut", f"the connection broke: {text}")


def _json(content: bytes | str) -> Any:
    try:
        document = json.loads(content)
    except ValueError:
        raise AttemptFailed("garbled", "the reply is not JSON") from None
    if isinstance(document, dict) and document.get("error"):
        raise failure_in_stream(document["error"])
    return document


def _checked(base_url: str) -> str:
    """Return the address without a slash at its end; ``/v1`` is added to a bare host.

    Raises:
        InputError: it is not an address of a server.
    """
    try:
        url = httpx.URL(base_url.strip())
    except (httpx.InvalidURL, UnicodeError):
        raise InputError(f"{base_url!r} is not an address of a server, such as http://127.0.0.1:8000/v1") from None
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise InputError(f"{base_url!r} is not an address of a server, such as http://127.0.0.1:8000/v1")
    text = str(url).rstrip("/")
    return text if url.path.strip("/") else f"{text}/v1"
