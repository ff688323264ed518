"""The example notebook: its cells run, and it is what its script writes."""

from __future__ import annotations

import json
import logging
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_notebook_has_the_cells_of_its_script_and_their_output() -> None:
    cells = json.loads((EXAMPLES / "discover.ipynb").read_text())["cells"]
    script = runpy.run_path(str(EXAMPLES / "make_notebook.py"))
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == script["CELLS"]
    assert all(cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    assert "image/png" in cells[-1]["outputs"][-1]["data"], "it ends with a curve"


@pytest.mark.slow
def test_the_cells_of_the_notebook_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("autotts"), "handlers", [])  # of a command that an earlier test ran
    cells = json.loads((EXAMPLES / "discover.ipynb").read_text())["cells"]
    again = runpy.run_path(str(EXAMPLES / "make_notebook.py"))["notebook"](
        [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    )
    said = [[out.get("text") for out in cell.get("outputs", ())] for cell in cells]
    assert said == [[out.get("text") for out in cell.get("outputs", ())] for cell in again["cells"]]
