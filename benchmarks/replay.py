"""Episodes a second over the full path, sandboxed, replayed and scored: `python benchmarks/replay.py`."""

from __future__ import annotations

import os
import resource
import time

from agent.seeds import seed_names, seed_source
from envs.episodes import grid
from envs.synthetic import default_environments
from sandbox.evaluation import evaluate
from sandbox.process import ProcessSandbox


def main() -> None:
    environments = default_environments()
    episodes = grid(environments, [1.0], range(40))
    cores = sorted(os.sched_getaffinity(0))
    print(f"{len(episodes)} episodes, 64 branches, {len(cores)} cores here; best of three")
    print(f"{'controller':22} {'one core':>10} {'two workers':>12} {'ratio':>6}")
    for name in seed_names():
        speeds = []
        for workers in (1, 2):
            os.sched_setaffinity(0, cores[:workers])  # one core for host and worker together, then two
            best = min(_seconds(seed_source(name), episodes, workers) for _ in range(3))
            speeds.append(len(episodes) / best)
        print(f"{name:22} {speeds[0]:10,.0f} {speeds[1]:12,.0f} {speeds[1] / speeds[0]:6.2f}")
    os.sched_setaffinity(0, cores)
    print(f"largest worker: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


def _seconds(source: str, episodes: object, workers: int) -> float:
    began = time.perf_counter()
    result = evaluate(source, episodes, ProcessSandbox(workers))  # type: ignore[arg-type]
    assert result.verdict.ok
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
