"""The glossary: its definitions are those of the documentation, and every term on a page is explained there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from autotts.agent.ui.app import STATIC

from .conftest import Opens

REPO = Path(__file__).resolve().parents[3]
GLOSSARY = json.loads((STATIC / "glossary.json").read_text(encoding="utf-8"))
TERMS = sorted((word for entry in GLOSSARY for word in entry["words"] if word != "question"), key=len, reverse=True)
"""Every word of the glossary, the longest first; *question* is in it for its gold answer."""
SIDE = "section[aria-label='The chosen version'] h2"
PAGES = {
    "run": "main canvas", "lineage": "main canvas", "lineage/g002-grandchild": SIDE,
    "version/g002-grandchild": "#figures", "version/parallel_probe": "#figures", "version/g002-failed": "main pre",
    "trace/g001-child": "#votes-g001-child", "compare": "#difference",
}  # fmt: skip
"""Pages, and what is there last."""
TEXTS = """() => {
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT), texts = [];
  const free = 'pre, code, select, label, summary, a, .caption, button:not(.term), [data-free], [role=img]';
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!parent.closest(free) && parent.checkVisibility()) texts.push(walker.currentNode.data);
  }
  return texts;
}"""
"""The texts of a page, without those of people (sources, rationales), controls, links and captions."""


def documented() -> dict[str, str]:
    """Return the definitions of docs/words.md as plain text, by the heading of their row."""
    text = (REPO / "docs" / "words.md").read_text(encoding="utf-8").partition("## Names that changed")[0]
    rows = re.findall(r"^\| ([^|`]+?) \| (.+?) \|$", text, re.MULTILINE)
    return {words: re.sub(r" \(\[[^\]]+\]\([^)]+\)\)|`", "", meaning) for words, meaning in rows}


def test_definitions_are_those_of_the_documentation() -> None:
    words = documented()
    for entry in GLOSSARY:
        assert entry["means"] == words[", ".join(entry["words"])], "copy the definition from docs/words.md"


def test_pages_use_words_of_the_glossary_only() -> None:
    known = {word for entry in GLOSSARY for word in entry["words"]}
    used = set()
    for path in STATIC.rglob("*.js"):
        if "vendor" not in path.parts:
            used |= set(re.findall(r'\bterm\("([^"]+)"', path.read_text(encoding="utf-8")))
    assert used and used <= known, used - known


def unexplained(page: Page) -> set[str]:
    """Return the terms that a page shows and does not explain."""
    explained = set(page.locator("main .term").evaluate_all("(all) => all.map((x) => x.dataset.term)"))
    texts: list[str] = page.evaluate(TEXTS)
    found = set()
    for text in texts:
        for term in TERMS:  # the longest first: "branch order" is not "branch"
            text, count = re.subn(rf"(?i)\b{term}(s|es)?\b", " ", text)
            found |= {term} if count else set()
    return found - explained


@pytest.mark.browser
def test_every_term_on_a_page_is_explained_there(watch: Opens, small_link: str) -> None:
    found = watch(small_link)
    for hash, last in PAGES.items():
        page = found.open(hash, last)
        assert not unexplained(page), hash


@pytest.mark.browser
def test_term_is_explained_on_hover_focus_and_touch(watch: Opens, small_link: str) -> None:
    found = watch(small_link, narrow=True)
    page = found.open("version/g001-child", "#figures")
    tip, quality, path = (
        page.get_by_role("tooltip"),
        page.locator("[data-term=quality]").first,
        page.locator("[data-term='critical path']").first,
    )
    expect(tip).to_be_hidden()
    quality.hover()
    expect(tip).to_contain_text("the mean accuracy that a scaling curve reaches over token budgets")
    page.mouse.move(1, 1)
    expect(tip).to_be_hidden()
    path.focus()
    expect(tip).to_contain_text("one after another")
    box = tip.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]  # type: ignore[index]
    found.accessible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    quality.dispatch_event("click")  # as a finger does: without hover, and in some browsers without focus
    expect(tip).to_contain_text("the mean accuracy")
    page.locator("h1").dispatch_event("click")
    expect(tip).to_be_hidden()
    described = page.evaluate(
        "(id) => document.getElementById(id).textContent", quality.get_attribute("aria-describedby")
    )
    assert described == "the mean accuracy that a scaling curve reaches over token budgets"


@pytest.mark.browser
def test_all_words_are_listed_below_every_page(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("run")
    page.get_by_text("All words, explained").click()
    expect(page.locator("#words dt")).to_have_count(len(GLOSSARY))
    expect(page.locator("#words")).to_contain_text("branch order")
