"""The page Version: its source as a file and in the clipboard, and its results on fresh branch orders."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from playwright.sync_api import expect

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_report import read_report

from .archives import small_archive
from .conftest import Opens, serving
from .test_figures import numbers, point
from .test_glossary import unexplained

pytestmark = pytest.mark.browser


def test_download_is_the_archived_source(watch: Opens, small: Path, small_link: str, tmp_path: Path) -> None:
    page = watch(small_link).open("version/g001-child", "#figures")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the source").click()
    assert download.value.suggested_filename == "g001-child.py"
    download.value.save_as(tmp_path / "found.py")
    found = hashlib.sha256((tmp_path / "found.py").read_bytes()).hexdigest()
    assert found == Archive(small).card("g001-child").source_sha256


def test_source_is_copied_to_the_clipboard(watch: Opens, small: Path, small_link: str) -> None:
    page = watch(small_link).open("version/g001-child", "#figures")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the source").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == Archive(small).source("g001-child")


def test_failure_to_copy_or_save_is_told(watch: Opens, tmp_path: Path) -> None:
    root = small_archive(tmp_path / "archive")
    with serving("--archive", root, "--data", root, "--sandbox", "process") as link:
        found = watch(link)
        found.expected = ("409",)
        page = found.open("version/g001-child", "#figures")
        (root / "g001-child" / "controller.py").unlink()
        page.get_by_role("button", name="Download the source").click()
        expect(page.get_by_text("not readable")).to_be_visible()
        found.close()


def test_results_on_fresh_branch_orders_are_those_of_the_report(
    watch: Opens, finished: Path, finished_link: str
) -> None:
    run = Run(finished)
    report = read_report(run)
    assert report is not None
    best = report.best
    baseline = report.best_of(card for card in report.measured if run.archive.card(card).generation == 0)
    assert baseline is not None
    page = watch(finished_link).open(f"version/{best}", "#final")
    shown = page.locator("#final data").evaluate_all("(all) => all.map((d) => Number(d.value))")
    assert shown == [report.measured[best], report.measured[baseline]]
    expect(page.locator("#final")).to_contain_text(f"{report.searched[best]:.2f} in the search")
    expect(page.locator("#final")).to_contain_text("branch order 1000000")
    assert not unexplained(page)
    page.locator("#measure").select_option(report.protocol.key())
    environment = page.locator("#environment").input_value()
    curve = [json.loads(json.dumps(asdict(p))) for p in report.curves[best] if p.environment == environment]
    assert numbers(page, "#figures") == [[*point(p), [p["mean_latency"]], [p["episodes"]]] for p in curve]


def test_version_without_a_final_evaluation_says_why(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("version/g001-child", "#figures")
    expect(page.get_by_text("An archive without its run has no final evaluation.")).to_be_visible()


def test_pages_and_commands_name_the_same_best_version(watch: Opens, finished: Path, finished_link: str) -> None:
    best = ArchiveReader(Run(finished).archive.root, Run(finished), finished).best()
    assert best is not None and best.fresh
    found = watch(finished_link)
    page = found.open("run")
    tile = page.locator("dl.tiles .tile", has_text=re.compile("^Best version"))
    expect(tile).to_contain_text(best.id)
    expect(tile).to_contain_text(f"{best.quality:.2f}")
    expect(found.open("version").locator("h1")).to_contain_text(best.id)
    expect(page.get_by_text(f"by {best.rule}")).to_be_visible()
    expect(found.open("trace").locator("h1")).to_contain_text(best.id)
    expect(found.open("lineage").get_by_label("The chosen version")).to_contain_text(f"best version{best.id}")


def test_baseline_that_is_ahead_is_named(watch: Opens, small: Path, small_link: str) -> None:
    best = ArchiveReader(small, None, small).best()
    assert best is not None and best.ahead is not None
    page = watch(small_link).open("run", "#front-numbers")
    expect(page.locator("#ahead")).to_contain_text(f"the hand-written baseline {best.ahead.id} is ahead of it")
