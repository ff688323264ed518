"""The page Trace coloured by a signal or by the verifier's scores, with the marks of forks and verifications."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.diagnosis.drawing import DrawnEpisode, draw_episode
from autotts.envs.separation import fate_inheritance, separations
from autotts.sandbox.sealed_extras import declared_by

from .archives import tree, tree_archive
from .conftest import Opens, serving
from .test_pages import cells, fits

pytestmark = pytest.mark.browser

AT = f"environment={quote(tree().name, '')}&question=1&beta=0.5&order=0"
COLUMN = {"interval": "stood", "probe": "seen", "verification": "verified"}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree_archive(tmp_path_factory.mktemp("trees"))


@pytest.fixture(scope="module")
def link(trees: Path) -> Iterator[str]:
    with serving("--archive", trees, "--data", trees / "data", "--sandbox", "process") as found:
        yield found


def episode(trees: Path, version: str) -> DrawnEpisode:
    reader, archive = ArchiveReader(trees, None, trees / "data"), Archive(trees)
    batch, logs = reader.batch(archive.card(version))
    index = int((batch.question == 1).argmax())
    return draw_episode(batch, logs, index, version, "", declared=declared_by(archive.source(version)))


def counts(drawn: DrawnEpisode, name: str, step: int) -> dict[str, int]:
    """Return how many cells of the picture show the number ``name``, miss it, or do not show it yet after ``step``."""
    (number,) = (each for each in drawn.numbers if each.name == name)
    found = Counter(shown=0, none=0, unseen=0)
    for branch, row in zip(drawn.branches, number.cells, strict=True):
        column = getattr(branch, COLUMN[number.comes_with])
        for cell in range(branch.start, len(row)) if branch.opened <= step else ():
            shown = 0 <= column[cell] <= step
            found["unseen" if not shown else "none" if row[cell] is None else "shown"] += 1
    return dict(found)


def marks(page: Page, version: str) -> str:
    return page.locator(f"[data-trace='{version}']").get_attribute("data-marks") or ""


@pytest.mark.parametrize(
    ("version", "name"),
    [("beam_search", "verifier"), ("beam_search", "confidence"), ("fork_at_uncertainty", "confidence"),
     ("deepconf_low", "lowest_group"), ("self_consistency", "answer_confidence")],
)  # fmt: skip
def test_cells_are_coloured_by_what_the_episode_has_shown(
    watch: Opens, link: str, trees: Path, version: str, name: str
) -> None:
    drawn = episode(trees, version)
    page = watch(link).open(f"trace/{version}?{AT}&by={name}", f"[data-by='{name}']")
    last = len(drawn.steps) - 1
    assert cells(page, version) == counts(drawn, name, last)
    legend = page.locator(f"[data-legend='{name}']")
    expect(legend).to_contain_text("no number there")
    (declared,) = (n.declared for n in drawn.numbers if n.name == name)
    assert ("does not declare" in legend.inner_text()) != declared
    step = last // 2
    page.get_by_role("slider").evaluate(f"(s) => {{ s.value = {step}; s.dispatchEvent(new Event('input')); }}")
    assert cells(page, version) == counts(drawn, name, step)
    forks = sum(b.parent >= 0 and b.opened <= step for b in drawn.branches)
    verified = sum(0 <= at <= step for b in drawn.branches for at in b.verified[b.start :])
    assert marks(page, version) == f"forks:{forks} verified:{verified}"


def test_the_choice_is_made_by_keyboard_stays_in_the_address_and_colours_both(watch: Opens, link: str) -> None:
    found = watch(link)
    other = "fork_at_uncertainty"
    page = found.open(f"trace/beam_search?{AT}&with={other}", f"[data-trace={other}][data-cells]")
    chosen = page.get_by_role("combobox", name="coloured by")
    assert chosen.locator("option").all_inner_texts()[0] == "answers"
    offered = chosen.locator("option").all_inner_texts()
    assert offered.index("confidence") < offered.index("group (not declared)"), "what one of the two declares is first"
    chosen.focus()
    page.keyboard.press("ArrowDown")
    first = chosen.input_value()
    assert first and page.locator("[data-trace]").evaluate_all("(all) => all.map((e) => e.dataset.by)") == [first] * 2
    assert f"by={first}" in page.url
    for trace in page.locator("[data-trace]").all():
        expect(trace).to_have_attribute("aria-label", re.compile(f"coloured by {first}$"))
    page.reload()
    expect(page.get_by_role("combobox", name="coloured by")).to_have_value(first)
    page.get_by_role("combobox", name="coloured by").select_option("")
    expect(page.locator("[data-trace=beam_search]")).to_have_attribute("data-cells", re.compile("^correct:"))


def test_figures_of_the_branches_are_those_of_the_picture(watch: Opens, link: str, trees: Path) -> None:
    drawn = episode(trees, "beam_search")
    page = watch(link).open(f"trace/beam_search?{AT}", "[data-cells]")
    page.get_by_text("The branches", exact=True).click()
    rows = page.locator("#branches-beam_search tbody tr")
    expect(rows).to_have_count(len(drawn.branches))
    (scores,) = (n.cells for n in drawn.numbers if n.name == "verifier")
    for y, branch in enumerate(drawn.branches):
        fork = f"{branch.parent} at depth {branch.start}" if branch.parent >= 0 else ""
        assert rows.nth(y).locator("td").nth(1).inner_text() == fork
        verified = [cell for cell, step in enumerate(branch.verified) if step >= 0]
        value = float(rows.nth(y).locator("td").last.locator("data").get_attribute("value") or "nan")
        assert value == scores[y][verified[-1]]
    page.get_by_text(re.compile("^All .* steps$")).click()
    forks = [s for s in drawn.steps if s.forks]
    told = f"forks branch {forks[0].branches[0]}, which opens {forks[0].forks[0]}"
    expect(page.get_by_text(told).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"has verified branch \d+: score [\d.]+")).first).to_be_visible()


@pytest.mark.parametrize(("dark", "narrow"), [(True, False), (False, True)])
def test_coloured_traces_fit_and_are_accessible(watch: Opens, link: str, dark: bool, narrow: bool) -> None:
    found = watch(link, dark=dark, narrow=narrow)
    for more in ("by=confidence&with=fork_at_uncertainty", "by=verifier"):
        page = found.open(f"trace/beam_search?{AT}&{more}", "[data-legend]")
        page.get_by_text("The branches", exact=True).first.click()
        assert fits(page)
        found.accessible()


def test_a_trace_of_answers_alone_offers_no_choice(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("trace/g001-child?by=confidence", "[data-cells]")
    expect(page.get_by_role("combobox", name="coloured by")).to_have_count(0)
    assert page.locator("[data-cells]").get_attribute("data-marks") == "forks:0 verified:0"
    expect(page.locator("[data-cells]")).to_have_attribute("data-by", "")


# What versions use, and environments hold


def test_version_page_says_what_a_controller_needs(watch: Opens, link: str) -> None:
    found = watch(link)
    page = found.open("version/beam_search", "#figures")
    expect(page.locator("#uses")).to_have_text("It needs a verifier and forks.")
    expect(page.locator("#uses button.term")).to_have_text(["verifier", "forks"])
    found.open("version/self_consistency", "#figures")
    expect(page.locator("#uses")).to_have_count(0)


def test_run_page_says_what_environments_hold_with_measured_separation(watch: Opens, link: str, trees: Path) -> None:
    found = watch(link, dark=True)
    page = found.open("run", "#environments")
    page.locator("#environments summary").focus()
    page.keyboard.press("Enter")
    row = page.locator("#environment-parts tbody tr")
    expect(row).to_have_count(1)
    env, told = tree(), row.locator("td").all_inner_texts()
    forks = int((~env.is_root).sum())
    assert told[:8] == [env.name, "2", "16", "500", "0", "5", "50", f"{forks:,}"], told
    assert told[8:] == ["is refused", f"{100 * (fate_inheritance(env) or 0):.0f}%"]
    rows = page.locator("#environment-numbers tbody tr")
    expect(rows).to_have_count(6)
    for n, (name, measured) in enumerate(separations(env).items()):
        cells = rows.nth(n).locator("td").all_inner_texts()
        assert cells[1] == name and cells[5] == f"{100 * (measured.unfinished or 0):.0f}%"
        value = rows.nth(n).locator("data").first.get_attribute("value")
        assert value is not None and float(value) == pytest.approx(100 * (measured.unfinished or 0))
    assert fits(page)
    found.accessible()


def test_run_page_says_that_environments_hold_answers_alone_or_are_not_here(
    watch: Opens, small_link: str, trees: Path
) -> None:
    page = watch(small_link, narrow=True).open("run", "#environments")
    page.locator("#environments summary").click()
    expect(page.get_by_text("They hold answers alone.")).to_be_visible()
    assert fits(page)
    with serving("--archive", trees, "--data", trees / "nothing", "--sandbox", "process") as link:
        found = watch(link)
        page = found.open("run", "#environments")
        page.locator("#environments summary").click()
        expect(page.locator("#environments .notice")).to_contain_text("are not under the data root")
        found.close()


# Functions of the module

NUMBER = {
    "name": "x|{y}", "unit": "nats", "comes_with": "interval", "higher_is": "surer", "definition": "", "declared": True,
    "low": -2.0, "high": 2.0, "cells": [[-2.0, None, 9.0]],
}  # fmt: skip
BRANCH = {"cells": [1, 1, 1], "stood": [0, 1, 2], "seen": [0, -1, 2], "verified": [-1, 1, -1], "opened": 0, "start": 0,
          "parent": -1}  # fmt: skip


def module(page: Page, code: str, *values: Any) -> Any:
    return page.evaluate(
        "async (values) => { const m = await import('/static/numbers.js'), [episode, number] = values;"
        f" episode.numbers[0] = number; return {code}; }}",
        [{"numbers": [NUMBER], "branches": [BRANCH], **(values[0] if values else {})}, NUMBER],
    )


def test_colours_go_from_low_to_high_and_end_there(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("run")
    low, high, below, above, middle = module(page, "[-2, 2, -99, 99, 0].map((v) => m.shade(number, v))")
    assert low == below == "rgb(68, 1, 84)" and high == above == "rgb(160, 163, 19)" and middle == "rgb(39, 127, 142)"
    assert module(page, "m.shade({ ...number, low: 1, high: 1 }, 1)") == middle, "all numbers are equal"
    equal = module(page, "m.legend({ ...number, low: 1, high: 1 }).textContent")
    assert "all 1" in equal and "surer" not in equal


def test_tooltip_tells_numbers_that_were_shown_and_says_of_others_that_they_were_not(
    watch: Opens, small_link: str
) -> None:
    page = watch(small_link).open("run")
    assert module(page, "m.tipLines(episode, undefined, 0, 0, 2)") == ["x|{y} −2"]
    assert module(page, "m.tipLines(episode, number, 1, 0, 2)") == ["x|{y} none"]
    assert module(page, "m.tipLines(episode, number, 2, 0, 1)") == ["x|{y} 9 (not shown to the controller)"]
    assert module(page, "m.tipLines(episode, undefined, 2, 0, 1)") == []
    hidden = "[{ ...number, declared: false }]"
    assert module(page, f"m.tipLines({{ ...episode, numbers: {hidden} }}, undefined, 0, 0, 2)") == []


def test_missing_numbers_are_crossed_out(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("run")
    found = module(page, "m.cells(episode, number, 2)")
    assert found["count"] == {"shown": 2, "none": 1, "unseen": 0} and found["missing"] == [[1, 0]]
    assert module(page, "m.cells(episode, number, 0).count") == {"shown": 1, "none": 0, "unseen": 2}
