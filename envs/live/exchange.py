"""What passes between a live question and the server of a model: prompts, branches, completions, token counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol

Level = Literal["full", "continue", "width only"]
"""What a server lets a controller do with a branch.

full: continue it, probe it, and see log-probabilities. continue: continue and probe it. width only: the server cannot
continue a partial answer; a step runs a branch to its end.
"""
Message = Mapping[str, str]
"""A chat message: ``role`` and ``content``."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. All of it is sent with each request: the defaults of servers differ, and change results."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0 for all tokens."""
    min_p: float = 0.0


GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as a server takes it, rendered once."""

    messages: tuple[Message, ...]
    text: str | None = None
    """The messages in the chat template of the model; None where only the server can render it."""
    token_ids: tuple[int, ...] | None = None
    """The tokens of ``text``; None where the server takes no token ids."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of a branch that has been generated."""

    text: str = ""
    token_ids: tuple[int, ...] | None = ()
    """Its tokens; None once the server has returned text without ids."""

    def then(self, more: Completion) -> Passage:
        """Return this passage followed by a completion."""
        ids = None if self.token_ids is None or more.token_ids is None else self.token_ids + more.token_ids
        return Passage(self.text + more.text, ids)


@dataclass(slots=True)
class TokenUse:
    """Tokens by kind, as servers report them, and requests. Each is a sum that only grows."""

    generated: int = 0
    """Tokens of completions that arrived."""
    prefilled: int = 0
    """Tokens of prompts that the server computed anew."""
    cached: int = 0
    """Tokens of prompts that the server took from its prefix cache."""
    cancelled: int = 0
    """Tokens that had been generated when a request was cancelled or failed, as far as they are known."""
    requests: int = 0
    """Attempts, with those that failed."""
    retries: int = 0

    def add(self, other: TokenUse) -> None:
        """Add ``other`` to this one."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclass(frozen=True, slots=True)
class Completion:
    """The tokens that a server generated for one request."""

    text: str
    ended: bool
    """Whether the branch is done: the reason to stop was another one than the limit of the request on tokens."""
    finish_reason: str
    tokens: int
    """Tokens generated, as the server counts them; the end-of-text token is one of them."""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    """The log-probability of each token, where the server gives it. llama.cpp merges tokens that end within a
    character with the next one, so that there may be fewer than ``tokens``."""
    token_texts: tuple[str, ...] | None = None
    """The text of each token, as many as ``logprobs``: finds the tokens of an answer."""
    entropies: tuple[float, ...] | None = None
    """The entropy (nats) over the alternatives that the server gave for each token, where it gives them."""
    confidences: tuple[float, ...] | None = None
    """The mean of -ln p over the alternatives that the server gave for each token: DeepConf's token confidence."""


class RequestLost(Exception):
    """A request failed for good: its deadline passed, or the server refuses it. The message is one line for the log."""


class Endpoint(Protocol):
    """A model behind a server. All methods are safe to call from many tasks of one event loop at once."""

    model: str
    level: Level
    context: int | None
    """The longest prompt and completion together, in tokens; None if unknown."""

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        """Render ``messages`` once, as the start of all branches of a question.

        Raises:
            RequestLost: the server does not answer.
            InputError: the server answers that it cannot be used like this: a wrong key, no such model.
        """
        ...

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
        """Continue ``passage``, and return what the server generated.

        One layer of retries is inside, with one deadline. Cancelling the task ends the request, and the generation
        where the server allows it.

        Args:
            prompt: the start of the branch, from `prompt`.
            passage: the branch so far. Empty at depth 0.
            max_tokens: the most tokens to generate; None for as many as the context has.
            sampling: how tokens are drawn.
            use: receives the tokens of all attempts, whatever becomes of the request.
            suffix: text after ``passage`` that is not a part of the branch: the suffix of a probe.
            seed: the seed of this request, if the server takes one.
            stream: whether to ask for a stream without ``on_text`` too, so that closing it ends the generation.
            on_text: called with each piece of text as it arrives; implies ``stream``.

        Raises:
            RequestLost: the request failed for good.
            InputError: see `prompt`.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class LiveActions(Protocol):
    """The verbs of `envs.contract.question.Question`, with the same rules and errors, as coroutines.

    The host answers a sandboxed controller with them; `envs.live.episode.LiveEpisode` implements them.
    """

    max_branches: int
    max_tokens: int | None

    async def branch_many(self, n: int) -> list[int]: ...
    async def advance(self, i: int) -> bool: ...
    async def probe(self, i: int) -> str | None: ...
    async def prune(self, i: int) -> None: ...
    async def step_many(self, indices: Sequence[int]) -> list[tuple[str | None, bool]]: ...
    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]: ...
    def finished(self, i: int) -> bool: ...
    def depth(self, i: int) -> int: ...
    @property
    def tokens_ran_out(self) -> bool: ...
    @property
    def active(self) -> list[int]: ...
    @property
    def width(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def latency(self) -> int: ...
    @property
    def latest_answers(self) -> dict[int, str | None]: ...
    @property
    def can_step(self) -> bool: ...
