"""Discoveries of a given number of episodes, for `benchmarks.search` and `benchmarks.left_out`."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from autotts.agent.archive.baselines import every_baseline
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.evolve.explorer import EvolveExplorer, gather, start
from autotts.agent.explorers.evolve.formulas.search import FormulaExplorer
from autotts.agent.explorers.evolve.genome import STARTS, Genome
from autotts.agent.loop.evaluation import CandidateEvaluator
from autotts.agent.loop.graph import Discovery, discover
from autotts.agent.population.measurement import Measurement
from autotts.agent.records.events import CandidateEvaluated
from autotts.agent.records.explorer import Brief, Explorer, Proposal
from autotts.envs.episodes import grid
from autotts.envs.store import Environment
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate

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

    name = "evolve"
    one_at_a_time = False
    needs_own_data = True

    def __init__(self, inner: Explorer, run: Run, episodes: int) -> None:
        self._inner, self._run, self._episodes = inner, run, episodes
        self._baselines = frozenset(every_baseline())

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return the proposals of the other explorer, or stop the run."""
        self._stop_if_enough()
        return self._inner.propose(brief)

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return the proposals of the other explorer, or stop the run."""
        self._stop_if_enough()
        return self._inner.refine(brief)

    def close(self) -> None:
        """Do nothing."""

    def _stop_if_enough(self) -> None:
        events = (line.event for line in self._run.events())
        played = (each for each in events if isinstance(each, CandidateEvaluated) and each.id not in self._baselines)
        if sum(each.episodes for each in played) >= self._episodes:
            raise EnoughEpisodes


def explorer_of(variant: str, starts: bool) -> Explorer:
    """Return the explorer of a variant (see `benchmarks.search`); without ``starts``, it begins from defaults alone."""
    if not starts:
        STARTS.clear()
        STARTS["the defaults"] = Genome.make({}, {})
    if variant == "random":
        return RandomSearch()
    if variant == "blocks":
        return EvolveExplorer()
    return FormulaExplorer(guided=variant != "unguided", formulas=variant != "tuned", starts=starts)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of discoveries."""
    parser.add_argument("--out", type=Path, required=True, help="where runs and figures go")
    parser.add_argument("--episodes", type=int, default=300_000, help="of each discovery, audits included")
    parser.add_argument("--population", type=int, default=16)
    parser.add_argument("--orders", type=int, default=2, help="branch orders of a candidate in the search")
    parser.add_argument("--fresh", type=int, default=20, help="branch orders on which the best versions are measured")
    parser.add_argument("--env", nargs="+", help="default: the synthetic environments")
    parser.add_argument("--data", help="where environments are")
    parser.add_argument(
        "--unaudited", action="store_true", help="without audits, which take half the time: no variant writes free code"
    )
    parser.add_argument("--interpreter", choices=("cpython", "pypy"), default="cpython", help="of the candidates")
    parser.add_argument("--cores", type=int, default=1, help="discoveries at a time")
    parser.add_argument("--starts", action="store_true", help="begin from the hand-set starts too")


def sandbox_of(options: argparse.Namespace) -> ProcessSandbox:
    """Return the sandbox in which candidates run: one worker, because discoveries run side by side."""
    return ProcessSandbox(1, LIMITS, options.interpreter)


def discovered(
    place: Path, environments: Sequence[Environment], variant: str, seed: int, options: argparse.Namespace
) -> Run:
    """Return the run of a discovery, which is continued if it exists."""
    config = RunConfig(
        generations=GENERATIONS, population=options.population, seed=seed, orders=options.orders,
        islands=4 if variant == "islands" else 1, environments={env.name: env.hash for env in environments},
    )  # fmt: skip
    run = Run.create(place, config, environments)
    explorer = LimitedExplorer(explorer_of(variant, options.starts), run, options.episodes)
    audits = patch.object(CandidateEvaluator, "share", lambda *_: 0.0) if options.unaudited else nullcontext()
    try:
        with sandbox_of(options) as sandbox, audits:
            discover(Discovery(run, explorer, sandbox))
    except EnoughEpisodes:
        pass
    return run


def measured_on(
    source: str, environments: Sequence[Environment], orders: int, config: RunConfig, sandbox: ProcessSandbox
) -> Measurement:
    """Return the results of a controller on the branch orders 0, 1, ..., which no search uses."""
    episodes = grid(environments, config.betas, range(orders), config.max_branches, config.max_tokens)
    result = evaluate(Candidate("best", source), episodes, sandbox)
    assert result.logs is not None and result.scores is not None, result.verdict
    return Measurement(result.logs, result.scores)


def in_processes(module: str, jobs: Sequence[Sequence[str]], cores: int) -> bool:
    """Run this program once for each job, with the option ``--job``; return whether all of them succeeded."""
    command = [sys.executable, "-m", module, *sys.argv[1:], "--job"]
    with ThreadPoolExecutor(cores) as pool:
        codes = list(pool.map(lambda job: subprocess.run([*command, *job], check=False).returncode, jobs))
    return not any(codes)
