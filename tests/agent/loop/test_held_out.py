"""Held-out questions: a candidate that knows the questions of the search wins there, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import autotts
from autotts.agent.archive.best import ON_FRESH_ORDERS, ON_HELD_OUT
from autotts.agent.archive.run_directory import HELD_OUT, Run
from autotts.agent.archive.run_report import RunReport, describe_gap
from autotts.agent.cli.main import main
from autotts.agent.records.explorer import Brief, Proposal
from autotts.envs.catalogue import path_of
from autotts.envs.errors import InputError
from autotts.envs.store import save
from autotts.sandbox import policy

from ...memorising import FILTER, LOOKS, Memorises, beginnings, scattered

SETTINGS = {"generations": 1, "population": 4, "orders": 2, "max_branches": 16, "workers": 2, "screening": False}


def searched(home: Path, holdout: float | None) -> tuple[Run, RunReport]:
    explorer = Memorises(home)
    run = autotts.discover([scattered()], run=home, explorer=explorer, holdout=holdout, sandbox="process", **SETTINGS)
    report = run.result()
    return Run(home), report


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, RunReport]:
    return searched(tmp_path_factory.mktemp("held") / "run", None)


def the_filter(run: Run) -> str:
    return next(card.id for card in run.archive.cards() if card.name == "filter")


def test_fresh_orders_of_the_same_questions_show_nothing_of_a_filter(tmp_path: Path) -> None:
    run, report = searched(tmp_path / "run", 0)
    known = the_filter(run)
    assert report.best == known and not report.held_out and not report.gaps and not (run.home / HELD_OUT).exists()
    assert report.measured[known] > report.searched[known] - 2, "it knows the questions in any order"
    page = (run.home / "report.md").read_text()
    assert "fresh branch orders of the same questions (not unseen data)" in page and "held-out" not in page
    assert autotts.open_archive(run.home).choice.rule == ON_FRESH_ORDERS


@pytest.mark.slow
def test_held_out_questions_show_a_filter_and_choose_another(held: tuple[Run, RunReport]) -> None:
    run, report = held
    known, first = the_filter(run), report.gaps[0]
    honest = [card.id for card in run.archive.cards() if card.name == "vote" and card.ok]
    assert report.searched[known] > max(report.searched[id] for id in honest) + 10, "the search is fooled"
    assert first.version == known and first.optimism is not None and first.optimism.interval[0] > 10
    assert report.measured[known] < max(report.measured[id] for id in honest if id in report.measured)
    assert report.best in honest and known not in report.champions.values()
    best = next(gap for gap in report.gaps if gap.version == report.best)
    assert best.optimism is not None and best.optimism.interval[0] < 5
    assert autotts.open_archive(run.home).choice.rule == ON_HELD_OUT
    said = " ".join(describe_gap(report))
    assert f"held-out questions: {known}, the choice of the search" in said and "on 12 held-out ones" in said


def test_figures_name_the_questions_that_they_were_measured_on(held: tuple[Run, RunReport]) -> None:
    run, report = held
    assert run.config.holdout == 0.3, "the default of an explorer that may write any code"
    assert report.protocol.environments == run.config.held_out == {e.name: e.hash for e in run.held_out()}
    assert all(card.protocol.environments == run.config.environments for card in run.archive.cards())
    assert {len(env) for env in run.environments()} == {28} and report.held_out == {"memo/model": 12}
    assert {scattered().hash, *run.config.environments.values(), *run.config.held_out.values()}.__len__() == 3


def test_every_text_says_held_out_and_none_says_unseen(held: tuple[Run, RunReport], capsys) -> None:  # type: ignore[no-untyped-def]
    run, report = held
    page = (run.home / "report.md").read_text()
    assert "12 held-out questions (12 of memo/model), which no candidate and no explorer has met" in page
    assert "optimism on held-out questions" in page
    for command in (["status", str(run.home)], ["lineage", "--run", str(run.home)], ["show", report.best, "--run",
                    str(run.home)]):  # fmt: skip
        assert main(command) == 0
    printed = capsys.readouterr().out
    assert "held out     12 questions (30%): 12 of memo/model" in printed and "on held-out questions" in printed
    assert not re.search(r"unseen|never seen|not seen", page + printed)


def test_the_search_reads_no_held_out_question(held: tuple[Run, RunReport]) -> None:
    run, _ = held
    kept = {text for env in run.environments() for text in env.questions}
    out = {text for env in run.held_out() for text in env.questions}
    assert len(kept) == 28 and len(out) == 12 and not kept & out
    for card in run.archive.cards():
        assert all(case.question < 28 for finding in card.findings for case in finding.worst)
        if card.ok:
            assert run.archive.figures(card.id).question.max() == 27  # type: ignore[union-attr]


def test_a_run_with_held_out_questions_is_continued_and_forked(held: tuple[Run, RunReport], tmp_path: Path) -> None:
    run, report = held
    again = autotts.discover(
        [scattered()], run=run.home, explorer=Memorises(run.home), sandbox="process", **SETTINGS
    ).result()
    assert again == report
    with pytest.raises(InputError, match="other settings"):
        autotts.discover([scattered()], run=run.home, explorer=Memorises(run.home), holdout=0.5, sandbox="process",
                         **SETTINGS)  # fmt: skip
    assert main(["fork", str(run.home), "--generation", "0", "--run", str(tmp_path / "fork")]) == 0
    assert Run(tmp_path / "fork").held_out()[0].hash == run.held_out()[0].hash


def test_evolve_uses_all_questions_and_may_hold_some_out(tmp_path: Path) -> None:
    settings = {**SETTINGS, "population": 2, "orders": 1, "betas": [0.0, 1.0], "sandbox": "process"}
    run = autotts.discover([scattered()], run=tmp_path / "all", **settings)
    assert Run(run.home).config.holdout == 0 and Run(run.home).environments()[0].hash == scattered().hash
    run.close()
    some = autotts.discover([scattered()], run=tmp_path / "some", holdout=0.25, **settings)
    assert some.result().held_out == {"memo/model": 10}


def test_a_filter_of_many_questions_is_refused_before_it_runs() -> None:
    known = beginnings(scattered(questions=300, branches=16))
    verdict = policy.check(FILTER.format(known=dict(list(known.items())[:2500]), looks=LOOKS))
    assert verdict.kind == "rejected: stores data" and "bytes in constants and names" in verdict.message
    small = policy.check(FILTER.format(known=dict(list(known.items())[:200]), looks=LOOKS))
    assert small.ok, "held-out questions must show it"


@pytest.mark.slow
def test_the_search_works_without_a_look_at_the_held_out_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, home = [], tmp_path / "run"
    held_out = Run.held_out
    monkeypatch.setattr(Run, "held_out", lambda run: read.append(len(run.archive.ids())) or held_out(run))

    class Hidden(Memorises):
        name = "hidden"

        def refine(self, brief: Brief) -> list[Proposal]:
            assert not read
            for text in (brief.bench.index(), brief.bench.read_trace("self_consistency", "e1:q0:b0.5:o1000")):
                assert "e1" in text or "self_consistency" in text
            with pytest.raises(InputError, match="no episode"):
                brief.bench.read_trace("self_consistency", "e1:q28:b0.5:o1000")
            return super().refine(brief)

    autotts.discover([scattered()], run=home, explorer=Hidden(home), sandbox="process", **SETTINGS).result()
    assert read and min(read) == len(Run(home).archive.ids()), "first read when all versions are archived"


def test_the_command_takes_a_share_and_refuses_what_it_cannot_divide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save(scattered(questions=2, name="few/model"), path_of(tmp_path / "data", "few/model"))
    save(scattered(questions=6, branches=4), path_of(tmp_path / "data", "memo/model"))
    small = ["--generations", "1", "--population", "1", "--orders", "1", "--sandbox", "process", "--max-branches", "4"]
    assert main(["discover", "--env", "few/model", "--holdout", "0.3", *small]) == 2
    said = capsys.readouterr().err.strip()
    assert "few/model has 2 questions: too few" in said and "\n" not in said and not (tmp_path / "runs").exists()
    with pytest.raises(SystemExit):
        main(["discover", "--env", "memo/model", "--holdout", "1.5", *small])
    (tmp_path / "autotts.toml").write_text("[discover]\nholdout = 0.4\n")
    assert main(["discover", "--env", "memo/model", "--run", "run", *small]) == 0
    printed = capsys.readouterr().out
    assert "held out: 40% of the questions" in printed and "in per cent, on held-out questions)" in printed
    assert Run(tmp_path / "run").config.holdout == 0.4 and len(Run(tmp_path / "run").held_out()[0]) == 2
    assert main(["status", "run"]) == 0
    assert "holdout 0.4" in capsys.readouterr().out


class Careful(Memorises):
    name = "careful"
    writes_free_code = False


def test_explorers_declare_whether_they_write_free_code() -> None:
    from autotts.agent.explorers.evolve.explorer import EvolveExplorer
    from autotts.agent.explorers.mixture import MixtureExplorer
    from autotts.agent.explorers.registry import default_holdout

    assert default_holdout("evolve") == 0
    assert all(default_holdout(name) == 0.3 for name in ("anthropic", "openai", "command", "mcp"))
    assert default_holdout("mixture", ("evolve", "openai")) == 0.3
    own, careful = Memorises(Path()), Careful(Path())
    assert default_holdout("x", (), own) == 0.3 and default_holdout("x", (), careful) == 0
    assert default_holdout("x", (), MixtureExplorer([EvolveExplorer(), own])) == 0.3
    assert default_holdout("x", (), MixtureExplorer([EvolveExplorer(), careful])) == 0
