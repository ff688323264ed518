"""Measures how far honest action logs stay below their bounds, and what the longest logs within the bounds cost.

    python -m benchmarks.log_sizes [--evolved 400]

Prints, over baselines, champions and evolved controllers, the largest share of the bound that an episode used and the
most bytes that an episode took on average. Then the seconds and the memory to score the longest log of an episode that
the contract allows, and the peak of a process that keeps and scores as many of them as one run may bring.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import struct
import time
from collections.abc import Iterator

import numpy as np

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.agent.explorers.evolve.explorer import cross, vary
from autotts.agent.explorers.evolve.genome import STARTS
from autotts.agent.explorers.evolve.render import render
from autotts.envs.contract.replay import ADVANCE, BRANCH, PROBE
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.scoring import ForgedLog, score
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import EPISODES_AT_A_TIME, evaluate
from autotts.sandbox.kept_logs import BadFrame, KeptLogs, LogBudget


def batch(questions: int, orders: int) -> Episodes:
    model = next(iter(default_models().values()))
    return grid([generate(model, "sizes/model", questions=questions, branches=128, seed=1)], orders=range(orders))


def controllers(evolved: int) -> Iterator[tuple[str, str]]:
    yield from ((name, baseline_source(name)) for name in baseline_names())
    yield from ((name, champion_source(name)) for name in champion_names())
    rng, genomes = random.Random(0), list(STARTS.values())
    for i in range(evolved):
        one, other = rng.choice(genomes), rng.choice(genomes)
        child = cross(("one", one), ("other", other), rng) if rng.random() < 0.5 else None
        genomes.append(child.genome if child else vary(one, rng)[0])
        yield f"evolved {i}", render(genomes[-1])


def honest(evolved: int) -> None:
    """Print how far the logs of honest controllers stay below the bounds."""
    episodes, shares, means = batch(6, 1), {}, {}
    with ProcessSandbox() as sandbox:
        for name, source in controllers(evolved):
            found = evaluate(source, episodes, sandbox)
            if found.logs is None:
                print(f"{name}: {found.verdict.kind}: {found.verdict.message}")
                continue
            entries = np.diff(found.logs.index_offsets[found.logs.record_offsets])
            shares[name] = float((entries / episodes.most_entries).max())
            means[name] = found.logs.size / len(episodes)
    for what, values in (("share of the bound in an episode", shares), ("bytes an episode", means)):
        most = max(values, key=values.__getitem__)
        print(f"{len(values)} honest controllers: largest {what} {values[most]:.4g}, by {most}")


def longest(episodes: Episodes, index: int) -> Logs:
    """Return the longest log that the contract allows on an episode: advance and probe all branches in turn."""
    env = episodes.environments[0]
    depths = env.probes[episodes.opened[index][episodes.opened[index] >= 0]]
    moves = [(v, b) for d in range(int(depths.max()) + 1) for b in range(len(depths)) if depths[b] >= d
             for v in ((ADVANCE, PROBE) if depths[b] > d else (ADVANCE,))]  # fmt: skip
    records = [(BRANCH, b) for b in range(len(depths))] + moves
    n, ones = len(records), np.ones(len(records), np.uint16)
    verbs, indices = np.array([r[0] for r in records], np.uint8), np.array([r[1] for r in records], np.uint16)
    return Logs(np.zeros(1, np.int32), np.array([0, n]), verbs, ones, ones, indices)


def worst() -> None:
    """Print the cost of the longest log of an episode, and of a run that is full of them."""
    episodes = batch(6, 1)
    index = int(np.argmax(episodes.most_entries))
    logs = longest(episodes, index)
    share = len(logs.indices) / int(episodes.most_entries[index])
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    score(episodes.take(np.array([index])), logs)
    seconds, grown = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"longest log: {len(logs.verbs):,} records, {share:.0%} of the bound, {seconds:.4f} s, {grown / 1024:.1f} MB")
    many = episodes.take(np.full(EPISODES_AT_A_TIME, index))
    columns = (logs.verbs, logs.repeats, logs.counts, logs.indices)
    data = struct.pack("<I", len(logs.verbs)) + b"".join(column.tobytes() for column in columns)
    kept, before = KeptLogs(LogBudget(len(many))), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for _ in range(len(many)):
            kept.add(0, data)
        end = "kept all"
    except BadFrame as bad:
        end = f"{bad.verdict.kind} after {len(kept):,} episodes"
    began = time.process_time()
    try:
        score(many.take(np.arange(len(kept))), kept.logs())
    except ForgedLog as forged:
        end += f", {forged}"
    seconds, grown = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"a run full of them: {end}; {seconds:.1f} s to score, {grown / 1024:.0f} MB more")


def main() -> None:
    parser = argparse.ArgumentParser(description="measure action logs against their bounds")
    parser.add_argument("--evolved", type=int, default=400)
    args = parser.parse_args()
    for work, arguments in ((worst, ()), (honest, (args.evolved,))):
        process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
