"""Compares champions with the baselines: `python benchmarks/champions.py [NAME ...] [--replay DIR] [--orders N]`.

Replays champions, files or versions, and every baseline, on the recorded environments and the branch orders 0..N-1,
which no search uses. Prints each curve with intervals and latency, the tokens needed for the accuracy that
self-consistency has at its full width, the accuracy within several budgets, and the paired difference from the curve of
every baseline. `--fewer-answers` does the same on environments with few possible answers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from autotts.agent.archive import resolve
from autotts.agent.archive.baselines import baseline_names
from autotts.agent.archive.champions import champion_names
from autotts.agent.reports.replay.comparisons import TOKENS, interval, tokens_at_equal_accuracy
from autotts.envs.episodes import BETAS, grid
from autotts.envs.importing import published
from autotts.envs.statistics import QuestionSample, means, samples
from autotts.envs.synthetic.simulated import narrowed
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate

SHARED = Path(__file__).resolve().parents[2] / "shared"
WITHIN = (30_000, 60_000, 90_000, 120_000, 170_000, 240_000, 300_000, 480_000)
REFERENCE = "self_consistency"

Curve = list[QuestionSample]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=champion_names())
    parser.add_argument("--archive")
    parser.add_argument("--replay", type=Path, default=SHARED / "replay" / "aime24")
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--first-order", type=int, default=0)
    parser.add_argument("--fewer-answers", action="store_true", help="with the answers of a question merged into few")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    environments = [published.read(path, path.stem) for path in sorted(arguments.replay.glob("*.json"))]
    if arguments.fewer_answers:
        environments = [narrowed(env, Random(env.name)) for env in environments]
    orders = range(arguments.first_order, arguments.first_order + arguments.orders)
    episodes = grid(environments, BETAS, orders)
    curves: dict[str, Curve] = {}
    with ProcessSandbox(arguments.workers) as sandbox:
        for name in [*arguments.names, *baseline_names()]:
            scores = evaluate(resolve.controller(name, archive=arguments.archive).source, episodes, sandbox).scores
            if scores is None:
                print(f"{name} failed")
                return 1
            curves[name] = means(samples(scores))
    reference = next(sample for sample in curves[REFERENCE] if sample.beta == 1.0)
    print(f"{len(environments)} environments, their mean; branch orders {orders.start}..{orders.stop - 1}")
    for name in arguments.names:
        _print(name, curves[name], reference)
    ahead = True
    for name in arguments.names:
        for baseline in baseline_names():
            ahead &= compare(name, curves[name], baseline, curves[baseline])
    print(f"above every hand-written curve at each of these budgets: {ahead}")
    return 0 if ahead else 1


def _print(name: str, curve: Curve, reference: QuestionSample) -> None:
    print(f"\n{name}\n  beta     tokens  accuracy  95% interval    latency")
    for sample in curve:
        p = sample.point()
        low, high = p.accuracy_ci
        point = f"{p.beta:4.1f} {p.mean_tokens:10,.0f} {p.accuracy_pct:8.2f}%"
        print(f"  {point}  [{low:5.2f}, {high:5.2f}] {p.mean_latency:9,.0f}")
    found = tokens_at_equal_accuracy(curve, reference)
    accuracy, spent = reference.centre[0], reference.centre[TOKENS]
    print(f"  {REFERENCE} at its full width: {accuracy:.2f}% for {spent:,.0f} tokens;", end=" ")
    if found.tokens is None:
        print("not reached")
    else:
        low, high = (f"{x:.1f}" if x is not None else "-" for x in found.saved_ci)
        print(f"as much for {found.tokens:,.0f}, {found.saved_pct:.1f}% fewer [{low}, {high}]")
    within = attained([sample.centre for sample in curve], np.array(WITHIN, float))
    print("  within " + ", ".join(f"{b // 1000}k {a:.2f}" for b, a in zip(WITHIN, within, strict=True)))


def compare(name: str, ours: Curve, baseline: str, theirs: Curve) -> bool:
    """Print the gain in accuracy of ``ours`` within several budgets; return whether it is positive in all of them."""
    at = np.array(WITHIN, float)
    gain = attained([s.centre for s in ours], at) - attained([s.centre for s in theirs], at)
    drawn = [np.stack([s.resampled for s in curve], axis=1) for curve in (ours, theirs)]
    spread = np.stack([attained(list(a), at) - attained(list(b), at) for a, b in zip(*drawn, strict=True)])
    cells = []
    for k, budget in enumerate(WITHIN):
        low, high = interval(spread[:, k])
        cells.append(f"{budget // 1000}k {gain[k]:+.2f} [{low:+.2f}, {high:+.2f}]")
    print(f"{name} less {baseline}: " + ", ".join(cells))
    return bool((gain > 0).all())


def attained(points: list[npt.NDArray[np.float64]], at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the accuracy that a curve of (accuracy, tokens, ...) points attains within each budget ``at`` (tokens)."""
    rows = sorted(points, key=lambda point: float(point[TOKENS]))
    tokens = np.array([point[TOKENS] for point in rows])
    best = np.maximum.accumulate([point[0] for point in rows])
    value = np.interp(np.log(at), np.log(tokens), best) * np.minimum(1.0, at / tokens[0])
    return np.asarray(value, dtype=np.float64)


if __name__ == "__main__":
    sys.exit(main())
