"""Measures the cost of the host as a run grows: `python -m benchmarks.growth RUN --out DIR [--versions 2000]`.

Runs a discovery of `evolve` with the settings of RUN, but without trials. Each episode of a candidate copies the log of
one of RUN's versions, so that thousands of versions take minutes. Everything else is as in a run. For each group of
versions, the script prints the milliseconds of the host for each candidate by node of the graph, their share in the
duration of a trial in RUN, and the memory. At the end it prints the growth of memory for each version of the second
half. Host costs of a trial that do not depend on the number of versions (scores, curve) are left out.

`python -m benchmarks.growth --store directory|postgresql --versions 100000 --out DIR` makes an archive of that size at
once instead, and times the lists and the choices that depend on its size (`large_archives`).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from autotts.agent.archive.run_directory import Run
from autotts.agent.cli.allocator import return_freed_memory
from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.loop import evaluation as tryout
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.events import CandidateEvaluated, Event, GenerationArchived
from autotts.envs.episodes import Episodes, Logs
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import LoggedEvaluation, scored
from autotts.sandbox.outcome import Candidate

from .large_archives import measure

NODES = ("begin_step", "ask", "collect", "evaluate", "diagnose", "archive_generation")
POOL = 24
"""The largest number of versions of RUN whose logs are copied."""
SLICES = 10


class Trials:
    """A replacement of `sandbox.trial.trial` that copies logs."""

    def __init__(self, run: Run, episodes: Episodes) -> None:
        ran = [card.id for card in run.archive.cards() if card.ok]
        pool = [run.archive.logs(ran[i]) for i in np.linspace(0, len(ran) - 1, min(POOL, len(ran))).astype(int)]
        self.size, self.pool = len(pool), Logs.joined(pool)
        self.episodes, self.seconds = episodes, 0.0

    def __call__(
        self, candidate: Candidate, episodes: Episodes, sandbox: Sandbox,
        elite: Callable[[LoggedEvaluation], bool], **_: Any,
    ) -> LoggedEvaluation:  # fmt: skip
        began = time.thread_time()
        chance = np.random.default_rng(int(hashlib.sha256(candidate.source.encode()).hexdigest()[:15], 16))
        leaning = chance.dirichlet(np.full(self.size, 0.3))  # towards a few versions, so that curves differ
        which = chance.choice(self.size, size=len(episodes), p=leaning) * len(episodes) + np.arange(len(episodes))
        found = scored(candidate, episodes, self.pool.take(which))
        found.curve  # noqa: B018  computed and cached here, as its cost does not grow
        self.seconds += time.thread_time() - began
        elite(found)
        return found


class Clock:
    """The seconds that each node has taken, without trials."""

    def __init__(self, discovery: Discovery, trials: Trials) -> None:
        self.seconds: Counter[str] = Counter()
        self._trials = trials
        for name in NODES:
            setattr(discovery, name, self._timed(name, getattr(discovery, name)))

    def _timed(self, name: str, node: Callable[..., Any]) -> Callable[..., Any]:
        def timed(state: Any) -> Any:
            began, before = time.thread_time(), self._trials.seconds
            try:
                return node(state)
            finally:
                self.seconds[name] += time.thread_time() - began - (self._trials.seconds - before)

        return timed


def resident() -> float:
    """Return the resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="a run of discover that has ended")
    parser.add_argument("--store", choices=("directory", "postgresql"), help="time lists of a large archive there")
    parser.add_argument("--versions", type=int, default=2000)
    parser.add_argument("--out", type=Path, required=True, help="the new run's directory")
    options = parser.parse_args()
    return_freed_memory()
    if options.store:
        measure(options.store, options.versions, options.out)
        return 0
    if options.run is None:
        parser.error("name a run, or a --store")
    old = Run(options.run)
    generations = -(-options.versions // old.config.population)
    run = Run.create(
        options.out, old.config.model_copy(update={"generations": generations}), old.environments()
    )
    evaluated = [line.event for line in old.events() if isinstance(line.event, CandidateEvaluated)]
    took = [event.seconds for event in evaluated if event.verdict == "ok"]
    discovery = Discovery(run, EvolveExplorer(), ProcessSandbox())
    trials = Trials(old, discovery.store.episodes)
    tryout.trial = trials  # type: ignore[assignment]
    clock, rows = Clock(discovery, trials), list[tuple[int, float, dict[str, float], float]]()
    began = time.thread_time()

    def look(event: Event) -> None:
        if isinstance(event, GenerationArchived):
            whole = time.thread_time() - began - trials.seconds
            rows.append((event.versions, whole, dict(clock.seconds), resident()))

    discovery._report = look
    discovery.final_evaluation = lambda state: {}  # type: ignore[method-assign]
    discover(discovery)
    _print(rows, float(np.median(took)))
    return 0


def _print(rows: list[tuple[int, float, dict[str, float], float]], trial: float) -> None:
    print(f"{'versions':>9} {'ms each':>8} {'of a trial':>11} {'MB':>6}  " + " ".join(f"{name:>9}" for name in NODES))
    steps = np.unique(np.linspace(0, len(rows) - 1, SLICES + 1).astype(int)).tolist()
    for a, b in pairwise(steps):
        (before, began, spent, _), (after, ended, spent_then, memory) = rows[a], rows[b]
        each = {name: 1e3 * (spent_then.get(name, 0) - spent.get(name, 0)) / (after - before) for name in NODES}
        whole = (ended - began) / (after - before)
        nodes = " ".join(f"{each[name]:9.1f}" for name in NODES)
        print(f"{after:9,d} {1e3 * whole:8.1f} {whole / trial:11.1%} {memory:6.0f}  {nodes}")
    late = np.array([(versions, memory) for versions, _, _, memory in rows[len(rows) // 2 :]])
    print(f"trial: {trial:.2f} s; memory: {1e3 * np.polyfit(late[:, 0], late[:, 1], 1)[0]:+.1f} KB a version")


if __name__ == "__main__":
    sys.exit(main())
