"""Compares the actions of this program with those of an earlier one, bit for bit: `python -m benchmarks.same_actions`.

Plays baselines, champions, and `--genomes` random genomes of `evolve`, each with the source that either program writes,
in a process sandbox of either program, on recorded environments (`--env`, `--data`) and the built-in synthetic ones,
without and with a limit on tokens. Prints the controllers whose logs differ; the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.agent.explorers.evolve.genome import BLOCKS, PARAMETERS, STARTS, Genome
from autotts.agent.explorers.evolve.render import render
from autotts.envs import catalogue
from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.outcome import Candidate
from benchmarks.earlier_program import ROOT, environment, unpacked

BEFORE = "0b08793"
"""The last commit whose `evolve` wrote the sources of the shipped lineage."""
TOKENS = 60_000
Digests = dict[str, list[str]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default=BEFORE, metavar="COMMIT")
    parser.add_argument("--genomes", type=int, default=200)
    parser.add_argument("--orders", type=int, default=1)
    parser.add_argument("--env", nargs="*", default=["aime24/*"])
    parser.add_argument("--data", help="a data root; without one, only synthetic environments are played")
    parser.add_argument("--digests", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.digests:
        json.dump(digests(arguments), sys.stdout)
        return 0
    given = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        old = unpacked(arguments.against, Path(directory))
        for name in ("same_actions", "earlier_program"):  # the earlier program may lack them
            text = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
            (old / "benchmarks" / f"{name}.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.same_actions", *given, "--digests"]
        found = [
            json.loads(
                subprocess.run(command, cwd=root, env=environment(root), stdout=subprocess.PIPE, check=True).stdout
            )
            for root in (old, ROOT)
        ]
    differing = [name for name in found[1] if found[0].get(name) != found[1][name]]
    print(f"{len(found[1])} controllers, {sum(map(len, found[1].values()))} batches: ", end="")
    print(f"these differ from {arguments.against}: {', '.join(differing)}" if differing else "all logs are equal")
    return 1 if differing else 0


def digests(arguments: argparse.Namespace) -> Digests:
    """Return, for each controller, a hash of its logs on each batch."""
    batches = [grid(default_environments(), (0.0, 0.6, 1.0), range(arguments.orders), max_tokens=TOKENS)]
    if arguments.data:
        environments = catalogue.find(catalogue.data_root(arguments.data), arguments.env)
        batches.append(grid(environments, (0.3, 1.0), range(arguments.orders)))
    else:
        batches.append(grid(default_environments(), (0.3, 1.0), range(arguments.orders)))
    sources = {name: baseline_source(name) for name in baseline_names()}
    sources |= {name: champion_source(name) for name in champion_names()}
    sources |= {f"start: {name}": render(genome) for name, genome in STARTS.items()}
    sources |= {f"genome {seed}": render(random_genome(seed)) for seed in range(arguments.genomes)}
    with ProcessSandbox(2) as sandbox:
        return {name: [_digest(sandbox, source, batch) for batch in batches] for name, source in sources.items()}


def _digest(sandbox: ProcessSandbox, source: str, episodes: Episodes) -> str:
    outcome = sandbox.run(Candidate("controller", source), episodes)
    if outcome.logs is None:
        return f"{outcome.verdict.kind} {outcome.verdict.episode}"
    columns = (column.tobytes() for _, column in sorted(outcome.logs.columns().items()))
    return hashlib.sha256(b"".join(columns)).hexdigest()


def random_genome(seed: int) -> Genome:
    """Return a genome with random blocks and random constants within their ranges."""
    rng = random.Random(seed)
    genome = Genome.make({slot: rng.choice(list(choices)) for slot, choices in BLOCKS.items()}, {})
    ranges = {name: (PARAMETERS[name].low, PARAMETERS[name].high) for name in genome.spans}
    return genome.with_spans(**{name: (rng.uniform(*ends), rng.uniform(*ends)) for name, ends in ranges.items()})


if __name__ == "__main__":
    sys.exit(main())
