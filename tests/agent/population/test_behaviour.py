"""Behaviour descriptors on a version's card."""

from __future__ import annotations

from autotts.agent.diagnosis.behaviour import behaviour, decisions
from autotts.agent.records.card import Behaviour
from autotts.envs.episodes import grid as episode_grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.evaluation import evaluate

ENVIRONMENT = generate(next(iter(default_models().values())), "toy", questions=2, branches=8)
EPISODES = episode_grid([ENVIRONMENT], [0.0, 1.0], [1000], 8)
SOURCE = """
from envs import Controller, majority

class Two(Controller):
    name = "two"

    @staticmethod
    def schedule(beta):
        return {{"width": 2}}

    def solve(self, question):
        a, b = question.branch_many(2)
        {middle}
        ends = dict(zip({order}, question.run_many_to_end({order}), strict=True))
        return majority([ends[branch] for branch in sorted(ends)])
"""


def behaviour_of(middle: str = "pass", order: str = "[a, b]") -> Behaviour:
    result = evaluate(SOURCE.format(middle=middle, order=order), EPISODES)
    assert result.scores is not None and result.logs is not None, result.verdict
    assert decisions(result.logs) == behaviour(result.scores, result.logs).decisions
    return behaviour(result.scores, result.logs)


def test_behaviour_measures_width_depth_pruning_and_latency() -> None:
    plain = behaviour_of()
    assert (plain.width, plain.pruned) == (2.0, 0.0) and 0.5 <= plain.latency < 1
    pruning = behaviour_of("question.step(b); question.prune(b)", "[a]")
    assert 0 < pruning.pruned < 0.5 and pruning.latency == 1.0 and pruning.depth < plain.depth


def test_same_decisions_give_the_same_behaviour() -> None:
    plain = behaviour_of()
    assert behaviour_of() == plain and behaviour_of(order="[b, a]").decisions == plain.decisions
    assert behaviour_of("x = 1 + 1").decisions == plain.decisions
    assert behaviour_of("question.step(a)").decisions != plain.decisions
    assert behaviour_of("question.step(b)").decisions != behaviour_of("question.step(a)").decisions
