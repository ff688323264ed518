"""The replay report: its content, its safety, and its reproducibility."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from autotts.agent.archive.archive import Archive, sha256
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.version import ArchivedVersions
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.agent.reports.replay import files, html, markdown
from autotts.agent.reports.replay.comparisons import EqualAccuracy
from autotts.agent.reports.replay.replay import replay, write
from autotts.agent.reports.replay.results import EqualAccuracyRow, ReplayResults
from autotts.agent.reports.replay.select import ReplayEntry, entries
from autotts.agent.reports.replay.tables import _saving, summary
from autotts.agent.reports.replay.work import ReplaySettings
from autotts.envs.errors import InputError
from autotts.envs.statistics import Point
from autotts.envs.store import Environment
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxLimits

from ....environments import environment
from ...archive.finished_run import CHILD, GRANDCHILD, finished_run
from .pages import Page
from .pages import markdown as read_markdown

pytestmark = pytest.mark.slow

EVIL = "<script>alert(1)</script>|$\\frac{![x](http://a)\x1b[31m\u202e'\"`&"
SETTINGS = ReplaySettings((0.0, 0.5, 1.0), 2, 4)
FIRST = """from envs import Controller
# <script>alert(2)</script> </pre> \x1b[31m
class First(Controller):
    def solve(self, question):
        return question.run_to_end(question.branch())
