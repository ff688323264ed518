"""The model of the stub server: its branches are recorded, so that every answer is known."""

from __future__ import annotations

import heapq
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

_PIECES = re.compile(r"\s*(?:</?think>|<\|\w+\|>|[^\s<]+|<)|\s+")
END = "<|end|>"
"""The end-of-text token."""
TURN = "<|assistant|>\n"
"""The end of a prompt: here the model's turn begins."""


def split(text: str) -> list[str]:
    """Return the tokens of a text: words, each with the white space before it."""
    return _PIECES.findall(text)


class StubVocabulary:
    """Token ids that depend on nothing but the text of the token."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._pieces: dict[int, str] = {}

    def id(self, piece: str) -> int:
        found = self._ids.get(piece)
        if found is None:
            found = zlib.crc32(piece.encode()) & 0x3FFFFFFF
            while found in self._pieces:
                found += 1
            self._ids[piece], self._pieces[found] = found, piece
        return found

    def ids(self, pieces: Sequence[str]) -> list[int]:
        return [self.id(piece) for piece in pieces]

    def text(self, ids: Sequence[int]) -> str:
        return "".join([self._pieces[each] for each in ids])


class StubBranch:
    """A recorded branch.

    Args:
        pieces: its tokens, without the end-of-text token.
        answers: the probe answer after each interval, and after the last one; None for an absent answer.
        delta: tokens of an interval.
    """

    def __init__(self, pieces: Sequence[str], answers: Sequence[str | None], delta: int) -> None:
        self.pieces, self.answers, self.delta = list(pieces), answers, delta
        self.text = "".join(pieces)
        self.ends = [0, *accumulate(map(len, pieces))]

    def answer(self, tokens: int) -> str | None:
        """Return the probe answer after so many tokens."""
        return self.answers[min(max(0, tokens // self.delta - 1), len(self.answers) - 1)] if self.answers else None


@dataclass
class StubQuestion:
    """A question with recorded branches. Their first words should differ: by them a branch is known again.

    Args:
        text: the content of its last message.
        branches: the branches, in the order in which new ones are given out.
    """

    text: str
    branches: Sequence[StubBranch]
    _free: list[int] = field(default_factory=list)
    _taken: int = 0
    _by_first: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, branch in enumerate(self.branches):
            self._by_first.setdefault(branch.pieces[0] if branch.pieces else "", []).append(number)

    @classmethod
    def of(
        cls, text: str, answers: Sequence[Sequence[str | None]], total_tokens: Sequence[int], delta: int
    ) -> StubQuestion:
        """Return a question from what a recording holds: see `autotts.envs.contract.replay.Recording.of`.

        The text of a branch ends with its final answer in a box; its last token is the end of the text.
        """
        branches = [made_branch(n, column, total_tokens[n], delta) for n, column in enumerate(answers)]
        return cls(text, branches)

    @classmethod
    def of_recording(cls, text: str, recording: Any) -> StubQuestion:
        """Return a question with the branches of a `Recording`."""
        answers = [[answer for answer, _ in recording.columns[b]] for b in range(len(recording.total_tokens))]
        return cls.of(text, answers, [int(each) for each in recording.total_tokens], recording.delta)

    def take(self) -> int:
        """Return the number of the next branch."""
        if self._free:
            return heapq.heappop(self._free)
        self._taken += 1
        return (self._taken - 1) % len(self.branches)

    def give_back(self, number: int) -> None:
        """Let a branch be given out again: the request for it has failed."""
        heapq.heappush(self._free, number)

    def find(self, said: str) -> tuple[StubBranch, int, bool] | None:
        """Return the branch that begins like ``said``, the tokens of it that were said, and whether more was said."""
        first = split(said)[0] if len(said) < 200 else _PIECES.match(said).group()  # type: ignore[union-attr]
        best: tuple[StubBranch, int, bool] | None = None
        for number in self._by_first.get(first, ()):
            branch = self.branches[number]
            shared = common(branch.text, said)
            tokens = bisect_right(branch.ends, shared) - 1
            found = branch, tokens, branch.ends[tokens] < len(said)
            if not found[2]:
                return found
            if best is None or tokens > best[1]:
                best = found
        return best


def made_branch(number: int, column: Sequence[str | None], total: int, delta: int) -> StubBranch:
    """Return a branch of ``total`` tokens that ends with the last answer of ``column``."""
    last = column[-1]
    final = [] if last is None else [f"\n</think>\n\nFinal answer: \\boxed{{{last}}}"]
    words = max(0, total - 1 - len(final))
    begin = [f"b{number}"] if words else []
    steps = [f" {number}.{step}" for step in range(1, words)]
    return StubBranch([*begin, *steps, *final][: max(0, total - 1)], column, delta)


def common(one: str, other: str) -> int:
    """Return the number of characters with which both begin."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass
