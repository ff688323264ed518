"""`autotts plot`: scaling curves as a picture (needs the extra `plot`)."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envs.errors import InputError

from ..seeds import seed_names


def plot(args: argparse.Namespace) -> int:
    """Draw accuracy against tokens, with 95% intervals, one panel for each environment."""
    try:
        import matplotlib
    except ImportError:
        raise InputError("plots need matplotlib: pip install 'autotts[plot]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for path in args.figures:
        for row in _rows(Path(path)):
            lines.setdefault(row["environment"], {}).setdefault(row["controller"], []).append(row)
    if not lines:
        raise InputError(f"{', '.join(args.figures)}: no figures to draw")
    panels = {"mean": lines["mean"]} if "mean" in lines else lines
    figure, axes = pyplot.subplots(1, len(panels), figsize=(1 + 7 * len(panels), 5), squeeze=False)
    for axis, (environment, curves) in zip(axes[0], panels.items(), strict=True):
        for name, rows in curves.items():
            rows.sort(key=lambda row: row["mean_tokens"])
            x = [row["mean_tokens"] for row in rows]
            (line,) = axis.plot(x, [row["accuracy_pct"] for row in rows], marker="o", markersize=3, label=name)
            low, high = zip(*(row["accuracy_ci"] for row in rows), strict=True)
            axis.fill_between(x, low, high, alpha=0.06, color=line.get_color())
        axis.set(xscale="log", xlabel="mean tokens of a question", ylabel="accuracy, %", title=environment)
        # from about half a branch on: what comes before is nobody's choice, and would fill the picture
        start = min(max(row["mean_tokens"] for row in rows) for rows in curves.values()) / 2
        heights = [row["accuracy_pct"] for rows in curves.values() for row in rows if row["mean_tokens"] >= start]
        axis.set_xlim(left=start)
        axis.set_ylim(min(heights) - 5, max(heights) + 5)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    try:
        figure.savefig(args.output, dpi=120)
    except ValueError as error:
        raise InputError(f"{args.output}: {str(error).splitlines()[0]}") from None
    return 0


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of an `evaluate --json` file, or of a run's report."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            hidden = [name for name in document["curves"] if name not in (*seed_names(), document["best"])]
            shown = {name: curve for name, curve in document["curves"].items() if name not in hidden}
            rows = [{"controller": name, **row} for name, curve in shown.items() for row in curve]
        else:
            rows = list(document)
        for row in rows:
            low, high = row["accuracy_ci"]
            math.fsum((row["mean_tokens"], row["accuracy_pct"], low, high))  # numbers all of them
            str.join("", (row["environment"], row["controller"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: not figures of `autotts evaluate --json`, nor a run's report.json") from None
    yield from rows
