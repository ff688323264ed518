"""Findings and behaviour of episodes that fork branches: the lead, the work left, and what a fork shares."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.diagnosis.behaviour import behaviour
from autotts.agent.diagnosis.criteria import DiagnosedBatch, hopeless, pruned_right, stopped_early
from autotts.agent.diagnosis.findings import diagnose
from autotts.agent.diagnosis.hindsight import remaining_work, right_shares
from autotts.agent.diagnosis.lead import lead_history
from autotts.agent.records.version import Finding
from autotts.envs import Controller, Question
from autotts.envs.environment import ROOT, Environment
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.log_entries import log_entries
from autotts.envs.scoring import score
from autotts.envs.trace import Trace, trace

from ...environments import environment, identity_order, play
from ...envs.contract.test_ledger import Everything
from ...envs.extended import extended_environment


class Forking(Controller):
    """A controller of a tree: subclasses solve."""

    forks = "needed"


def tree(columns: list[str], parents: list[int], depths: list[int], gold: str, rule: str = "recorded") -> Environment:
    """Return an environment of one question with forks, whose roots are opened in the given order."""
    made = environment([columns], None, [gold])
    numbers = (np.array(values, np.int32) for values in (parents, depths))
    made = replace(made, **dict(zip(("parents", "fork_depths"), numbers, strict=True)), fork_rule=rule)
    made.check()
    return made


def played(env: Environment, controller: type[Controller], roots: int, **budget: int) -> tuple[Episodes, Logs]:
    episodes = grid([env], (0.0,), (identity_order(roots),), **budget)
    return episodes, play(controller, episodes)


def findings(env: Environment, controller: type[Controller], roots: int) -> dict[str, Finding]:
    episodes, logs = played(env, controller, roots)
    return {finding.kind: finding for finding in diagnose(score(episodes, logs), logs)}


# The lead


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), probe_cost=st.sampled_from((0, 3)))
def test_the_lead_is_that_of_a_plain_count_with_forks(seed: int, probe_cost: int) -> None:
    env = replace(extended_environment(Random(seed)), probe_cost=probe_cost)
    episodes = grid([env], (0.0,), range(seed, seed + 4), 6)
    logs = play(Everything, episodes)
    led = lead_history(episodes, logs)
    for e in range(len(episodes)):
        seen, part = trace(episodes, logs, e, ()), logs.part(e, e + 1)
        settled, spent = _settled(seen, env.delta + probe_cost)
        late = [s for s in seen.steps if s.record > settled >= 0]
        new = [b for s in late for b in (s.branches if s.verb == "branch" else s.forks)]
        assert led.settled[e] == settled
        assert led.idle[e] == (seen.tokens - spent if settled >= 0 else 0)
        assert led.late[e] == len(new)
        entries = log_entries(episodes, part, e)
        assert led.late_tokens[e] == entries.tokens[np.isin(part.indices, new)].sum()


def _settled(seen: Trace, step_cost: int) -> tuple[int, int]:
    """Return the record and the tokens at which the answer given took the lead for good, by counting at each round."""
    votes: dict[int, str | None] = {}
    settled, before = (-1, 0), 0
    for step in seen.steps:
        for r in range(step.times):
            for branch, answers in zip(step.branches, step.answers, strict=True):
                if answers:
                    votes[branch] = answers[r]
                elif step.verb == "prune":
                    votes.pop(branch, None)
            votes |= {new: votes[step.branches[0]] for new in step.forks if step.branches[0] in votes}
            counts = Counter(votes.values())
            mine = counts.pop(seen.answer, 0)
            spent = step.tokens if r + 1 == step.times else before + (r + 1) * step_cost * len(step.branches)
            if mine <= max(counts.values(), default=0):
                settled = -1, 0
            elif settled[0] < 0:
                settled = step.record, spent
        before = step.tokens
    return settled


def test_a_fork_votes_like_its_parent_until_it_shows_an_answer() -> None:
    class ForkTwice(Forking):
        def solve(self, question: Question) -> str | None:
            first, other = question.branch_many(2)
            question.step_many((first, other))  # A against B
            new = question.fork(first)  # A has two votes from here on
            return question.run_to_end(new)

    env = tree(["AAA", "BBB", "AA"], [ROOT, ROOT, 0], [0, 0, 1], "A")
    found = findings(env, ForkTwice, 2)
    assert [(w.step, w.tokens) for w in found["idle_tokens"].worst] == [(2, 500)]
    assert "idle_width" not in found, "the fork itself settled it"


def test_forks_opened_when_the_lead_is_settled() -> None:
    class ForkLate(Forking):
        def solve(self, question: Question) -> str | None:
            first = question.branch()
            answer, _ = question.step(first)
            question.run_to_end(question.fork(first))
            return answer

    found = findings(tree(["AAA", "AA"], [ROOT, 0], [0, 1], "A"), ForkLate, 1)
    width = found["idle_width"]
    assert width.message.startswith("1 branches of 2 were opened")
    assert [(w.step, w.tokens) for w in width.worst] == [(2, 500)]


# Work that was left, and right ends


class ForkAndPrune(Forking):
    """Forks the only root at depth 1, runs the fork by an interval, and prunes it."""

    def solve(self, question: Question) -> str | None:
        first = question.branch()
        question.step(first)
        new = question.fork(first)
        question.step(new)
        question.prune(new)
        return question.run_to_end(first)


def test_a_pruned_fork_that_would_have_ended_right() -> None:
    env = tree(["CAA", "CCB", "CB"], [ROOT, 0, 0], [0, 1, 1], "B")
    episodes, logs = played(env, ForkAndPrune, 1)
    scores = score(episodes, logs)
    batch = DiagnosedBatch(scores, logs)
    taken = env.final_answers[scores.branch[0, :2]]
    assert pruned_right(batch).right_pruned[0].tolist()[:2] == [False, bool(taken[1] == env.gold[0])]
    assert not pruned_right(batch).shows[0], "one against one: A came first"


def test_the_rest_of_a_fork_costs_its_own_intervals_alone() -> None:
    class ForkAndStop(Forking):
        def solve(self, question: Question) -> str | None:
            first = question.branch()
            answer, _ = question.step(first)
            question.fork(first)
            return answer

    env = tree(["AABB", "AAB"], [ROOT, 0], [0, 1], "B")
    episodes, logs = played(env, ForkAndStop, 1)
    scores = score(episodes, logs)
    advances, tokens = remaining_work(scores, np.array([0]))
    assert advances[0, :2].tolist() == [3, 2] and tokens[0, :2].tolist() == [1500, 1000]
    assert stopped_early(DiagnosedBatch(scores, logs)).open_suffice[0]
    needed = int(scores.tokens[0] + tokens[0, :2].sum())
    for limit, enough in ((needed, True), (needed - 1, False)):
        episodes, logs = played(env, ForkAndStop, 1, max_tokens=limit)
        assert stopped_early(DiagnosedBatch(score(episodes, logs), logs)).open_suffice[0] == enough


def test_the_rest_of_a_fork_that_was_recorded_at_a_lower_depth() -> None:
    class ForkDeep(Forking):
        def solve(self, question: Question) -> str | None:
            first = question.branch()
            question.step(first)
            question.step(first)
            question.step(first)
            question.fork(first)
            return "A"

    env = tree(["AAAAA", "AB"], [ROOT, 0], [0, 1], "B", "nearest")
    episodes, logs = played(env, ForkDeep, 1)
    advances, _ = remaining_work(score(episodes, logs), np.array([0]))
    assert advances[0, :2].tolist() == [2, 1], "the fork still has its last interval, which is its end"


def test_forks_do_not_make_a_question_hopeless_nor_hide_that_it_is() -> None:
    wrong = ["CA"] * 60
    env = tree(["CB", "CA", *wrong], [ROOT, ROOT, *[1] * 60], [0, 0, *[1] * 60], "B")
    assert right_shares(grid([env], (0.0,), (0,))).tolist() == [0.5], "of the roots; 1.6% of all"
    env = tree(["CCA", "CA", "CCB"], [ROOT, ROOT, 0], [0, 0, 1], "B")
    episodes, logs = played(env, ForkAndPrune, 2)
    assert right_shares(episodes).tolist() == [pytest.approx(1 / 3)]
    assert not hopeless(DiagnosedBatch(score(episodes, logs), logs)).unwinnable[0]


# Behaviour


def test_tokens_of_a_pruned_fork_are_its_own() -> None:
    env = tree(["AAA", "ABB"], [ROOT, 0], [0, 1], "A")
    episodes, logs = played(env, ForkAndPrune, 1)
    scores = score(episodes, logs)
    found = behaviour(scores, logs)
    assert scores.tokens[0] == 2000 and found.pruned == 0.25, "one of four intervals; the first is the root's"
    assert (found.width, found.depth) == (2.0, 2.5)


def test_a_fork_that_never_ran_is_not_wide() -> None:
    class ForkForNothing(Forking):
        def solve(self, question: Question) -> str | None:
            first = question.branch()
            question.step(first)
            question.fork(first)
            return question.run_to_end(first)

    episodes, logs = played(tree(["AAA", "ABB"], [ROOT, 0], [0, 1], "A"), ForkForNothing, 1)
    scores = score(episodes, logs)
    assert (scores.opened[0], scores.width[0]) == (2, 1)
    assert (behaviour(scores, logs).width, behaviour(scores, logs).depth) == (1.0, 3.0)
