"""A model without a server: what it writes depends on the prompt, the passage and the seed alone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from autotts.envs.errors import InputError
from autotts.envs.live.exchange import Completion, Level, Message, Passage, Prompt, RequestLost, Sampling, TokenUse

SUFFIX = "\n</think>\n\nFinal answer: \\boxed{"


@dataclass
class FakeEndpoint:
    """Thinks in words of one token each, and answers with the question's number or another one."""

    model: str = "fake"
    level: Level = "full"
    context: int | None = 1000
    template: str = "<user>{}<assistant>"
    fault: Callable[[str, Passage, str], None] = lambda prompt, passage, suffix: None
    """May raise what a request raises."""
    requests: Counter[tuple[str, str, str, int | None]] = field(default_factory=Counter)
    """How often each request was answered: prompt, passage, suffix, seed."""
    confident: bool = False
    """Whether it gives alternatives to its tokens."""
    closed: bool = False
    most_at_once: int = 0
    _at_once: int = 0

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        return Prompt(tuple(messages), self.template.format(messages[-1]["content"]), (1, 2, 3))

    async def generate(
        self, prompt: Prompt, passage: Passage, *, max_tokens: int | None, sampling: Sampling, use: TokenUse,
        suffix: str = "", seed: int | None = None, stream: bool = False, on_text: Callable[[str], None] | None = None,
    ) -> Completion:  # fmt: skip
        use.requests += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(0)
            self.fault(prompt.text or "", passage, suffix)
        finally:
            self._at_once -= 1
        self.requests[prompt.text or "", passage.text, suffix, seed] += 1
        words = self._probe(prompt, passage) if suffix else self._thought(prompt, passage, seed)
        cut = words[:max_tokens]
        use.generated += len(cut)
        use.prefilled += 3 + len(passage.token_ids or ())
        ended = len(cut) == len(words)
        numbers = [len(word) + ord(word[-1]) for word in cut]
        full = self.level == "full"
        return Completion(
            text="".join(cut), ended=ended, finish_reason="stop" if ended else "length", tokens=len(cut),
            token_ids=tuple(numbers), logprobs=tuple(-n / 1000 for n in numbers) if full else None,
            token_texts=tuple(cut) if full else None,
            confidences=tuple(n / 10 for n in numbers) if full and self.confident else None,
        )  # fmt: skip

    def _thought(self, prompt: Prompt, passage: Passage, seed: int | None) -> list[str]:
        source = random.Random(f"{prompt.text} {passage.text} {seed}")
        if passage.text.count("{") > passage.text.count("}"):
            return ["}"]
        left = [f" w{source.randrange(10)}"] * source.randint(1, 20)  # drawn again after each interval
        return [*left, f" \\boxed{{{self._guess(source)}", "}"]

    def _guess(self, source: random.Random) -> int:
        return 7 if source.random() < 0.6 else source.randrange(5)

    def _probe(self, prompt: Prompt, passage: Passage) -> list[str]:
        return [str(self._guess(random.Random(passage.text))), "}", " and", " more", " words"]

    async def close(self) -> None:
        self.closed = True


class Unusable(FakeEndpoint):
    """Says that its model does not exist."""

    async def prompt(self, messages: Sequence[Message]) -> Prompt:
        raise InputError("no model 'fake'")


def always_lost(prompt: str, passage: Passage, suffix: str) -> None:
    raise RequestLost("the server is gone")
