"""The best version: one rule for every command, page and report."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent import population
from autotts.agent.archive.best import ON_FRESH_ORDERS, ON_SEARCH_SET, best_version
from autotts.agent.archive.reader import open_reader
from autotts.agent.archive.version import ArchivedVersions
from autotts.agent.cli.main import main
from autotts.agent.reports.run_report.page import page

from .finished_run import CHILD, GRANDCHILD, finished_run

FRESH = {CHILD: 61.25, GRANDCHILD: 60.5, "self_consistency": 70.0, "parallel_probe": 40.0}


def test_search_decides_until_there_is_a_final_evaluation(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    cards = run.archive.cards_with_beliefs()
    ranked, at = population.ranked(cards), population.budgets(cards)
    best = best_version(ranked, at)
    first = next(card for card in ranked if card.generation > 0)
    assert best is not None and best.id == first.id and best.rule == ON_SEARCH_SET and best.discovered
    assert best.quality == pytest.approx(population.quality(first, at))
    baseline = population.best_baseline(cards, at)
    assert baseline is not None
    assert (best.ahead.id if best.ahead else None) == (
        baseline.id if population.quality(baseline, at) > best.quality else None
    )


def test_a_baseline_is_best_only_while_nothing_was_discovered(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    given = [card for card in run.archive.cards_with_beliefs() if card.generation == 0]
    best = best_version(population.ranked(given), population.budgets(given))
    assert best is not None and not best.discovered and best.ahead is None
    assert f"{best.id}, a baseline: no discovered version has figures" in str(best)
    assert best_version([], population.budgets([])) is None


def test_every_front_end_names_the_same_best_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import autotts
    from autotts.agent.ui.pages import lineage as lineage_page
    from autotts.agent.ui.pages import run as run_page

    monkeypatch.chdir(tmp_path)
    run = finished_run(Path("runs/1"), FRESH)
    best = ArchivedVersions(run.archive).best
    assert best is not None and best.id == CHILD and best.rule == ON_FRESH_ORDERS and best.fresh
    said = f"{CHILD}, quality 61.25, by {ON_FRESH_ORDERS}; the hand-written baseline self_consistency is ahead of it"
    assert str(best).startswith(said)
    for command in (["status"], ["lineage"]):
        assert main(command) == 0
        assert f"best: {said}" in capsys.readouterr().out
    archive = autotts.open_archive("runs/1")
    assert archive.best is not None and archive.best.id == CHILD and archive.choice == best
    reader = open_reader("runs/1", None, None)
    answer = run_page.run(reader)
    assert (answer.best, answer.best_rule) == (CHILD, ON_FRESH_ORDERS) and "self_consistency" in answer.ahead
    lines = lineage_page.lineage(reader)
    assert lines.best is not None and lines.ids[lines.best] == CHILD
    report = ArchivedVersions(run.archive).report
    assert report is not None
    text = page(run, report, run.archive.cards_with_beliefs())
    assert f"**{CHILD}** is the best version: quality 61.25" in text.replace("\\", "")
    assert "self\\_consistency is ahead of it" in text or "self_consistency is ahead of it" in text
