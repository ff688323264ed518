"""A model behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .capabilities import Capabilities
from .exchange import Completion, Level, Message, Passage, Prompt, Sampling, TokenUse
from .retries import RequestClock, RetryLimits


class HttpEndpoint:
    """A model behind an OpenAI-compatible server; see `envs.live.exchange.Endpoint` for its methods.

    `envs.live.connecting.connect` makes one.

    Args:
        base_url: the address of the interface, such as ``http://127.0.0.1:8000/v1``.
        api_key: sent as a bearer token; never part of a message.
        capabilities: what the server can do.
        limits: how long to wait for it.
        clock: the time.
        concurrency: the most requests in flight.
    """

    def __init__(
        self, base_url: str, api_key: str | None, capabilities: Capabilities, limits: RetryLimits | None = None,
        clock: RequestClock | None = None, concurrency: int = 512,
    ) -> None:  # fmt: skip
        self.base_url, self.capabilities = base_url, capabilities
        self.model: str = capabilities.model
        self.level: Level = capabilities.level
        self.context: int | None = capabilities.context

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Render ``messages`` once, as the start of all branches of a question."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def close(self) -> None:
        """Close all connections."""
