"""Every page in a real browser, on the shipped lineage and on a small archive: what it shows, keys, widths, colours."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.diagnosis.drawing import STATES, draw_episode

from .archives import small_archive, tiny
from .conftest import Opens, Watched

pytestmark = pytest.mark.browser

BEST, PARENT = "g006-1bb12e22", "g006-2d61f28e"
EPISODE = "environment=aime24%2FQwen3-4B&question=3&beta=0.5&order=1001"
SHIPPED_PAGES = [
    "run", "lineage", f"lineage/{BEST}?x=score&by=explorer", f"version/{BEST}", f"trace/{BEST}?kind=lost_to",
    f"trace/{BEST}?{EPISODE}&with=confidence_momentum", f"compare?id={BEST}&id=confidence_momentum&environment=mean",
]  # fmt: skip
SMALL_PAGES = ["run", "lineage", "version/g002-grandchild", "version/g002-failed", "trace/g001-child", "compare"]


def cells(page: Page, trace: str) -> dict[str, int]:
    """Return how many cells of each state the picture of a trace has."""
    told = page.locator(f"[data-trace='{trace}']").get_attribute("data-cells") or ""
    return {name: int(count) for name, count in (pair.split(":") for pair in told.split())}


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"))


def walk(found: Watched, pages: list[str]) -> None:
    for hash in pages:
        page = found.open(hash)
        page.wait_for_load_state("networkidle") if "events" in hash else None
        assert fits(page), hash
        found.accessible()


@pytest.mark.data
@pytest.mark.parametrize(("dark", "narrow"), [(False, False), (True, True)])
def test_every_page_of_the_shipped_lineage(watch: Opens, shipped: str, dark: bool, narrow: bool) -> None:
    walk(watch(shipped, dark=dark, narrow=narrow), SHIPPED_PAGES)


@pytest.mark.parametrize(("dark", "narrow"), [(True, False), (False, True)])
def test_every_page_of_a_small_archive(watch: Opens, small_link: str, dark: bool, narrow: bool) -> None:
    walk(watch(small_link, dark=dark, narrow=narrow), SMALL_PAGES)


@pytest.mark.data
def test_links_lead_from_the_run_to_the_rationale_of_an_improvement(watch: Opens, shipped: str) -> None:
    """The way of docs/inspecting.md, with the mouse."""
    found = watch(shipped)
    page = found.open("run")
    best = page.locator("dl.tiles a").first
    name = best.inner_text().split()[0]
    best.click()
    expect(page.locator("h1")).to_contain_text(name)
    field = page.get_by_role("combobox", name="Another version")
    field.fill(BEST)
    field.press("Enter")
    expect(page.locator("#rationale")).to_contain_text("geometric mean")
    expect(page.locator("#outcome")).to_contain_text("1 of 4 held")
    expect(page.locator("pre.diff")).to_contain_text('+            "common": 2.0,')
    page.locator("#view").select_option("source")
    expect(page.locator("pre.code .k").first).to_have_text(re.compile("from|class|import"))
    page.locator("#view").select_option("transcript")
    expect(page.get_by_role("region", name="transcript")).to_be_visible()
    page.get_by_role("link", name="Its traces").click()
    page.locator("#kind").select_option("gained_on")
    expect(page.get_by_text(re.compile(rf"^\d\d of 5,280 episodes, against {PARENT}"))).to_be_visible()
    page.locator("#episodes").get_by_role("button").first.click()
    page.get_by_role("button", name=f"beside {PARENT}").click()
    expect(page.locator(f"[data-trace='{PARENT}'] canvas").first).to_be_visible()
    expect(page.locator(f"[data-trace='{BEST}'] canvas").first).to_be_visible()
    expect(page.locator("main strong.good")).to_have_text("Right")
    expect(page.locator("main strong.bad")).to_have_text("Wrong")


@pytest.mark.data
def test_arrow_keys_step_through_a_trace(watch: Opens, shipped: str) -> None:
    page = watch(shipped).open(f"trace/confidence_momentum?{EPISODE}", "[data-cells]")
    last = cells(page, "confidence_momentum")
    assert last["pruned"] > 100 and last["wrong"] > 100 and last["absent"] > 1
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("p.at")).to_contain_text("Step 0: opens branches 0")
    assert cells(page, "confidence_momentum")["wrong"] == 0
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("p.at")).to_contain_text("Step 3:")
    seen = cells(page, "confidence_momentum")
    assert 0 < seen["wrong"] < last["wrong"] and seen["pruned"] == 0
    expect(page.locator("#votes-confidence_momentum tbody tr")).not_to_have_count(0)


@pytest.mark.data
def test_two_linked_traces_move_together(watch: Opens, shipped: str) -> None:
    both = f"trace/{BEST}?{EPISODE}&with=confidence_momentum"
    page = watch(shipped).open(both, "[data-trace=confidence_momentum][data-cells]")
    ours, theirs = page.get_by_role("slider").all()
    ours.focus()
    page.keyboard.press("Home")
    expect(page.locator("[data-trace=confidence_momentum]")).to_have_attribute("data-step", re.compile("^[0-9]{1,2}$"))
    assert int(theirs.input_value()) < 40
    page.locator("#linked").uncheck()
    page.keyboard.press("Tab")
    ours.focus()
    page.keyboard.press("End")
    assert int(theirs.input_value()) < 40


def test_a_page_and_a_plot_show_the_same_episode(watch: Opens, small_link: str, tmp_path: Path) -> None:
    root = small_archive(tmp_path)
    batch, logs = ArchiveReader(root, None, tmp_path).batch(Archive(root).card("g001-child"))
    shown = draw_episode(batch, logs, 0, "g001-child", "")
    where = f"environment={quote(tiny().name, '')}&question={shown.question}&beta={shown.beta}&order={shown.order}"
    page = watch(small_link).open(f"trace/g001-child?{where}", "[data-cells]")
    states = Counter(STATES[state] for row in shown.states() for state in row)
    assert cells(page, "g001-child") == {state: states[state] for state in STATES}
    votes = page.locator("#votes-g001-child tbody tr td:nth-child(2)").all_inner_texts()
    assert [count for count in votes if count != "0"] == [str(count) for _, count in shown.votes()[:8]]


def test_unrecorded_episode_is_replayed_in_the_sandbox(watch: Opens, small_link: str) -> None:
    found = watch(small_link)
    found.expected = ("404",)  # the browser itself says so of the answer that is expected
    where = f"environment={quote(tiny().name, '')}&question=1&beta=0.25&order=7"
    page = found.open(f"trace/g001-child?{where}", "button.main")
    expect(page.locator("main .notice")).to_contain_text("was not recorded there")
    page.get_by_role("button", name="Play this episode in the sandbox").click()
    expect(page.get_by_text("Played just now in the sandbox")).to_be_visible()
    assert sum(cells(page, "g001-child").values()) > 0


def test_arrow_keys_move_through_the_lineage(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("lineage", "[data-drawn='5']")
    side = page.get_by_label("The chosen version")
    page.get_by_role("button", name="The best").click()
    page.get_by_role("application").focus()
    page.keyboard.press("Escape")
    page.locator("input[type=search]").fill("grandchild")
    page.keyboard.press("Enter")
    expect(side.get_by_role("heading").first).to_have_text("g002-grandchild")
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowLeft")
    expect(side.get_by_role("heading").first).to_have_text("g001-child")
    page.keyboard.press("ArrowLeft")
    expect(side.get_by_role("heading").first).to_have_text("parallel_probe")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("g001-child")


def test_tab_key_reaches_every_control(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("compare", "#paper")
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.slice(0, 40)"))
    assert {"Skip to the page", "Lineage", "theme", "environment", "beta", "PNG", "SVG", "LaTeX", "first"} <= reached


def test_typing_finds_a_version(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("version/g001-child")
    field = page.get_by_role("combobox", name="Another version")
    field.fill("grand")
    expect(page.get_by_role("listbox", name="Another version").get_by_role("option")).to_have_count(1)
    field.press("ArrowDown")
    field.press("Enter")
    expect(page.locator("h1")).to_contain_text("g002-grandchild")


def test_trace_page_opens_with_the_best_discovered_version(watch: Opens, small_link: str, tmp_path: Path) -> None:
    best = ArchiveReader(small_archive(tmp_path), None, tmp_path).best()
    assert best is not None and best.discovered
    expect(watch(small_link).open("trace").locator("h1")).to_have_text(f"Trace of {best.id}")


@pytest.mark.data
def test_differences_can_be_shown_for_one_environment_of_the_mean(watch: Opens, shipped: str) -> None:
    compare = f"compare?id={BEST}&id=confidence_momentum&environment="
    found = watch(shipped)
    shown = {}
    for size in ("0.6B", "4B"):
        page = found.open(f"{compare}aime24%2FQwen3-{size}", "#difference")
        shown[size] = page.locator("#difference").inner_text()
    page = found.open(f"{compare}mean", "#difference")
    for size in ("4B", "0.6B"):
        page.locator("#world").select_option(f"aime24/Qwen3-{size}")
        expect(page.locator("#difference")).to_have_text(shown[size])
    assert page.locator("#environment").input_value() == "mean"


def test_click_selects_a_version_in_the_lineage(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("lineage", "[data-drawn='5']")
    x, y = page.evaluate(
        "(async () => { const echarts = await import('/static/vendor/echarts.esm.min.js');"
        " const c = echarts.getInstanceByDom(document.querySelector('.chart')), o = c.getOption();"
        " const s = o.series.find((s) => s.type === 'scatter' && s.data.some((d) => d[2] === 2));"
        " const p = c.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, s.data.find((d) => d[2] === 2)),"
        " b = c.getDom().getBoundingClientRect(); return [b.x + p[0], b.y + p[1]]; })()"
    )
    page.mouse.click(x, y)
    expect(page.get_by_label("The chosen version").get_by_role("heading").first).to_have_text("g001-child")


def test_page_left_while_loading_gets_no_updates(watch: Opens, small_link: str) -> None:
    found = watch(small_link)
    page = found.page
    change = 'retry: 1000\n\nevent: change\ndata: {"versions": 5}\n\n'  # its end is followed by the next connection
    page.route("**/api/events", lambda route: route.fulfill(body=change, content_type="text/event-stream"))
    found.open("lineage")
    page.reload()
    late: list[Route] = []
    page.route("**/api/run", lambda route: late.append(route), times=1)
    with page.expect_request("**/api/run"):
        page.goto(f"{found.base}#/run")
    found.open("run?again=1", "#state")
    with page.expect_response("**/api/run"):
        late[0].continue_()
    for _ in range(2):  # the first may be of an update that was on its way
        page.evaluate("document.getElementById('state').textContent = 'old'")
        expect(page.locator("#state")).to_have_text("an archive")


def test_chart_can_be_saved_only_after_it_is_drawn(watch: Opens, small_link: str) -> None:
    found = watch(small_link)
    held: list[Route] = []
    found.page.route("**/echarts.esm.min.js", lambda route: held.append(route))
    found.page.reload()  # the first page may have loaded it already
    page = found.open("compare?id=g001-child&id=parallel_probe", "#paper")
    buttons = [page.get_by_role("button", name=name, exact=True).first for name in ("PNG", "SVG")]
    for button in buttons:
        expect(button).to_be_disabled()
    for route in held:
        route.continue_()
    for button in buttons:
        expect(button).to_be_enabled()


def test_curves_are_exported_as_images_csv_and_latex(watch: Opens, small_link: str, tmp_path: Path) -> None:
    page = watch(small_link).open("compare?id=g001-child&id=parallel_probe", "#paper")
    for button, name, start in (
        ("PNG", "curves.png", b"\x89PNG"),
        ("SVG", "curves.svg", b"<svg"),
        ("CSV, every point", "compare.csv", b"controller,"),
        ("LaTeX", "compare.tex", b"% accuracy"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=button, exact=True).first.click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert b"parallel_probe" in (tmp_path / "curves.svg").read_bytes()
    assert r"g001-child & " in (tmp_path / "compare.tex").read_text()
