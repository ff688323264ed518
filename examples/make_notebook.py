"""Runs the cells of ``discover.ipynb`` in this process, and writes the notebook with what they print and draw.

Needs the extra ``plot``. Run it in an empty directory: the notebook's run goes to ``./runs/notebook``.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import linecache
import sys
from pathlib import Path
from typing import Any

CELLS: list[tuple[str, str]] = [
    (
        "markdown",
        "# From the import to a scaling curve\n\nAutoTTS searches for rules that say how a language model should spend "
        "its tokens at inference time. Here it searches on a built-in synthetic environment, so that nothing is "
        "downloaded and no language model is called.",
    ),
    (
        "code",
        "import autotts\n\n"
        'small = autotts.load_environment("synthetic/small")\n'
        'print(f"{small.name}: {len(small)} questions, intervals of {small.delta} tokens")',
    ),
    (
        "markdown",
        "## A controller\n\nA controller opens branches, lets them run, and answers. `schedule` maps the one knob, "
        "beta, to all of its parameters. This one opens up to 64 branches, and votes.",
    ),
    (
        "code",
        "from autotts import Controller, Question, majority\n\n\n"
        "class FirstFew(Controller):\n"
        '    name = "first_few"\n\n'
        "    @staticmethod\n"
        "    def schedule(beta):\n"
        '        return {"width": round(64**beta)}\n\n'
        "    def solve(self, question: Question):\n"
        '        branches = question.branch_many(min(self.params["width"], question.max_branches))\n'
        "        return majority(question.run_many_to_end(branches))\n\n\n"
        'first = autotts.evaluate(FirstFew, small, orders=4, sandbox="process")\n'
        "for point in first.curve[::5]:\n"
        '    print(f"beta {point.beta}: {point.accuracy_pct:.1f}% right, {point.mean_tokens:,.0f} tokens a question")',
    ),
    (
        "markdown",
        "## A discovery\n\nThe built-in explorer, `evolve`, writes controllers. Each is run in a sandbox, diagnosed, "
        "and archived. `process` is a plain process: leave `sandbox` out where other people's code may run. Each event "
        "is a typed object. A run that is stopped here is continued by the same call.",
    ),
    (
        "code",
        "discovery = autotts.discover(\n"
        '    small, generations=3, population=6, orders=2, run="runs/notebook", sandbox="process"\n'
        ")\n"
        "for event in discovery:\n"
        "    if isinstance(event, autotts.GenerationArchived):\n"
        '        print(f"generation {event.generation}: {event.versions} versions, best {event.best}, "\n'
        '              f"quality {event.quality:.1f} (best baseline {event.baselines:.1f})")',
    ),
    (
        "markdown",
        "## What it found\n\n`result` measures the best versions on branch orders that the search has not used. The "
        "archive holds every version with its parents, its figures and the reason for it.",
    ),
    (
        "code",
        "report = discovery.result()\n"
        "best = discovery.archive[report.best]\n"
        'print(best.id, "from", ", ".join(best.parents) or "nothing")\n'
        "print(best.rationale)",
    ),
    ("markdown", "## The curve\n\nAccuracy against tokens, with 95% intervals over questions."),
    (
        "code",
        "from matplotlib import pyplot\n\n"
        "shown = {\n"
        '    "first_few": first.curve,\n'
        '    "self_consistency": report.curves["self_consistency"],\n'
        "    best.id: report.curves[best.id],\n"
        "}\n"
        "figure, axes = pyplot.subplots(figsize=(6, 4))\n"
        "for name, points in shown.items():\n"
        "    tokens = [point.mean_tokens for point in points]\n"
        "    low, high = zip(*(point.accuracy_ci for point in points), strict=True)\n"
        '    axes.plot(tokens, [point.accuracy_pct for point in points], marker="o", markersize=3, label=name)\n'
        "    axes.fill_between(tokens, low, high, alpha=0.15)\n"
        'axes.set(xscale="log", xlabel="tokens a question", ylabel="right answers, per cent")\n'
        "axes.legend()\n"
        "figure.tight_layout()",
    ),
]
"""Kind and content of each cell."""


def run(code: str, names: dict[str, Any], number: int) -> str:
    """Run a cell, and return what it prints. Its source can be found again, as in a notebook."""
    place = f"<cell {number}>"
    linecache.cache[place] = (len(code), None, code.splitlines(keepends=True), place)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.parse(code), place, "exec"), names)
    return printed.getvalue()


def notebook(cells: list[tuple[str, str]]) -> dict[str, Any]:
    """Run all cells, and return the notebook as a document of format 4.5."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names: dict[str, Any] = {"__name__": "__main__"}
    made = []
    for number, (kind, text) in enumerate(cells):
        cell: dict[str, Any] = {
            "cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True),
        }  # fmt: skip
        if kind == "code":
            outputs: list[dict[str, Any]] = []
            if printed := run(text, names, number):
                lines = printed.splitlines(keepends=True)
                outputs.append({"output_type": "stream", "name": "stdout", "text": lines})
            if pyplot.get_fignums():
                picture = io.BytesIO()
                pyplot.gcf().savefig(picture, format="png", dpi=80, metadata={"Software": None})
                pyplot.close("all")
                data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
                outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
            cell |= {"execution_count": sum(k == "code" for k, _ in cells[: number + 1]), "outputs": outputs}
        made.append(cell)
    language = {"name": "python"}
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": language,
    }  # fmt: skip
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    """Write the notebook beside this file, or to the path that is given."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix("").with_name("discover.ipynb")
    path.write_text(json.dumps(notebook(CELLS), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
