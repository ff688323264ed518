"""Figures on every page are those of `autotts evaluate --json`, read from the page and compared without rounding."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from autotts.agent import population
from autotts.agent.records.version import CurvePoint
from autotts.envs import catalogue, store

from .archives import FAMILY, SEEDS, small_archive, tiny
from .conftest import SHIPPED, Opens, serving

pytestmark = pytest.mark.browser

Row = dict[str, Any]
FIRST, SECOND = "parallel_probe", "g001-child"


def autotts(command: str, *arguments: object, into: Path) -> list[Row]:
    """Run a command that writes JSON, and return that."""
    line = [Path(sys.executable).with_name("autotts"), command, *arguments, "--json", into, "--sandbox", "process"]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return list(json.loads(into.read_text()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small archive and the environment that it was measured on."""
    root = tmp_path_factory.mktemp("figures")
    small_archive(root / "archive")
    store.save(tiny(), catalogue.path_of(root / "data", tiny().name))
    return root


@pytest.fixture(scope="module")
def figures(world: Path) -> list[Row]:
    """The rows of `autotts evaluate --json` for every version that ran."""
    return autotts("evaluate", *FAMILY, *where(world), into=world / "figures.json")


def where(world: Path, *betas: float) -> list[object]:
    grid = ["--beta", *(betas or (0, 0.5, 1)), "--orders", SEEDS, "--max-branches", 16]
    return ["--archive", world / "archive", "--env", tiny().name, *grid, "--data", world / "data"]


@pytest.fixture(scope="module")
def link(world: Path) -> Any:
    with serving("--archive", world / "archive", "--data", world / "data", "--sandbox", "process") as found:
        yield found


def numbers(page: Page, table: str) -> list[list[list[float]]]:
    """Return the figures of each row of a table: the number, and its interval if it has one."""
    page.locator(f"{table} tbody tr").first.wait_for(state="attached")
    script = (
        "(rows) => rows.map((row) => [...row.querySelectorAll('data')].map((d) => "
        "[d.value, d.dataset.low, d.dataset.high].filter((x) => x !== undefined).map(Number)))"
    )
    found: list[list[list[float]]] = page.locator(f"{table} tbody tr").evaluate_all(script)
    return found


def point(row: Row) -> list[list[float]]:
    """Return a row of the JSON as pages show a point: beta, accuracy, tokens."""
    return [
        [row["beta"]], [row["accuracy_pct"], *row["accuracy_ci"]], [row["mean_tokens"], *row["mean_tokens_ci"]]
    ]  # fmt: skip


def of(figures: list[Row], version: str) -> list[Row]:
    return [row for row in figures if row["controller"] == version]


def test_figures_of_the_version_page_match_the_cli(watch: Opens, link: str, figures: list[Row]) -> None:
    found = watch(link)
    for version in FAMILY:
        page = found.open(f"version/{version}", "#figures")
        wanted = [[*point(row), [row["mean_latency"]], [row["episodes"]]] for row in of(figures, version)]
        assert numbers(page, "#figures") == wanted
        first = page.locator("#figures tbody tr").first
        low, high = wanted[0][1][1:]
        expect(first).to_contain_text(f"{wanted[0][1][0]:.1f} [{low:.1f}, {high:.1f}]")


def test_figures_of_the_run_page_match_the_cli(watch: Opens, link: str, figures: list[Row]) -> None:
    page = watch(link).open("run", "#front-numbers")
    rows = numbers(page, "#front-numbers")
    assert len(rows) >= 3 * 3 and all(row in [point(f) for f in figures] for row in rows)
    quality = qualities(figures)
    tiles = page.locator("dl.tiles data").evaluate_all("(all) => all.map((d) => Number(d.value))")
    best = max(value for version, value in quality.items() if FAMILY[version])
    assert best in tiles and max(quality["parallel_probe"], quality["self_consistency"]) in tiles


def qualities(figures: list[Row]) -> dict[str, float]:
    """Return the quality of each version as it follows from the JSON alone."""
    curves = {
        version: [
            CurvePoint(row["beta"], row["accuracy_pct"], row["mean_tokens"], row["mean_latency"])
            for row in of(figures, version)
        ]
        for version in FAMILY
    }
    most = [max(p.tokens for p in curve) for version, curve in curves.items() if not FAMILY[version]]
    low = max(1.0, 2 * min(most))
    at = np.geomspace(low, max(2 * low, *most), population.BUDGETS)
    return {version: float(population.attained(curve, at).mean()) for version, curve in curves.items()}


