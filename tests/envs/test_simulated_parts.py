"""Simulated signals, verifiers and forks have the strength that was asked for, and equal arguments give equal bits."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs.environment import ROOT, Environment
from autotts.envs.errors import InputError
from autotts.envs.importing import jsonl
from autotts.envs.roots import without_forks
from autotts.envs.separation import fate_inheritance, ranks_above, separations
from autotts.envs.signals import STANDARD
from autotts.envs.synthetic.model import default_models, generate
from autotts.envs.synthetic.parts import PROVENANCE, SimulatedParts, simulated_parts, with_parts
from autotts.envs.synthetic.strength import Strength
from autotts.envs.synthetic.trees import ForkPlan

from ..environments import environment, random_environment

SMALL = default_models()["synthetic/small"]


@pytest.fixture(scope="module")
def drawn() -> Environment:
    """Return an environment of 60 questions with 64 branches each."""
    return generate(SMALL, "a/b", 60, 64, seed=2)


def even(value: float) -> Strength:
    return Strength(value, value)


def test_the_generated_data_have_the_stated_strength(drawn: Environment) -> None:
    parts = SimulatedParts(
        signals={"confidence": even(0.8), "entropy": even(0.8), "answer_confidence": even(0.9), "mine": even(0.5)},
        verifier=even(0.95), verify_cost=40,
    )  # fmt: skip
    found = separations(with_parts(drawn, parts))
    for name, stated in (("confidence", 0.8), ("answer_confidence", 0.9), ("mine", 0.5), ("verifier", 0.95)):
        for measured in (found[name].unfinished, found[name].finished):
            assert measured == pytest.approx(stated, abs=0.035), name
    assert found["entropy"].finished == pytest.approx(0.2, abs=0.035)  # lower is surer


def test_strength_may_grow_along_a_branch(drawn: Environment) -> None:
    env = with_parts(drawn, SimulatedParts(signals={"x": Strength(0.5, 0.9)}))
    first = env.probe_offsets[:-1]
    right = env.final_answers == env.gold[env.question_of]
    assert ranks_above(env.signals["x"][first], right, env.question_of) == pytest.approx(0.5, abs=0.035)
    assert separations(env)["x"].finished == pytest.approx(0.9, abs=0.03)


def test_a_program_is_wrong_as_often_as_stated_on_right_and_on_wrong_branches(drawn: Environment) -> None:
    env = with_parts(drawn, SimulatedParts(verifier=even(0.9), program=True))
    assert env.verifier is not None and env.final_verifier is not None
    assert set(np.unique(env.verifier)) == {0.0, 1.0}
    right = env.final_answers == env.gold[env.question_of]
    for ends in (right, ~right):
        assert np.mean(env.final_verifier[ends] != right[ends]) == pytest.approx(0.1, abs=0.02)


def test_numbers_of_a_branch_correlate_and_stay_in_their_units(drawn: Environment) -> None:
    env = with_parts(drawn, SimulatedParts(signals={name: even(0.7) for name in (*STANDARD, "mine")}))
    next_too = np.ones(len(env.probe_answers), bool)
    next_too[env.probe_offsets[1:] - 1] = False
    at = np.flatnonzero(next_too)
    assert 0.8 < np.corrcoef(env.signals["mine"][at], env.signals["mine"][at + 1])[0, 1] < 0.97
    for name, column in env.signals.items():
        unit = STANDARD[name].unit if name in STANDARD else ""
        assert np.isfinite(column).all()
        assert unit != "log-probability (nats)" or (column <= 0).all()
        assert unit not in ("nats", "probability") or (column > 0).all()
        assert unit != "probability" or (column < 1).all()


@pytest.mark.parametrize("decided", [(0.0, 0.0), (0.6, 0.6), (1.0, 1.0)])
def test_forks_end_as_their_parents_with_the_stated_probability(
    drawn: Environment, decided: tuple[float, float]
) -> None:
    env = with_parts(drawn, SimulatedParts(forks=ForkPlan((2, 8), 2, decided=decided)))
    assert fate_inheritance(env) == pytest.approx(decided[0], abs=0.06)


def test_later_prefixes_decide_more_and_nested_forks_inherit_too(drawn: Environment) -> None:
    made = [
        fate_inheritance(with_parts(drawn, SimulatedParts(forks=ForkPlan((depth,), 4, decided=(0.0, 1.0)))))
        for depth in (2, 20)
    ]
    assert made[0] is not None and made[1] is not None and made[0] < 0.25 and made[1] > made[0] + 0.2
    env = with_parts(drawn, SimulatedParts(forks=ForkPlan((2, 6), 2, 2, decided=(1.0, 1.0))))
    assert env.parents is not None and env.fork_depths is not None
    forks = np.flatnonzero(env.parents != ROOT)
    parent = env.parents[forks] + env.branch_offsets[:-1][env.question_of[forks]]
    nested = env.fork_depths[parent] > 0
    right = env.final_answers == env.gold[env.question_of]
    assert nested.any() and (right[forks][nested] == right[parent][nested]).all()
    roots, running = env.is_root, env.probes >= 6
    assert len(forks) == 2 * np.sum(roots & (env.probes >= 2)) + 2 * np.sum(
        (roots | (env.fork_depths == 2)) & running
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_parts_of_any_environment_agree_with_its_branches(seed: int) -> None:
    random = Random(seed)
    env = random_environment(random, questions=3, name="a/b")
    if not (env.probes >= 1).any():
        return
    plan = ForkPlan((4, *random.sample((1, 2, 3, 5), 2)), random.randint(1, 3), random.randint(1, 3),
                    (0.3, 0.8), random.choice(("recorded", "nearest")))  # fmt: skip
    parts = SimulatedParts({"confidence": even(0.7), "answer_x": even(0.9)}, even(0.8), 5, forks=plan, seed=seed)
    if not (env.probes >= min(plan.depths)).any():
        with pytest.raises(InputError, match="still runs"):
            with_parts(env, parts)
        return
    made = with_parts(env, parts)  # `check` compares every fork with its parent
    made.check()
    assert with_parts(env, parts).hash == made.hash
    same = without_forks(made)
    assert (
        replace(same, signals={}, final_signals={}, verifier=None, final_verifier=None, verify_cost=0).hash == env.hash
    )
    assert simulated_parts(made) == parts
    separations(made)
    list(jsonl.write(made))


def test_the_bits_of_simulated_parts_are_pinned() -> None:
    env = generate(SMALL, "a/b", 3, 4, 500, seed=0)
    parts = SimulatedParts({"confidence": Strength(0.6, 0.9)}, even(0.9), 3, forks=ForkPlan((1, 4)), seed=5)
    assert with_parts(env, parts).hash == "b022baede136a862c70e13d6234a373309072fc01e862d0b7dfe9df8ae4cda73"
    assert with_parts(env, SimulatedParts()) is env


def test_parts_do_not_depend_on_each_other_and_add_up() -> None:
    env = generate(SMALL, "a/b", 3, 4, 500, seed=0)
    one = with_parts(with_parts(env, SimulatedParts({"x": even(0.7)})), SimulatedParts({"y": even(0.9)}, even(0.8)))
    both = with_parts(env, SimulatedParts({"y": even(0.9), "x": even(0.7)}, even(0.8)))
    assert one.hash == both.hash and simulated_parts(one) == simulated_parts(both)
    for again in ({"signals": {"x": even(0.5)}}, {"verifier": even(0.5)}):
        with pytest.raises(InputError, match="already"):
            with_parts(one, SimulatedParts(**again))  # type: ignore[arg-type]
    forked = with_parts(one, SimulatedParts(forks=ForkPlan((1,))))
    forked.check()
    with pytest.raises(InputError, match="forks already"):
        with_parts(forked, SimulatedParts(forks=ForkPlan((1,))))
    assert simulated_parts(replace(one, provenance={PROVENANCE: "made up"})) is None
    assert simulated_parts(replace(one, provenance={PROVENANCE: '{"verify_cost": 1}'})) is None


def test_separation_counts_pairs_of_a_question_and_half_of_ties() -> None:
    env = environment([["AA", "BA", "AB", "A.", "A"], ["AA", "AA"]], None, ["A", "A"])
    assert separations(env) == {}
    finals = np.array([1, 2, 2, np.nan, 0, 5, 6], np.float32)
    env = replace(env, final_signals={"x": finals}, signals={"answer_x": np.array([1, 0, 3, 4, 5, 6], np.float32)})
    found = separations(env)
    assert found["x"].finished == pytest.approx((0 + 0.5 + 0) / 3) and found["x"].unfinished is None
    assert found["answer_x"].unfinished == 1 and found["answer_x"].finished is None
    assert fate_inheritance(env) is None
