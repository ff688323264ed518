"""Measures episodes per second in a sandbox, including the replay and the scores: `python benchmarks/replay.py`."""

from __future__ import annotations

import os
import time
from pathlib import Path

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate


def main() -> None:
    environments = default_environments()
    episodes = grid(environments, [1.0], range(100))
    cores = sorted(os.sched_getaffinity(0))
    print(f"{len(episodes)} episodes, 64 branches, {len(cores)} cores here; best of two")
    print(f"{'controller':22} {'one core':>10} {'two workers':>12} {'ratio':>6}")
    for name in baseline_names():
        speeds = []
        for workers in (1, 2):
            os.sched_setaffinity(0, cores[:workers])  # one core for host and worker together, then two
            best = min(_seconds(baseline_source(name), episodes, workers) for _ in range(2))
            speeds.append(len(episodes) / best)
        print(f"{name:22} {speeds[0]:10,.0f} {speeds[1]:12,.0f} {speeds[1] / speeds[0]:6.2f}")
    os.sched_setaffinity(0, cores)
    print(f"largest worker: {_largest_worker(episodes):.0f} MB")


def _seconds(source: str, episodes: Episodes, workers: int) -> float:
    began = time.perf_counter()
    result = evaluate(source, episodes, ProcessSandbox(workers))
    assert result.verdict.ok
    return time.perf_counter() - began


def _largest_worker(episodes: Episodes) -> float:
    """Return the largest resident memory of a worker in MB, read while the worker runs."""
    largest = 0.0

    def look(_: int) -> None:
        nonlocal largest
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
                if "worker.py" in (status.parent / "cmdline").read_text():
                    peak = next(line for line in text.splitlines() if line.startswith("VmHWM"))
                    largest = max(largest, int(peak.split()[1]) / 1024)
            except (OSError, StopIteration):
                continue

    evaluate(baseline_source("parallel_probe"), episodes, ProcessSandbox(1), look)
    return largest


if __name__ == "__main__":
    main()
