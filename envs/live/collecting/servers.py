"""The servers of a collection: all serve the same model, share the work, and may leave."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...errors import InputError
from ..exchange import GREEDY, Endpoint, Passage, Prompt, RequestLost, TokenUse
from .questions import CollectQuestion

_CHECK = ({"role": "user", "content": "1 + 1 ="},)
"""The messages by which templates are compared, and servers are asked whether they live."""
_CHECK_SECONDS = 120.0
"""Time in which a server must answer with one token, or else it is left out."""


@dataclass(slots=True)
class CollectServer:
    """A server that works for a collection."""

    name: str
    """Its address, without credentials."""
    endpoint: Endpoint
    check: Prompt
    failed: str = ""
    """Why it is left out; "" while it works."""
    prompts: dict[int, Prompt] = field(default_factory=dict)
    locks: dict[int, asyncio.Lock] = field(default_factory=dict)
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def of(cls, name: str, endpoint: Endpoint) -> CollectServer:
        """Return the server of an endpoint.

        Raises:
            InputError: it does not answer, or cannot be used.
        """
        try:
            return cls(name, endpoint, await endpoint.prompt(_CHECK))
        except RequestLost as error:
            raise InputError(f"{name}: {error}") from None

    @property
    def template(self) -> str:
        """A hash of the chat template's effect on a fixed message; "" where only the server knows it."""
        return "" if self.check.text is None else hashlib.sha256(self.check.text.encode()).hexdigest()[:16]

    @property
    def in_thought(self) -> bool:
        """Whether the template opens a thought by itself."""
        return (self.check.text or "").rstrip().endswith("<think>")

    async def prompt(self, number: int, question: CollectQuestion) -> Prompt:
        """Return the prompt of a question; it is rendered once.

        Raises:
            RequestLost, InputError: see `Endpoint.prompt`.
        """
        if number not in self.prompts:
            async with self.locks.setdefault(number, asyncio.Lock()):
                if number not in self.prompts:
                    self.prompts[number] = await self.endpoint.prompt(question.messages)
        return self.prompts[number]

    async def answers(self, use: TokenUse) -> str:
        """Ask for one token; return "" if it arrives, else why not."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self.endpoint.generate(self.check, Passage(), max_tokens=1, sampling=GREEDY, use=use)
        except (RequestLost, InputError) as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {_CHECK_SECONDS:.0f} seconds"
        return ""


def check_same_model(servers: Sequence[CollectServer]) -> None:
    """Check that all servers serve one model with one chat template, and can do the same.

    Raises:
        InputError: they do not.
    """
    first = servers[0]
    for other in servers[1:]:
        for what, one, two in (
            ("serves the model", first.endpoint.model, other.endpoint.model),
            ("renders messages as", first.template, other.template),
            ("is at the level", first.endpoint.level, other.endpoint.level),
        ):
            if one != two:
                raise InputError(
                    f"{other.name} {what} {two!r}, but {first.name} {one!r}: give servers of one model, set up alike"
                )


def prompt_tokens(prompt: Prompt, passage: Passage, suffix: str = "") -> int:
    """Return the tokens of a request's prompt, or about as many where only their text is known."""
    known = prompt.token_ids
    text = prompt.text or " ".join(message["content"] for message in prompt.messages)
    whole = len(known) if known is not None else len(text) // 3 + 1
    part = len(passage.token_ids) if passage.token_ids is not None else len(passage.text) // 3 + 1
    return whole + part + len(suffix) // 3
