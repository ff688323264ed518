"""The end of a run: figures on fresh orders, what was learned, and nothing of what was only simulated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from autotts.agent import population
from autotts.agent.archive.run_directory import FIRST_FRESH_ORDER, Run, RunConfig
from autotts.agent.archive.run_report import JSON, TEXT, describe_optimism, read_report
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.explorer import Brief, Proposal
from autotts.agent.records.version import Expectation
from autotts.agent.reports.markdown import code, escaped
from autotts.agent.reports.run_report.learned import credit_rows, predictions, steps
from autotts.agent.reports.run_report.page import page
from autotts.envs.declarations import Declarations
from autotts.envs.synthetic.model import default_environments
from autotts.envs.synthetic.simulated import is_simulated, simulate
from autotts.sandbox.backends.process import ProcessSandbox

from ...loop.test_graph import Single, source

pytestmark = pytest.mark.slow

WORLDS = default_environments(questions=10, branches=12)[1:3]


class Hostile(Single):
    """Says in its rationale what would break a page."""

    def _answer(self, brief: Brief, step: str) -> list[Proposal]:
        (found,) = super()._answer(brief, step)
        text = f"# Title\n<script>alert(1)</script> | ```{found.rationale}``` \x1b[31m"
        expects = (*found.expects, Expectation("accuracy", "less"))
        return [Proposal(found.source, text, found.parents, expects=expects)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Hostile]:
    drawn = list(simulate(WORLDS, 2, seed=0))
    config = RunConfig(
        explorer="single", generations=1, population=4, orders=1, betas=(0.0, 0.5, 1.0), max_branches=12,
        environments={env.name: env.hash for env in WORLDS}, simulated={env.name: env.hash for env in drawn},
    )  # fmt: skip
    run, explorer = Run.create(tmp_path_factory.mktemp("runs") / "a_run", config, [*WORLDS, *drawn]), Hostile()
    discover(Discovery(run, explorer, ProcessSandbox(), render=page))
    return run, explorer


def test_report_of_version_0_1_is_read(finished: tuple[Run, Hostile], tmp_path: Path) -> None:
    run, _ = finished
    old = json.loads((run.home / JSON).read_text())
    del old["checksum"]  # that version wrote none
    old["protocol"]["first_seed"] = old["protocol"].pop("first_order")
    old["protocol"]["seeds"] = old["protocol"].pop("orders")
    for lead in old["leads"]:
        lead["seed"] = lead.pop("baseline")
    copy = Path(shutil.copytree(run.home, tmp_path / "old"))
    (copy / JSON).write_text(json.dumps(old))
    assert old["leads"] and read_report(Run(copy)) == read_report(run)


def test_report_holds_measurements_on_fresh_orders(finished: tuple[Run, Hostile]) -> None:
    run, _ = finished
    report = read_report(run)
    assert report is not None and report.protocol.first_order == FIRST_FRESH_ORDER
    assert set(report.protocol.environments) == {env.name for env in WORLDS} and report.protocol.simulated == 0
    cards = run.archive.cards_with_beliefs()
    front = [card.id for card in population.front(cards) if card.generation > 0]
    assert list(report.front) == front and set(report.champions) == {"frugal", "balanced", "accurate"}
    assert report.champions["balanced"] == report.best and report.champions["frugal"] == report.budgets[0].version
    assert set(front) | {card.id for card in cards if card.generation == 0} <= set(report.measured)
    assert not report.failed
    at = population.budgets(cards)
    for lead in report.leads:
        assert lead.version in (*front, report.best)
        difference = report.measured[lead.version] - report.measured[lead.baseline]
        assert lead.quality.value == pytest.approx(difference)
        assert lead.quality.interval[0] <= lead.quality.value <= lead.quality.interval[1]
    for row in report.budgets:
        assert at[0] <= row.tokens <= at[-1] and row.version in front
        assert 0 <= row.accuracy.value <= 100 and len(row.over) == 6
    assert all(not is_simulated(point.environment) for curve in report.curves.values() for point in curve)
    assert report.optimism is not None and report.optimism.both is not None
    again = json.loads((run.home / JSON).read_text())
    assert again["optimism"]["version"] == report.optimism.version


def test_text_of_the_report_is_complete_and_escaped(finished: tuple[Run, Hostile]) -> None:
    run, _ = finished
    report, text = read_report(run), (run.home / TEXT).read_text()
    assert report is not None
    for title in ("front against", "fooled itself", "learned", "Throughput", "sources"):
        assert any(line.startswith("## ") and title in line for line in text.splitlines())
    assert "<script>" not in text and "\x1b" not in text and "\n# Title" not in text
    for version in report.champions.values():
        assert run.archive.source(version).rstrip() in text
    for line in describe_optimism(report.optimism):
        assert escaped(line) in text
    assert "simulated environments too, with a weight of 25%" in text and "No figure here was measured on them" in text
    assert "less self_consistency" in text and "episodes in" in text
    assert "| single | more tokens | 4 |" in text and "| single | less accuracy | 4 |" in text


def test_simulated_environments_count_only_in_choices(finished: tuple[Run, Hostile]) -> None:
    run, explorer = finished
    cards = run.archive.cards_with_beliefs()
    names = set(run.config.simulated)
    assert len(names) == 2 and {point.environment for point in run.archive.card(cards[0].id).curve} > names
    for card in cards:
        means = [point for point in run.archive.card(card.id).curve if point.environment == "mean"]
        assert [point.accuracy for point in card.mean_curve] == [point.accuracy_pct for point in means]
        assert {point.episodes for point in means} == {20}
        assert not any(is_simulated(case.environment) for finding in card.findings for case in finding.worst)
        assert card.belief is not None and [p.tokens for p in card.belief.curve] == [p.tokens for p in card.mean_curve]
    at, seeds = population.budgets(cards), [card for card in cards if card.generation == 0]
    moved = [population.merit(card, at) - population.quality(card, at) for card in seeds]
    assert all(change != 0 for change in moved)  # what was written by hand is moved by simulated questions alone,
    # and a level that is common to all is no merit
    assert np.mean([population.merit(c, at) - population.quality(c, at) for c in cards]) == pytest.approx(0, abs=2)
    for _, brief in explorer.briefs:
        assert brief.bench is not None
        assert [env.name for env in brief.bench.history.episodes.environments] == [env.name for env in WORLDS]
    assert Run(run.home).environments(simulated=False) != run.environments()


def test_report_holds_predictions_credits_and_steps(finished: tuple[Run, Hostile]) -> None:
    run, _ = finished
    cards = run.archive.cards_with_beliefs()
    found = {prediction.what: prediction for prediction in predictions(cards)}
    assert found["more tokens"].made == 4 and 0 <= found["more tokens"].true <= 4
    told_by_cards = sum(int(card.outcome.split("(")[-1].split()[0]) for card in cards if card.outcome)
    assert told_by_cards == sum(prediction.true for prediction in found.values())
    explorers, _ = credit_rows(cards, latency=False)
    assert [(row.name, row.versions) for row in explorers] == [("single", 4)]
    for step in steps(cards):
        assert step.gain > 0 and step.parent in {card.id for card in cards}


def test_fence_is_longer_than_any_in_the_code() -> None:
    lines = code("x = '````'\n")
    assert lines == ["`````python", "x = '````'", "`````"]
    assert code(source(1))[0] == "```python"


def test_arrows_and_amounts_stay_readable_and_markup_is_literal() -> None:
    assert escaped("width 4 -> 8, $159.38") == "width 4 -> 8, $159.38"
    assert escaped("> quote\n > again") == "&gt; quote\n &gt; again"
    assert escaped("<b> $x$ a|b") == "&lt;b> \\$x\\$ a\\|b"


def test_report_says_what_champions_use_beside_answers(
    finished: tuple[Run, Hostile], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = finished
    report, cards = read_report(run), run.archive.cards_with_beliefs()
    assert report is not None and "It needs" not in page(run, report, cards)
    uses = Declarations(("confidence",), forks="optional")
    monkeypatch.setattr("autotts.agent.reports.run_report.page.declared_by", lambda source: uses)
    text = page(run, report, cards)
    assert text.count("It needs the signal confidence, and uses forks where an environment has them") == len(
        set(report.champions.values())
    )
