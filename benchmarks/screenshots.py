"""Takes the screenshots of README.md and docs/inspecting.md: `make ui-screenshots`.

    python benchmarks/screenshots.py --data DIR [-o docs/images]

Shows the shipped lineage with the AIME24 environments under the data root, in headless Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

REPO = Path(__file__).resolve().parents[1]
LINEAGE = REPO / "controllers_archive" / "discovered" / "explorer"
SHOTS = {
    "ui-run": ("run", "light", 1000),
    "ui-lineage": ("lineage/g006-1bb12e22", "light", 720),
    "ui-version": ("version/g006-1bb12e22", "light", 1100),
    "ui-trace": ("trace/g006-1bb12e22?kind=gained_on&with=g006-2d61f28e", "light", 1440),
    "ui-compare": ("compare?id=g006-1bb12e22&id=confidence_momentum&environment=mean", "dark", 1000),
}


def main() -> int:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("-o", "--output", default=REPO / "docs" / "images")
    args = parser.parse_args()
    command = [Path(sys.executable).with_name("autotts"), "ui", "--archive", LINEAGE, "--data", args.data, "--port", 0]
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        take(server.stdout.readline().strip(), Path(args.output))
    finally:
        server.terminate()
        server.wait()
    return 0


def take(link: str, into: Path) -> None:
    """Take every picture of the application at ``link``."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (hash, scheme, height) in SHOTS.items():
            page = browser.new_page(viewport={"width": 1280, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(link)
            page.goto(f"{link.partition('?')[0]}#/{hash}")
            page.locator("main canvas").first.wait_for()
            settle(page)
            save(page.screenshot(), into / f"{name}.png")
            page.close()
        browser.close()


def save(picture: bytes, path: Path) -> None:
    """Write a picture with 256 colours: a third of the bytes; rare colours (right, wrong, pruned) are kept."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def settle(page: Page) -> None:
    """Wait until every chart of the page is drawn."""
    page.wait_for_function("[...document.querySelectorAll('.chart')].every((c) => c.querySelector('canvas'))")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 300)))")


if __name__ == "__main__":
    sys.exit(main())
