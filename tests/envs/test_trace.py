"""Traces and their pictures agree with the replay from which they are made."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import Question
from autotts.envs.environment import ROOT
from autotts.envs.episodes import grid
from autotts.envs.errors import InputError
from autotts.envs.scoring import score
from autotts.envs.store import Environment
from autotts.envs.trace import Trace, as_text, numbers_text, picture, trace

from ..environments import (
    RandomController,
    environment,
    identity_order,
    pack,
    play,
    random_environment,
    replay,
    scripted,
)
from .contract.test_ledger import Everything
from .extended import extended_environment


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), probe_cost=st.sampled_from((0, 9)), width=st.integers(0, 100), colour=st.booleans())
def test_a_trace_agrees_with_score_and_replay(seed: int, probe_cost: int, width: int, colour: bool) -> None:
    env = random_environment(Random(seed), depth=25, probe_cost=probe_cost)
    episodes = grid([env], (0.0, 1.0), (seed,), 5, Random(seed).choice((None, 3000)))
    played = replay(RandomController, episodes)
    logs = pack(played, episodes)
    scores = score(episodes, logs)
    for e, (question, answer) in enumerate(played):
        seen = trace(episodes, logs, e)
        last = seen.steps[-1] if seen.steps else None
        assert seen.tokens == scores.tokens[e] == question.tokens == (last.tokens if last else 0)
        assert seen.latency == scores.latency[e] == question.latency == (last.latency if last else 0)
        assert seen.width == scores.opened[e] == question.width
        assert (seen.answer, seen.correct) == (answer, bool(scores.correct[e]))
        _check_picture(seen, width, colour)
        assert len(as_text(seen).splitlines()) == len(seen.steps) + 4


def _check_picture(seen: Trace, width: int, colour: bool) -> None:
    drawn = picture(seen, width, colour)
    plain = re.sub("\x1b\\[[0-9]*m", "", drawn)
    assert colour or drawn == plain
    assert plain == picture(seen, width)
    assert max(map(len, plain.splitlines())) <= max(width, 20)
    rows = [line for line in plain.splitlines() if re.fullmatch(r" *\d+ [█▒░·?]*[×|>]", line)]
    assert len(rows) == seen.width


def _toy(vocabulary_gold: str = "B") -> Environment:
    return environment([["A.AB", "CCCC", "B"]], [[1900, 2000, 300]], [vocabulary_gold])


def _solve(question: Question, _: float) -> str | None:
    first, second, third = question.branch_many(3)
    question.step_many((first, second))
    question.step_many((first, second))
    question.prune(second)
    question.advance(first)
    question.probe(first)
    return question.run_to_end(third)


def _seen(env: Environment, **budget: int) -> Trace:
    episodes = grid([env], (0.5,), (identity_order(3),), **budget)
    return trace(episodes, play(scripted(_solve), episodes), 0)


def test_every_step_is_in_the_trace() -> None:
    seen = _seen(_toy())
    assert [(s.record, s.verb, s.times, s.branches) for s in seen.steps] == [
        (0, "branch", 1, (0, 1, 2)),
        (1, "step", 2, (0, 1)),
        (2, "prune", 1, (1,)),
        (3, "advance", 1, (0,)),
        (4, "probe", 1, (0,)),
        (5, "run", 1, (2,)),
    ]
    assert [s.answers for s in seen.steps[:3]] == [((), (), ()), (("A", None), ("C", "C")), ((),)]
    assert [s.answers for s in seen.steps[3:]] == [((),), (("A",),), (("B",),)]
    assert [s.depths for s in seen.steps] == [(0, 0, 0), (2, 2), (2,), (3,), (3,), (1,)]
    assert [s.tokens for s in seen.steps] == [0, 2000, 2000, 2500, 2500, 2800]
    assert [s.latency for s in seen.steps] == [0, 1000, 1000, 1500, 1500, 1800]
    assert [s.leader for s in seen.steps] == [None, None, None, None, "A", "A"], "ties go to the first branch"
    assert seen.steps[-1].ended == (2,)
    assert (seen.answer, seen.gold, seen.correct, seen.max_branches) == ("B", "B", True, 3)


def test_the_picture_shows_every_kind_of_cell() -> None:
    lines = picture(_seen(_toy()), 70).splitlines()
    assert lines == [
        f"toy, question 0, beta 0.5, order {identity_order(3)}",
        "0 ░·▒>",
        "1 ░░×",
        "2 █|",
        "█ right  ▒ wrong, leading  ░ wrong  · no answer  × pruned  | ended",
        "> still running",
        "one cell: 1 interval, 500 tokens",
        "answer: B (right)",
        "spent: 2,800 tokens, latency 1,800 tokens, 3 of 3 branches, 1 pruned",
        "end: stopped by the controller while 1 branch was still running and 0",
        "more could be opened",
    ]


def test_cells_without_a_probe_are_marked() -> None:
    def blind(question: Question, _: float) -> str | None:
        i = question.branch()
        question.advance(i)
        return question.run_to_end(i)

    episodes = grid([_toy()], (0.5,), (identity_order(3),))
    drawn = picture(trace(episodes, play(scripted(blind), episodes), 0))
    assert "0 ???█|" in drawn.splitlines()
    assert "not looked at" in drawn


def test_deep_branches_are_compressed_to_the_terminal_width() -> None:
    env = environment([["A" * 100 + "B"]], None, ["B"])
    episodes = grid([env], (0.0,), (0,))
    seen = trace(episodes, play(scripted(lambda q, _: q.run_to_end(q.branch())), episodes), 0)
    lines = picture(seen, 40).splitlines()
    assert lines[1] == "0 " + "?" * 33 + "█|"
    assert "one cell: 3 intervals, 1,500 tokens" in lines


@pytest.mark.parametrize(
    ("solve", "why"),
    [
        (lambda q, _: None, "without opening a branch"),
        (lambda q, _: q.run_to_end(q.branch()), "2 more could be opened"),
        (lambda q, _: q.run_many_to_end(q.branch_many(3))[0], "the budget had no more"),
        (lambda q, _: q.step(q.branch_many(3)[0])[0], "3 branches were still running"),
    ],
)
def test_the_trace_says_why_the_episode_ended(solve: object, why: str) -> None:
    episodes = grid([_toy()], (0.0,), (identity_order(3),))
    seen = trace(episodes, play(scripted(solve), episodes), 0)  # type: ignore[arg-type]
    assert why in as_text(seen).splitlines()[-1]


def test_a_spent_token_budget_is_named_as_the_end() -> None:
    def solve(question: Question, _: float) -> str | None:
        return question.step(question.branch())[0]

    episodes = grid([_toy()], (0.0,), (identity_order(3),), max_tokens=700)
    assert "no tokens left" in as_text(trace(episodes, play(scripted(solve), episodes), 0))


def test_text_is_compact_and_groups_answers() -> None:
    lines = as_text(_seen(_toy())).splitlines()
    assert lines[1] == "0 branch 0-2"
    assert lines[2] == "1 step 0-1 x2 -> no answer (0), C (1); 2,000 tokens, latency 1,000, leader no answer"
    assert lines[6] == "5 run 2 -> B (2); ended 2; 2,800 tokens, latency 1,800, leader A"


def test_escape_codes_in_answers_are_not_printed() -> None:
    env = environment([[["\x1b[2J\n" + "x" * 99]]], None, ["B"])
    episodes = grid([env], (0.0,), (0,))
    seen = trace(episodes, play(scripted(lambda q, _: q.run_to_end(q.branch())), episodes), 0)
    for text in (picture(seen), as_text(seen)):
        assert "\x1b" not in text
        assert "x" * 34 in text.replace("\n", "")
        assert "x" * 40 not in text.replace("\n", "")


def test_each_of_many_branches_gets_a_row() -> None:
    env = environment([["AB"] * 300], None, ["B"])
    episodes = grid([env], (0.0,), (1,), 300)
    seen = trace(episodes, play(scripted(lambda q, _: q.run_many_to_end(q.branch_many(300))[0]), episodes), 0)
    _check_picture(seen, 30, True)


@pytest.mark.parametrize("index", [-1, 1])
def test_an_episode_that_does_not_exist_is_refused(index: int) -> None:
    episodes = grid([_toy()], (0.0,), (0,))
    with pytest.raises(InputError, match="does not exist"):
        trace(episodes, play(RandomController, episodes), index)


# Forks, signals and verifications


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(0, 60), colour=st.booleans())
def test_pictures_of_forked_episodes_fit_and_name_the_forked_branch(seed: int, width: int, colour: bool) -> None:
    env = extended_environment(Random(seed))
    episodes = grid([env], (0.0,), range(seed, seed + 2), 6)
    logs = play(Everything, episodes)
    for e in range(len(episodes)):
        seen = trace(episodes, logs, e)
        plain = re.sub("\x1b\\[[0-9]*m", "", picture(seen, width, colour))
        assert max(map(len, plain.splitlines())) <= max(width, 20)
        rows = [line for line in plain.splitlines() if re.fullmatch(r" *\d+ [█▒░·?─]*[×|>]( fork of \d+)?", line)]
        assert len(rows) == seen.width
        parents = {new: step.branches[0] for step in seen.steps for new in step.forks}
        if width >= 40:
            assert [line.partition(" fork of ")[2] for line in rows] == [
                str(parents.get(b, "")) for b in range(seen.width)
            ]  # fmt: skip


def _extended(solve: object, width: int = 12) -> Trace:
    """Return the trace of an episode on one question with a signal, a verifier and a fork of the first branch."""
    env = environment([["AB", *["BB"] * (width - 1), "AA"]], None, ["B"])
    count = len(env.probe_answers)
    column = np.linspace(-1, 0, count, dtype=np.float32)
    column[1], column[-1] = np.nan, column[0]
    env = replace(
        env, signals={"confidence": column}, verifier=1 + column, final_verifier=np.ones(count, np.float32),
        verify_cost=7, parents=np.array([ROOT] * width + [0], np.int32),
        fork_depths=np.array([0] * width + [1], np.int32),
    )  # fmt: skip
    env.check()
    controller = scripted(solve)  # type: ignore[arg-type]
    controller.optional_signals, controller.verifier, controller.forks = ("confidence",), "optional", "optional"
    episodes = grid([env], (0.5,), (_roots_in_order(env, width),))
    return trace(episodes, play(controller, episodes), 0)


def _roots_in_order(env: Environment, width: int) -> int:
    return 0 if width > 8 else identity_order(width)


def _verify_three(question: Question, _: float) -> str | None:
    branches = question.branch_many(3)
    question.step_many(branches)
    question.verify_many(branches)
    question.fork(0)
    return question.run_to_end(0)


def test_numbers_of_a_few_branches_are_given_one_by_one() -> None:
    seen = _extended(_verify_three, 4)
    lines = as_text(seen).splitlines()
    assert "; confidence -1 (0), absent (1), -0.5 (2); " in lines[2]
    assert [line.partition("; ")[2] for line in lines[3:6]] == [
        f"score {score}; {tokens:,} tokens, latency 500, leader B"
        for score, tokens in (("0", 1507), ("absent", 1514), ("0.5", 1521))
    ]
    assert numbers_text(seen.steps[2:5], seen.signals) == "; score 0 (0), absent (1), 0.5 (2)"
    assert lines[6] == "5 fork 0; opens 3"
    assert lines[-2].endswith("4 of 5 branches, 0 pruned, 1 fork, 3 verifications")


def test_numbers_of_many_branches_are_given_as_their_range() -> None:
    def many(question: Question, _: float) -> str | None:
        branches = question.branch_many(9)
        question.step_many(branches)
        question.verify_many(branches)
        return None

    seen = _extended(many)
    assert re.search(r"; confidence -[\d.]+ to -?[\d.]+; 4,500 tokens", as_text(seen))
    assert re.fullmatch(r"; score [\d.]+ to [\d.]+", numbers_text(seen.steps[2:], seen.signals))
    assert seen.tokens == 9 * (500 + 7), "every verification is paid"
