"""Renders the messages of a question once, and tokenises the suffixes of probes once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .capabilities import Capabilities
from .exchange import Message, Prompt
from .failures import AttemptFailed
from .transport import HttpTransport


class PromptRenderer:
    """Asks a server for its chat template and its tokens.

    Args:
        transport: the connections to the server.
        capabilities: what the server can do.
    """

    def __init__(self, transport: HttpTransport, capabilities: Capabilities) -> None:
        self._transport, self._capabilities = transport, capabilities
        self._suffixes: dict[str, tuple[int, ...]] = {}
        self._turn = asyncio.Lock()

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Return the messages as the server's model sees them: as token ids and text where it says so.

        Raises:
            AttemptFailed: the server does not answer.
        """
        asked = [dict(message) for message in messages]
        if self._capabilities.rendering == "tokenize messages":
            body = {"model": self._capabilities.model, "messages": asked, "add_generation_prompt": True}
            ids = token_list(await self._transport.post(f"{self._transport.root}/tokenize", body))
            return Prompt(tuple(asked), await self._text(ids), ids)
        if self._capabilities.rendering == "apply-template":
            body = {"model": self._capabilities.model, "messages": asked}
            text = text_field(await self._transport.post(f"{self._transport.root}/apply-template", body), "prompt")
            takes_ids = self._capabilities.prompt_ids and self._capabilities.tokenize is not None
            return Prompt(tuple(asked), text, await self.tokens(text, start=True) if takes_ids else None)
        return Prompt(tuple(asked))

    async def suffix(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a suffix; each is asked for once.

        Raises:
            AttemptFailed: the server does not answer.
        """
        async with self._turn:
            if text not in self._suffixes:
                self._suffixes[text] = await self.tokens(text, start=False)
            return self._suffixes[text]

    async def tokens(self, text: str, *, start: bool) -> tuple[int, ...]:
        """Return the tokens of ``text``.

        Args:
            text: any text; the names of special tokens in it are special tokens.
            start: whether it stands at the start of a prompt, where some models want a token of their own.

        Raises:
            AttemptFailed: the server does not answer.
        """
        body: dict[str, Any] = {"model": self._capabilities.model}
        if self._capabilities.tokenize == "content":
            body |= {"content": text, "add_special": start, "parse_special": True}
        else:
            body |= {"prompt": text, "add_special_tokens": start}
        return token_list(await self._transport.post(f"{self._transport.root}/tokenize", body))

    async def _text(self, ids: tuple[int, ...]) -> str | None:
        """Return the text of the tokens, or None if the server does not turn them into text."""
        body = {"model": self._capabilities.model, "tokens": list(ids)}
        try:
            return text_field(await self._transport.post(f"{self._transport.root}/detokenize", body), "prompt")
        except AttemptFailed as failure:
            if failure.kind in ("user", "refused", "garbled"):
                return None
            raise


def token_list(document: Any) -> tuple[int, ...]:
    """Return the ``tokens`` of the reply of ``/tokenize``.

    Raises:
        AttemptFailed: it has none.
    """
    tokens = document.get("tokens") if isinstance(document, dict) else None
    if not isinstance(tokens, list) or not all(type(each) is int for each in tokens):
        raise AttemptFailed("garbled", "the reply of /tokenize has no list of tokens")
    return tuple(tokens)


def text_field(document: Any, name: str) -> str:
    """Return a text of a reply.

    Raises:
        AttemptFailed: it has none.
    """
    text = document.get(name) if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise AttemptFailed("garbled", f"the reply has no text {name!r}")
    return text
