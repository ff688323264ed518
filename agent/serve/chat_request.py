"""The body of a request to `/v1/chat/completions`, and whether a controller can answer it."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import GatewayError

PassReason = Literal["tools", "response_format", "n", "logprobs", "content", "assistant_prefix", "max_tokens"]
"""Why a request passes through to the model: there is nothing to vote on, or no step fits into its `max_tokens`."""
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_OWN_FIELDS = ("autotts", "beta")
_NOT_USED = (
    "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty",
    "logit_bias", "reasoning_effort", "chat_template_kwargs",
)  # fmt: skip
"""Fields that change how tokens are drawn; the gateway's own settings hold instead, and the answer says so."""


class EpisodeOptions(BaseModel):
    """The object ``autotts`` of a request. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    beta: float | None = Field(default=None, ge=0, le=1)
    """The one knob of the controller; the gateway's default if absent."""
    max_branches: int | None = Field(default=None, ge=1)
    """Branches of the episode at most."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Tokens of the episode at most: all branches and probes. The same as the field of the request."""
    deadline: float | None = Field(default=None, gt=0, le=86_400)
    """Seconds from the arrival of the request, after which the vote so far is the answer."""
    progress: bool = False
    """Whether a stream tells the progress, as pieces of ``reasoning_content``."""
    reasoning: bool = False
    """Whether the answer has the thoughts of its branch, as ``reasoning_content``."""


class ContentPart(BaseModel):
    """A part of a message's content."""

    model_config = ConfigDict(extra="allow")

    type: str
    text: str | None = None


class ChatMessage(BaseModel):
    """A message of the conversation."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: str | list[ContentPart] | None = None
    tool_calls: list[Any] | None = None

    @property
    def text(self) -> str | None:
        """The content as one text; None if a part of it is no text."""
        if self.content is None or isinstance(self.content, str):
            return self.content
        texts = [part.text if part.type == "text" else None for part in self.content]
        return None if None in texts else "\n".join(text for text in texts if text is not None)


class StreamOptions(BaseModel):
    """The object ``stream_options``."""

    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    """The object ``response_format``."""

    type: str = "text"


class ChatRequest(BaseModel):
    """A request, as clients of OpenAI's interface send it. Fields without a meaning here stay in ``model_extra``."""

    model_config = ConfigDict(extra="allow")

    model: str | None = None
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    beta: float | None = Field(default=None, ge=0, le=1)
    autotts: EpisodeOptions | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> ChatRequest:
        """Refuse a value that is given twice, and differs."""
        own = self.options
        limits = {limit for limit in (self.max_tokens, self.max_completion_tokens, own.max_tokens) if limit is not None}
        if len(limits) > 1:
            raise ValueError("max_tokens, max_completion_tokens and autotts.max_tokens differ; give one of them")
        if None not in (self.beta, own.beta) and self.beta != own.beta:
            raise ValueError("beta and autotts.beta differ; give one of them")
        return self

    @property
    def options(self) -> EpisodeOptions:
        """The object ``autotts``, or its defaults."""
        return self.autotts or EpisodeOptions()

    @property
    def token_limit(self) -> int | None:
        """Tokens of the episode at most, under whichever name the client gave them."""
        return self.max_tokens or self.max_completion_tokens or self.options.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which the visible answer is cut."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in given if stop)

    @property
    def unused(self) -> list[str]:
        """Names of given fields that have no effect on an episode."""
        extra = self.model_extra or {}
        return [name for name in _NOT_USED if extra.get(name) is not None]

    def conversation(self) -> tuple[dict[str, str], ...]:
        """Return the messages for the model; only for a request that needs not pass through."""
        return tuple({"role": _ROLES[each.role], "content": each.text or ""} for each in self.messages)


def read_request(body: bytes, most_messages: int) -> tuple[ChatRequest, dict[str, Any]]:
    """Return a request, and its fields as they came.

    Raises:
        GatewayError: the body is no such request; the error names the field.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise GatewayError(400, "invalid_json", "the body of the request is no JSON") from None
    if not isinstance(fields, dict):
        raise GatewayError(400, "invalid_json", "the body of the request is no JSON object")
    messages = fields.get("messages")
    if isinstance(messages, list) and len(messages) > most_messages:
        text = f"{len(messages):,} messages are more than this gateway takes ({most_messages:,})"
        raise GatewayError(400, "too_many_messages", text, param="messages")
    try:
        return ChatRequest.model_validate(fields), fields
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or None
        what = first["msg"].removeprefix("Value error, ")
        raise GatewayError(400, "invalid_value", f"{where}: {what}" if where else what, param=where) from None


def pass_reason(request: ChatRequest) -> PassReason | None:
    """Return why ``request`` has to pass through to the model, or None if a controller can answer it."""
    roles = {message.role for message in request.messages}
    if request.tools or request.functions or roles & {"tool", "function"}:
        return "tools"
    if any(message.tool_calls for message in request.messages):
        return "tools"
    if request.response_format is not None and request.response_format.type != "text":
        return "response_format"
    if (request.n or 1) > 1:
        return "n"
    if request.logprobs or request.top_logprobs:
        return "logprobs"
    if not roles <= set(_ROLES) or any(message.text is None for message in request.messages):
        return "content"
    if request.messages[-1].role == "assistant":
        return "assistant_prefix"
    return None


def passed_body(fields: dict[str, Any], model: str) -> dict[str, Any]:
    """Return the fields of a request for the model's own server: without ours, and with the model's name there."""
    return {name: value for name, value in fields.items() if name not in _OWN_FIELDS} | {"model": model}
