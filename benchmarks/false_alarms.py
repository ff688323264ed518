"""Audits honest controllers in full, and counts false alarms: `python -m benchmarks.false_alarms [--evolved 400]`.

The controllers are the baselines of every run, the shipped champions and controllers that the `evolve` explorer
renders. Each plays a small batch of several synthetic environments (and of recorded ones, if ``--replay`` names their
directory), with and without a limit on tokens. Then all baselines and ``--formulas`` evolved formulas, each of which
reads a signal, play environments with signals, a verifier and forks, one in which probes and verifications are free and
the nearest fork is taken, and one in which neither is. With 400 evolved controllers and 200 formulas this takes about
25 minutes on two idle cores. Exits with 1 if any audit convicted.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from autotts.agent.archive.baselines import baseline_names, baseline_source, every_baseline
from autotts.agent.explorers.evolve.explorer import cross, vary
from autotts.agent.explorers.evolve.formulas.frame import write
from autotts.agent.explorers.evolve.formulas.moves import Moves
from autotts.agent.explorers.evolve.formulas.program import Program
from autotts.agent.explorers.evolve.formulas.translation import momentum
from autotts.agent.explorers.evolve.genome import STARTS
from autotts.agent.explorers.evolve.render import render
from autotts.agent.loop.signal_summaries import summarize_signals
from autotts.envs.declarations import read_declarations
from autotts.envs.episodes import Episodes, grid
from autotts.envs.importing import published
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import Strength
from autotts.envs.synthetic.trees import ForkPlan
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from benchmarks.binomial import upper_bound

DISCOVERED = Path(__file__).parents[1] / "controllers_archive" / "discovered"
EVOLVED, FORMULAS = 400, 200
SIGNALS = (
    "lowest_group", "group", "branch_token_confidence", "confidence", "answer_confidence", "answer_hesitation",
)  # fmt: skip
"""The signals that the baselines read."""
QUESTIONS = 4
"""The questions of each environment that are played, from its first one."""
LIMITS = (None, 60_000)
"""The limits on the tokens of an episode, one batch each."""


def evolved(count: int, seed: int = 0) -> list[str]:
    """Return the sources of ``count`` different controllers of the built-in explorer."""
    chance, genomes = random.Random(seed), list(STARTS.values())
    sources = {render(genome): None for genome in genomes}
    while len(sources) < count:
        one, other = chance.choice(genomes), chance.choice(genomes)
        child = cross(("one", one), ("other", other), chance) if chance.random() < 0.5 else None
        genome = child.genome if child else vary(one, chance)[0]
        if render(genome) not in sources:
            genomes.append(genome)
            sources[render(genome)] = None
    return list(sources)[:count]


def formulas(count: int, environments: Sequence[Environment], seed: int = 0) -> list[str]:
    """Return the sources of ``count`` different evolved formulas, each of which reads a signal of ``environments``."""
    chance = random.Random(seed)
    moves, sources = Moves(chance, summarize_signals(environments)), dict[str, None]()
    while len(sources) < count:
        program = Program.make({}) if chance.random() < 0.5 else momentum()
        for _ in range(chance.choice((1, 3, 8, 20))):
            program, _ = moves.vary(program)
        source = write(program)
        if read_declarations(source).names:
            sources[source] = None
    return list(sources)


def extended_environments() -> list[Environment]:
    """Return two synthetic environments that have everything."""
    models = list(default_models().values())
    made = []
    for i, (cost, price, rule) in enumerate(((0, 0, "nearest"), (50, 20, "recorded"))):
        parts = SimulatedParts(
            signals={name: Strength(0.6, 0.85) for name in SIGNALS},
            verifier=Strength(0.6, 0.85),
            verify_cost=cost,
            forks=ForkPlan(depths=(2, 6, 14), levels=2, rule=rule),
            seed=i,
        )
        plain = generate(models[i + 1], f"extended{i}/model", questions=QUESTIONS - 1, branches=12, seed=i)
        made.append(replace(with_parts(plain, parts), probe_cost=price))
    return made


def extended_batches(environments: Sequence[Environment]) -> list[Episodes]:
    """Return the batches on environments that have everything."""
    return [grid(environments, [0.3, 0.9], range(2), max_branches=16, max_tokens=limit) for limit in LIMITS]


def extended_controllers(count: int, environments: Sequence[Environment]) -> list[tuple[str, Candidate]]:
    """Return all baselines, and ``count`` evolved formulas."""
    found = [("baseline, extended", Candidate(name, baseline_source(name))) for name in every_baseline()]
    evolved = enumerate(formulas(count, environments))
    return found + [("formula", Candidate(f"formula_{i}", source)) for i, source in evolved]


def controllers(count: int) -> list[tuple[str, Candidate]]:
    """Return the kind and the candidate of each controller."""
    found = [("baseline", Candidate(name, baseline_source(name))) for name in baseline_names()]
    champions = sorted(DISCOVERED.rglob("*.py"))
    found += [("champion", Candidate(path.stem, path.read_text(encoding="utf-8"))) for path in champions]
    return found + [("evolved", Candidate(f"evolved_{i}", source)) for i, source in enumerate(evolved(count))]


def environments(replay: Path | None) -> list[Environment]:
    """Return synthetic environments, and the recorded ones of a directory."""
    models = list(default_models().values())
    made = [generate(model, f"m{i}/model", questions=QUESTIONS, branches=24, seed=i) for i, model in enumerate(models)]
    if replay is not None:
        made += [published.read(path, f"aime24/{path.stem}") for path in sorted(replay.glob("*.json"))]
    return made


def batches(replay: Path | None) -> list[Episodes]:
    """Return the batches that each controller plays."""
    made = environments(replay)
    whole = [grid(made, [0.0, 0.5, 1.0], range(2), max_branches=16, max_tokens=limit) for limit in LIMITS]
    return [episodes.take(np.flatnonzero(episodes.question < QUESTIONS)) for episodes in whole]


def alarm(candidate: Candidate, episodes: Episodes, sandbox: Sandbox) -> str:
    """Return the verdict of the audit of an honest controller, or an empty text if it passes."""
    found = evaluate(candidate, episodes, sandbox)
    if found.logs is None:
        return f"{found.verdict.kind}: {found.verdict.message}"
    verdict = audit(candidate, episodes, found.logs, sandbox)
    return "" if verdict.ok else f"{verdict.kind}: {verdict.message}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--evolved", type=int, default=EVOLVED)
    parser.add_argument("--formulas", type=int, default=FORMULAS)
    parser.add_argument("--replay", type=Path, help="directory of recorded environments in the published JSON")
    parser.add_argument("--sandbox", default="bubblewrap")
    arguments = parser.parse_args()
    began, tried, alarms = time.monotonic(), Counter[str](), Counter[str]()
    extended = extended_environments()
    plain, whole = batches(arguments.replay), extended_batches(extended)
    trials = [
        *((each, plain) for each in controllers(arguments.evolved)),
        *((each, whole) for each in extended_controllers(arguments.formulas, extended)),
    ]
    sizes = sorted({len(episodes) for episodes in (*plain, *whole)})
    print(f"{len(trials)} controllers, full audits of {' or '.join(map(str, sizes))} episodes")
    with open_sandbox(arguments.sandbox, 2) as sandbox:
        for (kind, candidate), played in trials:
            for episodes in played:
                tried[kind] += 1
                if found := alarm(candidate, episodes, sandbox):
                    alarms[kind] += 1
                    print(f"{candidate.name}: {found}", flush=True)
    for kind in tried:
        print(f"{kind:18} {alarms[kind]} of {tried[kind]} audits")
    bound = upper_bound(alarms.total(), tried.total())
    took = time.monotonic() - began
    print(f"{'all':18} {alarms.total()} of {tried.total()}; at most {bound:.2%} (95%); {took:.0f} s")
    return int(alarms.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
