"""The glossary: its definitions are those of the documentation, and every term on a page is explained there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from autotts.agent.ui.app import STATIC
from autotts.agent.ui.pages.glossary import WORDS, read_glossary

from .conftest import Opens

GLOSSARY = {word: entry for entry in read_glossary(WORDS) for word in entry.words}
USED = {
    word
    for path in STATIC.rglob("*.js") if "vendor" not in path.parts
    for word in re.findall(r'\bterm\("([^"]+)"', path.read_text(encoding="utf-8"))
}  # fmt: skip
"""Words that the pages explain; the others of the glossary are not on the pages, or are plain English."""
TERMS = sorted(USED, key=len, reverse=True)
"""The longest first: "branch order" is not "branch"."""
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


def test_words_come_from_the_documentation() -> None:
    quality = GLOSSARY["quality"].means
    assert quality and f"| quality | {quality} |" in WORDS.read_text(encoding="utf-8")
    assert GLOSSARY["critical path"] is GLOSSARY["latency"]
    assert not [word for word, entry in GLOSSARY.items() if re.search(r"[`*]|\]\(", word + entry.means)]
    assert "agent.bench" not in GLOSSARY and "word" not in GLOSSARY


def test_glossary_explains_every_term_of_the_pages() -> None:
    assert {"quality", "front", "beta", "critical path", "branch order"} <= USED <= GLOSSARY.keys()


def test_missing_documentation_leaves_the_terms_unexplained(tmp_path: Path) -> None:
    assert read_glossary(tmp_path / "words.md") == ()


def unexplained(page: Page) -> set[str]:
    """Return the terms that a page shows and does not explain."""
    explained = set(page.locator("main .term").evaluate_all("(all) => all.map((x) => x.dataset.term)"))
    texts: list[str] = page.evaluate(TEXTS)
    found = set()
    for text in texts:
        for term in TERMS:
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
    expect(tip).to_contain_text(GLOSSARY["quality"].means)
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
    expect(tip).to_contain_text(GLOSSARY["quality"].means)
    page.locator("h1").dispatch_event("click")
    expect(tip).to_be_hidden()
    described = page.evaluate(
        "(id) => document.getElementById(id).textContent", quality.get_attribute("aria-describedby")
    )
    assert described == GLOSSARY["quality"].means


@pytest.mark.browser
def test_all_words_are_listed_below_every_page(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("run")
    page.get_by_text("All words, explained").click()
    expect(page.locator("#words dt")).to_have_count(len(read_glossary(WORDS)))
    expect(page.locator("#words")).to_contain_text("branch order")
