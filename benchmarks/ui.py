"""Measures speed and memory of the web application on an archive of 10,000 versions and 1,000,000 episodes.

    python benchmarks/ui.py [--versions 10000] [--keep DIR] [--json FILE]

The script makes the archive: it evaluates the baselines on a synthetic environment, 120 episodes each, and files copies
of their logs as thousands of versions with different cards. It needs Chromium and the extra `dev`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from autotts.agent.archive.archive import Archive, pack_logs, sha256
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.diagnosis.findings import diagnose
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.envs import catalogue, store
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.evaluation import evaluate

BETAS, PER_GENERATION = (0.2, 0.4, 0.7, 1.0), 40
ROUNDS = 5
"""Rounds, each in a new browser context. The shortest times count, as other load on the machine only adds to them."""
LIMITS = {"first page, s": 1.0, "lineage, s": 2.0, "trace, s": 0.5, "memory, MB": 400.0}


def build(home: Path, versions: int) -> str:
    """Write the archive and its environment, and return the id of the last version that ran without an error."""
    env = min(default_environments(), key=lambda e: len(e.probe_answers))
    store.save(env, catalogue.path_of(home / "data", env.name))
    protocol = EvaluationProtocol(
        environments={env.name: env.hash}, betas=BETAS, first_order=1000, orders=1, max_branches=64
    )  # fmt: skip
    episodes = grid([env], BETAS, [1000])
    done = {}
    for name in baseline_names():
        result = evaluate(baseline_source(name), episodes)
        assert result.logs is not None and result.scores is not None
        findings = diagnose(result.scores, result.logs)
        done[name] = (baseline_source(name), tuple(result.curve), pack_logs(result.logs), findings)
    chance, ids, last = random.Random(7), list(done), ""
    for i in range(versions):
        baseline = list(done)[i % len(done)]
        source, curve, logs, findings = done[baseline]
        generation = 0 if i < len(done) else 1 + (i - len(done)) // PER_GENERATION
        version = baseline if generation == 0 else f"g{generation:03d}-{i:08x}"
        failed = generation > 0 and chance.random() < 0.1
        gain = 0 if generation == 0 else chance.gauss(2, 3)
        points = tuple(replace(p, accuracy_pct=min(100.0, max(0.0, p.accuracy_pct + gain))) for p in curve)
        source += f"# {version}\n"
        card = Card(
            id=version, name=f"controller {i}", generation=generation, explorer=chance.choice(("evolve", "anthropic"))
            if generation else "baseline", source_sha256=sha256(source.encode()), sandbox="process",
            parents=tuple(chance.sample(ids[-200:], chance.choice((1, 1, 2)))) if generation else (),
            verdict="exception" if failed else "ok", protocol=protocol, rationale="what it is for " * 20,
            curve=() if failed else points, findings=() if failed else tuple(findings),
        )  # fmt: skip
        write(home / "archive" / version, card, source, None if failed else logs)
        ids.append(version)
        last = last if failed else version
    Archive(home / "archive").reindex()
    return last


def write(folder: Path, card: Card, source: str, logs: bytes | None) -> None:
    """File a version as `Archive.add` does, but without waiting for the disk."""
    folder.mkdir(parents=True)
    files = {"controller.py": source.encode(), "card.json": card.model_dump_json(indent=1).encode()}
    if logs is not None:
        files["logs.npz"] = logs
    files["manifest.json"] = json.dumps({name: sha256(data) for name, data in sorted(files.items())}).encode()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def measure(home: Path, last: str) -> dict[str, float]:
    """Start the application, open its pages in Chromium, and return seconds and megabytes."""
    command = [Path(sys.executable).with_name("autotts"), "ui", "--archive", home / "archive", "--data", home / "data"]
    began = time.perf_counter()
    server = subprocess.Popen(list(map(str, [*command, "--port", 0])), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        link = server.stdout.readline().strip()
        found = {"start, s": time.perf_counter() - began}
        with sync_playwright() as playwright:
            chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            rounds = [visit(browser, link, home, last) for _ in range(ROUNDS)]
            found |= {name: min(one[name] for one in rounds) for name in rounds[0]}
            browser.close()
        status = Path(f"/proc/{server.pid}/status").read_text()
        found["memory, MB"] = int(status.split("VmHWM:")[1].split()[0]) / 1024
        return found
    finally:
        server.terminate()
        server.wait()


def visit(browser: Browser, link: str, home: Path, last: str) -> dict[str, float]:
    """Open the pages in a browser with an empty cache, and return the seconds of each."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page, base = context.new_page(), link.partition("?")[0]
    here = f"environment={catalogue.names(home / 'data')[0]}&question=1&beta=0.4&order=1000"
    found = {
        "first page, s": timed(lambda: page.goto(link) and page.locator("dl.tiles dd").first.wait_for()),
        "its charts, s": timed(lambda: page.locator("canvas").nth(1).wait_for()),
        "lineage, s": timed(lambda: lineage(page, base)),
        "trace, s": timed(lambda: trace(page, f"{base}#/trace/{last}?{here}")),
    }
    wasted = f"trace/{last}?kind=most_wasted"
    for hash in ("run", f"version/{last}", "compare", "lineage?x=score&by=verdict", wasted):
        page.goto(f"{base}#/{hash}")
        page.locator("main p.soft", has_text="Loading").first.wait_for(state="detached")
    context.close()
    return found


def timed(act: Callable[[], object]) -> float:
    """Return the duration of ``act`` in seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def lineage(page: Page, base: str) -> None:
    """Open the lineage, and wait until it has reacted to a key."""
    page.goto(f"{base}#/lineage")
    page.locator("[data-drawn]").wait_for()
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("The way to the root").wait_for()


def trace(page: Page, address: str) -> None:
    """Open a trace, and wait until it is drawn."""
    page.goto(address)
    page.locator("[data-cells]").wait_for()


def main() -> int:
    """Measure, print, and return 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--keep", metavar="DIR", help="where the archive is made, or found again")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        home = Path(args.keep or aside)
        last = home / "last"
        if not last.exists():
            seconds = timed(lambda: last.write_text(build(home, args.versions)))
            print(f"made {args.versions:,} versions in {seconds:.0f} s")
        ran = sum(row.ok for row in Archive(home / "archive").index())
        print(f"{ran:,} versions with logs of {30 * len(BETAS) * ran:,} episodes")
        found = measure(home, last.read_text())
    for name, value in found.items():
        limit = LIMITS.get(name)
        print(f"{name:16} {value:8.2f}" + (f"  (at most {limit:g})" if limit else ""))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1))
    return int(any(found[name] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
