"""The best version: one rule for every command, page and report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from autotts.agent import population
from autotts.agent.archive.best import ON_FRESH_ORDERS, ON_SEARCH_SET, best_version
from autotts.agent.archive.reader import open_reader
from autotts.agent.archive.run_report import QualityLead, read_report
from autotts.agent.archive.version import ArchivedVersions
from autotts.agent.cli.main import main
from autotts.agent.population.overfitting.crossvalidation import IntervalEstimate
from autotts.agent.records.migration import BASELINE
from autotts.agent.records.version import GIVEN, Cost, CurvePoint
from autotts.agent.reports.console.display import version_tree
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
    assert str(best).startswith(f"no discovered version has figures; the best baseline is {best.id}, quality ")
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
    assert (answer.ahead, *answer.remarks) == best.remarks
    lines = lineage_page.lineage(reader)
    assert lines.best is not None and lines.ids[lines.best] == CHILD
    report = ArchivedVersions(run.archive).report
    assert report is not None
    text = page(run, report, run.archive.cards_with_beliefs())
    assert f"**{CHILD}** is the best version: quality 61.25" in text.replace("\\", "")
    assert "self\\_consistency is ahead of it" in text or "self_consistency is ahead of it" in text


@dataclass(frozen=True)
class Row:
    """A version with one point, whose measured and shrunk qualities are given."""

    id: str
    quality: float
    size: int
    merit: float
    explorer: str = "evolve"
    ok: bool = True
    noise: tuple[float, ...] = ()

    @property
    def cost(self) -> Cost:
        return Cost()

    @property
    def generation(self) -> int:
        return int(self.id[1:4])

    @property
    def mean_curve(self) -> list[CurvePoint]:
        return [CurvePoint(0.5, self.quality, 100.0, 100.0)]

    @property
    def believed_curve(self) -> list[CurvePoint]:
        return [CurvePoint(0.5, self.merit, 100.0, 100.0)]


AT = np.array([100.0, 200.0])


def test_discovered_versions_with_a_higher_quality_are_named_with_the_reason() -> None:
    simple, higher = Row("g003-a", 86.73, 5, 86.0), Row("g001-b", 88.81, 9, 86.2)
    best = best_version([simple, higher, Row("g000-base", 80.0, 3, 80.0, BASELINE)], AT)
    assert best is not None and best.id == "g003-a" and best.ahead is None
    assert str(best).endswith("; chosen before g001-b (88.81): simpler, and that lead may be noise")
    lucky = Row("g002-c", 89.0, 2, 85.0)
    best = best_version([simple, higher, lucky], AT)
    assert best is not None
    assert str(best).endswith("; chosen before g002-c (89.00) and g001-b (88.81): those leads may be noise")


def test_the_best_version_is_not_behind_a_baseline_if_another_one_as_good_is_not() -> None:
    simple, higher = Row("g003-a", 86.73, 5, 86.0), Row("g001-b", 88.81, 9, 86.2)
    given = Row("g000-c", 88.25, 4, 88.25, GIVEN)
    best = best_version([simple, given, higher], AT, given={"g000-c": "early"})
    assert best is not None and best.id == "g001-b" and best.remarks == ()
    lucky = Row("g001-b", 88.81, 9, 85.9)  # its shrunk quality is lower: its lead is luck
    best = best_version([simple, given, lucky], AT, given={"g000-c": "early"})
    assert best is not None and best.id == "g003-a"
    assert "the given controller early (g000-c) is ahead of it with 88.25" in str(best)


@pytest.mark.parametrize(
    ("lead", "low", "said"),
    [(0.0, -0.1, "nothing better than your early (g000-c)"), (0.3, -0.1, "nothing clearly better than your early"),
     (0.3, 0.1, "")],
)  # fmt: skip
def test_a_lead_over_the_given_controller_that_may_be_noise_is_told(
    tmp_path: Path, lead: float, low: float, said: str
) -> None:
    run = finished_run(tmp_path / "run", FRESH)
    found = QualityLead(version=CHILD, baseline="g000-c", quality=IntervalEstimate(lead, (low, 0.5)))
    report = read_report(run)
    assert report is not None
    best = best_version([], AT, report.model_copy(update={"leads": (found,)}), {"g000-c": "early"})
    assert best is not None and (said in str(best) if said else best.unclear is None)


def test_the_tree_holds_the_best_version_and_says_how_many_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = finished_run(Path("runs/1"), FRESH)
    cards = run.archive.cards_with_beliefs()
    front = {card.id for card in population.front(cards)}
    outside = next(card.id for card in cards if card.id not in front and card.generation == 0)
    tree = version_tree(cards, False, best=outside)
    lines = [str(child.label) for child in tree.children]
    assert any(line.startswith(f" > {outside}") for line in lines)
    assert f"of {len(cards)} versions, " in str(tree.label) and "--all draws every version" in str(tree.label)
    assert main(["lineage", "--all"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{len(cards)} versions, ") and f"> {CHILD}" in out


def test_a_search_of_no_generations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["discover", "--env", "synthetic/tiny", "--generations", "0", "--sandbox", "process"]
    assert main(command) == 2 and not Path("runs").exists()
