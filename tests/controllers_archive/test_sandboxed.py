"""The baselines behind the wall of the sandbox: the same episodes as in this process."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source, every_baseline
from autotts.envs.episodes import grid
from autotts.envs.store import Environment
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate

from .worlds import World, controller, play, random_world, stored

SIGNALS = (
    "lowest_group", "group", "branch_token_confidence", "confidence", "answer_confidence", "answer_hesitation",
)  # fmt: skip
BETAS, ORDERS, MOST = (0.3, 1.0), range(3), 24
NEW = sorted({*every_baseline()} - {*baseline_names()})


@cache
def worlds() -> list[World]:
    """Return four worlds with everything that a baseline may use."""
    made = [random_world(Random(n), SIGNALS, True, True, branches=20) for n in range(4)]
    return [
        replace(world, delta=500, probe_cost=7, verify_cost=30, tokens=[500 * len(c) - 3 for c in world.answers])
        for world in made
    ]


@cache
def env() -> Environment:
    return stored(worlds())


@pytest.mark.parametrize("name", NEW)
def test_a_baseline_acts_in_the_sandbox_as_in_this_process(name: str) -> None:
    found = evaluate(baseline_source(name), grid([env()], BETAS, ORDERS, MOST), ProcessSandbox(1))
    assert found.verdict.ok and found.scores is not None, found.verdict
    expected = {
        (q, beta, order): play(controller(name), world, beta, order, MOST, seed=order)
        for q, world in enumerate(worlds()) for beta in BETAS for order in ORDERS
    }  # fmt: skip
    episodes = found.scores.episodes
    for e in range(len(episodes)):
        one = expected[int(episodes.question[e]), float(episodes.beta[e]), int(episodes.order[e])]
        assert (found.scores.tokens[e], found.scores.correct[e]) == (one.tokens, one.answer == "A"), e


def test_a_baseline_is_refused_where_its_needs_are_not_met() -> None:
    nothing = dict.fromkeys(("verifier", "final_verifier", "parents", "fork_depths"))
    bare = replace(env(), signals={}, final_signals={}, **nothing)
    for name in NEW:
        found = evaluate(baseline_source(name), grid([bare], [0.3], [0], MOST), ProcessSandbox(1))
        assert found.verdict.ok == (name in ("certainty_index", "dynasor")), (name, found.verdict)
