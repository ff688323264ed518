"""Published behaviour at the limits of a method, and the limits in which methods are one another."""

from __future__ import annotations

import ast
from random import Random

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.contract.replay import ReplayQuestion

from .worlds import World, controller, module, play, random_world

WORLDS = 40


def worlds(*signals: str, verifier: bool = False, forks: bool = False, absent: float = 0.0) -> list[World]:
    return [random_world(Random(n), signals, verifier, forks, absent=absent) for n in range(WORLDS)]


def equal(name: str, other: str, world: World, order: int, beta: float = 1.0, **params: float) -> bool:
    """Whether two controllers act and answer alike, costs for verification aside."""
    one, two = play(controller(name, **params), world, beta, order), play(controller(other), world, beta, order)
    return (one.answer, one.depths) == (two.answer, two.depths)


def test_percentiles_are_those_of_numpy_bit_for_bit() -> None:
    for name in ("deepconf_offline", "deepconf_low", "deepconf_high"):
        for number in range(300):
            chance = Random(number)
            values = [chance.gauss(10, 3) for _ in range(chance.randint(1, 40))]
            percent = chance.choice((0, 10, 90, 100, chance.uniform(0, 100)))
            assert module(name).percentile(values, percent) == np.percentile(values, percent)


def test_low_and_high_are_one_program_and_low_has_the_higher_threshold() -> None:
    def program(name: str) -> str:
        tree = ast.parse(baseline_source(name))
        del tree.body[0]  # the docstring
        return ast.unparse(tree)

    low, high = program("deepconf_low"), program("deepconf_high")
    assert low.replace("Low", "High").replace("_low'", "_high'").replace("'eta': 10", "'eta': 90") == high
    for world in worlds("lowest_group"):  # percentile 90 of the confidences is low, which ends more branches
        few, many = (play(controller(f"deepconf_{name}"), world) for name in ("low", "high"))
        assert few.tokens <= many.tokens and all(a <= b for a, b in zip(few.depths, many.depths, strict=True))


def test_deepconf_is_self_consistency_where_all_are_equally_sure() -> None:
    for order, world in enumerate(worlds("lowest_group")):
        world.answers = [[answer or "A" for answer in column] for column in world.answers]
        world.signals["lowest_group"] = [[4.0 for _ in column] for column in world.answers]
        for name in ("deepconf_offline", "deepconf_low", "deepconf_high"):
            assert equal(name, "self_consistency", world, order)


def test_deepconf_opens_no_branch_after_a_consensus_and_waits_for_2048_tokens() -> None:
    for world in worlds("lowest_group"):
        assert len(play(controller("deepconf_low", consensus=0), world).depths) == 16
        patient = play(controller("deepconf_low", window=10**6), world)
        ends = [len(column) for column in world.answers]
        assert sorted(patient.depths) == sorted(ends)


def test_warm_up_branches_are_all_there_is_up_to_16() -> None:
    for order, world in enumerate(worlds("group")):
        for name in ("sc_mars", "sc_mars_cal"):
            world.answers = [[*column[:-1], column[-1] or "A"] for column in world.answers]
            assert equal(name, "self_consistency", world, order, beta=2 / 3)


def test_dynasor_without_hesitation_is_answer_consistency() -> None:
    for order, world in enumerate(worlds()):
        for beta, hold in ((0, 2), (0.5, 5), (1, 8)):
            one = play(controller("dynasor"), world, beta, order)
            two = play(controller("answer_consistency", hold=hold), world, 0, order)
            assert (one.answer, one.depths, one.tokens) == (two.answer, two.depths, two.tokens)


def test_a_share_below_one_is_the_paper_s_form_of_dynasor() -> None:
    world = World([["A", "B", "A", "A", "B", "B", "B"]], [700], 100)
    found = [play(controller("dynasor", probes=4, share=share), world).depths for share in (0.5, 0.75, 1)]
    assert found == [[4], [4], [7]]


