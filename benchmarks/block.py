"""Measures the gain of a building block of a champion: `python -m benchmarks.block NAME SLOT=CHOICE ... [--orders N]`.

Replays the genome of the champion unchanged, and with the given choices, whose constants take their defaults. Uses
branch orders that no report uses. Prints both curves, and the paired difference within several budgets with intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from autotts.agent.archive.champions import champion, champion_names
from autotts.agent.explorers.evolve.genome import Genome, difference
from autotts.agent.explorers.evolve.render import render
from autotts.envs.episodes import BETAS, grid
from autotts.envs.importing import published
from autotts.envs.statistics import means, samples
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from benchmarks.champions import SHARED, compare


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=champion_names())
    parser.add_argument("blocks", nargs="+", metavar="SLOT=CHOICE")
    parser.add_argument("--replay", type=Path, default=SHARED / "replay" / "aime24")
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--first-order", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    archive, version = champion(arguments.name)
    before = Genome.from_json(archive.card(version).data["genome"])
    after = before.with_blocks(**dict(block.split("=", 1) for block in arguments.blocks))
    environments = [published.read(path, path.stem) for path in sorted(arguments.replay.glob("*.json"))]
    orders = range(arguments.first_order, arguments.first_order + arguments.orders)
    episodes = grid(environments, BETAS, orders)
    curves = []
    with ProcessSandbox(arguments.workers) as sandbox:
        for genome in (before, after):
            found = evaluate(render(genome), episodes, sandbox)
            if found.scores is None:
                print(found.verdict.message)
                return 1
            curves.append(means(samples(found.scores)))
    print(f"{len(environments)} environments, their mean; branch orders {orders.start}..{orders.stop - 1}")
    for words, curve in zip((arguments.name, difference(before, after)), curves, strict=True):
        print(words)
        for point in (sample.point() for sample in curve):
            print(f"  {point.beta:4.1f} {point.mean_tokens:10,.0f} {point.accuracy_pct:8.2f}%")
    compare("changed", curves[1], "unchanged", curves[0])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
