"""What a model server can do, as it was found by asking: a small document that can be saved and used again."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from .exchange import Level

Server = Literal["vllm", "llama.cpp", "sglang", "transformers", "ollama", "unknown"]
"""The program behind an endpoint, as far as its answers name it."""
Continuation = Literal["flags", "final message", "prefix"]
"""How a server is asked to continue a partial assistant message in chat.

flags: ``continue_final_message`` and ``add_generation_prompt: false``. final message: the last message is the
assistant's, and nothing else. prefix: ``prefix: true`` on that message.
"""
Rendering = Literal["tokenize messages", "apply-template"]
"""How a server renders messages in the model's chat template: vLLM's ``/tokenize``, llama.cpp's ``/apply-template``."""
Found = Literal["yes", "no", "unknown"]
"""Whether a server has an ability."""
LimitField = Literal["max_tokens", "max_completion_tokens"]
"""The field for the most tokens to generate, in chat. Hosted reasoning models refuse the older one."""
TokenizeField = Literal["prompt", "content"]
"""The field of ``/tokenize`` that takes the text: vLLM's and SGLang's, or llama.cpp's."""


class Capabilities(BaseModel):
    """What a server can do for one model. None: not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str
    server: Server = "unknown"
    version: str | None = None
    context: int | None = None
    """The longest prompt and completion together, in tokens."""
    completions: bool = False
    """Whether ``/v1/completions`` continues a raw prompt."""
    prompt_ids: bool = False
    """Whether a raw prompt may be token ids."""
    native: bool = False
    """Whether llama.cpp's own ``/completion`` answers: unlike ``/v1/completions``, it returns the ids of all tokens."""
    ids_back: bool = False
    """Whether the token ids of a completion come back."""
    tokenize: TokenizeField | None = None
    rendering: Rendering | None = None
    continuation: Continuation | None = None
    echoes: bool = False
    """Whether a continued chat message is repeated before its continuation."""
    logprobs: bool = False
    """Whether log-probabilities of the generated tokens come back."""
    alternatives: int = 0
    """The alternatives to each token that are asked for with its log-probability, for the entropy."""
    sampler_fields: bool = True
    """Whether the server takes ``top_k`` and ``min_p``, which are not part of OpenAI's interface."""
    template_opens_think: bool | None = None
    """Whether the chat template ends with an opened ``<think>``; a prefix that repeats it would double the tag."""
    limit_field: LimitField = "max_tokens"
    seed: bool = True
    """Whether the server takes the field ``seed``; whether it respects it is found by `endpoint check`."""

    @property
    def can_continue(self) -> bool:
        """Whether a branch can be continued where it stands."""
        return (self.completions and self.rendering is not None) or self.continuation is not None

    @property
    def level(self) -> Level:
        """What a controller can do with a branch."""
        if not self.can_continue:
            return "width only"
        return "full" if self.logprobs else "continue"


class CheckedAbility(BaseModel):
    """One thing that a server can or cannot do."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    found: Found
    """`unknown`: asking does not tell."""
    detail: str = ""


class EndpointReport(BaseModel):
    """What a server can do for one model, as it was found by asking."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    base_url: str
    model: str
    server: Server
    version: str | None
    level: Level
    context: int | None
    """The longest prompt and completion together, in tokens."""
    alternatives: int
    """The most alternatives to a token that come with its log-probability; 0 for no log-probabilities."""
    abilities: tuple[CheckedAbility, ...]
    capabilities: Capabilities
    """What `envs.live.connecting.connect` takes, so that it has to ask nothing."""
