"""Fixtures for tests in a real browser: Chromium, the application as its own process, and pages that do no wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from autotts.envs import catalogue, store
from autotts.envs.importing import published

from ...environments import small_data_root
from .archives import small_archive

REPO = Path(__file__).resolve().parents[3]
SHIPPED = REPO / "controllers_archive" / "discovered" / "explorer"
REPLAY = REPO.parent / "shared" / "replay" / "aime24"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
WIDE, NARROW = {"width": 1360, "height": 900}, {"width": 360, "height": 740}


def without_browser(why: str) -> NoReturn:
    """Skip, or fail where a browser is required."""
    if os.environ.get("AUTOTTS_REQUIRE_BROWSER") == "1":
        pytest.fail(f"Chromium is required here: {why}")
    pytest.skip(f"no Chromium: {why}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium: the system's, or the one that Playwright has installed."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except Error as error:
            without_browser(str(error).splitlines()[0])
        yield chromium
        chromium.close()


@contextmanager
def serving(*arguments: object, cwd: Path | None = None) -> Iterator[str]:
    """Run `autotts ui` on any free port, and yield the link that it prints."""
    command = [Path(sys.executable).with_name("autotts"), "ui", "--port", 0, *arguments]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, cwd=cwd, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[1].startswith("http://127.0.0.1:"), lines
        yield lines[1].strip()
    finally:
        process.terminate()
        assert process.wait(20) is not None


@contextmanager
def discovering(home: Path, generations: int) -> Iterator[subprocess.Popen[str]]:
    """Run a small discovery in a process of its own."""
    command = [Path(sys.executable).with_name("autotts"), "discover", "--run", home, "--generations", generations]
    settings = ["--population", 2, "--orders", 1, "--workers", 1, "--sandbox", "process"]
    settings += ["--env", "synthetic/*", "--data", small_data_root(home.parent / "data")]
    line = list(map(str, [*command, *settings]))
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


class Watched:
    """A page whose faults are kept: console errors, and requests to anywhere but the application."""

    def __init__(self, page: Page, link: str) -> None:
        self.page, self.link = page, link
        self.base = link.partition("?")[0]
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = ()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._request)
        page.set_default_timeout(20_000)
        page.goto(link)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text} {message.location.get('url', '')}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", f"blob:{self.base}")):
            self.faults.append(f"request: {request.url}")

    def open(self, hash: str, ready: str = "main h1") -> Page:
        """Go to a page of the application, and wait until ``ready`` is there."""
        self.page.goto(f"{self.base}#/{hash}")
        self.page.locator("main p.soft", has_text="Loading").first.wait_for(state="detached")
        self.page.locator(ready).first.wait_for(state="attached")
        return self.page

    def close(self) -> None:
        """Leave the application; it may end then."""
        if not self.page.is_closed():
            self.page.context.close()

    def check(self) -> None:
        """Assert that nothing has gone wrong but what was expected."""
        faults = [fault for fault in self.faults if not any(word in fault for word in self.expected)]
        assert not faults, faults

    def accessible(self) -> None:
        """Assert that axe finds no serious fault on the page as it is."""
        found = self.page.evaluate(
            AXE + "; axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => "
            "[v.id, v.impact, v.nodes.slice(0, 4).map((n) => n.html + ' ' + (n.failureSummary || ''))]))"
        )
        serious = [fault for fault in found if fault[1] in ("serious", "critical")]
        assert not serious, serious


Opens = Callable[..., Watched]


@pytest.fixture
def watch(browser: Browser) -> Iterator[Opens]:
    """Opens a link in a fresh context, and checks in the end that nothing has gone wrong."""
    watched: list[Watched] = []

    def open_link(link: str, dark: bool = False, narrow: bool = False) -> Watched:
        context = browser.new_context(
            viewport=NARROW if narrow else WIDE, color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )  # type: ignore[arg-type]
        watched.append(Watched(context.new_page(), link))
        return watched[-1]

    yield open_link
    for one in watched:
        one.close()
    for one in watched:
        one.check()


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The AIME24 environments."""
    if not REPLAY.is_dir():
        pytest.skip("the published replay data is not beside the repository")
    root = tmp_path_factory.mktemp("data")
    for path in sorted(REPLAY.glob("*.json")):
        name = f"aime24/{path.stem}"
        store.save(published.read(path, name), catalogue.path_of(root, name))
    return root


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small archive on an embedded environment."""
    return small_archive(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def shipped(data_root: Path) -> Iterator[str]:
    """The link to the application on the shipped lineage, with its data."""
    with serving("--archive", SHIPPED, "--data", data_root, "--sandbox", "process") as link:
        yield link


@pytest.fixture(scope="session")
def small_link(small: Path) -> Iterator[str]:
    """The link to the application on the small archive."""
    with serving("--archive", small, "--data", small, "--sandbox", "process") as link:
        yield link


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small run that has finished."""
    home = tmp_path_factory.mktemp("finished") / "run"
    with discovering(home, 1) as process:
        process.communicate(timeout=300)
    return home


@pytest.fixture(scope="session")
def finished_link(finished: Path) -> Iterator[str]:
    """The link to the application on the finished run."""
    with serving("--run", finished, "--sandbox", "process") as link:
        yield link
