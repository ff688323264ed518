"""Each finding on a world where it is known exactly, and on one where it must not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.diagnosis.findings import KINDS, diagnose
from autotts.agent.diagnosis.lead import lead_history
from autotts.agent.records.version import Evidence, Finding
from autotts.envs import Question
from autotts.envs.contract.replay import VERBS
from autotts.envs.episodes import Episodes, grid
from autotts.envs.scoring import score
from autotts.envs.store import Environment
from autotts.envs.trace import Trace, trace

from ...environments import RandomController, environment, identity_order, play, random_environment, scripted

Solve = Callable[[Question, float], str | None]


def _findings(env: Environment, solve: Solve, betas: tuple[float, ...] = (0.0,), **budget: int) -> dict[str, Finding]:
    episodes = _episodes(env, betas, **budget)
    logs = play(scripted(solve), episodes)
    found = diagnose(score(episodes, logs), logs)
    assert all(finding.kind in KINDS and finding.episodes and finding.message.endswith(".") for finding in found)
    return {finding.kind: finding for finding in found}


def _episodes(env: Environment, betas: tuple[float, ...] = (0.0,), **budget: int) -> Episodes:
    return grid([env], betas, (identity_order(len(env.branches(0))),), **budget)


def _at(step: int, tokens: int, question: int = 0, branches: int = 3, beta: float = 0.0) -> Evidence:
    return Evidence("toy", question, beta, identity_order(branches), step, tokens)


def _first_step(question: Question, _: float) -> str | None:
    return question.step(question.branch())[0]


def _all_to_the_end(question: Question, _: float) -> str | None:
    return Counter(question.run_many_to_end(question.branch_many(question.max_branches))).most_common(1)[0][0]


def _one_by_one(question: Question, _: float) -> str | None:
    seen = Counter(question.run_to_end(question.branch()) for _ in range(question.max_branches))
    return seen.most_common(1)[0][0]


# stopped_early


def test_stopping_before_the_open_branches_turn_right() -> None:
    finding = _findings(environment([["AAB", "AAB", "CCC"]], None, ["B"]), _first_step)["stopped_early"]
    assert (finding.episodes, finding.share, finding.tokens) == (1, 1.0, 0)
    assert "in 1 the open branches, run" in finding.message and "in 0 only all" in finding.message
    assert finding.worst == (_at(1, 500),)


def test_stopping_before_enough_branches_are_open() -> None:
    env = environment([["A", "B", "B"]], None, ["B"])
    finding = _findings(env, lambda q, _: q.run_to_end(q.branch()))["stopped_early"]
    assert "in 0 the open branches, run" in finding.message and "in 1 only all" in finding.message
    tie = _findings(env, lambda q, _: q.run_to_end(q.branch()), max_branches=2)
    assert "stopped_early" not in tie, "A came first"


def test_what_only_more_branches_would_mend_comes_after_what_another_rule_would() -> None:
    # six questions: four right, one lost for want of branches, one to pruning
    env = environment([["A", "A", "A"]] * 4 + [["C", "B", "B"], ["CB", "CB", "AA"]], None, ["A"] * 4 + ["B", "B"])

    def solve(question: Question, _: float) -> str | None:
        answer, finished = question.step(question.branch())
        return answer if finished else _prune_two_more(question)

    assert [f for f in _findings(env, solve) if f in ("stopped_early", "pruned_right")] == [
        "pruned_right", "stopped_early",
    ]  # fmt: skip


def _prune_two_more(question: Question) -> str | None:
    question.step_many(question.branch_many(2))
    question.prune(0)
    question.prune(1)
    return question.run_to_end(2)


@pytest.mark.parametrize(
    ("columns", "solve"),
    [
        (["AAB", "AAC", "CCC"], _first_step),  # answered right
        (["AAA", "AAA", "BBB"], _all_to_the_end),
        (["CCC", "CCC", "BBB"], lambda q, _: None),
    ],
)
def test_nothing_was_stopped_early(columns: list[str], solve: Solve) -> None:
    env = environment([columns], None, ["A" if columns[0] == "AAB" else "B"])
    assert "stopped_early" not in _findings(env, solve)


def test_a_look_beyond_the_token_budget_is_no_fault() -> None:
    env = environment([["AAB", "AAB", "CCC"]], None, ["B"])
    assert "stopped_early" in _findings(env, _first_step, max_tokens=1500)
    assert "stopped_early" not in _findings(env, _first_step, max_tokens=1499)


# pruned_right


def _prune_two(question: Question, _: float) -> str | None:
    branches = question.branch_many(3)
    question.step_many(branches)
    question.prune(0)
    question.prune(1)
    return question.run_to_end(2)


def test_pruning_what_would_have_been_right() -> None:
    finding = _findings(environment([["CB", "CB", "AA"]], None, ["B"]), _prune_two)["pruned_right"]
    assert (finding.episodes, finding.tokens, finding.worst) == (1, 0, (_at(2, 1500),))
    assert "2 that would have ended right were pruned" in finding.message


@pytest.mark.parametrize(
    ("columns", "gold"),
    [(["CB", "CB", "AA"], "A"), (["CB", "CA", "AA"], "B"), (["CB", "CD", "AA"], "B"), (["CC", "CC", "AA"], "B")],
)
def test_pruning_that_did_no_harm(columns: list[str], gold: str) -> None:
    assert "pruned_right" not in _findings(environment([columns], None, [gold]), _prune_two)


# idle_tokens, idle_width


def test_going_on_when_the_lead_is_settled() -> None:
    def lockstep(question: Question, _: float) -> str | None:
        branches = question.branch_many(3)
        while not (probes := question.step_many(branches))[0][1]:
            pass
        return probes[0][0]

    found = _findings(environment([[".AAAA", ".AAAA", ".BAAA"]], None, ["A"]), lockstep)
    finding = found["idle_tokens"]
    assert (finding.episodes, finding.tokens) == (1, 3 * 3 * 500)
    assert finding.worst == (_at(1, 4500),)
    assert "60.0% of all tokens" in finding.message
    assert "idle_width" not in found, "all branches were opened at once, before"


def test_an_answer_that_led_only_at_the_end_left_nothing_idle() -> None:
    env = environment([["BA", "BA", "BA"]], None, ["A"])
    assert not {"idle_tokens", "idle_width"} & set(_findings(env, _all_to_the_end))
    assert not {"idle_tokens", "idle_width"} & set(_findings(env, lambda q, _: None))


def test_branches_opened_when_the_lead_is_settled() -> None:
    env = environment([["A", "B", "B", "B", "B"]], [[100, 200, 300, 400, 500]], ["B"])
    found = _findings(env, _one_by_one)
    width, tokens = found["idle_width"], found["idle_tokens"]
    assert (width.episodes, width.tokens, tokens.tokens) == (1, 900, 900)
    assert width.message.startswith("2 branches of 5 were opened")
    assert width.worst == (_at(6, 900, branches=5),), "the fourth branch is opened by record 6"
    assert tokens.worst == (_at(5, 900, branches=5),)


def test_the_last_branch_decided() -> None:
    env = environment([["A", "B", "B"]], None, ["B"])
    assert not {"idle_tokens", "idle_width"} & set(_findings(env, _one_by_one))


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), probe_cost=st.sampled_from((0, 9)))
def test_the_lead_is_that_of_a_plain_count(seed: int, probe_cost: int) -> None:
    env = random_environment(Random(seed), probe_cost=probe_cost)
    episodes = grid([env], (0.0, 1.0), range(seed, seed + 3))
    logs = play(RandomController, episodes)
    led = lead_history(episodes, logs)
    for e in range(len(episodes)):
        seen = trace(episodes, logs, e)
        settled, spent = _settled(seen, env.delta + probe_cost)
        assert led.settled[e] == settled
        if settled >= 0:
            late = [s for s in seen.steps if s.verb == VERBS[0] and s.record > settled]
            assert led.idle[e] == seen.tokens - spent
            assert led.late[e] == sum(len(s.branches) for s in late)
        else:
            assert led.idle[e] == led.late[e] == led.late_tokens[e] == 0


def _settled(seen: Trace, step_cost: int) -> tuple[int, int]:
    """Return the record and the tokens at which the answer given took the lead for good, by counting at each round."""
    votes: dict[int, str | None] = {}
    moments, before = [], 0
    for step in seen.steps:
        for r in range(step.times):
            for branch, answers in zip(step.branches, step.answers, strict=True):
                if answers:
                    votes[branch] = answers[r]
                elif step.verb == "prune":
                    votes.pop(branch, None)
            counts = Counter(votes.values())
            mine = counts.pop(seen.answer, 0)
            spent = step.tokens if r + 1 == step.times else before + (r + 1) * step_cost * len(step.branches)
            moments.append((mine > max(counts.values(), default=0), step.record, spent))
        before = step.tokens
    settled = -1, 0
    for ahead, record, spent in reversed(moments):
        if not ahead:
            break
        settled = record, spent
    return settled


# hopeless


def _hopeless_world(length: int) -> Environment:
    return environment([["A", "B", "C"], ["D", "D", "D"]], [[length] * 3, [1000] * 3], ["Z", "D"])


def test_spending_more_on_what_cannot_be_right() -> None:
    finding = _findings(_hopeless_world(3000), _one_by_one)["hopeless"]
    assert (finding.episodes, finding.share, finding.tokens) == (1, 0.5, 3000), "9,000 against a mean of 6,000"
    assert "25.0% of all tokens" in finding.message
    assert "on 1 where" in finding.message
    assert finding.worst == (_at(5, 3000),), "the third branch's reading passes the mean"


def test_spending_no_more_on_what_cannot_be_right() -> None:
    assert "hopeless" not in _findings(_hopeless_world(1000), _one_by_one)
    assert "hopeless" not in _findings(_hopeless_world(10), _one_by_one)


# uneven_beta


def _widths(*widths: int) -> Finding | None:
    betas = tuple(i / (len(widths) - 1) for i in range(len(widths)))

    def solve(question: Question, beta: float) -> str | None:
        return question.run_many_to_end(question.branch_many(widths[betas.index(beta)]))[0]

    return _findings(environment([["A"] * 6], None, ["A"]), solve, betas).get("uneven_beta")


def test_even_steps_of_beta() -> None:
    assert _widths(1, 2, 3, 4) is None
    assert _widths(1, 6) is None, "between two betas there is nothing to compare"


@pytest.mark.parametrize(
    ("widths", "episodes", "words"),
    [
        ((2, 2, 3, 4), 2, "1 of 3 steps of beta are uneven in mean tokens: 0 to 0.333333 hardly changes the tokens"),
        ((1, 3, 2, 4), 4, "0.333333 to 0.666667 lowers the tokens (1,500 to 1,000)"),
        ((1, 2, 3, 6), 2, "0.666667 to 1 takes 60% of the whole range (1,500 to 3,000)"),
        ((3, 3, 3), 3, "2 of 2 steps"),
    ],
)
def test_uneven_steps_of_beta(widths: tuple[int, ...], episodes: int, words: str) -> None:
    finding = _widths(*widths)
    assert finding is not None
    assert finding.episodes == episodes
    assert finding.tokens == 0
    assert words in finding.message
    assert finding.worst


# All together


def _first_of(n: int) -> Solve:
    def solve(question: Question, _: object) -> str | None:
        answers = [question.run_to_end(question.branch()) for _ in range(n)]
        return answers[0]

    return solve


def test_the_most_important_comes_first() -> None:
    env = environment([["A", "A", "A", "B", "B", "B"]] * 2, None, ["B", "A"])
    found = _findings(env, _first_of(4))
    assert list(found) == ["idle_tokens", "idle_width"], "A is the majority of both"
    env = environment([["A", "A", "B", "B", "B", "B"]] * 2, None, ["B", "A"])
    found = _findings(env, _first_of(2))
    assert list(found) == ["stopped_early", "idle_tokens", "idle_width"]


def test_at_most_five_cases_the_worst_first() -> None:
    env = environment([["A" * n, "A", "A"] for n in range(2, 9)], None, ["A"] * 7)

    def step(question: Question, _: float) -> str | None:
        i = question.branch()
        while not (probe := question.step(i))[1]:
            pass
        return probe[0]

    finding = _findings(env, step)["idle_tokens"]
    assert [case.tokens for case in finding.worst] == [3500, 3000, 2500, 2000, 1500]
    assert [case.question for case in finding.worst] == [6, 5, 4, 3, 2]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_any_logs_can_be_diagnosed(seed: int) -> None:
    worlds = [random_environment(Random(seed + i), name=f"world {i}") for i in range(2)]
    episodes = grid(worlds, (0.0, 0.5, 1.0), range(3), 4, Random(seed).choice((None, 4000)))
    logs = play(RandomController, episodes)
    scores = score(episodes, logs)
    for finding in diagnose(scores, logs):
        assert 0 < finding.share <= 1
        assert finding.tokens <= scores.tokens.sum()
        assert 0 < len(finding.worst) <= 5
        for case in finding.worst:
            e = _find(episodes, case)
            assert 0 <= case.step < max(1, logs.record_offsets[e + 1] - logs.record_offsets[e])
            assert case.tokens <= scores.tokens[e]


def _find(episodes: Episodes, case: Evidence) -> int:
    names = [episodes.environments[e].name for e in episodes.environment]
    keys = zip(names, episodes.question.tolist(), episodes.beta.tolist(), episodes.order.tolist(), strict=True)
    return list(keys).index((case.environment, case.question, case.beta, case.order))
