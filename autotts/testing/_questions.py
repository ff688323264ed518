"""The check of a question: it keeps the contract of `Question` in random episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from autotts.envs.contract.question import BudgetSpent, IllegalAction, Question, TokensSpent

from ._errors import demand

_ACTIONS = 40
"""Actions of an episode at the most."""
_UNKNOWN = "no signal has this name"


@dataclass(frozen=True, slots=True)
class QuestionReport:
    """What a conforming question went through."""

    episodes: int
    actions: int
    forks: int
    verifications: int


def check_question(open_question: Callable[[], Question], episodes: int = 30, seed: int = 0) -> QuestionReport:
    """Check a `Question` of your own.

    Indices follow the order of opening. Depths, tokens and latency grow as the contract says, and no limit is exceeded.
    A refused action changes nothing. An answer or a score that was paid for is free, and stays the same. Signals are
    absent at depth 0, and free. A fork stands where its branch stands, and costs nothing. What a question does not have
    is refused.

    Args:
        open_question: returns a fresh question, at its beginning.
        episodes: the number of random episodes.
        seed: of the random generator that draws the actions.

    Raises:
        ConformanceError: it does not do one of these.
    """
    chance, done = Random(seed), {"actions": 0, "fork": 0, "verify": 0}
    for _ in range(episodes):
        walk = _QuestionWalk(open_question(), chance)
        walk.begin()
        for _ in range(chance.randint(1, _ACTIONS)):
            walk.act()
        for name in done:
            done[name] += walk.done.get(name, 0)
    return QuestionReport(episodes, done["actions"], done["fork"], done["verify"])


class _QuestionWalk:
    """A random episode on one question."""

    def __init__(self, question: Question, chance: Random) -> None:
        self.question, self.chance = question, chance
        self.done: dict[str, int] = {}

    def begin(self) -> None:
        """Check a question that nobody has touched."""
        q = self.question
        demand((q.width, q.tokens, q.latency, q.active) == (0, 0, 0, []), "a fresh question has spent nothing")
        demand(q.max_branches >= 1 and q.can_branch, "a fresh question can open a branch")

    def act(self) -> None:
        """Take a random action, and check what it did."""
        verbs = ["branch", "step", "step", "advance", "run", "probe", "prune", "verify", "fork", "signals", "refusals"]
        verb = self.chance.choice(verbs) if self.question.width else "branch"
        before = self._money()
        try:
            getattr(self, f"_{verb}")()
        except TokensSpent:
            demand(self.question.max_tokens is not None, f"{verb} raised TokensSpent without a limit on tokens")
            demand(self.question.tokens_ran_out, "`tokens_ran_out` is set when TokensSpent is raised")
        after = self._money()
        demand(after[0] >= before[0] and after[1] >= before[1], f"{verb} gave tokens or latency back")
        most = self.question.max_tokens
        demand(most is None or after[0] <= most, f"{verb} spent more than `max_tokens`")
        self.done["actions"] = self.done.get("actions", 0) + 1

    def _money(self) -> tuple[int, int]:
        return self.question.tokens, self.question.latency

    def _state(self) -> list[Any]:
        q = self.question
        return [*self._money(), q.width, q.active, [(q.depth(i), q.finished(i)) for i in range(q.width)]]

    def _free(self, what: str, action: Callable[[], Any]) -> Any:
        """Return the result of an action that must cost nothing."""
        before = self._money()
        result = action()
        demand(self._money() == before, f"{what} cost something")
        return result

    def _refused(self, what: str, action: Callable[[], Any], error: type[IllegalAction] = IllegalAction) -> None:
        before = self._state()
        try:
            action()
        except error:
            demand(self._state() == before, f"{what} was refused, but changed something")
            return
        demand(False, f"{what} must raise {error.__name__}")

    def _running(self) -> int | None:
        active = self.question.active
        return self.chance.choice(active) if active else None

    # Actions

    def _branch(self) -> None:
        q = self.question
        first, n = q.width, self.chance.randint(0, min(3, q.branches_left))
        opened = self._free("branch_many", lambda: q.branch_many(n))
        demand(list(opened) == list(range(first, first + n)), "branch_many returns the indices in the order of opening")
        demand(all(q.depth(i) == 0 and not q.finished(i) for i in opened), "a branch opens at depth 0, and runs")
        if first + n == q.max_branches:
            self._refused("a branch beyond `max_branches`", q.branch, BudgetSpent)

    def _step(self) -> None:
        q = self.question
        some = self.chance.sample(q.active, self.chance.randint(0, len(q.active)))
        depths = [q.depth(i) for i in some]
        results = q.step_many(some, *q.signals)
        demand(len(results) == len(some), "step_many returns one result for each branch")
        for i, depth, (answer, finished, *values) in zip(some, depths, results, strict=True):
            demand(q.depth(i) == depth + 1, "a step advances by one interval")
            demand(q.finished(i) == finished == (i not in q.active), "a step says whether the branch has finished")
            shown = self._free("a probe after a step", partial(q.probe, i))
            demand(shown == answer, "a step shows the probe answer")
            demand(values == [q.signal(i, name) for name in q.signals], "a step shows the present signals")

    def _advance(self) -> None:
        if (i := self._running()) is not None:
            depth = self.question.depth(i)
            finished = self.question.advance(i)
            demand(self.question.depth(i) == depth + 1, "an advance runs one interval")
            demand(self.question.finished(i) == finished, "an advance says whether the branch has finished")

    def _run(self) -> None:
        if (i := self._running()) is not None:
            answer = self.question.run_to_end(i)
            demand(self.question.finished(i), "run_to_end finishes the branch")
            shown = self._free("the final answer", lambda: self.question.probe(i))
            demand(shown == answer, "run_to_end returns the final answer")
            self._refused("a step of a finished branch", lambda: self.question.step(i))
            self._refused("the pruning of a finished branch", lambda: self.question.prune(i))

    def _probe(self) -> None:
        q = self.question
        i = self.chance.randrange(q.width)
        pruned = i not in q.active and not q.finished(i)
        if pruned or not q.depth(i):
            self._refused("a probe of a pruned branch, or at depth 0", lambda: q.probe(i))
            return
        answer = q.probe(i)
        demand(self._free("a second probe", lambda: q.probe(i)) == answer, "a second probe shows the same answer")
        demand(q.latest_answers[i] == answer, "`latest_answers` holds what a branch has shown")

    def _prune(self) -> None:
        if self.chance.random() < 0.3 and (i := self._running()) is not None:
            self._free("prune", lambda: self.question.prune(i))
            demand(i not in self.question.active and not self.question.finished(i), "a pruned branch runs no more")
            self._refused("an advance of a pruned branch", lambda: self.question.advance(i))

    def _verify(self) -> None:
        q = self.question
        i = self.chance.randrange(q.width)
        pruned = i not in q.active and not q.finished(i)
        if not q.can_verify or pruned or not q.depth(i):
            self._refused("a verification of nothing, or without a verifier", lambda: q.verify(i))
            return
        latency, score = q.latency, q.verify(i)
        demand(score is None or isinstance(score, float), "a score is a float or None")
        demand(q.latency == latency, "a verification adds nothing to the latency")
        demand(self._free("a second verification", lambda: q.verify(i)) == score, "the same score comes again")
        self.done["verify"] = self.done.get("verify", 0) + 1

    def _fork(self) -> None:
        q = self.question
        able = [i for i in range(q.width) if q.can_fork(i)]
        i = self.chance.choice(able) if able and self.chance.random() < 0.7 else self.chance.randrange(q.width)
        if not q.can_fork(i):
            self._refused("a fork where `can_fork` is False", lambda: q.fork(i))
            return
        demand(i in q.active and q.depth(i) > 0, "only a running branch that has been advanced can be forked")
        width, shown = q.width, q.latest_answers.get(i)
        values = [q.signal(i, name) for name in q.signals]
        new = self._free("a fork", lambda: q.fork(i))
        demand(new == width == q.width - 1, "a fork opens the next branch")
        demand(q.depth(new) == q.depth(i) and new in q.active, "a fork stands where its branch stands, and runs")
        demand(q.latest_answers.get(new) == shown, "a fork has shown what its branch has shown")
        demand(values == [q.signal(new, name) for name in q.signals], "a fork has the signals of its branch")
        self.done["fork"] = self.done.get("fork", 0) + 1

    def _signals(self) -> None:
        q, i = self.question, self.chance.randrange(self.question.width)
        for name in q.signals:
            value = self._free("a signal", partial(q.signal, i, name))
            demand(value is None or isinstance(value, float), f"the signal {name} is a float or None")
            demand(value is None or q.depth(i) > 0, f"the signal {name} is absent at depth 0")

    def _refusals(self) -> None:
        q = self.question
        self._refused("a signal that there is not", lambda: q.signal(0, _UNKNOWN))
        for name in ("advance", "probe", "prune", "finished", "depth"):
            self._refused(f"{name} of a branch that was never opened", partial(getattr(q, name), q.width))
        if (i := self._running()) is not None:
            self._refused("one call that advances a branch twice", lambda: q.step_many([i, i]))
