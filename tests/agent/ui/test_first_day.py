"""What a new user meets: no run, an empty directory, broken files, a port in use: an error of one line, or a page that
explains itself."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from playwright.sync_api import expect

from autotts.agent.cli.main import main

from .archives import small_archive
from .conftest import Opens, serving


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no run under runs; begin one with `autotts discover`"),
        ([], "`autotts ui --archive shipped:explorer` shows a run that ships"),
        (["--run", "nowhere"], "nowhere is not a run directory"),
        (["--archive", "nowhere"], "shipped:evolve, shipped:explorer ship with the program"),
        (["--archive", "shipped:nothing"], "no archive 'shipped:nothing'"),
        (["--run", "broken"], "broken/config.json: damaged"),
        (["--archive", "broken"], "broken is a run directory, not an archive: name it with --run"),
        (["--archive", ".", "--port", "70000"], "ports are 0 to 65535"),
        (["--archive", ".", "--host", "203.0.113.1"], "cannot listen on 203.0.113.1"),
    ],
)
def test_wrong_use_is_an_error_of_one_line(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    assert main(["ui", *arguments]) in (1, 2)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and told in lines[0]


def test_port_in_use_is_an_error_of_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert main(["ui", "--archive", str(tmp_path), "--port", str(other.getsockname()[1])]) == 2
    assert "Address already in use; choose another --port (0 takes a free one)" in capsys.readouterr().err


@pytest.mark.browser
def test_empty_archive_says_what_to_do_on_every_page(watch: Opens, tmp_path: Path) -> None:
    with serving("--archive", tmp_path) as link:
        found = watch(link)
        for page in ("run", "lineage", "version", "trace", "compare"):
            expect(found.open(page).locator("main .notice")).to_contain_text("autotts ui --archive shipped:explorer")
            found.accessible()
        found.open("lineage")
        small_archive(tmp_path)  # the page that is open shows it without being loaded again
        expect(found.page.locator("[data-drawn='5']")).to_be_visible()
        found.close()


@pytest.mark.browser
def test_run_without_versions_says_that_it_has_begun(watch: Opens, finished: Path, tmp_path: Path) -> None:
    shutil.copy(finished / "config.json", tmp_path)
    with serving("--run", tmp_path) as link:
        found = watch(link)
        for page in ("run", "compare"):
            expect(found.open(page).locator("main .notice")).to_contain_text("The run has no version yet")
        found.close()


@pytest.mark.browser
def test_broken_best_version_leaves_a_way_to_others(watch: Opens, tmp_path: Path) -> None:
    small_archive(tmp_path)
    with serving("--archive", tmp_path, "--data", tmp_path) as link:
        found = watch(link)
        found.expected = ("409", "404")
        page = found.open("version")
        best = page.locator("h1").inner_text().split()[0]
        (tmp_path / best / "card.json").write_text("broken")
        for hash in (f"version/{best}", f"trace/{best}"):
            page = found.open(hash)
            expect(page.get_by_role("alert").filter(has_text="card.json")).to_be_visible()
            expect(page.locator("main").get_by_role("combobox")).to_be_visible()
        page = found.open(f"compare?id={best}&id=parallel_probe")
        expect(page.get_by_role("alert").filter(has_text="leave it out")).to_be_visible()
        page.get_by_role("button", name=f"leave out {best}").click()
        expect(page.locator("#paper")).to_be_visible()
        found.close()
