"""Compares explorers at equal numbers of episodes: `python -m benchmarks.search --out DIR --episodes 300000`.

Each variant makes discoveries from several seeds, on the same environments, branch orders and seeds; a discovery stops
when its candidates have played the given number of episodes. The variants:

- random: changes of the starts by building blocks and constants, without selection;
- blocks: evolution over building blocks and constants (`evolve` as it was before formulas);
- formulas: evolution over formulas; tuned: the same without random formulas; unguided: without the surrogate model;
- islands: formulas on four islands.

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
from dataclasses import asdict, dataclass
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
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate

GENERATIONS = 10_000
"""More generations than any number of episodes allows."""
_STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""The 97.5% quantile of Student's distribution by degrees of freedom."""


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


@dataclass(frozen=True, slots=True)
class Course:
    """The progress of a discovery: an entry for the baselines, and one after each candidate."""

    episodes: list[int]
    hypervolume: list[float]
    seconds: float
    """Of work on candidates."""
    version: str
    searched: float
    """Quality of the best version, as the search believes it."""
    best: float
    """Quality of the best version on fresh branch orders."""
    signals: tuple[str, ...]
    """The signals that the best version uses."""


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
        courses.setdefault(variant, []).append(_read(_place(options, variant, seed) / "course.json"))
    _print(courses, options)
    _draw(courses, options.out / "search.png")
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
    parser.add_argument("--starts", action="store_true", help="begin from the hand-set starts too")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _place(options: argparse.Namespace, variant: str, seed: int) -> Path:
    place: Path = options.out / variant / str(seed)
    return place


def _environments(options: argparse.Namespace) -> list[Environment]:
    found = catalogue.find(catalogue.data_root(options.data), options.env) if options.env else None
    return list(found or default_environments())


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
    environments = _environments(options)
    config = RunConfig(
        generations=GENERATIONS, population=options.population, seed=seed, orders=options.orders,
        islands=4 if variant == "islands" else 1, environments={env.name: env.hash for env in environments},
    )  # fmt: skip
    run = Run.create(place / "run", config, environments)
    explorer = LimitedExplorer(_explorer(variant, options.starts), run, options.episodes)
    try:
        with ProcessSandbox(1) as sandbox:
            discover(Discovery(run, explorer, sandbox))
    except EnoughEpisodes:
        course = _course(run, environments, options.fresh)
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


def _course(run: Run, environments: Sequence[Environment], orders: int) -> Course:
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
    with ProcessSandbox(1) as sandbox:
        fresh = quality_on(run.archive.source(best.id), environments, orders, run.config, at, sandbox)
    return Course(
        episodes, volumes, seconds, best.id, population.merit(best, at), fresh, program.signals if program else ()
    )


def quality_on(
    source: str,
    environments: Sequence[Environment],
    orders: int,
    config: RunConfig,
    at: object,
    sandbox: ProcessSandbox,
) -> float:
    """Return the quality of a controller on the branch orders 0, 1, ..., in per cent."""
    episodes = grid(environments, config.betas, range(orders), config.max_branches, config.max_tokens)
    result = evaluate(Candidate("best", source), episodes, sandbox)
    assert result.logs is not None and result.scores is not None, result.verdict
    return Measurement(result.logs, result.scores).quality(np.asarray(at, float))


def _read(path: Path) -> Course:
    document = json.loads(path.read_text())
    return Course(**{**document, "signals": tuple(document["signals"])})


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):7.2f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.2f}"


def _paired(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the mean difference with its 95% interval."""
    apart = np.subtract(ours, theirs)
    if len(apart) < 2:
        return f"{apart.mean():+.2f}"
    half = _STUDENT.get(len(apart) - 1, 2.0) * float(apart.std(ddof=1)) / math.sqrt(len(apart))
    return f"{apart.mean():+.2f} [{apart.mean() - half:+.2f}, {apart.mean() + half:+.2f}]"


def _print(courses: dict[str, list[Course]], options: argparse.Namespace) -> None:
    titles = ("hypervolume", "over random", "best, searched", "best, fresh orders", "over random")
    print(
        "\n" + " ".join([f"{'variant':9}", *(f"{title:>22}" for title in titles), "candidates", "seconds", "signals"])
    )
    first = next(iter(courses.values()))
    base = courses.get("random", first)
    for variant, found in courses.items():
        ends, best = [course.hypervolume[-1] for course in found], [course.best for course in found]
        cells = (
            _spread(ends), _paired(ends, [course.hypervolume[-1] for course in base]),
            _spread([course.searched for course in found]), _spread(best),
            _paired(best, [course.best for course in base]),
        )  # fmt: skip
        used = sum(bool(course.signals) for course in found)
        print(
            f"{variant:9}", *(f"{cell:>22}" for cell in cells),
            f"{np.mean([len(course.episodes) - 1 for course in found]):10.0f}",
            f"{np.mean([course.seconds for course in found]):7.0f}", f"{used} of {len(found)}",
        )  # fmt: skip
    environments = _environments(options)
    run = Run(_place(options, options.variants[0], options.first) / "run")
    at = population.budgets(run.archive.cards())
    with ProcessSandbox(1) as sandbox:
        for name in champion_names():
            quality = quality_on(champion_source(name), environments, options.fresh, run.config, at, sandbox)
            print(f"champion {name}: {quality:.2f} on the same fresh orders")


def _draw(courses: dict[str, list[Course]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 5))
    for variant, found in courses.items():
        at = np.linspace(0, min(course.episodes[-1] for course in found), 200)
        steps = np.array([np.array(c.hypervolume)[np.searchsorted(c.episodes, at, side="right") - 1] for c in found])
        mean, spread = steps.mean(axis=0), steps.std(axis=0, ddof=1) if len(steps) > 1 else 0 * at
        (line,) = axis.plot(at, mean, label=f"{variant} ({len(found)} seeds)")
        axis.fill_between(at, mean - spread, mean + spread, alpha=0.15, color=line.get_color())
    axis.set(xlabel="episodes", ylabel="hypervolume, points (search figures)")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
