"""Held-out questions: the same for every model of a benchmark, and nothing of them is left in the searched part."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from autotts.envs.episodes import grid
from autotts.envs.errors import InputError
from autotts.envs.holdout import divide, part_of_questions
from autotts.envs.store import load, save

from ..environments import environment, random_environment


def test_models_of_a_benchmark_hold_out_the_same_questions_in_any_order() -> None:
    first = random_environment(Random(1), questions=10, name="aime24/small")
    second = random_environment(Random(2), questions=10, name="aime24/large")
    order = np.array(Random(3).sample(range(10), 10))
    shuffled = replace(part_of_questions(second, order), question_ids=())
    other = random_environment(Random(4), questions=10, name="hmmt/small")
    parts = divide([first, shuffled, other], 0.3, seed=0)
    assert [len(env) for env in parts.held_out] == [3, 3, 3] and [len(env) for env in parts.searched] == [7, 7, 7]
    assert set(parts.held_out[0].questions) == set(parts.held_out[1].questions)
    assert not set(parts.searched[1].questions) & set(parts.held_out[0].questions)
    assert {divide([first], 0.3, seed).held_out[0].hash for seed in range(20)} != {parts.held_out[0].hash}
    alone = divide([first], 0.3, seed=0)
    assert alone.held_out[0].hash == parts.held_out[0].hash, "another benchmark changes nothing"


def test_questions_without_texts_are_told_apart_by_ids_and_else_by_numbers() -> None:
    env = replace(random_environment(Random(1), questions=9, name="a/x"), questions=("",) * 9)
    named = replace(env, name="a/y", question_ids=tuple(f"id {q}" for q in range(9)))
    by_number = divide([env, named], 0.3, 0)
    assert by_number.held_out[0].question_ids == tuple(
        id.replace("id", "question") for id in by_number.held_out[1].question_ids
    )
    turned = replace(part_of_questions(named, np.arange(9)[::-1]), name="a/z")
    by_id = divide([named, turned], 0.3, 0)
    assert set(by_id.held_out[0].question_ids) == set(by_id.held_out[1].question_ids)


def test_a_part_plays_as_its_questions_do_in_the_whole(tmp_path) -> None:  # type: ignore[no-untyped-def]
    env = replace(random_environment(Random(5), questions=6), signals={})
    part = part_of_questions(env, np.array([1, 4]))
    part.check()
    save(part, tmp_path / "part.env.npz")
    assert load(tmp_path / "part.env.npz").hash == part.hash
    for q, whole in enumerate((1, 4)):
        ours, theirs = list(part.branches(q)), list(env.branches(whole))
        assert part.total_tokens[ours].tolist() == env.total_tokens[theirs].tolist()
        assert [part.vocabulary[a] for a in part.final_answers[ours]] == [
            env.vocabulary[a] for a in env.final_answers[theirs]
        ]
        assert part.vocabulary[part.gold[q]] == env.vocabulary[env.gold[whole]]
    assert part.question_ids == ("question 1", "question 4")
    assert len(grid([part], orders=[0], betas=[0.5])) == 2


def test_the_searched_part_holds_no_answer_of_a_held_out_question() -> None:
    env = environment([[f"{q}{q}"] * 3 for q in "ABCDEF"], None, list("ABCDEF"), name="b/m")
    parts = divide([env], 0.5, 0)
    assert set(parts.searched[0].vocabulary) & set(parts.held_out[0].vocabulary) == {""}


@pytest.mark.parametrize(
    ("questions", "share", "why"),
    [(2, 0.3, "2 questions: too few"), (9, 0.95, "too few to hold some out and keep 2"), (9, 1.0, "less than 1"),
     (9, -0.1, "from 0"), (9, float("nan"), "from 0")],
)  # fmt: skip
def test_a_share_that_leaves_too_few_questions_is_an_error(questions: int, share: float, why: str) -> None:
    with pytest.raises(InputError, match=why):
        divide([random_environment(Random(0), questions=questions)], share, 0)


def test_a_small_environment_holds_out_one_question_at_least() -> None:
    parts = divide([random_environment(Random(0), questions=3)], 0.01, 0)
    assert (len(parts.searched[0]), len(parts.held_out[0])) == (2, 1)
    env = random_environment(Random(0), questions=2)
    assert divide([env], 0, 0).searched == (env,) and divide([env], 0, 0).held_out == ()
