"""What the servers that the stub plays do and do not do, and the forms of their replies."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from .stub_model import END, StubVocabulary

OPENAI_FIELDS = frozenset(
    {
        "model", "prompt", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stream",
        "stream_options", "stop", "seed", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "user",
        "logit_bias", "tools", "tool_choice", "response_format",
    }
)  # fmt: skip
"""The fields that a server takes that is strict."""


class StubRefusal(Exception):
    """A request that the played server refuses.

    Args:
        status: the status of the reply.
        message: what it says.
        kind: the type of the error.
        more: other fields of the error.
    """

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "code": status, **more}}


@dataclass(frozen=True)
class Flavour:
    """A server that the stub plays."""

    name: str
    owned_by: str
    raw: Literal["ids", "text"] | None = None
    """Whether raw completions are continued, as token ids too or as text alone."""
    logprobs: Literal["legacy", "chat"] | None = None
    """The form of log-probabilities of raw completions; chat has its own form, if there are any."""
    chat: Literal["flags", "echo", "plain", "prefix"] | None = None
    """How a final assistant message is continued; None if a new turn begins."""
    tokenize: Literal["vllm", "llama.cpp"] | None = None
    ids_back: bool = False
    most_logprobs: int = 20
    strict: int = 0
    """The status with which fields that OpenAI does not have are refused; 0 if they are ignored."""
    checks_model: int = 404
    """The status for a wrong model; 0 if the name is ignored."""
    cache_names: Literal["openai", "deepseek"] | None = "openai"
    limit_is_checked: bool = False
    """Whether prompt and ``max_tokens`` must fit into the context together."""
    runs_on: bool = False
    """Whether a request that is not streamed runs on when its client leaves."""
    new_limit_field: bool = False
    """Whether chat refuses ``max_tokens``, and wants ``max_completion_tokens``."""


FLAVOURS = {
    each.name: each
    for each in (
        Flavour("vllm", "vllm", "ids", "legacy", "flags", "vllm", ids_back=True, limit_is_checked=True),
        Flavour("llama.cpp", "llamacpp", "ids", "chat", "echo", "llama.cpp", checks_model=0, runs_on=True),
        Flavour("sglang", "sglang", "ids", "legacy", "flags", limit_is_checked=True),
        Flavour("transformers", "transformers", "text", strict=422, checks_model=400, cache_names=None),
        Flavour("ollama", "library", chat="plain", cache_names=None),
        Flavour("deepseek", "deepseek", logprobs="chat", chat="prefix", cache_names="deepseek"),
        Flavour("openai", "system", logprobs="chat", strict=400, new_limit_field=True),
    )
}
"""The servers that the stub plays, by name."""


@cache
def logprob(piece: str) -> float:
    """Return the log-probability of a token: any, but always the same."""
    return -(zlib.crc32(piece.encode()) % 1000 + 1) / 500


def alternatives(piece: str, count: int) -> list[tuple[str, float]]:
    """Return a token and its alternatives, with their log-probabilities."""
    own = logprob(piece)
    rest = math.log(max(1e-9, 1 - math.exp(own)) / max(1, count))
    return [(piece, own), *((f" other{n}", rest) for n in range(1, count))]


def logprobs_of(form: str | None, pieces: Sequence[str], count: int, vocabulary: StubVocabulary, ids: bool) -> Any:
    """Return the log-probabilities of tokens in the form of a server.

    Args:
        form: ``legacy`` or ``chat``.
        pieces: the tokens.
        count: alternatives of each.
        vocabulary: for their ids.
        ids: whether the chat form has them, as llama.cpp's.
    """
    if form == "legacy":
        return {
            "tokens": ["" if each == END else each for each in pieces],
            "token_logprobs": [logprob(each) for each in pieces],
            "top_logprobs": [dict(alternatives(each, count)) for each in pieces],
            "text_offset": [0] * len(pieces),
        }
    content = []
    for piece in pieces:
        own: dict[str, Any] = {"token": "" if piece == END else piece, "logprob": logprob(piece)}
        own |= {"id": vocabulary.id(piece)} if ids else {}
        own["top_logprobs"] = [{"token": text, "logprob": value} for text, value in alternatives(piece, count)]
        content.append(own)
    return {"content": content}


def usage_of(flavour: Flavour, prompt: int, cached: int, generated: int) -> dict[str, Any]:
    """Return the usage as a server reports it."""
    usage: dict[str, Any] = {
        "prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated
    }  # fmt: skip
    if flavour.cache_names == "openai":
        usage["prompt_tokens_details"] = {"cached_tokens": cached} if cached or flavour.name != "vllm" else None
    if flavour.cache_names == "deepseek":
        usage |= {"prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": prompt - cached}
    return usage


def wanted_logprobs(flavour: Flavour, body: Mapping[str, Any], chat: bool) -> int | None:
    """Return the alternatives that a request wants, or None for no log-probabilities.

    Raises:
        StubRefusal: more than the server gives.
    """
    count = (body.get("top_logprobs", 0) if body.get("logprobs") else None) if chat else body.get("logprobs")
    if body.get("n_probs"):
        count = body["n_probs"]
    if count is None or flavour.logprobs is None:
        return None
    if count > flavour.most_logprobs and flavour.name != "llama.cpp":
        raise StubRefusal(400, f"Requested sample logprobs of {count}, which is greater than max allowed: 20")
    return int(count)