def test_certainty_at_its_ends() -> None:
    certainty = module("certainty_index").certainty
    assert certainty(["A"] * 8) == 1.0 and certainty(["A"]) == 0.0
    assert certainty(list("ABCDEFGH")) == pytest.approx(0, abs=1e-12)
    assert certainty([None] * 8) == pytest.approx(0, abs=1e-12) and certainty(["A", *[None] * 7]) < 0.2
    for world in worlds():
        assert {*play(controller("certainty_index", threshold=-1), world).depths} == {1}


def test_deer_at_beta_1_runs_to_the_end() -> None:
    for order, world in enumerate(worlds("answer_confidence")):
        found = play(controller("deer"), world, 1.0, order)
        whole = play(controller("self_consistency"), world, 0, order)
        assert (found.answer, found.depths) == (whole.answer, whole.depths)


def test_a_verifier_of_one_mind_votes_as_the_majority() -> None:
    for order, world in enumerate(worlds(verifier=True)):
        world.answers = [[answer or "A" for answer in column] for column in world.answers]
        world.verifier = [[0.5 for _ in column] for column in world.answers]
        assert equal("weighted_best_of_n", "self_consistency", world, order)
        first = play(controller("best_of_n"), world, 1.0, order).question
        assert play(controller("best_of_n"), world, 1.0, order).answer == first.latest_answers[0]


@pytest.mark.parametrize("name", ["best_of_n", "weighted_best_of_n", "beam_search", "dvts", "particle_filter"])
def test_without_any_score_the_majority_answers(name: str) -> None:
    for order, world in enumerate(worlds(verifier=True, forks=True)):
        world.verifier = [[None for _ in column] for column in world.answers]
        found = play(controller(name), world, 0.5, order)
        assert found.answer in {answer for column in world.answers for answer in column}


@pytest.mark.parametrize("name", ["beam_search", "dvts", "particle_filter"])
def test_one_beam_is_one_branch(name: str) -> None:
    for order, world in enumerate(worlds(verifier=True, forks=True)):
        found = play(controller(name), world, 0, order)
        assert len(found.depths) == 1 and found.question.finished(0)
        assert found.answer == found.question.latest_answers[0]


@pytest.mark.parametrize("name", ["beam_search", "dvts", "particle_filter"])
def test_without_forks_to_take_a_search_is_best_of_n(name: str) -> None:
    for order, world in enumerate(worlds(verifier=True, forks=True)):
        roots = [b for b, parent in enumerate(world.parents or ()) if parent < 0]
        bare = World(
            [world.answers[b] for b in roots], [world.tokens[b] for b in roots], world.delta,
            verifier=[(world.verifier or [])[b] for b in roots],
            parents=[-1] * len(roots), fork_depths=[0] * len(roots),
        )  # fmt: skip
        found = play(controller(name), bare, 1.0, order)
        assert isinstance(found.question, ReplayQuestion)
        best = play(controller("best_of_n", width=16), bare, 1.0, order)
        if name != "dvts":  # whose subtrees end with their best branch
            assert (found.answer, found.depths) == (best.answer, best.depths)
        assert len(found.depths) == 16


def test_beams_that_cannot_fork_leave_all_places_to_one_that_can() -> None:
    roots, forks, best = 8, 8, 3
    scores = [[0.9 if b == 0 else 0.8 if b == best else 0.1, 0.5] for b in range(roots)]
    world = World(
        [["A", "A"] for _ in range(roots + forks)], [800] * (roots + forks), 500,
        verifier=[*scores, *[scores[best]] * forks],
        parents=[*[-1] * roots, *[best] * forks], fork_depths=[*[0] * roots, *[1] * forks],
    )  # fmt: skip
    for order in range(WORLDS):
        found = play(controller("beam_search", beams=8), world, 1.0, order)
        assert len(found.depths) == roots + 6  # two beams stay, and the second of them takes the other six places
