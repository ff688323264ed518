"""What Ray costs: `python -m benchmarks.cluster_overhead`.

Prints the time to connect, the time of a task with a single episode, the bytes that the environments take in the
object store, and the time of a generation of 16 candidates on the nodes beside the same number of workers of one
process. All nodes are on this machine, so the cluster cannot be faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.cluster.messages import QuestionBlock
from autotts.sandbox.cluster.sandbox import RaySandbox
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.sealing import seal_question
from tests.ray_nodes import ray_nodes

SINGLE = 20


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def generation(sandbox: Sandbox, candidates: Sequence[Candidate], episodes: Episodes, at_once: int) -> None:
    """Run all ``candidates``, ``at_once`` at the same time."""
    with ThreadPoolExecutor(at_once) as pool:
        for outcome in pool.map(lambda each: sandbox.run(each, episodes), candidates):
            assert outcome.verdict.ok, outcome.verdict


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--orders", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--sandbox", default="bubblewrap")
    options = parser.parse_args()
    environments = default_environments()
    episodes = grid(environments, np.linspace(0, 1, 11).round(1).tolist(), range(options.orders))
    sources = [*map(champion_source, champion_names()), *map(baseline_source, baseline_names())]
    candidates = [Candidate(f"c{i}", sources[i % len(sources)]) for i in range(options.candidates)]
    one = episodes.take(np.array([0]))
    with ray_nodes(options.nodes) as nodes:
        began = time.monotonic()
        with RaySandbox(nodes.address, options.sandbox) as ray:
            print(f"connect: {time.monotonic() - began:.1f} s")
            ray.run(candidates[0], episodes)
            with ray.reusing_workers() as reusing:
                reusing.run(candidates[0], one)
                times = [seconds(lambda: reusing.run(candidates[0], one)) for _ in range(SINGLE)]
            print(f"a task with one episode: {1000 * statistics.median(times):.0f} ms")
            there = seconds(lambda: generation(ray, candidates, episodes, ray.candidates_at_once))
    with open_sandbox(options.sandbox, workers=1) as local, local.reusing_workers() as reusing:
        reusing.run(candidates[0], one)
        times = [seconds(lambda: reusing.run(candidates[0], one)) for _ in range(SINGLE)]
        print(f"the same in one process: {1000 * statistics.median(times):.0f} ms")
    with open_sandbox(options.sandbox, workers=options.nodes) as local:
        here = seconds(lambda: generation(local, candidates, episodes, 1))
    generator = np.random.default_rng(0)
    stored = sum(
        column.nbytes
        for env in environments
        for block in [QuestionBlock.of([seal_question(env, q, generator) for q in range(len(env))])]
        for column in (block.cells, block.lengths, block.totals)
    )
    print(f"object store: {stored / 2**20:.1f} MiB for {len(environments)} environments, once for each node")
    print(f"{options.candidates} candidates of {len(episodes):,} episodes: {there:.1f} s on {options.nodes} nodes, "
          f"{here:.1f} s in one process with {options.nodes} workers")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