def test_figures_of_the_lineage_page_match_the_cli(watch: Opens, link: str, figures: list[Row]) -> None:
    page = watch(link).open("lineage/g001-child", "section[aria-label='The chosen version'] table")
    shown = [row[0][0] for row in numbers(page, "section[aria-label='The chosen version'] table")]
    quality = qualities(figures)
    assert shown == pytest.approx([quality["g001-child"], quality["parallel_probe"]], abs=1e-12)


def test_figures_of_the_compare_page_match_the_cli(watch: Opens, link: str, world: Path, figures: list[Row]) -> None:
    page = watch(link).open(f"compare?id={FIRST}&id={SECOND}&beta=0.5", "#paper")
    wanted = [[*point(row), [row["mean_latency"]]] for id in (FIRST, SECOND) for row in of(figures, id)]
    assert numbers(page, "#points") == wanted
    at = {row["controller"]: row for row in figures if row["beta"] == 0.5}
    assert numbers(page, "#paper") == [[point(at[id])[1], [at[id]["mean_tokens"]]] for id in (FIRST, SECOND)]
    page.locator("#first").select_option(FIRST)
    page.locator("#second").select_option(SECOND)
    expect(page.locator("#difference")).to_contain_text(f"{SECOND} less {FIRST}")
    (told,) = autotts("compare", SECOND, FIRST, *where(world, 0.5), into=world / "difference.json")
    shown = numbers_of(page, "#difference")
    assert shown == [[told["accuracy_pct"], *told["accuracy_ci"]], [told["mean_tokens"], *told["mean_tokens_ci"]]]
    by_question = np.array([[row[0][0], row[1][0], row[2][0], row[3][0]] for row in numbers(page, "#questions")])
    means = by_question.mean(axis=0).tolist()
    assert means == pytest.approx(
        [at[FIRST]["accuracy_pct"], at[SECOND]["accuracy_pct"], at[FIRST]["mean_tokens"], at[SECOND]["mean_tokens"]]
    )


def numbers_of(page: Page, element: str) -> list[list[float]]:
    script = (
        "(all) => all.map((d) => [d.value, d.dataset.low, d.dataset.high].filter((x) => x !== undefined).map(Number))"
    )
    found: list[list[float]] = page.locator(f"{element} data").evaluate_all(script)
    return found


def test_figures_of_the_trace_page_match_the_cli(watch: Opens, link: str, figures: list[Row]) -> None:
    """The episodes of one beta, looked at one by one, have the mean that the JSON says."""
    found, tokens, right = watch(link), [], []
    (row,) = [row for row in of(figures, SECOND) if row["beta"] == 0.5]
    for question in range(len(tiny())):
        for order in range(SEEDS):
            here = f"environment={tiny().name}&question={question}&beta=0.5&order={order}"
            page = found.open(f"trace/{SECOND}?{here}", f"[data-at='{question} {order}'] data")
            tokens.append(numbers_of(page, f"#outcome-{SECOND}")[0][0])
            right.append(page.locator(f"#outcome-{SECOND} strong").inner_text() == "Right")
    assert len(tokens) == row["episodes"]
    assert np.mean(tokens) == pytest.approx(row["mean_tokens"]) and 100 * np.mean(right) == pytest.approx(
        row["accuracy_pct"]
    )


@pytest.mark.data
def test_figures_of_the_shipped_lineage_on_aime24(watch: Opens, shipped: str, data_root: Path, tmp_path: Path) -> None:
    ids = ("g006-1bb12e22", "confidence_momentum")
    grid = ["--beta", 0.5, "--first-order", 1000, "--orders", 4]
    rows = autotts(
        "evaluate", ids[0], "--archive", SHIPPED, "--env", "aime24/*", *grid, "--data", data_root, into=tmp_path / "a"
    )
    found = watch(shipped)
    for row in rows:
        page = found.open(f"version/{ids[0]}", "#figures")
        page.locator("#environment").select_option(row["environment"])
        shown = [r for r in numbers(page, "#figures") if r[0] == [0.5]]
        assert shown == [[*point(row), [row["mean_latency"]], [row["episodes"]]]]
    page = found.open(f"compare?id={ids[0]}&id={ids[1]}&beta=0.5", "#paper")
    first = numbers(page, "#paper")[0]
    ordered = sorted(rows, key=lambda row: row["environment"] != "mean")
    assert first == [cell for row in ordered for cell in (point(row)[1], [row["mean_tokens"]])]


def test_command_of_the_version_page_gives_its_figures(
    watch: Opens, link: str, figures: list[Row], world: Path
) -> None:
    page = watch(link).open(f"version/{SECOND}", "#figures")
    command = page.locator("code", has_text="autotts evaluate").inner_text()
    words = shlex.split(command)
    assert words[-2:] == ["--json", "figures.json"]
    found = autotts(*words[1:-2], into=world / "again.json")
    assert [point(row) for row in found] == [point(row) for row in of(figures, SECOND)]
