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
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from autotts.agent import population
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.agent.archive.run_directory import Run
from autotts.agent.explorers.evolve.formulas.search import program_of
from autotts.agent.records.events import CandidateEvaluated
from autotts.envs import catalogue
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import NOISE, Strength
from benchmarks.search_tables import Course, draw, print_courses, print_signals, read_course
from benchmarks.searches import add_options, discovered, in_processes, measured_on, sandbox_of


def main() -> int:
    """Run the discoveries that are missing, and print the table."""
    options = _options()
    if options.job:
        _discover(options.job[0], int(options.job[1]), options)
        return 0
    jobs = [
        (variant, seed) for seed in range(options.first, options.first + options.seeds) for variant in options.variants
    ]
    if not in_processes("benchmarks.search", [(variant, str(seed)) for variant, seed in jobs], options.cores):
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
    add_options(parser)
    parser.add_argument("--variants", nargs="+", default=["random", "blocks", "formulas"], metavar="VARIANT")
    parser.add_argument("--seeds", type=int, default=5, help="discoveries of each variant")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--signal", type=float, metavar="STRENGTH", help="compare columns of a signal: 0.8, say")
    parser.add_argument("--questions", type=int, default=30, help="of each simulated environment, with --signal")
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
    if variant == "without":
        return plain
    return [_with_column(env, NOISE if variant == "noise" else options.signal, seed) for env in plain]


def _with_column(env: Environment, strength: float, seed: int) -> Environment:
    return with_parts(env, SimulatedParts({"confidence": Strength(strength, strength)}, seed=seed))


def _discover(variant: str, seed: int, options: argparse.Namespace) -> None:
    """Make one discovery, and write its course."""
    place = _place(options, variant, seed)
    if (place / "course.json").exists():
        return
    environments = _environments(options, variant, seed)
    run = discovered(place / "run", environments, variant, seed, options)
    course = _course(run, environments, options, seed)
    (place / "course.json").write_text(json.dumps(asdict(course)))
    print(f"{variant:11} seed {seed}: {course.hypervolume[-1]:.2f}, fresh {course.best:.2f}", flush=True)


def _course(run: Run, environments: Sequence[Environment], options: argparse.Namespace, seed: int) -> Course:
    cards = {card.id: card for card in run.archive.cards_with_beliefs()}
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
    with sandbox_of(options) as sandbox:
        fresh = measured_on(source, environments, options.fresh, run.config, sandbox)
        if options.signal is not None and program is not None and program.signals:
            noisy = [_with_column(env, NOISE, seed + 1) for env in default_environments(options.questions, seed=seed)]
            exchanged = measured_on(source, noisy, options.fresh, run.config, sandbox).quality(at)
    curve = [(point.accuracy, point.tokens) for point in fresh.curve]
    return Course(
        episodes, volumes, seconds, best.id, population.merit(best, at), fresh.quality(at), curve, exchanged,
        program.signals if program else (),
    )  # fmt: skip


def _print_champions(options: argparse.Namespace) -> None:
    environments = _environments(options, options.variants[0], options.first)
    run = Run(_place(options, options.variants[0], options.first) / "run")
    at = population.budgets(run.archive.cards())
    with sandbox_of(options) as sandbox:
        for name in champion_names():
            found = measured_on(champion_source(name), environments, options.fresh, run.config, sandbox)
            print(f"champion {name}: {found.quality(at):.2f} on the same fresh orders")


if __name__ == "__main__":
    sys.exit(main())
