"""The structure of the source tree: directions of imports, one name for one class, and files of a readable size."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("autotts", "agent", "sandbox", "envs")
MAX_LINES = 400


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_imports_point_downwards_and_packages_have_no_cycles() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_import_of_ours_begins_at_autotts() -> None:
    """An installed wheel has no `agent`, `envs` or `sandbox`; controllers alone import `envs`, in the sandbox."""
    controllers = {ROOT / "tests" / "attacks", ROOT / "tests" / "sandbox" / "cheats", ROOT / "controllers_archive"}
    files = [f for f in sources(*PACKAGES, "tests", "benchmarks") if not controllers & set(f.parents)]
    files.remove(ROOT / "benchmarks" / "poor.py")
    assert [found for file in files for found in foreign_imports(file)] == []


def foreign_imports(file: Path) -> Iterator[str]:
    """Yield each import that leads to a top-level folder, or from a lower package to the public API."""
    lower = file.relative_to(ROOT).parts[0] in PACKAGES[1:]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            if name.partition(".")[0] in PACKAGES[1:] or (lower and name == "autotts"):
                yield f"{file.relative_to(ROOT)}:{node.lineno}: {name}"


def test_no_text_installs_the_package_of_another_project() -> None:
    """The name of the command belongs to another distribution on the public package index."""
    other = re.compile(r"\b(?:install|add|uvx)\s[^\n`;|]*\bautotts(?:\[|['\"`\s]|$)(?!-)")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = [ROOT / file for file in files if file.endswith((".md", ".py", ".toml", ".ipynb", "Makefile"))]
    assert [str(file) for file in texts if file.is_file() and other.search(file.read_text(encoding="utf-8"))] == []
    names = ("'autotts[ui]'", "autotts")
    assert all(other.search(f"pip install {name}") for name in names)


def test_all_text_leaves_through_the_streams_that_neutralise_it() -> None:
    """Nothing prints past `PlainStream` and `TerminalConsole`; the client of a workspace has no package of ours."""
    console = ROOT / "agent" / "reports" / "console"
    client = ROOT / "agent" / "explorers" / "coding_agent" / "client.py"
    found = []
    for file in sources("agent", "autotts"):
        allowed = set[str]()
        if file.parent == ROOT / "agent" / "cli" or file == client:
            allowed |= {"print", "sys.stdout", "sys.stderr"}
        if file.parent == console or file == ROOT / "agent" / "web" / "server.py":
            allowed |= {"sys.stdout", "sys.stderr"}
        if file == console / "terminal.py":
            allowed |= {"Console"}
        found += [f"{file.relative_to(ROOT)}:{line}: {what}" for line, what in ways_out(file) if what not in allowed]
    assert found == [], "print in agent/cli alone, and draw with agent.reports.console.terminal"


def ways_out(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each call and stream by which a text may reach the terminal."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "print" or name.rpartition(".")[2] in ("Console", "pprint"):
                yield node.lineno, name.rpartition(".")[2]
            if name in ("os.write", "os.fdopen", "open") and ast.unparse(node.args[0]) in ("1", "2"):
                yield node.lineno, name
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "rich":
            yield from ((node.lineno, "rich.print") for alias in node.names if alias.name in ("print", "get_console"))
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name in ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__") or name.startswith(
                ("sys.stdout.buffer", "sys.stderr.buffer")
            ):
                yield node.lineno, name


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*PACKAGES, "tests", "benchmarks")
    }
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_every_package_and_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES)
        if not (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()
    ]
    assert silent == []


def test_old_words_are_gone_from_names() -> None:
    """The words that design and glossary replaced; see docs/words.md."""
    old = {
        "Shelf", "Stock", "Known", "Asking", "Tryout", "Desk", "Guest", "Place", "Roster", "Figures", "seed_names",
        "seed_source", "best_seed", "first_seed", "told",
    }  # fmt: skip
    used: dict[str, list[str]] = defaultdict(list)
    for path in sources(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "arg", None)
            if isinstance(name, str) and name in old:
                used[name].append(str(path.relative_to(ROOT)))
    assert dict(used) == {}
