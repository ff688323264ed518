"""Generation 0 of a run holds the baselines whose needs its environments meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.archive.baselines import baseline_names, baselines_for, left_out
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.starting_points import starting_points
from autotts.agent.records.card import DUPLICATE
from autotts.envs.store import Environment
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import Strength
from autotts.sandbox.backends.process import ProcessSandbox

from .test_graph import WORLD, Single

SURE = with_parts(WORLD, SimulatedParts({"lowest_group": Strength(0.8, 0.8)}, verifier=Strength(0.8, 0.8)))
MORE = {"best_of_n", "deepconf_high", "deepconf_low", "deepconf_offline", "weighted_best_of_n"}


@pytest.mark.slow
@pytest.mark.parametrize(("world", "more"), [(WORLD, set()), (SURE, {*MORE, "certainty_index", "dynasor"})])
def test_generation_0_holds_the_baselines_that_can_play(tmp_path: Path, world: Environment, more: set[str]) -> None:
    config = RunConfig(
        environments={world.name: world.hash}, explorer="single", generations=1, population=2, orders=1,
        betas=(0.0, 1.0),
    )  # fmt: skip
    run = Run.create(tmp_path / "run", config, [world])
    discover(Discovery(run, Single(), ProcessSandbox()))
    start = [card for card in run.archive.cards() if card.generation == 0]
    assert {card.id for card in start} == {*baseline_names(), *more} == {*baselines_for([world])}
    assert all(card.verdict in ("ok", DUPLICATE) for card in start)


def test_a_search_says_in_one_line_which_baselines_it_leaves_out() -> None:
    said: list[str] = []
    assert starting_points([], said.append, [WORLD]) == [] and said == []
    assert starting_points([], said.append, [SURE]) == [] and said == [left_out([SURE])]
    assert said[0].startswith("baselines left out: beam_search, dvts, particle_filter (for lack of forks); ")
