"""Compares explorers at equal numbers of episodes: `python -m benchmarks.search --out DIR --episodes 300000`.

Each variant makes discoveries from several seeds, on the same environments, branch orders and seeds; a discovery stops
when its candidates have played the given number of episodes. The variants:

- random: changes of the starts by building blocks and constants, without selection;
- blocks: evolution over building blocks and constants (`evolve` as it was before formulas);
- formulas: evolution over formulas; tuned: the same without random formulas; unguided: without the surrogate model;
- islands: formulas on four islands.

With `--signal STRENGTH` the variants are three columns of the same simulated environments, one set for each seed:

- informative: a signal `confidence`, higher for a right branch than for a wrong one with the probability STRENGTH;
- noise: the same column, but it tells nothing (0.5);
- without: no column.

All three are searched by formulas. The table shows which best versions use the signal, and the tokens that they save
against the best version found without the column, at equal accuracy on fresh branch orders. A version that is said to
use the signal must lose by an exchange of the column for noise; the table shows that loss too.

All begin from defaults alone; `--starts` gives them the hand-set starts, which contain results of earlier studies. The
table shows the hypervolume of accuracy and log tokens (search figures), and the quality of each run's best version on
branch orders that no search uses (from 0 on), with the champions beside it. Differences are paired by seed, with 95%
intervals (Student). Runs that exist in DIR are continued. Every discovery is a process, on `--cores` cores at a time.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from autotts.agent import population
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.evolve.explorer import EvolveExplorer, gather, start
from autotts.agent.explorers.evolve.formulas.search import FormulaExplorer, program_of
from autotts.agent.explorers.evolve.genome import STARTS, Genome
from autotts.agent.loop.graph import Discovery, discover
from autotts.agent.population.measurement import Measurement
from autotts.agent.records.events import CandidateEvaluated
from autotts.agent.records.explorer import Brief, Explorer, Proposal
from autotts.envs import catalogue
from autotts.envs.episodes import grid
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import NOISE, Strength
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from benchmarks.search_tables import Course, draw, print_courses, print_signals, read_course

GENERATIONS = 10_000
"""More generations than any number of episodes allows."""
LIMITS = SandboxLimits(episode_seconds=600.0, seconds=100_000.0)
"""Another load on the machine decides no verdict."""


class EnoughEpisodes(Exception):
    """The candidates have played as many episodes as they may."""


class RandomSearch(EvolveExplorer):
    """Makes random changes of the starting genomes, without selection."""

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return changed starting genomes."""
        chance = random.Random(f"{brief.seed} {brief.slot}")
        return gather(brief, lambda turn: start(chance.choice(list(STARTS)), chance))

    refine = propose


class LimitedExplorer:
    """Asks another explorer until the candidates of a run have played a number of episodes."""

    one_at_a_time = False
    needs_own_data = True
    name = "evolve"

    def __init__(self, inner: Explorer, run: Run, episodes: int) -> None:
        self._inner, self._run, self._episodes = inner, run, episodes

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return the proposals of the other explorer, or stop the run."""
        if _played(self._run) >= self._episodes:
            raise EnoughEpisodes
        return self._inner.propose(brief)

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return the proposals of the other explorer."""
        return self._inner.refine(brief)

    def close(self) -> None:
        """Do nothing."""


def main() -> int:
    """Run the discoveries that are missing, and print the table."""
    options = _options()
    if options.job:
        _discover(options.job[0], int(options.job[1]), options)
        return 0
    jobs = [
        (variant, seed) for seed in range(options.first, options.first + options.seeds) for variant in options.variants
    ]
    command = [sys.executable, "-m", "benchmarks.search", *sys.argv[1:], "--job"]
    with ThreadPoolExecutor(options.cores) as pool:
        done = list(pool.map(lambda job: subprocess.run([*command, job[0], str(job[1])], check=False).returncode, jobs))
    if any(done):
        return 1
    courses: dict[str, list[Course]] = {}
    for variant, seed in jobs:
        courses.setdefault(variant, []).append(read_course(_place(options, variant, seed) / "course.json"))
    print_courses(courses)
    if options.signal is not None:
        print_signals(courses)
    elif options.champions:
        _print_champions(options)
    draw(courses, options.out / "search.png")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where runs and figures go")
    parser.add_argument("--variants", nargs="+", default=["random", "blocks", "formulas"], metavar="VARIANT")
    parser.add_argument("--seeds", type=int, default=5, help="discoveries of each variant")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--episodes", type=int, default=300_000, help="of each discovery, audits included")
    parser.add_argument("--population", type=int, default=16)
    parser.add_argument("--orders", type=int, default=2, help="branch orders of a candidate in the search")
    parser.add_argument("--fresh", type=int, default=20, help="branch orders on which the best versions are measured")
    parser.add_argument("--env", nargs="+", help="default: the synthetic environments")
    parser.add_argument("--data", help="where environments are")
    parser.add_argument("--cores", type=int, default=1, help="discoveries at a time")
    parser.add_argument("--signal", type=float, metavar="STRENGTH", help="compare columns of a signal: 0.8, say")
    parser.add_argument("--questions", type=int, default=30, help="of each simulated environment, with --signal")
    parser.add_argument("--starts", action="store_true", help="begin from the hand-set starts too")
    parser.add_argument("--champions", action="store_true", help="measure the champions on the same fresh orders")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.signal is not None:
        options.variants = ["without", "informative", "noise"]
    return options


