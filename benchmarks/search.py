"""Compares islands, a single population and random search: `python -m benchmarks.search --out DIR`.

Each variant makes discoveries from several seeds. A further variant, "unguided", is a single population whose drafts
are not selected by predicted quality. The script draws the hypervolume of accuracy and log tokens (search figures)
against time and against episodes, as mean and standard deviation over the seeds. The last table also shows the quality
of each run's best version on branch orders that the search has not used. Runs that exist in DIR are continued.
`--plain` removes the hand-set starting genomes, which contain results of earlier studies: all variants then start from
the default genome.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autotts.agent import population
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.archive.run_report import read_report
from autotts.agent.explorers.evolve.explorer import EvolveExplorer, gather, start
from autotts.agent.explorers.evolve.genome import STARTS, Genome
from autotts.agent.llm.budget import LlmBudget, SpendingLimit, SpendingLimits
from autotts.agent.loop.graph import Discovery, discover
from autotts.agent.records.events import CandidateEvaluated, GenerationArchived, RunStarted
from autotts.agent.records.explorer import Brief, Proposal
from autotts.envs import catalogue
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox

GENERATIONS = 1000
"""More generations than any time limit allows."""


class RandomSearch(EvolveExplorer):
    """Makes random changes of the hand-set starting genomes, without selection."""

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return changed starting genomes."""
        chance = random.Random(brief.seed)
        return gather(brief, lambda turn: start(chance.choice(list(STARTS)), chance))

    refine = propose


@dataclass(frozen=True, slots=True)
class Course:
    """The progress of a run: an entry for the baselines, and one after each candidate."""

    seconds: list[float]
    episodes: list[int]
    hypervolume: list[float]
    best: float
    """Quality of the best version on fresh branch orders."""


def main() -> int:
    options = _options()
    if options.plain:
        STARTS.clear()
        STARTS["the defaults"] = Genome.make({}, {})
    environments = catalogue.find(catalogue.data_root(options.data), options.env) if options.env else None
    environments = environments or default_environments()
    courses: dict[str, list[Course]] = {}
    for seed in range(options.first, options.first + options.seeds):
        for variant in options.variants:
            run = _discovered(variant, seed, environments, options)
            courses.setdefault(variant, []).append(_course(run))
            print(f"{variant:8} seed {seed}: {courses[variant][-1].hypervolume[-1]:.2f}", flush=True)
    _print(courses)
    document = {variant: [_json(course) for course in found] for variant, found in courses.items()}
    (options.out / "search.json").write_text(json.dumps(document))
    _draw(courses, options.out / "search.png")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where runs and figures go")
    parser.add_argument("--variants", nargs="+", default=["islands", "single", "random"], metavar="VARIANT")
    parser.add_argument("--seeds", type=int, default=3, help="discoveries of each variant")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--candidates", type=int, default=96, help="of each discovery")
    parser.add_argument("--minutes", type=float, help="of each discovery, in place of a number of candidates")
    parser.add_argument("--population", type=int, default=16)
    parser.add_argument("--islands", type=int, default=4, help="of the variant with islands")
    parser.add_argument("--orders", type=int, default=2)
    parser.add_argument("--env", nargs="+", help="default: the synthetic environments")
    parser.add_argument("--data", help="where environments are")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="start from the genome of defaults alone")
    return parser.parse_args()


def _discovered(variant: str, seed: int, environments: Sequence[Environment], options: argparse.Namespace) -> Run:
    """Return the finished run of a variant."""
    generations = GENERATIONS if options.minutes else -(-options.candidates // options.population)
    config = RunConfig(
        generations=generations, population=options.population, seed=seed, orders=options.orders,
        islands=options.islands if variant == "islands" else 1,
        environments={env.name: env.hash for env in environments},
    )  # fmt: skip
    run = Run.create(options.out / variant / str(seed), config, environments)
    limits = SpendingLimits(run=SpendingLimit(hours=options.minutes / 60 if options.minutes else None))
    explorer = RandomSearch() if variant == "random" else EvolveExplorer(guided=variant != "unguided")
    if read_report(run) is None:
        budget = LlmBudget(limits, hours_before=run.hours())
        run.log("began")
        discover(Discovery(run, explorer, ProcessSandbox(options.workers), budget=budget))
    return run


def _course(run: Run) -> Course:
    cards = {card.id: card for card in run.archive.cards()}
    within = population.space(list(cards.values()))
    points = [within.points(card.mean_curve) for card in cards.values() if card.generation == 0 and card.ok]
    front = within.best(np.concatenate(points))
    found, last, worked, episodes = Course([0.0], [0], [within.volume(front)], 0.0), 0.0, 0.0, 0
    for line in run.events():
        event = line.event
        worked += line.time - last if last and not isinstance(event, RunStarted) else 0.0
        last = line.time
        if isinstance(event, GenerationArchived) and event.generation == 0:
            worked = 0.0
        if not isinstance(event, CandidateEvaluated):
            continue
        card = cards.pop(event.id, None)
        if card is None or card.generation == 0:
            continue
        episodes += event.episodes
        if card.ok:
            front = within.best(np.concatenate([front, within.points(card.mean_curve)]))
        found.seconds.append(worked)
        found.episodes.append(episodes)
        found.hypervolume.append(within.volume(front))
    report = read_report(run)
    assert report is not None
    return Course(found.seconds, found.episodes, found.hypervolume, report.measured[report.best])


def _json(course: Course) -> dict[str, object]:
    return {name: getattr(course, name) for name in ("seconds", "episodes", "hypervolume", "best")}


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):7.2f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.2f}"


def _print(courses: dict[str, list[Course]]) -> None:
    titles = ("hypervolume", "over random", "best, fresh")
    print("\n" + " ".join([f"{'variant':8}", *(f"{title:>15}" for title in titles), " candidates", " seconds"]))
    for variant, found in courses.items():
        ends = [course.hypervolume[-1] for course in found]
        base = [course.hypervolume[-1] for course in courses.get("random", found)]
        print(
            f"{variant:8} {_spread(ends):>15} {_spread(np.subtract(ends, base).tolist()):>15}"
            f" {_spread([course.best for course in found]):>15}"
            f" {np.mean([len(course.seconds) - 1 for course in found]):11.0f}"
            f" {np.mean([course.seconds[-1] for course in found]):8.0f}"
        )


def _draw(courses: dict[str, list[Course]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5), sharey=True)
    for axis, name in zip(axes, ("seconds", "episodes"), strict=True):
        for variant, found in courses.items():
            runs = [(getattr(course, name), course.hypervolume) for course in found]
            at = np.linspace(0, min(x[-1] for x, _ in runs), 200)
            steps = np.array([np.array(y)[np.searchsorted(x, at, side="right") - 1] for x, y in runs])
            mean, spread = steps.mean(axis=0), steps.std(axis=0, ddof=1) if len(steps) > 1 else 0 * at
            (line,) = axis.plot(at, mean, label=f"{variant} ({len(runs)} seeds)")
            axis.fill_between(at, mean - spread, mean + spread, alpha=0.15, color=line.get_color())
        axis.set(xlabel=name, ylabel="hypervolume, points (search figures)")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
