"""The wheel: it is built, unpacked and used in a directory whose folders have the names of our own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", home, ROOT]
    subprocess.run(command, check=True)
    return next(home.glob("*.whl"))


@pytest.fixture
def project(tmp_path: Path, wheel: Path) -> Path:
    """A directory of a user with folders of the same names as ours, and the wheel unpacked beside it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    home = tmp_path / "project"
    for name in ("agent", "envs", "sandbox"):
        (home / name).mkdir(parents=True)
        (home / name / "__init__.py").write_text("raise RuntimeError('a folder of the user was imported')\n")
    return home


def run(project: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project.parent / "site"), "COLUMNS": "200"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_one_package_and_a_name_of_its_own(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(next(n for n in names if n.endswith("/METADATA"))).decode())
    assert metadata["Name"] == "autotts-discovery"
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"autotts"}


def test_folders_of_the_user_do_not_collide(project: Path) -> None:
    assert run(project, "-c", "import autotts; print(autotts.__file__)").startswith(str(project.parent / "site"))
    run(project, "-m", "autotts", "env", "synthesize", "--questions", "3", "--branches", "6")
    (project / "one.py").write_text(
        "from autotts import Controller\n\n\nclass One(Controller):\n"
        "    def solve(self, question):\n        return question.run_to_end(question.branch())\n"
    )
    printed = run(
        project, "-m", "autotts", "evaluate", "one.py", "self_consistency", "--env", "synthetic/*", "--orders", "1",
        "--beta", "0", "--sandbox", "process",
    )  # fmt: skip
    assert "self_consistency" in printed


def test_the_documentation_comes_with_the_wheel(project: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    listed = run(project, "-m", "autotts", "docs")
    assert pages <= set(listed.split())
    assert str(project.parent / "site" / "autotts" / "docs") in listed
    assert run(project, "-m", "autotts", "docs", "docs/data.md") == (ROOT / "docs" / "data.md").read_text()


def test_the_files_of_the_sandbox_come_with_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "autotts/sandbox/Dockerfile.sandbox" in names
    attacks = {path.name for path in (ROOT / "tests" / "attacks").glob("*.py")}
    assert {f"autotts/sandbox/attacks/{name}" for name in attacks} <= names