def _place(options: argparse.Namespace, variant: str, seed: int) -> Path:
    place: Path = options.out / variant / str(seed)
    return place


def _environments(options: argparse.Namespace, variant: str, seed: int) -> list[Environment]:
    if options.signal is None:
        found = catalogue.find(catalogue.data_root(options.data), options.env) if options.env else None
        return list(found or default_environments())
    plain = default_environments(options.questions, seed=seed)
    return (
        plain
        if variant == "without"
        else [_with_column(env, _STRENGTHS.get(variant, options.signal), seed) for env in plain]
    )


_STRENGTHS = {"noise": NOISE}


def _with_column(env: Environment, strength: float, seed: int) -> Environment:
    return with_parts(env, SimulatedParts({"confidence": Strength(strength, strength)}, seed=seed))


def _explorer(variant: str, starts: bool) -> Explorer:
    if variant == "random":
        return RandomSearch()
    if variant == "blocks":
        return EvolveExplorer()
    return FormulaExplorer(guided=variant != "unguided", formulas=variant != "tuned", starts=starts)


def _discover(variant: str, seed: int, options: argparse.Namespace) -> None:
    """Make one discovery, and write its course."""
    place = _place(options, variant, seed)
    if (place / "course.json").exists():
        return
    if not options.starts:
        STARTS.clear()
        STARTS["the defaults"] = Genome.make({}, {})
    environments = _environments(options, variant, seed)
    config = RunConfig(
        generations=GENERATIONS, population=options.population, seed=seed, orders=options.orders,
        islands=4 if variant == "islands" else 1, environments={env.name: env.hash for env in environments},
    )  # fmt: skip
    run = Run.create(place / "run", config, environments)
    explorer = LimitedExplorer(_explorer(variant, options.starts), run, options.episodes)
    try:
        with ProcessSandbox(1, LIMITS) as sandbox:
            discover(Discovery(run, explorer, sandbox))
    except EnoughEpisodes:
        course = _course(run, environments, options, seed)
        (place / "course.json").write_text(json.dumps(asdict(course)))
        print(f"{variant:9} seed {seed}: {course.hypervolume[-1]:.2f}, fresh {course.best:.2f}", flush=True)


def _played(run: Run) -> int:
    return sum(
        line.event.episodes
        for line in run.events()
        if isinstance(line.event, CandidateEvaluated) and _is_new(line.event.id)
    )


def _is_new(id: str) -> bool:
    return id.startswith("g") and not id.startswith("g000")


def _course(run: Run, environments: Sequence[Environment], options: argparse.Namespace, seed: int) -> Course:
    cards = {card.id: card for card in run.archive.cards()}
    within = population.space(list(cards.values()))
    points = [within.points(card.mean_curve) for card in cards.values() if card.generation == 0 and card.ok]
    front = within.best(np.concatenate(points))
    episodes, volumes, seconds = [0], [within.volume(front)], 0.0
    everyone = list(cards.values())
    for line in run.events():
        event = line.event
        if (
            not isinstance(event, CandidateEvaluated)
            or (card := cards.pop(event.id, None)) is None
            or card.generation == 0
        ):
            continue
        seconds += event.seconds
        if card.ok:
            front = within.best(np.concatenate([front, within.points(card.mean_curve)]))
        episodes.append(episodes[-1] + event.episodes)
        volumes.append(within.volume(front))
    at = population.budgets(everyone)
    best = population.ranked(everyone)[0]
    program = program_of(best.data) if best.data else None
    source, exchanged = run.archive.source(best.id), math.nan
    with ProcessSandbox(1, LIMITS) as sandbox:
        fresh = measured_on(source, environments, options.fresh, run.config, sandbox)
        if options.signal is not None and program is not None and program.signals:
            noisy = [_with_column(env, NOISE, seed + 1) for env in default_environments(options.questions, seed=seed)]
            exchanged = measured_on(source, noisy, options.fresh, run.config, sandbox).quality(at)
    curve = [(point.accuracy, point.tokens) for point in fresh.curve]
    return Course(
        episodes, volumes, seconds, best.id, population.merit(best, at), fresh.quality(at), curve, exchanged,
        program.signals if program else (),
    )  # fmt: skip


def measured_on(
    source: str, environments: Sequence[Environment], orders: int, config: RunConfig, sandbox: ProcessSandbox
) -> Measurement:
    """Return the results of a controller on the branch orders 0, 1, ..., which no search uses."""
    episodes = grid(environments, config.betas, range(orders), config.max_branches, config.max_tokens)
    result = evaluate(Candidate("best", source), episodes, sandbox)
    assert result.logs is not None and result.scores is not None, result.verdict
    return Measurement(result.logs, result.scores)


def _print_champions(options: argparse.Namespace) -> None:
    environments = _environments(options, options.variants[0], options.first)
    run = Run(_place(options, options.variants[0], options.first) / "run")
    at = population.budgets(run.archive.cards())
    with ProcessSandbox(1, LIMITS) as sandbox:
        for name in champion_names():
            found = measured_on(champion_source(name), environments, options.fresh, run.config, sandbox)
            print(f"champion {name}: {found.quality(at):.2f} on the same fresh orders")


if __name__ == "__main__":
    sys.exit(main())
