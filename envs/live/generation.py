"""One request for a completion: its fields, and the tokens that it may ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .capabilities import Capabilities
from .dialects import Dialect, limit_field

_LIMIT = re.compile(r"maximum context length is (\d+)|max_model_len\D{0,20}(\d+)", re.IGNORECASE)
_PROMPT = re.compile(
    r"(\d+) (?:input )?(?:tokens? )?(?:in|from) the (?:messages|prompt|input)|(\d+) input tokens"
    r"|prompt contains at least (\d+)",
    re.IGNORECASE,
)
_CHARACTERS_PER_TOKEN = 4


class ContextFull(Exception):
    """The server says that prompt and completion do not fit into the context.

    Args:
        message: what the server says.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        limit, prompt = _LIMIT.search(message), _PROMPT.search(message)
        self.room: int | None = None
        """The tokens that are left after the prompt, if the server says so."""
        if limit and prompt:
            self.room = _number(limit) - _number(prompt)


def _number(match: re.Match[str]) -> int:
    return int(next(group for group in match.groups() if group))


@dataclass(slots=True)
class GenerationRequest:
    """A request for a completion.

    Args:
        dialect: how the server is asked.
        body: its fields, without the limit on tokens.
        echo: text that the server repeats.
        max_tokens: the most tokens to generate; None for as many as the context has.
        room: the tokens that the context has left, if that is known.
        thinking: whether the completion begins within a thought.
    """

    dialect: Dialect
    body: dict[str, Any]
    echo: str
    max_tokens: int | None
    room: int | None
    thinking: bool

    @property
    def limit(self) -> int | None:
        """The tokens to ask for."""
        known = [each for each in (self.max_tokens, self.room) if each is not None]
        return min(known) if known else None

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt, by count, or estimated from its characters."""
        prompt = self.body.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        text = prompt if isinstance(prompt, str) else "".join(each["content"] for each in self.body["messages"])
        return -(-len(text) // _CHARACTERS_PER_TOKEN)

    def fields(self, capabilities: Capabilities, stream: bool) -> dict[str, Any]:
        """Return the body to send."""
        fields = dict(self.body)
        if self.limit is not None:
            fields[limit_field(capabilities, self.dialect)] = self.limit
        if stream:
            fields["stream"] = True
            if capabilities.server != "transformers":  # it refuses fields that it does not know
                fields["stream_options"] = {"include_usage": True}
        return fields


class TextOnce:
    """Passes the text of a stream on, and after a new attempt only what is longer than before.

    Args:
        on_text: receives the text; None for nobody.
    """

    def __init__(self, on_text: Callable[[str], None] | None) -> None:
        self._on_text = on_text
        self._passed = self._arrived = 0

    def restart(self) -> None:
        """Begin a new attempt."""
        self._arrived = 0

    def __call__(self, text: str) -> None:
        """Take the next piece of the present attempt."""
        self._arrived += len(text)
        new = self._arrived - self._passed
        if self._on_text is not None and new > 0:
            self._passed = self._arrived
            self._on_text(text[-new:])
