"""Simulated environments have another difficulty, are deterministic, and are never treated as recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from autotts.envs.catalogue import path_of
from autotts.envs.episodes import grid
from autotts.envs.scoring import score
from autotts.envs.statistics import MEAN, curve
from autotts.envs.store import Environment
from autotts.envs.synthetic import fitting
from autotts.envs.synthetic.model import SyntheticModel, default_environments, default_models
from autotts.envs.synthetic.simulated import (
    KINDS,
    MAX_ANSWERS,
    MIN_ANSWERS,
    is_simulated,
    narrowed,
    origin,
    recorded,
    shifted,
    simulate,
)

from ..environments import play, scripted


def right(env: Environment) -> float:
    return float(np.mean(env.final_answers == np.repeat(env.gold, np.diff(env.branch_offsets))))


@pytest.mark.slow
def test_simulate_makes_each_kind_in_turn_and_is_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [replace(env, probe_cost=7) for env in default_environments(questions=12, branches=32)[1:3]]
    made = list(simulate(ours, 5, seed=3))
    assert [origin(env.name) for env in made] == [ours[i % 2].name for i in range(5)]
    for number, env in enumerate(made):
        source = ours[number % 2]
        assert is_simulated(env.name) and f"/{number + 1}-" in env.name and path_of(Path("data"), env.name)
        assert len(env) == 12 and env.probe_cost == 7 and env.delta == source.delta
        assert (right(env) < right(source)) == ("harder" in env.name)  # merged answers agree more often
        env.check()
    assert {env.name.split("/")[1].split("-")[1] for env in made} == set(KINDS)
    fit, models = fitting.fit, dict[str, SyntheticModel]()  # a second time is enough to see that fits are the same

    def fit_once(env: Environment) -> SyntheticModel:
        if env.hash not in models:
            models[env.hash] = fit(env)
        return models[env.hash]

    monkeypatch.setattr(fitting, "fit", fit_once)
    again = list(simulate(ours, 5, seed=3))
    assert [env.hash for env in again] == [env.hash for env in made]
    assert [env.hash for env in simulate(ours, 2, seed=4)] != [env.hash for env in made[:2]]
    assert [env.hash for env in simulate(ours, 2, seed=3)] == [env.hash for env in made[:2]]


def test_narrowed_merges_answers_and_keeps_absent_ones() -> None:
    source = default_environments(questions=6, branches=16)[0]
    env = narrowed(source, Random(1))
    env.check()
    assert MIN_ANSWERS <= len(set(env.final_answers.tolist()) - {0}) <= MAX_ANSWERS
    for before, after in ((source.probe_answers, env.probe_answers), (source.final_answers, env.final_answers)):
        assert ((before == 0) == (after == 0)).all()
    for question in range(len(env)):
        part = slice(env.branches(question).start, env.branches(question).stop)
        pairs = set(zip(source.final_answers[part].tolist(), env.final_answers[part].tolist(), strict=True))
        assert len(pairs) == len({before for before, _ in pairs})  # equal answers stay equal
        assert (env.final_answers[part] == env.gold[question])[
            source.final_answers[part] == source.gold[question]
        ].all()
    assert right(env) >= right(source)
    assert (env.total_tokens == source.total_tokens).all() and (env.probe_offsets == source.probe_offsets).all()


@pytest.mark.parametrize("shift", [-1.2, -0.4, 0.4, 1.2])
def test_shifted_moves_every_accuracy_in_one_direction(shift: float) -> None:
    for model in default_models().values():
        before, after = model.accuracy.quantiles, shifted(model, shift).accuracy.quantiles
        assert all(0 < value < 1 for value in after) and list(after) == sorted(after)
        inside = [(b, a) for b, a in zip(before, after, strict=True) if 0.02 < b < 0.98]
        assert all((a > b) == (shift > 0) for b, a in inside)


def test_the_mean_leaves_out_simulated_environments() -> None:
    assert recorded(["a", "simulated/1-harder/a", "b"]) == ["a", "b"]
    assert recorded(["simulated/1-harder/a"]) == ["simulated/1-harder/a"]
    assert origin("simulated/odd") == "simulated/odd" and origin("a/b") == "a/b"
    real, other, drawn = default_environments(questions=2, branches=4)[:3]
    drawn = replace(drawn, name="simulated/1-easier/" + real.name)
    first = scripted(lambda question, beta: question.run_to_end(question.branch()))
    for environments in ([real, other, drawn], [real, drawn]):
        episodes = grid(environments, [0.5], range(1000, 1002))
        points = curve(score(episodes, play(first, episodes)))
        assert [p.environment for p in points][: len(environments)] == [env.name for env in environments]
        means = [p for p in points if p.environment == MEAN]
        assert len(means) == len(environments) - 2
        for mean in means:
            assert mean.accuracy_pct == pytest.approx(np.mean([p.accuracy_pct for p in points[:2]]))
            assert mean.episodes == 8
