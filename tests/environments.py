"""Small environments for tests, made by hand or at random, and controllers that run in this process."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np

from autotts.envs import BudgetSpent, Controller, IllegalAction, Question, TokensSpent, catalogue, store
from autotts.envs.contract.controller import answer_without_tokens
from autotts.envs.contract.replay import ActionLog, Recording, ReplayQuestion, shuffled
from autotts.envs.episodes import Episodes, Logs
from autotts.envs.recordings import recording_of
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments

Column = Sequence[str | None]
"""A branch: its probe answers and its final answer last. "." and None are absent; ``"AAB"`` is ("A", "A", "B")."""

Maker = Callable[[float, int], Controller]
"""Makes a controller for an episode of (beta, branch order); usually a `Controller` class."""


def environment(
    columns: Sequence[Sequence[Column]],
    totals: Sequence[Sequence[int]] | None,
    gold: Sequence[str],
    delta: int = 500,
    probe_cost: int = 0,
    name: str = "toy",
) -> Environment:
    """Return an environment of ``columns[question][branch]``.

    Args:
        columns: the branches of every question.
        totals: tokens of every branch, in the same nesting; None makes the last advance as long as any other.
        gold: the gold answer of every question.
        delta: tokens of one interval.
        probe_cost: tokens of one probe.
        name: the environment's name.
    """
    branches = [column for question in columns for column in question]
    if totals is None:
        totals = [[delta * len(column) for column in question] for question in columns]
    texts = {None: 0, ".": 0, "": 0}
    for answer in (*(answer for column in branches for answer in column), *gold):
        texts.setdefault(answer, max(texts.values()) + 1)
    made = Environment(
        name=name,
        delta=delta,
        probe_cost=probe_cost,
        questions=tuple(f"question {q}" for q in range(len(columns))),
        vocabulary=("", *(text for text, index in texts.items() if text and index)),
        gold=_ints(texts[answer] for answer in gold),
        branch_offsets=_offsets(len(question) for question in columns),
        probe_offsets=_offsets(len(column) - 1 for column in branches),
        probe_answers=_ints(texts[answer] for column in branches for answer in column[:-1]),
        final_answers=_ints(texts[column[-1]] for column in branches),
        total_tokens=_ints(total for question in totals for total in question),
    )
    made.check()
    return made


def _ints(values: Iterable[int]) -> np.ndarray:
    return np.array(list(values), np.int32)


def _offsets(sizes: Iterable[int]) -> np.ndarray:
    return _ints([0, *np.cumsum(list(sizes)).tolist()])


def random_environment(
    random: Random, questions: int = 2, branches: int = 6, depth: int = 6, probe_cost: int = 0, name: str = "random"
) -> Environment:
    """Return a random environment of limited size, with odd lengths and with branches without probes."""
    delta = random.choice((1, 7, 500))
    columns = [
        [random.choices("ABC.", k=random.randint(0, depth) + 1) for _ in range(random.randint(1, branches))]
        for _ in range(questions)
    ]
    totals = [[max(0, delta * len(c) + random.randint(-2 * delta, 2 * delta)) for c in q] for q in columns]
    return environment(columns, totals, random.choices("ABC", k=questions), delta, probe_cost, name)


def small_data_root(root: Path) -> Path:
    """Save each of the embedded environments with few questions and branches under ``root``, and return it."""
    for env in default_environments(questions=4, branches=16):
        store.save(env, catalogue.path_of(root, env.name))
    return root


@lru_cache
def identity_order(branches: int) -> int:
    """Return the first branch order that opens ``branches`` branches as stored. Fast only for a few branches."""
    order = 0
    while shuffled(branches, order) != list(range(branches)):
        order += 1
    return order


def scripted(solve: Callable[[Question, float], str | None]) -> type[Controller]:
    """Return a controller class whose `solve` calls ``solve(question, beta)``."""

    class Scripted(Controller):
        def solve(self, question: Question) -> str | None:
            return solve(question, self.beta)

    return Scripted


class RandomController(Controller):
    """A controller that takes random legal actions, and returns a random answer that it has seen."""

    def solve(self, question: Question) -> str | None:
        seen: list[str | None] = [None]
        for _ in range(self.random.randint(0, 40)):
            try:
                seen += self._act(question)
            except BudgetSpent:
                continue
        return self.random.choice(seen)

    def _act(self, question: Question) -> list[str | None]:
        chance, active = self.random, question.active
        verb = chance.choice(("branch", "advance", "probe", "step", "lane", "run", "prune"))
        if verb == "branch" or not active:
            question.branch_many(chance.randint(0, 3))
            return []
        i, some = chance.choice(active), chance.sample(active, chance.randint(1, len(active)))
        if verb == "advance":
            question.advance(i)
        elif verb == "probe":
            any_branch = chance.randrange(question.width)
            try:
                return [question.probe(any_branch)]
            except IllegalAction:
                return []
        elif verb == "prune":
            question.prune(i)
        elif verb == "run":
            return question.run_many_to_end(some)
        elif verb == "step":
            return [question.step(i)[0]]
        else:
            seen = []
            for _ in range(chance.randint(1, 5)):
                if not any(question.finished(b) for b in some):
                    seen += [answer for answer, _ in question.step_many(some)]
            return seen
        return []


def limited(episodes: Episodes, max_tokens: int | None) -> Episodes:
    """Return ``episodes`` under a limit that may be less than an interval, which `grid` refuses."""
    return replace(episodes, max_tokens=max_tokens)


def recording(env: Environment, question: int) -> Recording:
    """Return the branches of ``question`` for replay, with answers as texts of the vocabulary."""
    return recording_of(env, question)


def replay(maker: Maker, episodes: Episodes) -> list[tuple[ReplayQuestion, str | None]]:
    """Run a controller on every episode; return the final state of each question, and the answer."""
    recordings: dict[tuple[int, int], Recording] = {}
    played = []
    for e, q, beta, seed in zip(
        episodes.environment.tolist(), episodes.question.tolist(), episodes.beta.tolist(), episodes.order.tolist(),
        strict=True,
    ):  # fmt: skip
        env = episodes.environments[e]
        if (e, q) not in recordings:
            recordings[e, q] = recording(env, q).seen_by(maker if isinstance(maker, type) else Controller)
        found = recordings[e, q]
        question = ReplayQuestion(found, found.order(seed), episodes.max_branches, episodes.max_tokens)
        try:
            answer = maker(beta, seed).solve(question)
        except TokensSpent:
            answer = None
        if answer is None and question.tokens_ran_out:
            answer = answer_without_tokens(question)
        played.append((question, answer))
    return played


def pack(played: Sequence[tuple[ReplayQuestion, str | None]], episodes: Episodes) -> Logs:
    """Return the logs of `replay` as columns."""
    logs: list[ActionLog] = [question.finish() for question, _ in played]
    words = [{word: i for i, word in enumerate(env.vocabulary)} for env in episodes.environments]
    answers = (words[e][a] if a else 0 for e, (_, a) in zip(episodes.environment.tolist(), played, strict=True))

    def column(code: str, name: str) -> np.ndarray:
        joined = array(code)
        for log in logs:
            joined.extend(getattr(log, name))
        return np.array(joined)

    return Logs(
        answer=_ints(answers),
        record_offsets=np.cumsum([0, *(len(log.verbs) for log in logs)]),
        verbs=column("B", "verbs"),
        repeats=column("H", "repeats"),
        counts=column("H", "counts"),
        indices=column("H", "indices"),
    )


def play(maker: Maker, episodes: Episodes) -> Logs:
    """Run a controller on every episode in this process, and return the logs."""
    return pack(replay(maker, episodes), episodes)
