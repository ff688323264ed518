"""Simulates searches on many nodes: `python -m benchmarks.scheduling --nodes 64 256 [-o FILE]`.

The policy is the code that runs: which candidates work (`agent.loop.overlap.window`, `agent.loop.steady.turns`), how
their runs are cut into shares, and which late shares get a copy (`sandbox.share_schedule`). Nodes, stragglers, failures
and time are simulated. The durations of candidates are those of a real run (`--run RUN`; by default those in
`benchmarks/recorded_durations.csv`, of two runs of `make demo-live` on two busy cores), and those of a heavy-tailed
model with the same mean.

Efficiency is the time of all nodes with a task, divided by their time in all, with the time in which they are broken.
*Useful* leaves out lost work and copies that were not needed. Not simulated: the host. It decides one candidate after
another; the last column says how many milliseconds it may take for each before it, and not the nodes, is the limit.
The exit code is 0 if every efficiency is at least 85%.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from autotts.agent.archive.run_directory import Run
from autotts.agent.loop.overlap.window import InOrderWindow
from autotts.agent.loop.screening.rungs import SHARES
from autotts.agent.loop.steady.turns import STALENESS, SteadyTurns
from autotts.agent.records.events import CandidateEvaluated
from autotts.agent.reports.plots.picture import row, save
from benchmarks.simulated_cluster import SimulatedCluster, Troubles, chain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORDED = Path(__file__).parent / "recorded_durations.csv"
EACH_NODE = 16
"""Candidates of a generation for each node."""
LEAST = 0.85
BINS = 200
"""Points of a picture."""
AT_ONCE = 2
"""Candidates that work at the same time, for each node."""


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one candidate: the episodes that it plays, and seconds of a node in all."""

    episodes: int
    seconds: float

    def stages(self, whole: int) -> list[tuple[int, float]]:
        """Return the steps of its evaluation, and its audit, as (episodes, seconds for each).

        Args:
            whole: episodes of a candidate that is not stopped early.
        """
        ends = [round(share * whole) for share in SHARES if round(share * whole) < self.episodes] + [self.episodes]
        each = self.seconds / (self.episodes + 100)  # a sample of 100 episodes is audited
        return [(last - first, each) for first, last in itertools.pairwise([0, *ends])] + [(100, each)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a simulated search."""

    seconds: float
    efficiency: float
    useful: float
    failures: int
    copies: int
    dropped: int
    intervals: Sequence[tuple[int, float, float, bool]]


def recorded(path: Path) -> list[Work]:
    """Return the work of the candidates in a file with the columns episodes and seconds."""
    with path.open(newline="") as file:
        return [Work(int(row["episodes"]), float(row["seconds"])) for row in csv.DictReader(file)]


def of_run(home: Path) -> list[Work]:
    """Return the work of the candidates in the event log of a run."""
    events = Run(home).events_of(CandidateEvaluated)
    return [Work(event.episodes, event.seconds) for event in events if event.episodes and event.seconds]


def heavy_tailed(like: Sequence[Work], count: int, chance: Random) -> list[Work]:
    """Return work whose seconds are log-normal with a spread of 1.2: the longest of 1,000 takes 20 times the mean."""
    mean, whole = statistics.mean(work.seconds for work in like), max(work.episodes for work in like)
    drawn = [chance.lognormvariate(-0.72, 1.2) * mean for _ in range(count)]
    return [Work(whole, seconds) for seconds in drawn]


def by_generations(cluster: SimulatedCluster, work: Sequence[Work], generations: int) -> int:
    """Simulate generations of two steps each, with a barrier after each step. Return 0: nothing is dropped."""
    whole, numbers = max(each.episodes for each in work), itertools.count()
    population = len(work) // generations
    half = population - population // 2
    first = 0
    for size in [half, population - half] * generations:
        window = InOrderWindow(size, AT_ONCE * cluster.nodes)
        waiting, done = set(range(size)), set[int]()

        def start(window: InOrderWindow = window, waiting: set[int] = waiting, done: set[int] = done,
                  first: int = first) -> None:  # fmt: skip
            for index in window.startable(waiting):
                waiting.discard(index)
                window.began(index)

                def end(index: int = index) -> None:
                    window.rested(index)
                    done.add(index)
                    while window.head in done:
                        window.decided()
                    start()

                chain(cluster, numbers, work[first + index].stages(whole), end)

        start()
        cluster.run(lambda window=window: window.done)  # type: ignore[misc]
        first += size
    return 0


def steady(cluster: SimulatedCluster, work: Sequence[Work], generations: int) -> int:
    """Simulate a steady state; return the number of dropped turns."""
    whole, numbers, dropped = max(each.episodes for each in work), itertools.count(), 0
    staleness = STALENESS * len(work) // generations
    turns = SteadyTurns(AT_ONCE * cluster.nodes, staleness, len(work))

    def ask() -> None:
        while turns.may_ask:
            turn = turns.ask().turn
            chain(cluster, numbers, work[turn % len(work)].stages(whole), lambda turn=turn: end(turn))  # type: ignore[misc]

    def end(turn: int) -> None:
        nonlocal dropped
        if turn in turns.in_flight:
            turns.admit(turn)
            for old in turns.too_old():
                turns.drop(old)
                dropped += 1
        ask()

    ask()
    cluster.run(lambda: turns.admitted == turns.total)
    return dropped


MODES: dict[str, Callable[[SimulatedCluster, Sequence[Work], int], int]] = {
    "generations": by_generations, "steady state": steady
}  # fmt: skip


def simulate(mode: str, nodes: int, work: Sequence[Work], generations: int, seed: int, troubles: Troubles) -> Outcome:
    """Simulate a search with so many nodes; every work is done by one candidate."""
    cluster = SimulatedCluster(nodes, Random(seed), troubles)
    dropped = MODES[mode](cluster, work, generations)
    total = nodes * cluster.now
    return Outcome(
        cluster.now, cluster.busy / total, cluster.useful / total, cluster.failures, cluster.copies, dropped,
        cluster.intervals,
    )  # fmt: skip


def draw(outcomes: dict[str, Outcome], nodes: int, path: Path) -> None:
    """Draw the share of busy nodes over time."""

    def drawing(made: Figure) -> None:
        axes = made.subplots(len(outcomes), 1, squeeze=False)[:, 0]
        for axis, (name, outcome) in zip(axes, outcomes.items(), strict=True):
            width = outcome.seconds / BINS
            times = [i * width for i in range(BINS)]
            useful, lost = (binned(outcome, nodes, counts) for counts in (True, False))
            axis.stackplot(times, useful, lost, labels=("useful", "lost, or a copy"), colors=row("series")[:2])
            axis.set(ylim=(0, 1), xlim=(0, times[-1]), ylabel="busy nodes", title=f"{name}: {outcome.efficiency:.1%}")
        axes[0].legend(loc="lower left")
        axes[-1].set_xlabel("seconds")

    save(path, (7.0, 1.9 * len(outcomes)), drawing)


def binned(outcome: Outcome, nodes: int, counts: bool) -> list[float]:
    """Return the share of the nodes that work in each of `BINS` parts of the time."""
    width, busy = outcome.seconds / BINS, [0.0] * BINS
    for _, began, ended, counted in outcome.intervals:
        for i in range(int(began / width), min(BINS, int(ended / width) + 1)) if counted == counts else ():
            busy[i] += max(0.0, min(ended, (i + 1) * width) - max(began, i * width)) / width / nodes
    return busy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=[64, 256], metavar="N", help="numbers of nodes")
    parser.add_argument("--generations", type=int, default=3, metavar="N", help="generations of each search")
    parser.add_argument("--run", type=Path, metavar="RUN", help="a run, for its durations")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="picture of the searches on the most nodes")
    options = parser.parse_args()
    base = of_run(options.run) if options.run else recorded(RECORDED)
    print(f"{len(base)} recorded candidates, {statistics.mean(work.seconds for work in base):.2f} s each on one node")
    print(f"{'nodes':>5}  {'durations':12} {'mode':12} {'efficiency':>10} {'useful':>7} {'seconds':>8} {'failures':>8} "
          f"{'copies':>6} {'dropped':>7} {'host ms':>8}")  # fmt: skip
    worst, pictures = 1.0, dict[str, Outcome]()
    for nodes in options.nodes:
        count = EACH_NODE * nodes * options.generations
        chance = Random(options.seed)
        kinds = {"recorded": chance.choices(base, k=count), "heavy-tailed": heavy_tailed(base, count, chance)}
        for kind, work in kinds.items():
            for mode in MODES:
                found = simulate(mode, nodes, work, options.generations, options.seed, Troubles())
                worst = min(worst, found.efficiency)
                if nodes == max(options.nodes):
                    pictures[f"{mode}, {kind} durations, {nodes} nodes"] = found
                print(f"{nodes:5}  {kind:12} {mode:12} {found.efficiency:10.1%} {found.useful:7.1%} "
                      f"{found.seconds:8.1f} {found.failures:8} {found.copies:6} {found.dropped:7} "
                      f"{1000 * found.seconds / count:8.1f}")  # fmt: skip
    if options.output:
        draw(pictures, max(options.nodes), options.output)
    print(f"lowest efficiency {worst:.1%}; at least {LEAST:.0%} is wanted")
    return 0 if worst >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
