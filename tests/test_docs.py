"""The pages of the project: their links lead somewhere, the files they name exist, and their commands are valid."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotts.agent.cli.main import parser

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md"), *ROOT.glob("CHANGELOG.md"), *(ROOT / "docs").rglob("*.md")]
)
OF_THE_PAST = {"words.md", "CHANGELOG.md"}
"""Pages that also name files and commands of earlier versions."""
FILE = re.compile(r"`((?:agent|autotts|benchmarks|controllers_archive|docs|envs|sandbox|tests)/[\w./-]*)`")


def of(pages: list[Path]) -> pytest.MarkDecorator:
    """Run a test once for each page."""
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.relative_to(ROOT).as_posix())


@of(PAGES)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


@of([page for page in PAGES if page.name not in OF_THE_PAST])
def test_files_and_folders_that_a_page_names_exist(page: Path) -> None:
    missing = [name for name in FILE.findall(page.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
    assert missing == []


@of([page for page in PAGES if page.name not in OF_THE_PAST])
def test_commands_in_code_blocks_are_valid(page: Path) -> None:
    for line in commands(page.read_text(encoding="utf-8")):
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # environment variables of the command
            words.pop(0)
        match words:
            case ["autotts" | ".venv/bin/autotts", *arguments]:
                parser().parse_args(arguments)  # leaves with an error if an option does not exist
            case ["make", target, *_]:
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), line
            case ["python", "-m", module, *_]:
                assert (ROOT / f"{module.replace('.', '/')}.py").exists() or "." not in module, line


def headings(page: Path) -> set[str]:
    """Return the anchors of the headings of ``page``."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def commands(text: str) -> Iterator[str]:
    """Yield each line of the code blocks without a language, or with that of a shell; joins continued lines."""
    language: str | None = None
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            language = line.removeprefix("```").strip() if language is None else None
        elif language in ("", "sh", "bash", "console"):
            yield line.removeprefix("$ ")
