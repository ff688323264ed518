"""Generation 0 takes the baselines whose needs the environments meet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source, baselines_for, every_baseline, left_out
from autotts.agent.archive.names import find_controller, find_version
from autotts.envs.declarations import read_declarations
from autotts.envs.errors import InputError
from autotts.envs.store import Environment
from autotts.sandbox.policy import parse
from autotts.sandbox.stored_data import NOTABLE_VALUES, stored_data

from ...environments import random_environment

PLAIN = random_environment(Random(0))
FREE = {"certainty_index", "dynasor"}
"""Further baselines that need nothing."""


def with_signals(*names: str) -> Environment:
    cells, branches = len(PLAIN.probe_answers), len(PLAIN.final_answers)
    return replace(
        PLAIN, name="signals", signals={name: np.ones(cells, np.float32) for name in names},
        final_signals={name: np.ones(branches, np.float32) for name in names},
    )  # fmt: skip


def test_environments_of_answers_alone_have_the_six_and_nothing_is_said() -> None:
    assert baselines_for([PLAIN]) == baselines_for([]) == baseline_names() and len(baseline_names()) == 6
    assert left_out([PLAIN]) == ""
    for name in baseline_names():
        assert not read_declarations(baseline_source(name)).needs


def test_a_signal_brings_the_baselines_that_need_it_and_the_others_are_named_in_one_line() -> None:
    found = baselines_for([with_signals("lowest_group")])
    new = {"deepconf_high", "deepconf_low", "deepconf_offline"}
    assert set(found) == {*baseline_names(), *FREE, *new} and found == sorted(found)
    line = left_out([with_signals("lowest_group")])
    assert "\n" not in line and "deer (for lack of the signal answer_confidence)" in line
    assert "beam_search, dvts, particle_filter (for lack of a verifier and forks)" in line


def test_every_environment_must_meet_the_needs() -> None:
    both = [with_signals("lowest_group"), PLAIN]
    assert baselines_for(both) == baseline_names()
    assert "deepconf_low" in left_out(both)


def test_a_signal_that_no_baseline_needs_changes_nothing() -> None:
    env = with_signals("mood")
    assert baselines_for([env]) == baseline_names() and "dynasor" in left_out([env])


@pytest.mark.parametrize("name", every_baseline())
def test_a_baseline_says_what_it_is_what_it_needs_and_is_named_as_its_file(name: str) -> None:
    source = baseline_source(name)
    assert f'    name = "{name}"\n' in source and len(source.splitlines()) < 300
    assert stored_data(parse(source)).values < NOTABLE_VALUES  # else every run would find that it stores data
    declared = read_declarations(source)
    assert declared.needs == (name not in {*baseline_names(), *FREE})
    if name not in baseline_names():
        assert "Knob: beta sets" in source.replace("\n", " ") and "Statement: " in source


def test_a_further_baseline_has_a_source_and_no_version_until_a_run_has_played_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_controller("deepconf_low").candidate.source == baseline_source("deepconf_low")
    assert find_version("self_consistency")[1] == "self_consistency"
    with pytest.raises(InputError, match="deepconf_low ships, and no archive here has it; `autotts evaluate`"):
        find_version("deepconf_low")


def test_an_unknown_name_is_refused_with_all_names() -> None:
    with pytest.raises(InputError, match=r"no baseline 'x': there are adaptive_consistency, .*weighted_best_of_n"):
        baseline_source("x")
