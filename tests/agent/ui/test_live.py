"""A run that is going on: the page follows it without being loaded again, and says how it ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Opens, discovering, serving
from .test_glossary import unexplained
from .test_pages import walk

pytestmark = pytest.mark.browser


def test_open_page_follows_a_run(watch: Opens, tmp_path: Path) -> None:
    with discovering(tmp_path / "run", 500) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "generation   0" in first, first
        with serving("--run", tmp_path / "run", "--sandbox", "process") as link:
            found = watch(link)
            page = found.open("run")
            page.evaluate("window.sameDocument = true")
            expect(page.locator("#state")).to_have_text("running")
            generation = page.locator("dl.tiles dd").first
            reached = int(generation.inner_text().split(" ")[0])
            later = re.compile(rf"^({'|'.join(str(n) for n in range(reached + 1, reached + 60))}) of 500")
            expect(generation).to_have_text(later, timeout=90_000)
            expect(page.locator("#live")).to_have_text(re.compile(r"^live, \d+ versions"))
            page.get_by_role("link", name="Lineage").click()
            drawn = page.locator("[data-drawn]")
            before = int(drawn.get_attribute("data-drawn") or 0)
            expect(drawn).not_to_have_attribute("data-drawn", str(before), timeout=90_000)
            assert page.evaluate("window.sameDocument")
            found.accessible()
            found.close()


def test_page_shows_that_a_run_has_ended(watch: Opens, finished_link: str) -> None:
    page = watch(finished_link).open("run")
    expect(page.locator("#state")).to_have_text("finished")
    expect(page.get_by_text("quality on fresh branch orders").first).to_be_visible()
    assert not unexplained(page)
    expect(page.get_by_text("episodes a second").first).to_be_visible()
    expect(page.get_by_role("region", name="Latest events")).to_contain_text("finished")


@pytest.mark.parametrize("narrow", [False, True])
def test_every_page_of_a_finished_run(watch: Opens, finished_link: str, narrow: bool) -> None:
    walk(watch(finished_link, narrow=narrow), ["run", "lineage", "version", "trace", "compare"])
