"""Scoring agrees with the replay that runs in the sandbox, and refuses logs that no replay can produce."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import BudgetSpent, Controller, Question
from autotts.envs.contract.replay import ADVANCE, BRANCH, PROBE, PRUNE, RUN, STEP
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.log_entries import log_entries
from autotts.envs.scoring import ForgedLog, score

from ..environments import (
    RandomController,
    environment,
    identity_order,
    limited,
    pack,
    play,
    random_environment,
    replay,
    scripted,
)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    probe_cost=st.sampled_from((0, 3, 40)),
    max_tokens=st.sampled_from((None, 1, 30, 2000, 9000)),
    max_branches=st.integers(1, 9),
)
def test_scores_agree_with_the_replay_question(
    seed: int, probe_cost: int, max_tokens: int | None, max_branches: int
) -> None:
    random = Random(seed)
    environments = [random_environment(random, probe_cost=cost) for cost in (probe_cost, 0)]
    episodes = limited(grid(environments, (0.0, 1.0), range(seed, seed + 4), max_branches), max_tokens)
    played = replay(RandomController, episodes)
    logs = pack(played, episodes)
    scores = score(episodes, logs)
    done = log_entries(episodes, logs)
    entry_tokens = np.bincount(done.episode, weights=done.tokens, minlength=len(logs))
    for e, (question, answer) in enumerate(played):
        env = environments[episodes.environment[e]]
        gold = env.vocabulary[env.gold[episodes.question[e]]]
        assert scores.tokens[e] == question.tokens == entry_tokens[e]
        assert scores.latency[e] == question.latency
        assert scores.opened[e] == question.width
        assert scores.depth[e, : question.width].tolist() == [question.depth(i) for i in range(question.width)]
        running = {i for i in range(question.width) if not question.finished(i) and not scores.pruned[e, i]}
        assert running == set(question.active)
        assert scores.correct[e] == (answer == gold)
        assert max_tokens is None or question.tokens <= max_tokens


def test_tokens_are_counted_as_in_the_published_results() -> None:
    """Stepping through a branch may cost more than running it; after some steps, a run costs only the rest."""
    env = environment([["AAB"]], [[900]], ["B"])
    episodes = grid([env], (0.0,), (0,))

    def tokens(solve: object) -> tuple[int, int]:
        scores = score(episodes, play(scripted(solve), episodes))  # type: ignore[arg-type]
        return int(scores.tokens[0]), int(scores.latency[0])

    def step(question: Question, _: float) -> str | None:
        i = question.branch()
        while not question.step(i)[1]:
            pass
        return question.probe(i)

    def run(question: Question, _: float) -> str | None:
        return question.run_to_end(question.branch())

    def both(question: Question, _: float) -> str | None:
        i = question.branch()
        question.step(i)
        return question.run_to_end(i)

    assert tokens(step) == (1000, 1000)
    assert tokens(run) == (900, 900)
    assert tokens(both) == (900, 900)


def test_each_depth_is_charged_once() -> None:
    env = environment([["AABB"]], None, ["B"], probe_cost=10)
    episodes = grid([env], (0.0,), (0,))

    def look(question: Question, _: float) -> str | None:
        i = question.branch()
        question.step(i)
        question.probe(i)
        assert question.tokens == 510, "a step has shown the answer already"
        question.advance(i)
        question.probe(i)
        question.probe(i)
        assert question.tokens == 1020
        question.advance(i)
        question.step(i)
        assert question.tokens == 2020, "a final answer costs nothing to see"
        return question.probe(i)

    assert score(episodes, play(scripted(look), episodes)).tokens.tolist() == [2020]


def test_free_actions_are_allowed_after_the_budget_is_spent() -> None:
    env = environment([["AB", "AB"]], [[1900, 1900]], ["B"])
    episodes = grid([env], (0.0,), (0,), max_tokens=1000)

    def overrun(question: Question, _: float) -> str | None:
        first, second = question.branch_many(2)
        question.step_many([first, second])
        for refused in (question.step, question.advance, question.run_to_end):
            with pytest.raises(BudgetSpent):
                refused(second)
        assert question.step_many([]) == []
        question.prune(second)
        return question.probe(first)

    assert score(episodes, play(scripted(overrun), episodes)).tokens.tolist() == [1000]


def _forge(*records: tuple[int, int, tuple[int, ...]], answer: int = 0) -> Logs:
    verbs, repeats, entries = ([record[i] for record in records] for i in range(3))
    return Logs(
        answer=np.array([answer], np.int32),
        record_offsets=np.array([0, len(records)]),
        verbs=np.array(verbs, np.uint8),
        repeats=np.array(repeats, np.uint16),
        counts=np.array([len(e) for e in entries], np.uint16),
        indices=np.array([i for e in entries for i in e], np.uint16),
    )


OPEN = (BRANCH, 1, (0, 1))
FORGED = {
    "an unknown verb": [(9, 1, (0,))],
    "a record without branches": [OPEN, (STEP, 1, ())],
    "a record without repeats": [OPEN, (STEP, 0, (0,))],
    "a repeated run": [OPEN, (RUN, 2, (0,))],
    "a repeated opening": [(BRANCH, 2, (0, 1))],
    "two advances in one call": [OPEN, (ADVANCE, 1, (0, 1))],
    "two prunings in one call": [OPEN, (PRUNE, 1, (0, 1))],
    "a branch beyond the budget": [(BRANCH, 1, (0, 1, 2, 3, 4))],
    "a branch that was never recorded": [(BRANCH, 1, (0, 1, 2, 3))],
    "out of order": [(BRANCH, 1, (1, 0))],
    "opened twice": [OPEN, (BRANCH, 1, (1,))],
    "never opened": [OPEN, (STEP, 1, (2,))],
    "used before it was opened": [(STEP, 1, (0,)), OPEN],
    "the same branch twice": [OPEN, (STEP, 1, (0, 0))],
    "too deep": [OPEN, (STEP, 4, (0,))],
    "too deep by two records": [OPEN, (STEP, 3, (0,)), (ADVANCE, 1, (0,))],
    "stepped after a run": [OPEN, (RUN, 1, (0,)), (STEP, 1, (0,))],
    "run after the end": [OPEN, (STEP, 3, (0,)), (RUN, 1, (0,))],
    "run twice": [OPEN, (RUN, 1, (0,)), (RUN, 1, (0,))],
    "stepped after pruning": [OPEN, (PRUNE, 1, (0,)), (STEP, 1, (0,))],
    "stepped between two prunings": [OPEN, (PRUNE, 1, (0,)), (STEP, 1, (0,)), (PRUNE, 1, (0,))],
    "pruned twice": [OPEN, (PRUNE, 1, (0,)), (PRUNE, 1, (0,))],
    "pruned after the end": [OPEN, (RUN, 1, (0,)), (PRUNE, 1, (0,))],
    "probed at depth 0": [OPEN, (PROBE, 1, (0,))],
    "probed after a step": [OPEN, (STEP, 1, (0,)), (PROBE, 1, (0,))],
    "probed twice": [OPEN, (ADVANCE, 1, (0,)), (PROBE, 1, (0,)), (PROBE, 1, (0,))],
    "probed after the end": [OPEN, (STEP, 2, (0,)), (ADVANCE, 1, (0,)), (PROBE, 1, (0,))],
    "over the budget": [OPEN, (STEP, 2, (0, 1)), (STEP, 1, (0,))],
    "over the budget in one call": [OPEN, (STEP, 1, (0,)), (RUN, 1, (1,)), (STEP, 1, (0,))],
}


def _episodes(max_tokens: int | None = None) -> Episodes:
    env = environment([["AAB", "AAB", "CCC"]], None, ["B"])
    return grid([env], (0.0,), (identity_order(3),), 4, max_tokens)


@pytest.mark.parametrize("what", FORGED)
def test_forged_logs_are_refused(what: str) -> None:
    with pytest.raises(ForgedLog) as refused:
        score(_episodes(2000 if "budget in" in what or what == "over the budget" else None), _forge(*FORGED[what]))
    assert refused.value.episode == 0


def test_answers_that_no_branch_showed_are_refused() -> None:
    episodes = _episodes()
    gold = int(episodes.environments[0].gold[0])
    with pytest.raises(ForgedLog, match="no branch had shown"):
        score(episodes, _forge(OPEN, (STEP, 2, (0,)), answer=gold))
    assert score(episodes, _forge(OPEN, (STEP, 3, (0,)), answer=gold)).correct.all()
    assert not score(episodes, _forge()).correct.any(), "no answer is always allowed"


def test_the_error_names_the_forged_episode() -> None:
    episodes = grid([environment([["AAB"]], None, ["B"])], (0.0, 0.5, 1.0), (0,))
    logs = play(scripted(lambda question, beta: question.run_to_end(question.branch())), episodes)
    verbs = logs.verbs.copy()
    verbs[3] = 7
    with pytest.raises(ForgedLog) as refused:
        score(episodes, replace(logs, verbs=verbs))
    assert refused.value.episode == 1


def test_batches_longer_than_a_chunk_are_scored() -> None:
    env = random_environment(Random(5), questions=3)
    episodes = grid([env], orders=range(70))
    assert len(episodes) > 2048

    class Two(Controller):
        def solve(self, question: Question) -> str | None:
            return question.run_to_end(question.branch())

    played = replay(Two, episodes)
    scores = score(episodes, pack(played, episodes))
    assert scores.tokens.tolist() == [question.tokens for question, _ in played]


UNSEEN = {  # of branches "AAB"; the answer is A
    "advanced over": [OPEN, (ADVANCE, 1, (0,)), (ADVANCE, 1, (0,))],
    "advanced over, and then run to the end": [OPEN, (ADVANCE, 1, (0,)), (RUN, 1, (0,))],
    "run over": [OPEN, (RUN, 1, (0,))],
    "advanced over, and the next seen": [OPEN, (ADVANCE, 1, (1,)), (ADVANCE, 1, (1,)), (STEP, 1, (1,))],
}


@pytest.mark.parametrize("what", UNSEEN)
def test_answers_of_depths_that_were_passed_over_without_a_probe_are_refused(what: str) -> None:
    episodes = _episodes()
    a = episodes.environments[0].vocabulary.index("A")
    logs = replace(_forge(*UNSEEN[what]), answer=np.array([a], np.int32))
    with pytest.raises(ForgedLog, match="no call had shown"):
        score(episodes, logs)
    seen = replace(_forge(*UNSEEN[what][:1], (STEP, 1, (0,)), *UNSEEN[what][2:]), answer=np.array([a], np.int32))
    score(episodes, seen)
