"""The ways in which servers are asked to continue a branch, and the fields of their requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .capabilities import Capabilities, Continuation
from .exchange import Passage, Prompt, Sampling


class Dialect(Protocol):
    """One way to ask for the continuation of a branch."""

    @property
    def path(self) -> str:
        """The path of the request, below the base address with its ``/v1``, or from the root of the server."""
        ...

    @property
    def chat(self) -> bool:
        """Whether the request and its reply have the form of chat."""
        ...

    def start(self, prompt: Prompt, passage: Passage, suffix: str, suffix_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return the fields of the request that say where the completion begins."""
        ...

    def echo(self, passage: Passage, suffix: str) -> str:
        """Return the text that the server repeats before the completion."""
        ...


@dataclass(frozen=True, slots=True)
class RawTokens:
    """Completions of token ids: nothing is tokenised twice, and the prefix cache hits."""

    path: str = "/completions"
    chat: bool = False

    def start(self, prompt: Prompt, passage: Passage, suffix: str, suffix_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return the prompt as token ids."""
        return {"prompt": [*(prompt.token_ids or ()), *(passage.token_ids or ()), *suffix_ids]}

    def echo(self, passage: Passage, suffix: str) -> str:
        """Return nothing: nothing is repeated."""
        return ""


@dataclass(frozen=True, slots=True)
class NativeTokens:
    """llama.cpp's own completions of token ids."""

    path: str = "//completion"
    chat: bool = False

    def start(self, prompt: Prompt, passage: Passage, suffix: str, suffix_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return the prompt as token ids."""
        return {**RawTokens().start(prompt, passage, suffix, suffix_ids), "return_tokens": True}

    def echo(self, passage: Passage, suffix: str) -> str:
        """Return nothing: nothing is repeated."""
        return ""


@dataclass(frozen=True, slots=True)
class RawText:
    """Completions of text.

    Args:
        bare: whether to ask that nothing is put before the text: the template has written the special tokens already.
    """

    bare: bool = False
    path: str = "/completions"
    chat: bool = False

    def start(self, prompt: Prompt, passage: Passage, suffix: str, suffix_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return the prompt as text."""
        fields = {"prompt": f"{prompt.text}{passage.text}{suffix}"}
        return fields | ({"add_special_tokens": False} if self.bare else {})

    def echo(self, passage: Passage, suffix: str) -> str:
        """Return nothing: nothing is repeated."""
        return ""


@dataclass(frozen=True, slots=True)
class ChatContinuation:
    """Chat with a partial assistant message, which the server continues."""

    kind: Continuation
    echoes: bool = False
    path: str = "/chat/completions"
    chat: bool = True

    def start(self, prompt: Prompt, passage: Passage, suffix: str, suffix_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return the messages, with the branch so far as the last one; a new branch has no such message."""
        said = passage.text + suffix
        messages: list[Mapping[str, Any]] = list(prompt.messages)
        if not said:
            return {"messages": messages}
        last: dict[str, Any] = {"role": "assistant", "content": said}
        if self.kind == "prefix":
            last["prefix"] = True
        fields: dict[str, Any] = {"messages": [*messages, last]}
        if self.kind == "flags":
            fields |= {"continue_final_message": True, "add_generation_prompt": False}
        return fields

    def echo(self, passage: Passage, suffix: str) -> str:
        """Return the last message, if the server repeats it."""
        return passage.text + suffix if self.echoes else ""


@dataclass(frozen=True, slots=True)
class ChatWhole:
    """Chat without continuation: a branch runs to its end."""

    path: str = "/chat/completions"
    chat: bool = True

    def start(self, prompt: Prompt, passage: Passage, suffix: str, suffix_ids: Sequence[int]) -> Mapping[str, Any]:
        """Return the messages.

        Raises:
            ValueError: there is something to continue.
        """
        if passage.text or suffix:
            raise ValueError("the server cannot continue a branch")
        return {"messages": list(prompt.messages)}

    def echo(self, passage: Passage, suffix: str) -> str:
        """Return nothing: nothing is repeated."""
        return ""


def choose(capabilities: Capabilities, prompt: Prompt, passage: Passage) -> Dialect:
    """Return the best way to continue a branch: token ids before text, raw completions before chat."""
    if capabilities.completions and prompt.token_ids is not None and passage.token_ids is not None:
        return NativeTokens() if capabilities.native else RawTokens()
    if capabilities.completions and prompt.text is not None:
        return RawText(bare=capabilities.server in ("vllm", "sglang"))
    if capabilities.continuation is not None:
        return ChatContinuation(capabilities.continuation, capabilities.echoes)
    return ChatWhole()


def sampling_fields(capabilities: Capabilities, sampling: Sampling) -> dict[str, Any]:
    """Return the fields of the sampler. The defaults of servers differ and change results: all of them are sent."""
    fields: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if capabilities.sampler_fields:
        # -1 is `all tokens` everywhere; SGLang refuses 0
        fields |= {"top_k": sampling.top_k or -1, "min_p": sampling.min_p}
    if capabilities.server in ("vllm", "sglang"):  # the model's generation_config.json may set another one
        fields["repetition_penalty"] = 1.0
    return fields


def logprob_fields(capabilities: Capabilities, dialect: Dialect) -> dict[str, Any]:
    """Return the fields that ask for log-probabilities and token ids."""
    fields: dict[str, Any] = {}
    if capabilities.logprobs:
        count = max(1, capabilities.alternatives)
        if isinstance(dialect, NativeTokens):
            fields["n_probs"] = count
        else:
            fields |= {"logprobs": True, "top_logprobs": count} if dialect.chat else {"logprobs": count}
    if capabilities.ids_back and capabilities.server == "vllm":
        fields["return_token_ids"] = True
    return fields


def limit_field(capabilities: Capabilities, dialect: Dialect) -> str:
    """Return the name of the field for the most tokens to generate."""
    if isinstance(dialect, NativeTokens):
        return "n_predict"
    return capabilities.limit_field if dialect.chat else "max_tokens"
