"""A finished run takes more generations, and a search starts from controllers that a user gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent import population
from autotts.agent.archive.champions import champion_source
from autotts.agent.archive.names import FoundController, find_controller
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.archive.run_report import JSON, read_report
from autotts.agent.archive.version import ArchivedVersions
from autotts.agent.cli.history import _generation
from autotts.agent.cli.status import run_state
from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.llm.budget import LlmBudget, SpendingLimit, SpendingLimits
from autotts.agent.loop.checkpoints import fork, list_checkpoints
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.starting_points import starting_points
from autotts.agent.records.events import GenerationArchived, RunFinished
from autotts.agent.records.version import GIVEN
from autotts.agent.reports.run_report.page import page
from autotts.envs.errors import DamagedFile, InputError
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.outcome import Candidate

from .test_graph import WORLD, Single, begin, source, tree

pytestmark = pytest.mark.slow


def run_to_the_end(run: Run, explorer: object = None, budget: LlmBudget | None = None) -> Run:
    discover(Discovery(run, explorer or Single(), ProcessSandbox(), budget=budget, render=page))  # type: ignore[arg-type]
    return run


def test_a_finished_run_takes_more_generations(tmp_path: Path) -> None:
    run = run_to_the_end(begin(tmp_path / "run", generations=1))
    first = (run.home / JSON).read_bytes()
    assert run_state(run, read_report(run)) == "finished"
    run.extend(2)
    assert run_state(run, read_report(run)) == "not finished"
    run = run_to_the_end(Run(run.home))
    whole = run_to_the_end(begin(tmp_path / "whole", generations=2))
    ends = [_generation(checkpoint) for checkpoint in list_checkpoints(run)]
    assert ends[0] == "final" and "3" not in ends and "2" in ends, "generation 3 never begins"
    here, there = tree(run.archive), tree(whole.archive)
    reported = {file: data for file, data in here.items() if file not in there}
    assert run.config == whole.config and here == there | reported
    assert all(file.startswith("audits/") for file in reported), "audits of what the first report named stay"
    assert (run.home / JSON).read_bytes() == (whole.home / JSON).read_bytes() != first
    assert (run.home / "report-g001.json").read_bytes() == first and (run.home / "report-g001.md").exists()
    assert run_state(run, read_report(run)) == "finished"
    best = ArchivedVersions(run.archive).best
    assert best is not None and best.id == run.events_of(RunFinished)[-1].best == read_report(run).best  # type: ignore[union-attr]
    named = [event.best for event in run.events_of(GenerationArchived) if event.generation > 0]
    assert all(version is not None and version.startswith("g00") for version in named), "the best discovered version"
    with pytest.raises(InputError, match="has 2 generations: it can take more, but not 1"):
        run.extend(1)


def test_a_run_that_was_killed_in_its_final_evaluation_takes_more_generations(tmp_path: Path) -> None:
    class Dies(Discovery):
        def final_evaluation(self, state: object) -> dict[str, object]:
            raise KeyboardInterrupt

    run = begin(tmp_path / "run", generations=1)
    with pytest.raises(KeyboardInterrupt):
        discover(Dies(run, Single(), ProcessSandbox()))
    run.extend(2)
    run_to_the_end(run)
    assert max(card.generation for card in run.archive.cards()) == 2 and read_report(run) is not None


def test_status_says_that_a_limit_has_stopped_a_run(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", generations=3)
    limits = SpendingLimits(run=SpendingLimit(calls=0))
    run_to_the_end(run, Single(limit_at=(2, "propose", 0)), LlmBudget(limits))
    assert run_state(run, read_report(run)).startswith("stopped early (the run has")


def given_run(home: Path, found: list[FoundController], explorer: str, **more: object) -> Run:
    given = starting_points(found, print)
    config = RunConfig(
        explorer=explorer, generations=2, population=4, orders=1, betas=(0.0, 1.0),
        environments={WORLD.name: WORLD.hash}, given={each.id: each.source_sha256 for each in given}, **more,
    )  # type: ignore[arg-type]  # fmt: skip
    return Run.create(home, config, [WORLD], given)


def test_a_search_starts_from_given_controllers(tmp_path: Path) -> None:
    mine = FoundController(Candidate("mine", source(2)))
    run = given_run(tmp_path / "run", [mine], "single")
    run_to_the_end(run, explorer := Single())
    (start,) = [card for card in run.archive.cards() if card.explorer == GIVEN]
    assert start.generation == 0 and start.ok and start.rationale == "Given to the run: mine."
    assert run.archive.source(start.id) == source(2)
    first = [brief for step, brief in explorer.briefs if brief.generation == 1 and step == "propose"]
    assert first and {version.id for brief in first for version in brief.parents} == {start.id}
    report = read_report(run)
    assert report is not None and start.id in report.measured and start.id in {lead.baseline for lead in report.leads}
    cards = run.archive.cards()
    assert (population.budgets(cards) == population.budgets([c for c in cards if c.id != start.id])).all()
    again = fork(run, 1, tmp_path / "fork", {})
    assert again.given() == run.given()
    (run.home / GIVEN / f"{start.id}.json").unlink()
    with pytest.raises(DamagedFile, match="missing or damaged; begin another run with --from"):
        run.given()


def test_evolve_varies_the_numbers_of_a_given_file_and_the_genome_of_a_given_version(tmp_path: Path) -> None:
    mine, champion = FoundController(Candidate("mine", source(2))), find_controller("shipped:balanced")
    run = given_run(tmp_path / "run", [mine, champion], "evolve")
    run_to_the_end(run, EvolveExplorer())
    given = {card.name: card for card in run.archive.cards() if card.explorer == GIVEN}
    assert len(given) == 2 and "few" in given
    assert "genome" in next(card for card in given.values() if card.name != "few").data
    children = [c for c in run.archive.cards() if c.generation > 0 and set(c.parents) & {g.id for g in given.values()}]
    assert children, "evolve builds on what it was given"


def test_what_cannot_be_started_from_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for text, message in (
        ("import os\n", "a search cannot start from mine: rejected: policy"),
        ("def f(:\n", "a search cannot start from mine: syntax"),
    ):
        with pytest.raises(InputError, match=message):
            starting_points([FoundController(Candidate("mine", text))], print)
    with pytest.raises(InputError, match="a search starts from the baselines in any case"):
        starting_points([find_controller("self_consistency")], print)
    given = starting_points([find_controller("self_consistency"), find_controller("balanced")], print)
    assert [each.source for each in given] == [champion_source("balanced")] and given[0].data["genome"]
    assert "self_consistency is left out: it is the same program as the baseline" in capsys.readouterr().out
