"""The ledger: random mixes of all verbs cost and show the same in replay, on the host and in the reference model."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import Controller, IllegalAction, Question, TokensSpent
from autotts.envs.contract.replay import ReplayQuestion
from autotts.envs.environment import Environment
from autotts.envs.episodes import grid
from autotts.envs.recordings import recording_of
from autotts.envs.scoring import score
from autotts.envs.trace import trace

from ...environments import limited, pack, replay
from ..extended import extended_environment
from .reference import PlainQuestion

VERBS = (
    "branch", "advance", "advance", "probe", "step", "lane", "run", "prune", "verify", "verify", "fork", "fork",
    "signal", "signals", "latest", "can_fork",
)  # fmt: skip
NAMES = ("confidence", "answer_x", "only_final", "unknown")
Action = tuple[str, Any]


class Everything(Controller):
    """Takes random actions, illegal ones among them."""

    optional_signals = ("confidence", "answer_x", "only_final")
    verifier = "optional"
    forks = "optional"

    def solve(self, question: Question) -> str | None:
        seen: list[str | None] = [None]
        for _ in range(self.random.randint(0, 60)):
            try:
                seen += act(question, action(self.random, question))
            except TokensSpent:
                if self.random.random() < 0.1:
                    raise
            except IllegalAction:
                continue
        return self.random.choice(seen)


def action(chance: Random, question: Question) -> Action:
    """Return a random action, mostly a legal one."""
    verb, width = chance.choice(VERBS), question.width
    if not width or verb == "branch":
        return "branch", chance.randint(-1, 3)
    some = chance.sample(question.active, chance.randint(0, len(question.active)))
    if chance.random() < 0.1:
        some = [chance.randint(-1, width) for _ in range(2)]
    one = chance.choice(question.active or [0]) if chance.random() < 0.8 else chance.randint(-1, width)
    if chance.random() < 0.5 and (able := [i for i in question.active if question.can_fork(i)]):
        return "fork", chance.choice(able)
    if verb in ("lane", "run"):
        return verb, (some, chance.randint(1, 4))
    if verb in ("signal", "signals", "step"):
        return verb, (one, some, chance.choices(NAMES, (5, 5, 2, 1), k=chance.randint(0, 2)))
    return verb, one


def act(question: Question, planned: Action) -> list[Any]:
    """Take an action, and return the answers that it showed; numbers that it showed are compared elsewhere."""
    return [shown for shown in result(question, planned) if shown is None or isinstance(shown, str)]


def result(question: Question, planned: Action) -> list[Any]:
    verb, value = planned
    if verb == "branch":
        question.branch_many(value)
        return []
    if verb == "lane":
        some, times = value
        return [question.step_many(some) for _ in range(times)][-1]
    if verb == "run":
        return list(question.run_many_to_end(value[0]))
    if verb == "step":
        return list(question.step(value[0], *value[2]))
    if verb == "signal":
        return [(question.signal(value[0], name),) for name in value[2]]
    if verb == "signals":
        return [tuple(question.signal_many(value[1], name)) for name in value[2]]
    if verb == "latest":
        return list(question.latest_answers.values())
    if verb in ("advance", "can_fork"):
        return [(getattr(question, verb)(value),)]
    if verb == "verify":
        return [(question.verify(value),)]
    if verb == "fork":
        question.fork(value)
        return []
    shown = getattr(question, verb)(value)
    return [] if verb == "prune" else [shown]


def made(seed: int, rule: str | None = None) -> Environment:
    """Return an environment, one with many forks of its first question among several."""
    random = Random(seed)
    drawn = [extended_environment(random) for _ in range(4)]
    env = max(drawn, key=lambda env: int((~env.is_root[: env.branches(0).stop]).sum()))
    env = replace(env, probe_cost=random.choice((0, 3)))
    return env if rule is None else replace(env, fork_rule=rule)


def state(question: Question) -> tuple[Any, ...]:
    return (
        question.tokens, question.latency, question.width, question.active, question.latest_answers,
        question.can_step, question.tokens_ran_out, question.branches_left, question.can_branch,
        [(question.depth(i), question.finished(i), question.can_fork(i)) for i in range(question.width)],
        [[question.signal(i, name) for i in range(question.width)] for name in question.signals],
    )  # fmt: skip


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rule=st.sampled_from(("recorded", "nearest")),
    max_branches=st.integers(1, 9),
    max_tokens=st.none() | st.integers(1, 300),
)
def test_replay_does_as_the_contract_says(seed: int, rule: str, max_branches: int, max_tokens: int | None) -> None:
    chance = Random(seed)
    recording = recording_of(made(seed, rule), 0).seen_by(Everything)
    order = recording.order(seed)
    real, plain = (kind(recording, order, max_branches, max_tokens) for kind in (ReplayQuestion, PlainQuestion))
    for _ in range(40):
        planned = action(chance, real)
        outcomes = []
        for question in (real, plain):
            try:
                outcomes.append(result(question, planned))
            except IllegalAction as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1], planned
        if chance.random() < 0.5:  # a look ends a lane, and lanes must be right without it
            assert state(real) == state(plain), planned
        assert real.tokens == plain.tokens and real.latency == plain.latency, planned
        assert max_tokens is None or real.tokens <= max_tokens


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rule=st.sampled_from(("recorded", "nearest")),
    max_branches=st.integers(1, 9),
    max_tokens=st.none() | st.integers(1, 300),
)
def test_the_host_counts_as_replay_does(seed: int, rule: str, max_branches: int, max_tokens: int | None) -> None:
    environments = [made(seed, rule), made(seed + 1)]
    episodes = limited(grid(environments, (0.5,), range(seed, seed + 2), max_branches), max_tokens)
    played = replay(Everything, episodes)
    logs = pack(played, episodes)
    scores = score(episodes, logs)
    for e, (question, _) in enumerate(played):
        assert scores.tokens[e] == question.tokens and scores.latency[e] == question.latency
        assert scores.opened[e] == question.width
        assert scores.depth[e, : question.width].tolist() == [question.depth(i) for i in range(question.width)]
        if e % 5:
            continue
        shown = trace(episodes, logs, e)
        assert (shown.tokens, shown.latency, shown.width) == (question.tokens, question.latency, question.width)
        if shown.steps:
            assert (shown.steps[-1].tokens, shown.steps[-1].latency) == (question.tokens, question.latency)
