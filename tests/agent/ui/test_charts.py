"""Charts at every width: labels that do not collide, and legends that leave the data alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import SHIPPED, Opens

pytestmark = pytest.mark.browser

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
FAULTS = """async () => {
  const echarts = await import('/static/vendor/echarts.esm.min.js'), faults = [];
  const apart = (a, b) => a.x > b.right - 1 || b.x > a.right - 1 || a.y > b.bottom - 1 || b.y > a.bottom - 1;
  for (const host of document.querySelectorAll('.chart')) {
    const chart = echarts.getInstanceByDom(host), option = chart.getOption();
    const grid = chart.getModel().getComponent('grid').coordinateSystem.getRect();
    const names = (option.legend ?? []).flatMap((l) => l.data ?? option.series).map((d) => d.name ?? d);
    const drawn = chart.getZr().storage.getDisplayList().filter((e) => e.style.text && !e.invisible && !e.ignore);
    const texts = drawn.map((e) => {
      const rect = e.getBoundingRect().clone(), text = e.style.text;
      if (e.transform) rect.applyTransform(e.transform);
      return { text, x: rect.x, y: rect.y, right: rect.x + rect.width, bottom: rect.y + rect.height };
    });
    for (const [i, a] of texts.entries()) {
      const cut = a.x < -1 || a.y < -1 || a.right > host.clientWidth + 1 || a.bottom > host.clientHeight + 1;
      if (cut) faults.push(`${a.text} is cut off`);
      const level = a.bottom - a.y < 24; // the name of an axis stands upright
      if (level && names.includes(a.text) && a.bottom > grid.y) faults.push(`legend ${a.text} covers data`);
      for (const b of texts.slice(i + 1)) if (!apart(a, b)) faults.push(`${a.text} collides with ${b.text}`);
    }
    if (names.length && !texts.some((a) => names.includes(a.text))) faults.push('the legend is not drawn');
    if (grid.height < 100) faults.push(`only ${grid.height} pixels for the data`);
  }
  return faults;
}"""


def faults(page: Page) -> list[str]:
    """Return the faults of all charts of a page, after they are drawn."""
    page.locator("main canvas").first.wait_for()
    expect(page.locator(".chart:not(:has(canvas))")).to_have_count(0)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))")
    found: list[str] = page.evaluate(FAULTS)
    return found


def check(page: Page, size: dict[str, Any], hash: str) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    assert not faults(page), (hash, size["width"])


@pytest.mark.parametrize("dark", [False, True])
def test_labels_and_legends_of_a_small_archive_have_room(watch: Opens, small_link: str, dark: bool) -> None:
    found = watch(small_link, dark=dark)
    for hash in ("run", "lineage", "lineage?x=score&by=verdict", "version/g001-child", "trace/g001-child", "compare"):
        page = found.open(hash)
        for size in (PHONE, DESK):  # the second is a change of the width of charts that are drawn
            check(page, size, hash)


@pytest.mark.data
def test_labels_and_legends_of_the_shipped_lineage_have_room(watch: Opens, shipped: str) -> None:
    found = watch(shipped)
    ids = sorted(path.name for path in SHIPPED.iterdir() if (path / "card.json").is_file())[:12]
    many = "compare?environment=mean&" + "&".join(f"id={version}" for version in ids)
    beside = "trace/g006-1bb12e22?kind=gained_on&with=g006-2d61f28e"
    for hash in ("run", "lineage", "version/g006-1bb12e22", "trace/g006-1bb12e22", beside, many):
        page = found.open(hash)
        for size in (PHONE, DESK):
            check(page, size, hash[:40])
