"""The public root: what it offers, that nothing else can be reached, and that its import is quick."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import autotts

LATER = ("numpy", "langgraph", "docker", "anthropic", "pydantic", "agent", "sandbox", "envs")
"""What a mere import must not import."""


def test_every_public_name_resolves_and_has_a_docstring() -> None:
    missing = [name for name in autotts.__all__ if not (getattr(autotts, name).__doc__ or "").strip()]
    assert set(missing) <= {"Probe"}, "an alias of a type has no docstring of its own"


def test_dir_lists_the_public_names_only() -> None:
    assert dir(autotts) == sorted(autotts.__all__) and len(set(autotts.__all__)) == len(autotts.__all__)
    reachable = {name for name in vars(autotts) if not name.startswith("_")}
    assert reachable <= {*autotts.__all__, "testing", "agent", "envs", "sandbox"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'optimise'; see `autotts docs library`"):
        autotts.optimise  # noqa: B018
    with pytest.raises(ImportError):
        exec("from autotts import grid")


def test_the_import_loads_nothing_heavy() -> None:
    code = f"import sys, autotts; print([name for name in {LATER!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_manual_describes_every_public_name() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "library.md").read_text()
    assert [name for name in autotts.__all__ if f"`{name}" not in manual] == []


@pytest.mark.slow
def test_type_checkers_see_every_name_with_its_type(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import autotts\n"
        "for event in (run := autotts.discover(generations=3)):\n"
        "    if isinstance(event, autotts.CandidateEvaluated):\n"
        "        reveal_type(event.verdict)\n"
        "reveal_type(run.result().best)\n"
        "reveal_type(autotts.evaluate('x').curve)\n"
        "reveal_type(autotts.open_archive()['x'].quality)\n"
        "autotts.optimise\n" + "".join(f"autotts.{name}\n" for name in autotts.__all__)
    )
    root = Path(autotts.__file__).parents[1]
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={"MYPYPATH": str(root)})
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert revealed == ["str", "str", "list[autotts.envs.statistics.Point]", "float | None"], done.stdout
    errors = [line for line in done.stdout.splitlines() if line.startswith("program.py") and "error" in line]
    assert len(errors) == 1 and 'Module has no attribute "optimise"' in errors[0], done.stdout
    assert (root / "autotts" / "py.typed").exists()


def test_the_library_examples_of_the_readme_import_nothing_else() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    blocks = [block.partition("```")[0] for block in readme.split("```python")[1:]]
    examples = [block for block in blocks if "autotts" in block]
    assert any("autotts.discover(" in example for example in examples)
    for code in examples:
        compile(code, "README.md", "exec")
        imports = [line for line in code.splitlines() if line.startswith(("import", "from"))]
        assert all(line.startswith(("import autotts", "from autotts import")) for line in imports)
        assert set(re.findall(r"autotts\.(\w+)", code)) <= {*autotts.__all__, "testing"}