class StubGeneration:
    """What the model will say to one request: tokens, the last of which may be the end of the text."""

    pieces: list[str]
    finish_reason: str
    release: Callable[[], None]
    """Called if the request fails: a new branch is given out again."""


class StubModel:
    """Generates by looking up.

    Args:
        questions: the questions that it knows. Any other one is answered with the words after its last colon.
        opens_think: whether its template opens a thought.
        branch_of_seed: the branch of the question that a request with this seed opens; None for the next one.
    """

    def __init__(
        self, questions: Sequence[StubQuestion], opens_think: bool = False,
        branch_of_seed: Callable[[int], int | None] | None = None,
    ) -> None:  # fmt: skip
        self.turn = TURN + ("<think>\n" if opens_think else "")
        self._questions = {self._prompt(question.text): question for question in questions}
        self._branch_of_seed = branch_of_seed
        self._assigned: dict[tuple[str, int], int] = {}

    def _prompt(self, text: str) -> str:
        return f"<|user|>\n{text}{END}\n"

    def render(self, messages: Sequence[dict[str, Any]], continues: bool = False) -> str:
        """Return the messages in the chat template.

        Args:
            messages: role and content of each.
            continues: whether the last one is an assistant message that goes on.
        """
        done = messages[:-1] if continues else messages
        text = "".join(f"<|{each['role']}|>\n{each['content']}{END}\n" for each in done)
        return text + self.turn + (str(messages[-1]["content"]) if continues else "")

    def generate(self, prompt: str, limit: int, seed: int | None) -> StubGeneration:
        """Return what the model says after ``prompt``, ``limit`` tokens at the most."""
        start, turn, said = prompt.partition(self.turn)
        question = self._question(start) if turn else self._question(prompt)
        release: Callable[[], None] = _nothing
        found = question.find(said) if said else None
        if found is None and said:
            pieces = [END]
        elif found is None:
            number, release = self._new(question, start, seed)
            pieces = [*question.branches[number].pieces, END]
        else:
            branch, tokens, more = found
            pieces = self._probe(branch, tokens) if more else [*branch.pieces[tokens:], END]
        reason = "stop" if len(pieces) <= limit else "length"
        return StubGeneration(pieces[:limit], reason, release)

    def _probe(self, branch: StubBranch, tokens: int) -> list[str]:
        answer = branch.answer(tokens)
        return [END] if answer is None else [*split(answer), "}", END]

    def _new(self, question: StubQuestion, start: str, seed: int | None) -> tuple[int, Callable[[], None]]:
        if seed is None:
            number = question.take()
            return number, lambda: question.give_back(number)
        if (start, seed) not in self._assigned:
            known = self._branch_of_seed(seed) if self._branch_of_seed else None
            self._assigned[start, seed] = question.take() if known is None else known
        return self._assigned[start, seed], _nothing

    def _question(self, start: str) -> StubQuestion:
        asked = start[start.rfind("<|user|>\n") :] if "<|user|>\n" in start else start
        if asked not in self._questions:
            words = asked.removesuffix(f"{END}\n").rpartition(": ")[2]
            self._questions[asked] = StubQuestion(asked, [StubBranch(split(words), ["0"], 1)])
        return self._questions[asked]


def _nothing() -> None:
    """Do nothing: the branch belongs to a seed, and is given to the same request again."""


class StubCache:
    """A prefix cache in blocks.

    Args:
        block: tokens of a block; 0 for no cache.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._seen: set[int] = set()

    def hit(self, ids: Sequence[int]) -> int:
        """Return the tokens of a prompt that are cached, and remember the prompt. The last token is never cached."""
        if not self._block:
            return 0
        digest, cached, hitting = 0, 0, True
        for end in range(self._block, len(ids) + 1, self._block):
            digest = hash((digest, *ids[end - self._block : end]))
            hitting = hitting and digest in self._seen and end < len(ids)
            cached = end if hitting else cached
            self._seen.add(digest)
        return cached