"""
GREEDY = FIRST.replace("return question.run_to_end(question.branch())", "question.branch_many(4)")


def two_environments() -> list[Environment]:
    wide = [["AAB", "ABB", "BBB", "BAA"], ["AAA", "BAA", "BBA", "CCC"], ["ABC", "CCC", "CBC", "CCC"]]
    one = environment(wide, None, "BAC", name="toy/wide")
    two = environment([question[:2] for question in wide], None, "BAC", name="toy/<narrow>")
    return [one, two]


def card(id: str, source: str, generation: int, quality: float, name: str = "", verdict: str = "ok") -> Card:
    curve = tuple(
        Point("s/e", beta, quality + 10 * beta, (0.0, 100.0), 1000 * (1 + beta), (0.0, 9e3), 500.0, 30)
        for beta in (0.0, 1.0)
    )
    protocol = EvaluationProtocol(
        environments={"s/e": two_environments()[0].hash}, betas=(0.0, 1.0), first_order=1000, orders=1, max_branches=4
    )  # fmt: skip
    return Card(
        id=id, name=name or id, generation=generation, explorer="evolve", sandbox="process", verdict=verdict,
        source_sha256=sha256(source.encode()), protocol=protocol, curve=curve,
    )  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    made = Archive(tmp_path_factory.mktemp("archive"))
    for i, name in enumerate(baseline_names()):
        made.add(card(name, baseline_source(name), 0, 40 + i), baseline_source(name), None)
    made.add(card("_first", FIRST, 1, 60, EVIL), FIRST, None)
    made.add(card("g001-<script>", FIRST + "\n", 1, 55), FIRST + "\n", None)
    made.add(card("g002-greedy", GREEDY, 2, 70), GREEDY, None)
    made.add(card("g002-rejected", GREEDY + "#", 2, 99, verdict="rejected: looked ahead"), GREEDY + "#", None)
    return made


@pytest.fixture(scope="module")
def replayed(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplayResults, list[ReplayEntry]]:
    chosen = entries(archive, ["all"])
    home = tmp_path_factory.mktemp("replay")
    return replay(chosen, two_environments(), archive.cards(), SETTINGS, home, ProcessSandbox(2), price=2.0), chosen


def test_entries_follow_the_selection(archive: Archive, tmp_path: Path) -> None:
    def labels(*select: str) -> list[str]:
        return [entry.label for entry in entries(archive, select) if not entry.baseline]

    assert labels("all") == ["_first", "g001-<script>", "g002-greedy"]
    assert labels("front") == ["g002-greedy"]
    assert labels("g002-g", "_f", "g002-g") == ["g002-greedy", "_first"]
    assert labels("g002-rejected") == ["g002-rejected"]  # a version selected by id is replayed even if it failed
    assert labels("parallel_probe") == []
    assert [e.label for e in entries(archive, ["_first"])][1:] == baseline_names()
    with pytest.raises(InputError, match="no version is called"):
        labels("nobody")
    with pytest.raises(InputError, match="no version"):
        entries(Archive(tmp_path), ["all"])


def test_the_best_version_of_a_run_takes_part_and_is_named(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", {CHILD: 61.0, GRANDCHILD: 60.0, "self_consistency": 50.0})
    best = ArchivedVersions(run.archive).best
    assert best is not None
    chosen = [entry for entry in entries(run.archive) if entry.best or entry.baseline]
    assert [entry.label for entry in chosen if entry.best] == [best.id] == [CHILD]
    assert not any(entry.best for entry in entries(run.archive, [GRANDCHILD]))
    env = two_environments()[:1]
    found = replay(chosen, env, run.archive.cards(), SETTINGS, tmp_path / "out", ProcessSandbox(2), price=2.0)
    assert found.best == CHILD
    (line,) = (line for line in summary(found) if line.startswith(CHILD))
    assert "the best version of the search" in line


def test_bounds_that_are_not_reached_and_costs_are_explained() -> None:
    row = EqualAccuracyRow("a", "e", EqualAccuracy(90.0, 100.0, (90.0, None), 80.0, (None, 94.7)), 159.38)
    results = SimpleNamespace(settings=SimpleNamespace(max_branches=64))
    line = _saving(row, results)  # type: ignore[arg-type]
    assert "at equal accuracy; 1,000 questions then cost $159.38." in line
    assert line.endswith(
        "(not reached: with some choices of the questions it does not reach that accuracy at any beta.)"
    )


def test_baselines_never_come_from_the_archive(tmp_path: Path) -> None:
    made = Archive(tmp_path)
    made.add(card("self_consistency", FIRST, 0, 10), FIRST, None)
    (version, *baselines) = entries(made, ["self_consistency"])
    assert (version.label, version.baseline, version.source) == ("self_consistency (archive)", False, FIRST)
    assert {b.label: (b.source, b.card) for b in baselines}["self_consistency"] == (
        baseline_source("self_consistency"), None,
    )  # fmt: skip


def test_failure_on_one_environment_is_reported_and_others_continue(
    replayed: tuple[ReplayResults, list[ReplayEntry]],
) -> None:
    results, _ = replayed
    (failure,) = results.failures
    assert (failure.controller, failure.environment) == ("g002-greedy", "toy/<narrow>")
    assert failure.kind == "illegal_action" and "2" in failure.message
    places = {row.point.environment for row in results.rows if row.controller == "g002-greedy"}
    assert places == {"toy/wide"}
    assert {row.point.environment for row in results.rows if row.controller == "_first"} == set(results.places)
    assert results.ranking is not None
    assert {rank.controller for rank in results.ranking.ranks} == {"_first", "g001-<script>", *baseline_names()}
    assert [env.searched for env in results.environments] == [True, False]


def test_dollars_equal_tokens_times_price(replayed: tuple[ReplayResults, list[ReplayEntry]]) -> None:
    for row in replayed[0].rows:
        assert row.dollars == pytest.approx(row.point.mean_tokens * 1000 * 2 / 1e6)


def test_page_and_markdown_have_the_same_tables(replayed: tuple[ReplayResults, list[ReplayEntry]]) -> None:
    page, text = Page(html.page(*replayed)), read_markdown(markdown.page(replayed[0]))
    assert page.open == [] and page.tables.keys() == text.keys() and len(text) == 10
    for title, table in page.tables.items():
        assert table == text[title]
        assert len({len(row) for row in table}) == 1


def test_page_contains_no_script_and_requests_nothing(replayed: tuple[ReplayResults, list[ReplayEntry]]) -> None:
    text = html.page(*replayed)
    page = Page(text)
    kinds = {tag for tag, _ in page.tags}
    assert not kinds & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "foreignobject"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset", "href")]
        assert (attributes.get("xlink:href") or "#").startswith("#"), tag
        for value in attributes.values():
            assert "url(" not in (value or "") or (value or "").startswith("url(#")
    css = page.text["style"]
    assert "url(" not in css and "@import" not in css
    (policy,) = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert policy is not None and policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {(a["xlink:href"] or "")[1:] for _, a in page.tags if "xlink:href" in a}
    used |= {v[5:-1] for _, a in page.tags for v in a.values() if v and v.startswith("url(#")}
    assert used <= set(ids)


def test_names_and_sources_are_escaped(replayed: tuple[ReplayResults, list[ReplayEntry]]) -> None:
    text = html.page(*replayed)
    page = Page(text)
    shown = {row[0]: row[1] for row in page.tables["Controllers"]}
    assert shown["_first"] == EVIL.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert "g001-<script>" in shown and "<script>" not in text.lower()
    assert "\x1b" not in text and "\u202e" not in text
    assert "</pre> \\x1b[31m" in page.text["pre"]
    md = markdown.page(replayed[0])
    assert "<script>" not in md and "\x1b" not in md and "](" not in md


def test_equal_results_give_equal_bytes(
    replayed: tuple[ReplayResults, list[ReplayEntry]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [path.read_bytes() for path in write(*replayed, tmp_path / "1", parquet=True)]
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)  # as if set in a user's matplotlibrc
    assert [path.read_bytes() for path in write(*replayed, tmp_path / "2", parquet=True)] == first
    assert len(first) == 4


def test_data_files_contain_every_row(replayed: tuple[ReplayResults, list[ReplayEntry]]) -> None:
    import pyarrow
    from pyarrow.parquet import read_table

    results, _ = replayed
    document = json.loads(files.document(results))
    table = read_table(pyarrow.BufferReader(files.parquet(results))).to_pylist()
    assert len(document["rows"]) == len(table) == len(results.rows)
    for row, flat, mine in zip(document["rows"], table, results.rows, strict=True):
        assert flat["controller"] == row["controller"] == mine.controller
        assert row["accuracy_ci"] == [flat["accuracy_low"], flat["accuracy_high"]] == list(mine.point.accuracy_ci)
        assert row["wins"] + row["ties"] + row["losses"] == len(row["outcomes"])
        assert row["dollars"] == flat["dollars"] == mine.dollars


def test_replay_on_searched_environments_says_that_nothing_was_held_out(
    replayed: tuple[ReplayResults, list[ReplayEntry]], archive: Archive, tmp_path: Path
) -> None:
    assert "2 environments, 1 of which the search had not seen; " in markdown.page(replayed[0])
    assert "nothing was held out" not in markdown.page(replayed[0]).lower() and "Transferred: " in html.page(*replayed)
    seen = replay(replayed[1], two_environments()[:1], archive.cards(), SETTINGS, tmp_path, ProcessSandbox(2))
    for page in (markdown.page(seen), html.page(seen, replayed[1])):
        assert "on 1 environment: nothing was held out, for the search had seen all of them" in page
        assert "Ahead (nothing was held out): " in page and "Transferred" not in page


def test_report_of_one_environment_where_every_controller_fails(archive: Archive, tmp_path: Path) -> None:
    """No controller has time to answer: the report lists only failures."""
    one = [entry for entry in entries(archive, ["_first"]) if entry.label in ("_first", "self_consistency")]
    settings = ReplaySettings((0.3,), 1, 4)
    sandbox = ProcessSandbox(1, SandboxLimits(seconds=0.0))
    results = replay(one, two_environments()[:1], archive.cards(), settings, tmp_path, sandbox)
    page = Page(html.page(results, one))
    assert len(results.failures) == 3 and results.rows == () and results.ranking is None
    assert len(page.tables["Failures"]) == 4 and results.focus == 0.3
    assert "failed" in page.text["li"]
