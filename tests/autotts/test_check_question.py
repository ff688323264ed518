"""The check of a question passes those that keep the contract, and says in one line what another one breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from autotts.envs import BudgetSpent, IllegalAction, Question
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.recordings import recording_of
from autotts.testing import ConformanceError, check_question

from ..envs.contract.reference import PlainQuestion
from ..envs.extended import extended_environment


def opener(kind: Callable[..., Question], max_tokens: int | None = None) -> Callable[[], Question]:
    """Return a function that opens questions with signals, a verifier and forks."""
    chance = Random(5)

    def opened() -> Question:
        recording = recording_of(extended_environment(Random(chance.randrange(20))), 0)
        return kind(recording, recording.order(1), 9, max_tokens)

    return opened


@pytest.mark.parametrize("kind", [ReplayQuestion, PlainQuestion])
@pytest.mark.parametrize("max_tokens", [None, 150])
def test_questions_that_keep_the_contract_pass(kind: Callable[..., Question], max_tokens: int | None) -> None:
    report = check_question(opener(kind, max_tokens), 100)
    assert report.episodes == 100 and report.forks > 20 and report.verifications > 20


class OneBranchQuestion(Question):
    """One branch of two intervals: the least that an implementation has to say."""

    def __init__(self) -> None:
        self.max_branches, self.max_tokens = 1, None
        self.depths: list[int] = []
        self.gone: set[int] = set()
        self.shown: dict[int, str | None] = {}

    def branch_many(self, n: int) -> list[int]:
        if not 0 <= n <= 1 - len(self.depths):
            raise BudgetSpent("one branch")
        self.depths += [0] * n
        return list(range(len(self.depths)))[len(self.depths) - n :]

    def advance(self, i: int) -> bool:
        self._check(i)
        self.depths[i] += 1
        if self.finished(i):
            self.shown[i] = "a"
        return self.finished(i)

    def probe(self, i: int) -> str | None:
        if not self.depth(i) or i in self.gone:
            raise IllegalAction("nothing to probe")
        self.shown[i] = "a"
        return "a"

    def prune(self, i: int) -> None:
        self._check(i)
        self.gone.add(i)

    def step_many(self, indices: Sequence[int]) -> list[Any]:  # type: ignore[override]
        if len(set(indices)) < len(indices):
            raise IllegalAction("twice")
        ended = [self.advance(i) for i in indices]
        return [(self.probe(i), end) for i, end in zip(indices, ended, strict=True)]

    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        for i in indices:
            while not self.finished(i):
                self.advance(i)
        return ["a" for _ in indices]

    def finished(self, i: int) -> bool:
        return self.depth(i) == 2

    def depth(self, i: int) -> int:
        if not 0 <= i < len(self.depths):
            raise IllegalAction("never opened")
        return self.depths[i]

    def _check(self, i: int) -> None:
        if i in self.gone or self.finished(i):
            raise IllegalAction("not running")

    @property
    def active(self) -> list[int]:
        return [i for i in range(len(self.depths)) if i not in self.gone and not self.finished(i)]

    @property
    def width(self) -> int:
        return len(self.depths)

    @property
    def tokens(self) -> int:
        return 10 * sum(self.depths)

    @property
    def latency(self) -> int:
        return self.tokens

    @property
    def latest_answers(self) -> dict[int, str | None]:
        return {i: answer for i, answer in self.shown.items() if i not in self.gone}

    @property
    def can_step(self) -> bool:
        return True


def test_an_implementation_needs_the_abstract_methods_alone() -> None:
    assert check_question(OneBranchQuestion).forks == 0


class PeekingSignal(PlainQuestion):
    def signal(self, i: int, name: str) -> float | None:
        return super().signal(i, name) if self.at(i).depth else 0.5


class PaidTwice(PlainQuestion):
    def verify(self, i: int) -> float | None:
        self.at(i).scored = False
        return super().verify(i)


@pytest.mark.parametrize(
    ("kind", "message"),
    [(PeekingSignal, "is absent at depth 0"), (PaidTwice, "a second verification cost something")],
)
def test_what_breaks_the_contract_is_named(kind: Callable[..., Question], message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_question(opener(kind), 200)


def test_recordings_that_do_not_fit_are_refused() -> None:
    for wrong in ({"signals": {"x": [[0.1]]}}, {"parents": [-1, 0], "fork_depths": [0, 3]}):
        with pytest.raises(ValueError, match=r"does not|cannot"):
            Recording.of([["a", "b"], ["a", "c"]], [10, 10], 5, **wrong)
