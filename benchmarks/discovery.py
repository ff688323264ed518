"""Compares the best version of a run with the baselines: `python benchmarks/discovery.py RUN [--replay DIR]`.

Scores the best version of a finished run on the recorded environments and the branch orders 0..99, which the search
never uses. Prints, for each point of each baseline, the accuracy of the best version for the same tokens.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_report import read_report
from autotts.envs.episodes import BETAS, grid
from autotts.envs.importing import published
from autotts.envs.statistics import MEAN, Point
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--replay", type=Path, default=SHARED / "replay" / "aime24")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    run = Run(arguments.run)
    report = read_report(run)
    if report is None:
        print(f"{run.home} has not finished")
        return 1
    environments = [published.read(path, path.stem) for path in sorted(arguments.replay.glob("*.json"))]
    episodes = grid(environments, BETAS, range(100))
    sandbox = ProcessSandbox(arguments.workers)
    best = _curve(evaluate(run.archive.source(report.best), episodes, sandbox).curve)
    print(f"{report.best}, mean of {len(environments)} environments, branch orders 0..99")
    for beta, tokens, accuracy in best:
        print(f"  beta {beta:3.1f} {tokens:10,.0f} tokens {accuracy:6.2f}%")
    dominated = True
    for name in baseline_names():
        curve = _curve(evaluate(baseline_source(name), episodes, sandbox).curve)
        print(f"{name}: accuracy at its tokens, and ours within as many")
        for beta, tokens, accuracy in curve:
            ours = np.interp(np.log(tokens), [np.log(t) for _, t, _ in best], [a for _, _, a in best])
            short = tokens < best[0][1]
            print(f"  beta {beta:3.1f} {tokens:10,.0f} {accuracy:6.2f}% {'-' if short else f'{ours:6.2f}%'}")
            judged = name in ("parallel_probe", "early_stopping") or (name == "confidence_momentum" and beta == 0.5)
            if judged and not short:
                dominated &= bool(ours >= accuracy)
    print(f"above parallel_probe and early_stopping where it reaches, and confidence_momentum at 0.5: {dominated}")
    return 0 if dominated else 1


def _curve(points: list[Point]) -> list[tuple[float, float, float]]:
    chosen = [(p.beta, p.mean_tokens, p.accuracy_pct) for p in points if p.environment == MEAN]
    return sorted(chosen, key=lambda row: row[1])


if __name__ == "__main__":
    sys.exit(main())
