"""The connections to a model server: sends requests and returns JSON, or says why an attempt failed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from .failures import AttemptFailed, failure_in_stream, failure_of_status, one_line
from .retries import RetryLimits

try:
    import aiohttp
    from yarl import URL
except ImportError:
    raise InputError(f"a live model needs aiohttp: {install_command('live')}") from None

HIDDEN_KEY = "[secret]"
_DATA = "data:"
_ERROR = "error:"
_LINE = 1 << 22
"""Bytes of a line in a stream: a reply may end with the log-probabilities of all its tokens."""
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
        self._session: aiohttp.ClientSession | None = None  # made within the loop that uses it

    def url(self, path: str) -> str:
        """Return the address of a path: below the base address, or with two slashes from the root of the server."""
        return self.root + path[1:] if path.startswith("//") else self.base_url + path

    @property
    def shown_url(self) -> str:
        """The address without a password."""
        url = URL(self.base_url)
        return str(url.with_user(None)) if url.user or url.password else self.base_url

    async def get(self, url: str) -> Any:
        """Return the JSON at an address.

        Raises:
            AttemptFailed: there is none.
        """
        return _json(await self._whole("GET", url))

    async def text(self, url: str) -> str:
        """Return the text at an address.

        Raises:
            AttemptFailed: there is none.
        """
        return (await self._whole("GET", url)).decode("utf-8", "replace")

    async def post(self, url: str, body: Mapping[str, Any], seconds: float | None = None) -> Any:
        """Send ``body`` and return the JSON of the reply.

        Args:
            url: the address.
            body: sent as JSON.
            seconds: how long the reply may take; None for the limit of silence.

        Raises:
            AttemptFailed: there is none.
        """
        return _json(await self._whole("POST", url, body, seconds))

    async def stream(self, url: str, body: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """Send ``body`` and yield the JSON of each event of the reply, and None for the mark of its end.

        A server that does not stream sends one document; it is yielded alone, and None after it.

        Raises:
            AttemptFailed: the reply is an error, or breaks.
        """
        async with self._turns, self._failures(), self._request("POST", url, body) as response:
            if response.status != 200:
                raise _refused(response, await response.read())
            if "json" in response.content_type:
                yield _json(await response.read())
                yield None
                return
            async for raw in response.content:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line.startswith(_ERROR):  # llama.cpp names the event instead of wrapping it
                    raise failure_in_stream(_json(line[len(_ERROR) :]))
                if not line.startswith(_DATA):
                    continue
                data = line[len(_DATA) :].strip()
                if data == _DONE:
                    yield None
                    break
                yield _json(data)
            with suppress(TimeoutError, aiohttp.ClientError):  # a connection whose reply was read is used again
                async with asyncio.timeout(_REST):
                    await response.content.read()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _whole(
        self, method: str, url: str, body: Mapping[str, Any] | None = None, seconds: float | None = None
    ) -> bytes:
        """Return the body of a reply of status 200."""
        async with self._turns, self._failures(), self._request(method, url, body, seconds) as response:
            content = await response.read()
            if response.status != 200:
                raise _refused(response, content)
            return content

    def _request(
        self, method: str, url: str, body: Mapping[str, Any] | None = None, seconds: float | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0),
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                read_bufsize=_LINE // 2,
                trust_env=True,
            )
        silence = self._limits.silence if seconds is None else seconds
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect, sock_read=silence)
        return self._session.request(method, url, json=body, timeout=timeout, allow_redirects=False)

    @asynccontextmanager
    async def _failures(self) -> AsyncIterator[None]:
        """Turn each exception of the network into an `AttemptFailed` that does not show the key."""
        try:
            yield
        except aiohttp.InvalidURL as error:
            raise InputError(f"{self.shown_url}: {error}") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._hidden(failure_of_exception(error)) from None
        except ValueError as error:  # a line that is too long
            raise self._hidden(AttemptFailed("garbled", one_line(str(error)))) from None
        except AttemptFailed as failure:
            raise self._hidden(failure) from None

    def _hidden(self, failure: AttemptFailed) -> AttemptFailed:
        if self._key and self._key in failure.message:
            message = failure.message.replace(self._key, HIDDEN_KEY)
            return AttemptFailed(failure.kind, message, failure.retry_after, failure.status)
        return failure


def failure_of_exception(error: Exception) -> AttemptFailed:
    """Return the failure that an exception of the network means."""
    text = one_line(str(error)) or type(error).__name__
    if isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientProxyConnectionError
    ):
        return AttemptFailed("unreachable", f"no connection: {text}")
    if isinstance(error, aiohttp.ServerTimeoutError):
        return AttemptFailed("silent", "the server was silent for too long")
    return AttemptFailed("cut", f"the connection broke: {text}")


def _refused(response: aiohttp.ClientResponse, body: bytes) -> AttemptFailed:
    return failure_of_status(response.status, response.headers, body, time.time())


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
        url = URL(base_url.strip())
    except (ValueError, UnicodeError):
        raise InputError(f"{base_url!r} is not an address of a server, such as http://127.0.0.1:8000/v1") from None
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise InputError(f"{base_url!r} is not an address of a server, such as http://127.0.0.1:8000/v1")
    text = str(url).rstrip("/")
    return text if url.path.strip("/") else f"{text}/v1"
