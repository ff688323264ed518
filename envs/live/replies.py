"""Reads the replies of model servers: choices of completions and of chat, whole or in pieces, and counts of tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .exchange import Completion
from .failures import AttemptFailed

_THINK, _END_THINK = "<think>\n", "\n</think>\n\n"
_ABORTED = frozenset({"abort", "error"})
"""Reasons to stop that mean that the server gave up, not that the branch is done."""
_CHARACTERS_PER_TOKEN = 4
FULL = "context full"
"""The reason to stop of a completion that the context of the model has ended."""


@dataclass(frozen=True, slots=True)
class TokenReport:
    """What a server reports of the tokens of one request. None: it does not say."""

    prompt: int | None = None
    cached: int | None = None
    generated: int | None = None

    @staticmethod
    def of(usage: Mapping[str, Any]) -> TokenReport:
        """Return the report in the ``usage`` of a reply: OpenAI's names, or DeepSeek's for the cache."""
        details = usage.get("prompt_tokens_details")
        cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
        if cached is None:
            cached = _count(usage.get("prompt_cache_hit_tokens"))
        prompt = _count(usage.get("prompt_tokens"))
        missed = _count(usage.get("prompt_cache_miss_tokens"))
        if prompt is None and cached is not None and missed is not None:
            prompt = cached + missed
        return TokenReport(prompt, cached, _count(usage.get("completion_tokens")))


@dataclass(slots=True)
class ReplyReader:
    """Collects one reply, whole or piece by piece.

    Args:
        echo: text that the server repeats before the completion.
        thinking: whether the completion begins within a thought that the server takes out of the text.
    """

    echo: str = ""
    thinking: bool = False
    report: TokenReport = TokenReport()
    finish_reason: str | None = None
    complete: bool = False
    """Whether the end of the reply has arrived."""
    pieces: int = 0
    """Pieces with text that have arrived."""
    _texts: list[str] = field(default_factory=list)
    _thought: bool = False
    _ids: list[int] = field(default_factory=list)
    _logprobs: list[float] = field(default_factory=list)
    _token_texts: list[str] = field(default_factory=list)
    _entropies: list[float] = field(default_factory=list)
    _confidences: list[float] = field(default_factory=list)

    def read(self, document: Any) -> str:
        """Take one document of the reply, and return the text that it adds.

        Raises:
            AttemptFailed: it is not a reply.
        """
        try:
            if "choices" not in document and "content" in document:
                document = _of_native(document)
            if isinstance(document.get("usage"), Mapping):
                self.report = TokenReport.of(document["usage"])
            choices = document.get("choices")
            return self._choice(choices[0]) if choices else ""
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            raise AttemptFailed("garbled", "the reply does not have the form of a completion") from None

    def _choice(self, choice: Mapping[str, Any]) -> str:
        message = choice.get("delta") or choice.get("message")
        text = self._message(message) if isinstance(message, Mapping) else str(choice.get("text") or "")
        if not isinstance(text, str):
            raise TypeError("text")
        self.pieces += bool(text)
        text = self._without_echo(text)
        self._texts.append(text)
        self._tokens(choice)
        reason = choice.get("finish_reason")
        if reason is not None:
            self.finish_reason, self.complete = str(reason), True
        return text

    def _message(self, message: Mapping[str, Any]) -> str:
        """Return the text of a chat message, with the thought that the server has taken out of it put back."""
        thought = message.get("reasoning_content") or message.get("reasoning") or ""
        text = message.get("content") or ""
        before = ""
        if thought and not self._thought:
            before, self._thought = "" if self.thinking else _THINK, True
        between = ""
        if text and self._thought:
            between, self._thought, self.thinking = _END_THINK, False, True
        return f"{before}{thought}{between}{text}"

    def _without_echo(self, text: str) -> str:
        """Take what the server repeats away from the start of the text."""
        if not self.echo or not text:
            return text
        shared = min(len(text), len(self.echo))
        if text[:shared] != self.echo[:shared]:
            self.echo = ""
            return text
        self.echo = self.echo[shared:]
        return text[shared:]

    def _tokens(self, choice: Mapping[str, Any]) -> None:
        ids = choice.get("token_ids")
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, Mapping):
            found = self._chat_form(logprobs) if logprobs.get("content") else self._legacy_form(logprobs)
            ids = ids or found
        if ids:
            self._ids += [int(each) for each in ids]

    def _chat_form(self, logprobs: Mapping[str, Any]) -> list[int]:
        """Take log-probabilities in the form of chat; return the token ids among them (llama.cpp gives them)."""
        ids = []
        for token in logprobs["content"]:
            self._logprobs.append(float(token["logprob"]))
            self._token_texts.append(str(token.get("token") or ""))
            self._entropy([float(each["logprob"]) for each in token.get("top_logprobs") or ()])
            ids += [token["id"]] if "id" in token else []
        return ids

    def _legacy_form(self, logprobs: Mapping[str, Any]) -> list[int]:
        """Take log-probabilities in the form of completions, where the first token of a prompt has none."""
        for value in logprobs.get("token_logprobs") or ():
            self._logprobs.append(math.nan if value is None else float(value))
        self._token_texts += [str(each) for each in logprobs.get("tokens") or ()]
        for alternatives in logprobs.get("top_logprobs") or ():
            self._entropy([float(each) for each in (alternatives or {}).values()])
        return []

    def _entropy(self, logprobs: Sequence[float]) -> None:
        if len(logprobs) > 1:
            self._entropies.append(entropy(logprobs))
            self._confidences.append(token_confidence(logprobs))

    @property
    def has_ids(self) -> bool:
        """Whether token ids have arrived."""
        return bool(self._ids)

    @property
    def has_logprobs(self) -> bool:
        """Whether log-probabilities have arrived."""
        return bool(self._logprobs)

    def _every(self, values: Sequence[float]) -> tuple[float, ...] | None:
        """Return ``values`` if each token has one: vLLM shows a drawn token beside the likeliest one unasked."""
        return tuple(values) if self._logprobs and len(values) == len(self._logprobs) else None

    def counted(self) -> int:
        """Return the tokens that have arrived, by the best count there is."""
        return len(self._ids) or len(self._logprobs) or self.report.generated or self.pieces

    def completion(self, limit: int | None, room: int | None) -> tuple[Completion, bool]:
        """Return the completion, and whether the count of its tokens is exact.

        Args:
            limit: the tokens that were asked for.
            room: the tokens that the context has left, if that is known.

        Raises:
            AttemptFailed: the reply has ended before its end.
        """
        if self.finish_reason in _ABORTED:
            raise AttemptFailed("cut", "the server gave up the request")
        if self.finish_reason is None and not self.complete:
            raise AttemptFailed("cut", "the stream ended before the reply did")
        text = "".join(self._texts)
        tokens, exact = self._total(text, limit)
        reason = self.finish_reason or ("length" if limit is not None and tokens >= limit else "stop")
        if reason == "length" and (limit is None or (exact and tokens < limit) or (room is not None and room <= limit)):
            reason = FULL
        ids = tuple(self._ids) if len(self._ids) == tokens else None
        done = Completion(
            text, reason != "length", reason, tokens, ids, tuple(self._logprobs) or None,
            tuple(self._token_texts) or None, self._every(self._entropies), self._every(self._confidences),
        )  # fmt: skip
        return done, exact

    def _total(self, text: str, limit: int | None) -> tuple[int, bool]:
        """Return the number of tokens, and whether it is exact.

        A report that cannot be true is not believed. Ids may be fewer than the tokens: llama.cpp leaves out a token
        that ends within a character.
        """
        reported, seen = self.report.generated, max(len(self._ids), len(self._logprobs))
        if reported is not None and reported >= seen and (limit is None or reported <= limit):
            return reported, True
        if seen:
            return seen, True
        # a whole reply is one piece, whatever its length
        return max(self.pieces, -(-len(text) // _CHARACTERS_PER_TOKEN) if self.pieces <= 1 else 0), False


def _of_native(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of llama.cpp's own form in that of completions."""
    choice = {"text": document["content"], "token_ids": document.get("tokens")}
    if document.get("completion_probabilities"):
        choice["logprobs"] = {"content": document["completion_probabilities"]}
    if not document.get("stop"):
        return {"choices": [choice]}
    choice["finish_reason"] = "length" if document.get("stop_type") == "limit" else "stop"
    usage = {"prompt_tokens": document.get("tokens_evaluated"), "completion_tokens": document.get("tokens_predicted")}
    timings = document.get("timings")
    if isinstance(timings, Mapping):
        usage["prompt_tokens_details"] = {"cached_tokens": timings.get("cache_n")}
    return {"choices": [choice], "usage": usage}


def entropy(logprobs: Sequence[float]) -> float:
    """Return the entropy (nats) of a distribution over the given outcomes alone.

    Args:
        logprobs: their log-probabilities, whose sum may be less than one.
    """
    highest = max(logprobs)
    if math.isinf(highest):
        return 0.0
    weights = [math.exp(each - highest) for each in logprobs]
    total = sum(weights)
    return max(0.0, -sum(w / total * math.log(w / total) for w in weights if w > 0))


def token_confidence(logprobs: Sequence[float]) -> float:
    """Return DeepConf's confidence of a token: the mean of -ln p over the alternatives that a server gave.

    It is rounded to three decimals, as in the recordings of DeepConf. Alternatives of probability 0 are left out.
    """
    known = [each for each in logprobs if math.isfinite(each)]
    return round(-math.fsum(known) / len(known), 3) if known else 0.0


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
