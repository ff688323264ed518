"""Plots as files: reproducible bytes, stored points, and one-line errors."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from autotts.agent.archive import resolve
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.archive.snapshot import ArchiveSnapshot
from autotts.agent.cli.main import main
from autotts.agent.diagnosis.drawing import STATES, draw_episode
from autotts.agent.records.index_row import IndexRow
from autotts.agent.reports.plots import curves
from autotts.agent.reports.plots.curves import CurveLine, draw_curves
from autotts.agent.reports.plots.lineage import lay_out_lineage
from autotts.agent.reports.plots.picture import KINDS, colours, row
from autotts.agent.reports.plots.points import PlottedController, stored
from autotts.agent.reports.plots.trace import number_of, title
from autotts.envs import trace as text
from autotts.envs.errors import InputError
from autotts.envs.statistics import Point

from ...archive.test_archive import card
from ...ui.archives import protocol, small_archive, tiny, tree, tree_archive

HEAD = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_archive(tmp_path_factory.mktemp("small"), name="$x$ {a|b} \x1b[31m <svg/> 漢")


def drawn(archive: Path, out: Path, *arguments: object) -> bytes:
    assert main(["plot", *map(str, arguments), "--archive", str(archive), "-o", str(out)]) == 0
    return out.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "what",
    [
        ("lineage",), ("lineage", "--by", "verdict", "--tokens", 9000), ("curves",),
        ("trace", "g001-child", "--env", tiny().name, "--question", 1, "--max-branches", 9, "--sandbox", "process"),
    ],
)  # fmt: skip
def test_same_picture_has_the_same_bytes(archive: Path, tmp_path: Path, kind: str, what: tuple[object, ...]) -> None:
    first, second = (drawn(archive, tmp_path / (name + kind), *what) for name in "ab")
    assert first == second and first.startswith(HEAD[kind])


def test_stored_points_are_not_measured_again(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[CurveLine] = []
    monkeypatch.setattr(curves, "draw_curves", lambda drawn, *_, **__: lines.extend(drawn))
    with monkeypatch.context() as closed:
        closed.setattr(resolve, "sandbox", lambda *_: pytest.fail("nothing had to be run"))
        main(["plot", "curves", "g002-grandchild", "self_consistency", "--archive", str(archive), "-o", "a.png"])
    assert [line.points for line in lines] == [
        Archive(archive).card(line.name).curve for line in lines
    ] and [line.written for line in lines] == [False, True]  # fmt: skip
    lines.clear()
    asked = ["curves", "g001-child", "early_stopping", "--archive", str(archive), "-o", "a.png", "--env", "synthetic/*"]
    assert main(["plot", *asked, "--sandbox", "process"]) == 0
    assert capsys.readouterr().err.count("measuring") == 1  # the archive's version has another source
    assert [[p.beta for p in line.points] for line in lines] == [[0.0, 0.5, 1.0]] * 2
    twin = Archive(archive).card("g002-grandchild")  # the source of early_stopping, with a comment
    assert lines[1].points == twin.curve
    lines.clear()
    assert main(["plot", *asked, "--sandbox", "process", "--beta", "0.5", "--orders", "1"]) == 0
    assert [[p.episodes for p in line.points] for line in lines] == [[len(tiny())]] * 2


def test_empty_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 environments"):
        draw_curves([CurveLine("a", False, ())], tmp_path / "a.png")


def test_trace_picture_agrees_with_the_text_picture(archive: Path) -> None:
    place = ArchiveReader(archive, None, archive)
    batch, logs = place.batch(Archive(archive).card("g001-child"))
    for index in range(0, len(logs), 3):
        found, shown = text.trace(batch, logs, index), draw_episode(batch, logs, index, "g001-child", "")
        cells = Counter(STATES[state] for row in shown.states() for state in row)
        rows = "\n".join(text.picture(found, 10_000).splitlines()[1 : 1 + found.width])
        counts = Counter(rows)
        assert cells["correct"] == counts["█"] and cells["wrong"] == counts["░"] + counts["▒"]
        assert cells["absent"] == counts["·"]
        last = found.steps[-1].leader if found.steps else None
        votes = shown.votes()
        assert not votes or (shown.answers[votes[0][0]] or None) == last
        assert len(title(shown)) == 3


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree_archive(tmp_path_factory.mktemp("trees"))


@pytest.mark.parametrize("by", ["", "verifier", "confidence", "answer_confidence"])
def test_traces_with_forks_are_drawn_by_answers_and_by_numbers(trees: Path, tmp_path: Path, by: str) -> None:
    what = ["trace", f"{trees}:beam_search", "--env", tree().name, "--question", 1, "--max-branches", 16]
    what += ["--data", trees / "data", "--sandbox", "process", *(["--colour-by", by] if by else [])]
    first, second = (tmp_path / name for name in ("a.svg", "b.svg"))
    for path in (first, second):
        assert main(["plot", *map(str, what), "-o", str(path)]) == 0
    text = first.read_text()
    assert first.read_bytes() == second.read_bytes()
    assert ("colours: " in text) == bool(by) and "lines: forks; rings: verified" in text
    assert ("not seen" in text) != bool(by), "the scale takes the place of the legend of answers"
    assert ("crosses: no number" in text) == (by == "confidence")


def test_trace_is_not_coloured_by_what_is_not_there(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what = ["plot", "trace", "self_consistency", "--env", tree().name, "--data", str(trees / "data"), "--question", "0"]
    what += ["--sandbox", "process", "--colour-by", "sureness", "-o", str(tmp_path / "a.png")]
    assert main(what) == 2
    assert "has no signal 'sureness' to colour by: there are answer_confidence, confidence" in capsys.readouterr().err


def test_values_of_an_episode_are_those_that_it_has_shown(trees: Path) -> None:
    place = ArchiveReader(trees, None, trees / "data")
    batch, logs = place.batch(Archive(trees).card("deepconf_low"))
    shown = draw_episode(batch, logs, 1, "deepconf_low", "")
    values = shown.values(number_of(shown, "lowest_group"))
    assert [[cell for cell, v in enumerate(row) if v is not None] for row in values] == [
        [len(branch.cells) - 1] for branch in shown.branches
    ], "a run to the end shows the last number alone"


@st.composite
def lineages(draw: st.DrawFn) -> ArchiveSnapshot:
    ids = [f"v{i}" for i in range(draw(st.integers(0, 30)))]
    some = {
        name: (draw(st.integers(0, 4)), draw(st.lists(st.sampled_from([*ids, "gone"]), max_size=3))) for name in ids
    }
    rows = [
        replace(row, id=name, generation=g, parents=tuple(kin), verdict=draw(st.sampled_from(["ok", "exit"])))
        for row, (name, (g, kin)) in zip([IndexRow.of(card())] * len(some), some.items(), strict=True)
    ]
    rows.sort(key=lambda row: (row.generation, row.id))
    return ArchiveSnapshot(
        1, rows, {}, np.array([10.0, 100.0]), {row.id: draw(st.floats(0, 100)) for row in rows if row.ok}
    )


@given(lineages(), st.sampled_from([None, 50.0]))
def test_any_lineage_can_be_laid_out(view: ArchiveSnapshot, tokens: float | None) -> None:
    shape = lay_out_lineage(view, tokens)
    assert len(shape.x) == len(shape.y) == len(view.rows) and np.isfinite(shape.y).all()
    generations = np.array([row.generation for row in view.rows], float)
    assert (abs(shape.x - generations) < 0.5).all() and len(set(shape.x.tolist())) == len(view.rows)
    assert len(set(shape.way)) == len(shape.way)  # also if the parents form a cycle
    for child, parent in zip(shape.way, shape.way[1:], strict=False):
        assert view.rows[child].parents[0] == view.rows[parent].id


def test_colours_match_the_application() -> None:
    assert colours()["correct"] == "#0072b2" and len(row("series")) == 8 and len(row("scale")) == 7
    assert set(STATES) <= set(colours())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lineage", "-o", "a.gif"), ".png, .svg, .pdf"),
        (("lineage", "-o", "a.png"), "empty"),
        (("curves", "-o", "a.png"), "no version has scores"),
        (("curves", "g001", "-o", "a.png"), "no controller 'g001'"),
        (("curves", "no/such.py", "-o", "a.png"), "no such controller file"),
        (("curves", "a.json", "balanced", "-o", "a.png"), "name no controllers beside them"),
        (("curves", "self_consistency", "--env", "no/such", "-o", "a.png"), "no environment 'no/such'"),
    ],
)
def test_plot_error_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main(["plot", *arguments, "--archive", str(tmp_path), "--data", str(tmp_path)]) == 2
    text = capsys.readouterr().err
    assert words in text and text.count("\n") == 1 and not list(tmp_path.iterdir())


def test_error_names_the_missing_extra(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["plot", "lineage", "-o", "a.png", "--archive", str(archive)]) == 2
    assert "pip install 'matplotlib" in capsys.readouterr().err


def test_version_without_scores_gives_an_error(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "curves", "g002-failed", "-o", "a.png", "--archive", str(archive)]) == 2
    assert "g002-failed has no scores: exit" in capsys.readouterr().err


def test_points_of_another_protocol_are_not_used(archive: Path) -> None:
    card = Archive(archive).card("g001-child")
    chosen = PlottedController(resolve.controller("self_consistency"), ArchiveReader(archive, None, archive), card)
    there = protocol([tiny()])
    assert stored(chosen, there) == card.curve
    for other in ({"orders": 3}, {"max_branches": 17}, {"first_order": 1}, {"environments": {tiny().name: "another"}}):
        assert stored(chosen, there.model_copy(update=other)) is None


def test_curve_of_one_point_can_be_drawn(tmp_path: Path) -> None:
    point = Point("a", 0.5, 50.0, (50.0, 50.0), 0.0, (0.0, 0.0), 0.0, 1)
    draw_curves([CurveLine("a", False, (point,))], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_legend_of_curves_stands_beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[float, float]] = []

    def measure(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.draw_without_rendering()
        right = max(axis.get_window_extent().x1 for axis in figure.axes)
        found.append((right, figure.legends[0].get_window_extent().x0))

    monkeypatch.setattr(curves, "save", measure)
    points = tuple(Point(env, 0.5, 50.0, (40.0, 60.0), t, (t, t), t, 9) for env in "xy" for t in (1e4, 1e5))
    draw_curves([CurveLine(name, False, points) for name in ("a", "b" * 40)], tmp_path / "a.png", mean=False)
    draw_curves([CurveLine("a", True, points[:2])], tmp_path / "b.png")
    assert found and all(data < legend for data, legend in found)
