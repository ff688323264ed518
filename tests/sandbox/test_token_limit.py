"""Under a limit on tokens, every controller that ships runs to an answer, keeps to the limit, and passes the audit."""

from __future__ import annotations

import textwrap
from random import Random

import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Verdict

from ..environments import environment, limited, random_environment

SHIPPED = {name: baseline_source(name) for name in baseline_names()}
SHIPPED |= {name: champion_source(name) for name in champion_names()}
CARELESS = '''
from envs import Controller, majority
class Careless(Controller):
    def solve(self, question):
        seen, chance = [None], self.random
        for _ in range(chance.randint(1, 30)):
            active = question.active
            verb = chance.choice(("branch", "advance", "probe", "step", "run", "prune", "together", "all"))
            if not active or (verb == "branch" and question.can_branch):
                if question.can_branch:
                    question.branch_many(chance.randint(1, min(3, question.max_branches - question.width)))
                continue
            i, some = chance.choice(active), chance.sample(active, chance.randint(1, len(active)))
            if verb == "advance":
                question.advance(i)
            elif verb == "probe" and question.depth(i):
                seen.append(question.probe(i))
            elif verb == "prune":
                question.prune(i)
            elif verb == "step":
                seen.append(question.step(i)[0])
            elif verb == "run":
                seen.append(question.run_to_end(i))
            elif verb == "all":
                seen += question.run_many_to_end(some)
            else:
                seen += [answer for answer, _ in question.step_many(some)]
        return majority(seen) if chance.random() < 0.5 else chance.choice(seen)
'''


def _episodes(max_tokens: int, probe_cost: int = 0) -> Episodes:
    model = next(iter(default_models().values()))
    made = [generate(model, "limited/model", questions=5, branches=12, seed=3)]
    made += [random_environment(Random(7), 4, 8, 6, probe_cost, "limited/odd")]
    made += [environment([["A", "B", "B"], ["C", "C", "A"]], [[9000, 700, 2500], [3000, 60, 900]], ["B", "C"])]
    return limited(grid(made, (0.0, 0.5, 1.0), range(3), 12), max_tokens)


@pytest.mark.slow
@pytest.mark.parametrize("max_tokens", [1, 700, 4000, 30_000])
def test_shipped_controllers_keep_to_the_limit(max_tokens: int) -> None:
    episodes = _episodes(max_tokens, probe_cost=max_tokens % 7)
    with ProcessSandbox(2) as sandbox:
        for name, source in SHIPPED.items():
            found = evaluate(source, episodes, sandbox)
            assert found.scores is not None and found.logs is not None, (name, found.verdict)
            assert found.scores.tokens.max() <= max_tokens, name
            assert audit(found.candidate, episodes, found.logs, sandbox) == Verdict("ok"), name


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12))
def test_a_careless_controller_keeps_to_the_limit_and_passes_the_audit(number: int) -> None:
    chance = Random(number)
    made = [random_environment(chance, 4, 10, depth, price, f"odd/{price}") for depth, price in ((9, 0), (2, 7))]
    limit = (5 + 8 * number) * max(env.delta for env in made)
    episodes = grid(made, (0.2, 0.9), range(6), (4, 16)[number % 2], limit)
    with ProcessSandbox(2) as sandbox:
        found = evaluate(CARELESS, episodes, sandbox)
        assert found.scores is not None and found.logs is not None, found.verdict
        assert found.scores.tokens.max() <= limit
        secret = AuditSecret(bytes([number] * 32), nonce=bytes)
        assert audit(found.candidate, episodes, found.logs, sandbox, secret=secret) == Verdict("ok")


def test_a_controller_that_opens_too_many_branches_still_fails() -> None:
    source = textwrap.dedent(
        """
        from envs import Controller
        class Wide(Controller):
            def solve(self, question):
                return question.branch_many(question.max_branches + 1)[0]
        """
    )
    assert evaluate(source, _episodes(700)).verdict.kind == "illegal_action"


def test_self_consistency_answers_from_the_branches_that_fit() -> None:
    env = environment([["AAA", "BBB", "BBB", "AAA"]], None, ["B"])
    free, limited = (grid([env], (1.0,), range(24), 4, limit) for limit in (None, 4500))
    found = [evaluate(SHIPPED["self_consistency"], episodes).scores for episodes in (free, limited)]
    assert found[0] is not None and found[1] is not None
    assert found[0].tokens.tolist() == [6000] * 24 and found[1].tokens.tolist() == [4500] * 24
    assert not found[1].correct.all() and found[1].correct.any(), "three branches decide, in the order of opening"


SHORTEST_FIRST = '''
from envs import Controller, majority
class ShortestFirst(Controller):
    def solve(self, question):
        branches = question.branch_many(question.max_branches)
        length = question._recording.total_tokens
        branches.sort(key=lambda i: length[question._order[i]])
        return majority([question.run_to_end(i) for i in branches[:2]])
'''


@pytest.mark.parametrize("max_tokens", [6000, 20_000, 60_000])
def test_the_audit_hides_lengths_that_the_limit_cannot_have_shown(max_tokens: int) -> None:
    """Branches without probes may be refused for their length, so decoys keep what a refusal may have shown."""
    chance = Random(1)
    totals = [[chance.randint(600, 9000) for _ in range(8)] for _ in range(20)]
    env = environment([[["A"], ["B"]] * 4] * 20, totals, ["A"] * 20)
    episodes = limited(grid([env], (0.0,), range(4), 8), max_tokens)
    with ProcessSandbox(2) as sandbox:
        found = evaluate(SHORTEST_FIRST, episodes, sandbox)
        assert found.logs is not None, found.verdict
        assert audit(found.candidate, episodes, found.logs, sandbox).kind == "rejected: looked ahead"
