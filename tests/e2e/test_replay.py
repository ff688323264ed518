"""Runs the installed `autotts replay`, `archive export` and `archive import`: kills, resumes, figures, wrong input."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.agent import population
from autotts.agent.archive.archive import Archive
from autotts.agent.reports.console.display import interval

from ..agent.reports.replay.pages import Page, markdown
from .test_cli import autotts, refused, tree

SHIPPED = Path(__file__).parents[2] / "controllers_archive/discovered/explorer"
ARCHIVE = "lineage"
BEST = population.ranked(Archive(SHIPPED).cards())[0].id
GRID = ("--env", "synthetic/*", "--beta", 0, 0.5, 1, "--orders", 2)
REPLAY = ("replay", "--archive", ARCHIVE, "--select", BEST, *GRID, "--sandbox", "process", "--price", 0.6)
PAGES = ("report.html", "report.md", "results.json", "results.parquet")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with small synthetic environments, and a replay that nothing has disturbed."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(SHIPPED, home / ARCHIVE, ignore=shutil.ignore_patterns("replays"))
    assert autotts("env", "synthesize", "--questions", 4, "--branches", 16, cwd=home).returncode == 0
    done = autotts(*REPLAY, "-o", "calm", "--parquet", "--workers", 2, cwd=home)
    assert done.returncode == 0, done.stderr
    assert "per cent of the tokens of self_consistency" in done.stdout
    return home


def test_killed_and_resumed_replay_writes_the_same_bytes(home: Path) -> None:
    command = [Path(sys.executable).with_name("autotts"), *map(str, REPLAY), "-o", "killed", "--parquet"]
    runs: list[str] = []
    for kill in ("evaluation 4 of", "evaluation 9 of"):
        with subprocess.Popen([*command, "--workers", "1"], cwd=home, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith(kill):
                    process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        runs.append(",".join(sorted(path.name for path in (home / "killed/journal").glob("*.run"))))
    assert 3 <= runs[0].count("run") < runs[1].count("run")
    assert not (home / "killed/report.html").exists()
    assert autotts(*REPLAY, "-o", "killed", "--parquet", cwd=home).returncode == 0
    for name in PAGES:
        assert (home / "killed" / name).read_bytes() == (home / "calm" / name).read_bytes(), name


def test_finished_measurements_are_not_repeated(home: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (home / "calm/journal").iterdir()}
    assert autotts(*REPLAY, "-o", "calm", cwd=home).returncode == 0
    assert {path.name: path.stat().st_mtime_ns for path in (home / "calm/journal").iterdir()} == before


def test_figures_of_every_page_equal_those_of_evaluate(home: Path) -> None:
    controllers = ("evaluate", BEST, "confidence_momentum", "self_consistency", "--archive", ARCHIVE)
    assert autotts(*controllers, *GRID, "--sandbox", "process", "--json", "e.json", cwd=home).returncode == 0
    rows = json.loads((home / "e.json").read_text())
    expected = {
        (row["controller"], row["environment"], row["beta"]): (
            interval(row["accuracy_pct"], row["accuracy_ci"], 1),
            interval(row["mean_tokens"], row["mean_tokens_ci"], 0),
            f"{row['mean_latency']:,.0f}",
        )
        for row in rows
    }
    assert len(expected) == 3 * 5 * 3
    html = Page((home / "calm/report.html").read_text()).tables
    for tables in (html, markdown((home / "calm/report.md").read_text())):
        seen = set()
        for title, (head, *body) in tables.items():
            kind, _, place = title.partition(": ")
            if kind not in ("Against self-consistency", "Every beta"):
                continue
            for cells in (dict(zip(head, row, strict=True)) for row in body):
                key = cells["controller"], place, float(cells.get("beta", 0.5))
                if key in expected:
                    accuracy, tokens, latency = expected[key]
                    assert (cells["accuracy %"], cells["tokens"]) == (accuracy, tokens)
                    assert cells.get("latency, tokens", latency) == latency
                    seen.add(key)
        assert seen == {key for key in expected if key[1] == "mean" or key[2] == 0.5}
    document = json.loads((home / "calm/results.json").read_text())
    mine = {(r["controller"], r["environment"], r["beta"]): r for r in document["rows"]}
    for row in rows:
        assert row.items() <= mine[row["controller"], row["environment"], row["beta"]].items()


def test_paired_figures_equal_those_of_compare(home: Path) -> None:
    pair = ("compare", BEST, "self_consistency", "--archive", ARCHIVE, "--env", "synthetic/*", "--beta", 1)
    assert autotts(*pair, "--orders", 2, "--sandbox", "process", "--json", "c.json", cwd=home).returncode == 0
    document = json.loads((home / "calm/results.json").read_text())
    mine = {r["environment"]: r for r in document["rows"] if r["controller"] == BEST and r["beta"] == 1}
    rows = json.loads((home / "c.json").read_text())
    assert {row["environment"] for row in rows} == set(mine) and "mean" in mine
    for row in rows:
        found = mine[row["environment"]]
        assert found["gain"] == pytest.approx(row["accuracy_pct"])
        assert found["gain_ci"] == pytest.approx(row["accuracy_ci"])
        assert [found[name] for name in ("wins", "ties", "losses")] == [row["wins"], row["ties"], row["losses"]]


def test_replay_figures_are_stored_in_the_archive(home: Path) -> None:
    (path,) = (home / ARCHIVE / "replays" / BEST).iterdir()
    filed = json.loads(path.read_text())
    rows = [r for r in json.loads((home / "calm/results.json").read_text())["rows"] if r["controller"] == BEST]
    assert [point["mean_tokens"] for point in filed["curve"]] == [row["mean_tokens"] for row in rows]
    assert filed["protocol"]["orders"] == 2 and len(filed["protocol"]["environments"]) == 4
    assert autotts("archive", "verify", "--archive", ARCHIVE, cwd=home).returncode == 0


def test_exported_lineage_is_the_same_after_import(home: Path) -> None:
    done = autotts("archive", "export", BEST, "--archive", ARCHIVE, "-o", "bundle.zip", cwd=home)
    assert done.returncode == 0 and "versions, 1 of them asked for" in done.stdout
    digest = done.stdout.split()[-1]
    done = autotts("archive", "import", "bundle.zip", "--archive", "got", "--sha256", digest, cwd=home)
    assert done.returncode == 0 and f"added {BEST}" in done.stdout and digest in done.stdout, done.stderr
    got = {name: data for name, data in tree(home / "got").items() if name not in ("origins.json", "lock")}
    assert got.items() <= tree(SHIPPED).items()
    assert autotts("archive", "verify", "--archive", "got", cwd=home).returncode == 0
    replayed = ("replay", "--archive", "got", *REPLAY[3:], "-o", "calm")
    assert autotts(*replayed, cwd=home).returncode == 0
    assert autotts("archive", "import", "bundle.zip", "--archive", "got", cwd=home).stdout.startswith("got: 0 versions")


def test_wrong_usage_prints_one_line_and_fails(home: Path) -> None:
    (home / "file").write_text("x")
    archive = ("--archive", ARCHIVE)
    for code, words, arguments in (
        (2, ["nobody"], ("replay", *archive, "--select", "nobody", *GRID)),
        (2, ["front"], ("replay", *archive, "--select", "front", "all", *GRID)),
        (2, ["nowhere"], ("replay", *archive, "--env", "nowhere/*")),
        (2, ["--env"], ("replay", *archive)),
        (2, ["--price"], ("replay", *archive, *GRID, "--price", "nan")),
        (2, ["--price"], ("replay", *archive, *GRID, "--price", -1)),
        (2, ["beta"], ("replay", *archive, "--env", "synthetic/*", "--beta", 2)),
        (2, ["no such directory"], ("replay", "--archive", "nope", *GRID)),
        (2, ["no version"], ("replay", "--archive", "data", *GRID)),
        (1, ["file"], ("replay", *archive, *GRID, "-o", "file", "--sandbox", "process")),
        (2, ["nobody"], ("archive", "export", "nobody", *archive, "-o", "b.zip")),
        (1, ["nope/b.zip"], ("archive", "export", BEST, *archive, "-o", "file/nope/b.zip")),
        (1, ["not a whole zip"], ("archive", "import", "file", "--archive", "new")),
        (1, ["missing.zip"], ("archive", "import", "missing.zip", "--archive", "new")),
        (2, ["--archive"], ("archive", "import", "file")),
    ):
        result = autotts(*arguments, cwd=home)
        if code == 1 and "replay" in arguments:
            result.stderr = result.stderr[result.stderr.index("autotts") :]  # after its progress
        refused(result, code, *words)
    assert not (home / "new").exists()
