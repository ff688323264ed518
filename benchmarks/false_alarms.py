"""Audits honest controllers in full, and counts false alarms: `python -m benchmarks.false_alarms [--evolved 400]`.

The controllers are all baselines, the shipped champions and controllers that the `evolve` explorer renders. Each plays
a small batch of several synthetic environments (and of recorded ones, if ``--replay`` names their directory), with and
without a limit on tokens. With 400 evolved controllers this takes about 15 minutes on two idle cores. Exits with 1 if
any audit convicted.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.explorers.evolve.explorer import cross, vary
from autotts.agent.explorers.evolve.genome import STARTS
from autotts.agent.explorers.evolve.render import render
from autotts.envs.episodes import Episodes, grid
from autotts.envs.importing import published
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from benchmarks.binomial import upper_bound

DISCOVERED = Path(__file__).parents[1] / "controllers_archive" / "discovered"
EVOLVED = 400
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
    parser.add_argument("--replay", type=Path, help="directory of recorded environments in the published JSON")
    parser.add_argument("--sandbox", default="bubblewrap")
    arguments = parser.parse_args()
    began, tried, alarms = time.monotonic(), Counter[str](), Counter[str]()
    played, chosen = batches(arguments.replay), controllers(arguments.evolved)
    print(f"{len(chosen)} controllers, full audits of {' and '.join(str(len(batch)) for batch in played)} episodes")
    with open_sandbox(arguments.sandbox, 2) as sandbox:
        for kind, candidate in chosen:
            for episodes in played:
                tried[kind] += 1
                if found := alarm(candidate, episodes, sandbox):
                    alarms[kind] += 1
                    print(f"{candidate.name}: {found}", flush=True)
    for kind in tried:
        print(f"{kind:10} {alarms[kind]} of {tried[kind]} audits")
    bound = upper_bound(alarms.total(), tried.total())
    print(
        f"all        {alarms.total()} of {tried.total()}; at most {bound:.2%} (95%); {time.monotonic() - began:.0f} s"
    )
    return int(alarms.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
