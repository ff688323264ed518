"""Compares the baselines with every published row: `python benchmarks/published.py [--replay DIR] [--published CSV]`.

A row is exact if the accuracy agrees to two decimals and the tokens agree in their integer part. The exit code is 1 if
a row is not exact.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from pathlib import Path

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import grid
from autotts.envs.importing import published
from autotts.envs.store import Environment
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate

SHARED = Path(__file__).resolve().parents[2] / "shared"
METHODS = {
    "ASC": "adaptive_consistency",
    "ESC": "early_stopping",
    "Parallel-Probe": "parallel_probe",
    "CMC-round4": "confidence_momentum",
}


def rows(path: Path) -> list[dict[str, str]]:
    """Return the published rows that a baseline reproduces."""
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["method"] in METHODS]


def beta_of(row: dict[str, str]) -> float:
    """Return the beta at which the baseline gives a published row; a row with N branches has N = round(64 ** beta)."""
    return float(row["beta"]) if row["beta"] else math.log(int(row["max_branches"]), 64)


def compare(envs: dict[str, Environment], wanted: list[dict[str, str]], workers: int) -> int:
    """Print the table of differences, and return the number of rows that are not exact."""
    wrong = 0
    print(f"{'controller':22} {'model':12} {'beta':>5} {'published':>18} {'ours':>21}")
    for method, name in METHODS.items():
        mine = [row for row in wanted if row["method"] == method]
        betas = sorted({beta_of(row) for row in mine})
        if not betas:
            continue
        result = evaluate(baseline_source(name), grid(list(envs.values()), betas), ProcessSandbox(workers))
        points = {(p.environment, p.beta): p for p in result.curve}
        for row in mine:
            point = points[row["model"], beta_of(row)]
            accuracy, tokens = float(row["accuracy_pct"]), float(row["mean_tokens_per_question"])
            exact = f"{point.accuracy_pct:.2f}" == f"{accuracy:.2f}" and int(point.mean_tokens + 1e-6) == int(tokens)
            wrong += not exact
            print(
                f"{name:22} {row['model']:12} {point.beta:5.2f} {accuracy:8.2f} {int(tokens):9d}"
                f" {point.accuracy_pct:10.4f} {point.mean_tokens:10.1f}{'' if exact else '  DIFFERS'}"
            )
    print(f"{len(wanted) - wrong} of {len(wanted)} rows exact")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replay", type=Path, default=SHARED / "replay" / "aime24")
    parser.add_argument("--published", type=Path, default=SHARED / "reference" / "aime24_published.csv")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    wanted = rows(arguments.published)
    models = sorted({row["model"] for row in wanted})
    envs = {model: published.read(arguments.replay / f"{model}.json", model) for model in models}
    return 1 if compare(envs, wanted, arguments.workers) else 0


if __name__ == "__main__":
    sys.exit(main())
