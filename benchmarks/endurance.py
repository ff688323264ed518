"""Kills a long run repeatedly, and measures it: `python -m benchmarks.endurance --hours 4 --out DIR [-- --env ...]`.

The kills happen at random instants in the first half of the time. The second half runs undisturbed, so that a growth of
memory would show. For each tenth of the time, the script prints the largest memory of the host process and of any
worker, and the episodes per second of evaluation. For the time after the last kill, it prints the growth of the host's
memory for each version and the change of the evaluation speed for each hundred versions, both as slopes of a regression
with 95% intervals. It ends with the result of `autotts archive verify`. Settings after `--` go to `autotts discover`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from autotts.agent.archive.run_directory import Run
from autotts.agent.records.events import CandidateEvaluated, RunStarted

TICK = 2.0
"""Seconds between two measurements of the memory."""
SLICES = 10


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "autotts", *arguments]


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def below(pid: int) -> list[int]:
    """Return the processes that descend from ``pid``."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found, front = list[int](), [pid]
    while front:
        front = [child for parent in front for child in parents.get(parent, [])]
        found += front
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--chance", type=int, default=0, help="seed of the instants")
    parser.add_argument("--out", type=Path, required=True, help="the run directory")
    parser.add_argument("settings", nargs="*", help="of autotts discover, after --")
    options = parser.parse_args()
    whole = options.hours * 3600
    chance = random.Random(options.chance)
    instants = sorted(chance.uniform(0, whole / 2) for _ in range(options.kills))
    first = command("discover", "--run", str(options.out), "--max-hours", str(options.hours), *options.settings)
    began, memory = time.time(), list[tuple[float, float, float]]()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    while True:
        log = (options.out.parent / f"{options.out.name}.log").open("ab")
        again = (options.out / "config.json").exists()
        process = subprocess.Popen(
            command("resume", str(options.out)) if again else first, start_new_session=True, stdout=log, stderr=log
        )
        while process.poll() is None:
            time.sleep(TICK)
            now = time.time() - began
            memory.append((now, resident(process.pid), max(map(resident, below(process.pid)), default=0.0)))
            if instants and now >= instants[0]:
                os.kill(process.pid, signal.SIGKILL)
        if process.returncode == 0:
            break
        if process.returncode != -signal.SIGKILL:
            print(f"ended with exit code {process.returncode}: see {log.name}")
            return 1
        instants.pop(0)
    _print(Run(options.out), began, memory)
    return subprocess.run(command("archive", "verify", "--run", str(options.out))).returncode


def _print(run: Run, began: float, memory: list[tuple[float, float, float]]) -> None:
    log = run.events()
    tried = [
        (line.time, line.event) for line in log if isinstance(line.event, CandidateEvaluated) and line.event.episodes
    ]
    looks, ends = np.array(memory), np.array([at - began for at, _ in tried])
    done, took = (np.array([getattr(event, name) for _, event in tried]) for name in ("episodes", "seconds"))
    print(f"{'until':>8} {'host, MB':>9} {'worker, MB':>11} {'candidates':>11} {'episodes/s':>11}")
    edges = np.linspace(0, looks[-1, 0], SLICES + 1)
    for before, after in pairwise(edges):
        seen, part = looks[(looks[:, 0] > before) & (looks[:, 0] <= after)], (ends > before) & (ends <= after)
        speed = done[part].sum() / took[part].sum() if part.any() else float("nan")
        host, worker = (seen[:, 1].max(), seen[:, 2].max()) if len(seen) else (float("nan"), float("nan"))
        print(f"{after / 60:5.0f} min {host:9.0f} {worker:11.0f} {part.sum():11d} {speed:11,.0f}")
    print(f"{len(run.archive.ids()):,} versions, {done.sum():,} episodes")
    begun = max(line.time for line in log if isinstance(line.event, RunStarted)) - began
    _print_trend(looks, ends[ends > begun], (done / took)[ends > begun])


def _print_trend(looks: np.ndarray, ends: np.ndarray, speed: np.ndarray) -> None:
    """Print the trend of memory and speed over the versions of the last process, without the first tenth of them.

    The memory of a version is the smallest measurement during its trial, which leaves out temporary memory.
    """
    first = len(ends) // 10
    held = [looks[(looks[:, 0] > a) & (looks[:, 0] <= b), 1].min(initial=np.inf) for a, b in pairwise(ends[first:])]
    memory = np.array(held)
    seen = np.isfinite(memory)
    if seen.sum() < 3 or len(speed) - first < 3:
        print("too few versions since the last kill to measure a trend")
        return
    grown, grown_error = _slope(np.arange(len(memory))[seen], memory[seen])
    change, change_error = _slope(np.arange(len(speed) - first), np.log(speed[first:]))
    print(f"since the last kill, {len(memory)} versions:")
    print(f"  host {1e3 * grown:+.0f} KB a version (+-{1e3 * grown_error:.0f}), at the end {memory[seen][-1]:.0f} MB")
    print(f"  speed {1e4 * change:+.1f}% with each 100 versions (+-{1e4 * change_error:.1f})")


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the slope of the regression of ``y`` on ``x``, and half the width of its 95% interval."""
    apart = x - x.mean()
    slope = float(apart @ y / (apart @ apart))
    left = y - y.mean() - slope * apart
    return slope, 1.96 * float(np.sqrt(left @ left / (len(x) - 2) / (apart @ apart)))


if __name__ == "__main__":
    sys.exit(main())
