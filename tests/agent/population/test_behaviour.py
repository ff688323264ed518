"""What a version does, as its card tells it."""

from __future__ import annotations

from agent.diagnosis.behaviour import behaviour, decisions
from agent.records.card import Behaviour
from envs.episodes import grid as episode_grid
from envs.synthetic.model import default_models, generate
from sandbox.evaluation import evaluate

WORLD = generate(next(iter(default_models().values())), "toy", questions=2, branches=8)
EPISODES = episode_grid([WORLD], [0.0, 1.0], [1000], 8)
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


def did(middle: str = "pass", order: str = "[a, b]") -> Behaviour:
    result = evaluate(SOURCE.format(middle=middle, order=order), EPISODES)
    assert result.scores is not None and result.logs is not None, result.verdict
    assert decisions(result.logs) == behaviour(result.scores, result.logs).decisions
    return behaviour(result.scores, result.logs)


def test_behaviour_is_what_was_done() -> None:
    plain = did()
    assert (plain.width, plain.pruned) == (2.0, 0.0) and 0.5 <= plain.latency < 1
    pruning = did("question.step(b); question.prune(b)", "[a]")
    assert 0 < pruning.pruned < 0.5 and pruning.latency == 1.0 and pruning.depth < plain.depth


def test_the_same_decisions_are_one_behaviour() -> None:
    plain = did()
    assert did() == plain and did(order="[b, a]").decisions == plain.decisions
    assert did("x = 1 + 1").decisions == plain.decisions
    assert did("question.step(a)").decisions != plain.decisions
    assert did("question.step(b)").decisions != did("question.step(a)").decisions
