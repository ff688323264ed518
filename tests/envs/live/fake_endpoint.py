"""An endpoint in memory: its branches are those of a recording, so that every answer is known beforehand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from autotts.envs.answers.extraction import extraction
from autotts.envs.contract.replay import Recording
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.exchange import (
    GREEDY,
    Completion,
    Level,
    Message,
    Passage,
    Prompt,
    RequestLost,
    Sampling,
    TokenUse,
)
from autotts.envs.live.settings import request_seed
from autotts.envs.store import Environment

SUFFIX = " \\boxed{"
MESSAGES = ({"role": "user", "content": "a question"},)


def in_event_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine: it runs in an event loop of its own."""

    @wraps(test)
    def run(*given: Any, **options: Any) -> None:
        asyncio.run(test(*given, **options))

    return run


def fake_reader(answers: str = "exact") -> AnswerReader:
    """Return the reader for the texts of a `FakeEndpoint`."""
    found = extraction("--extract", "boxed")
    assert found is not None
    return AnswerReader(found, answers)


@dataclass
class FakeEndpoint:
    """Answers for the branches of ``recording``. The first request of a branch tells its number by its seed.

    A branch generates ``<branch>:<tokens so far>;`` for each piece, and at its end its final answer in a box. Each
    request yields to the event loop first, as one to a server does.
    """

    recording: Recording
    seed: int = 7
    """The seed of the question, as in the settings."""
    level: Level = "full"
    context: int | None = None
    model: str = "fake"
    losses: set[tuple[int, int]] = field(default_factory=set)
    """(branch, tokens so far) of requests that are lost; probes too."""
    fails: Exception | None = None
    """Raised by every request."""
    gate: asyncio.Event | None = None
    """If set, requests wait for it."""
    at_once: int = 0
    """Requests that run now."""
    most_at_once: int = 0
    requests: list[tuple[int, int, int | None]] = field(default_factory=list)
    """(branch, tokens so far, max_tokens) of each request; max_tokens is negative for a probe."""
    cancelled: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        branches = range(len(self.recording.total_tokens))
        self._branches = {request_seed(self.seed, branch, 0): branch for branch in branches}

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        return Prompt(tuple(messages), "".join(message["content"] for message in messages), (1, 2, 3))

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
        branch, spent = self._place(passage, seed)
        self.requests.append((branch, spent, -(max_tokens or 0) if suffix else max_tokens))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        use.requests += 1
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.at_once -= 1
        if self.fails is not None:
            raise self.fails
        if (branch, spent) in self.losses:
            raise RequestLost(f"no answer for branch {branch}\nat {spent}")
        done = self._probe(branch, spent) if suffix else self._continue(branch, spent, max_tokens)
        assert not suffix or (sampling == GREEDY and suffix == SUFFIX)
        use.generated += done.tokens
        if on_text is not None:
            on_text(done.text)
        return done

    async def close(self) -> None:
        self.closed = True

    def _place(self, passage: Passage, seed: int | None) -> tuple[int, int]:
        """Return the branch of a passage, and its tokens."""
        pieces: list[tuple[str, str]] = re.findall(r"(\d+):(\d+);", passage.text)
        return (int(pieces[-1][0]), int(pieces[-1][1])) if pieces else (self._branches[seed], 0)

    def _continue(self, branch: int, spent: int, max_tokens: int | None) -> Completion:
        left = self.recording.total_tokens[branch] - spent
        if max_tokens is not None and left > max_tokens:
            spent += max_tokens
            return Completion(f"{branch}:{spent};", False, "length", max_tokens, (branch,) * max_tokens)
        answer = self.recording.columns[branch][-1][0]
        box = "" if answer is None else f"\\boxed{{{answer}}}"
        return Completion(f"{branch}:{spent + left};{box}", True, "stop", left, (branch,) * left)

    def _probe(self, branch: int, spent: int) -> Completion:
        answer = self.recording.columns[branch][spent // self.recording.delta - 1][0]
        return Completion("}" if answer is None else f"{answer}}} and more", False, "length", 3)


def recordings_of(environment: Environment, exact: bool = False) -> list[Recording]:
    """Return the recorded branches of each question; unless ``exact``, their lengths agree with their probes.

    In recorded data a branch may have one probe more or less than intervals; live there is one for each.
    """
    words: list[str | None] = [None, *environment.vocabulary[1:]]
    found = []
    for question in range(len(environment)):
        columns, tokens = [], []
        for branch in environment.branches(question):
            first, last = environment.probe_offsets[branch : branch + 2].tolist()
            cells = [*environment.probe_answers[first:last].tolist(), int(environment.final_answers[branch])]
            columns.append([words[code] for code in cells])
            whole = environment.delta * (last - first)
            total = int(environment.total_tokens[branch])
            tokens.append(total if exact else min(max(total, whole + 1), whole + environment.delta))
        found.append(Recording.of(columns, tokens, environment.delta, environment.probe_cost))
    return found
