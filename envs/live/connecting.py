"""Connects to a model server: finds out by asking, with few requests, what it can do."""

from __future__ import annotations

from .capabilities import Capabilities
from .endpoint import HttpEndpoint
from .retries import RequestClock, RetryLimits


async def connect(
    base_url: str, model: str | None = None, api_key: str | None = None, *, timeout: float = 600.0,
    concurrency: int = 512, capabilities: Capabilities | None = None, limits: RetryLimits | None = None,
    clock: RequestClock | None = None,
) -> HttpEndpoint:  # fmt: skip
    """Return the endpoint of a model, after a few short requests.

    Args:
        base_url: the address of the OpenAI-compatible interface, such as ``http://127.0.0.1:8000/v1``.
        model: the name of the model; None if the server has only one.
        api_key: the key, if the server wants one.
        timeout: seconds that a request may take, with all its retries.
        concurrency: the most requests in flight; others wait for their turn.
        capabilities: what the server can do, from an earlier connection: then nothing is asked.
        limits: how long to wait for the server, in place of ``timeout``.
        clock: the time; replaced in tests.

    Raises:
        InputError: there is no server, no such model, or the key is wrong. The message is one line.
    """
    raise NotImplementedError
