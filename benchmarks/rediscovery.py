"""Whether a search finds a known rule by itself: `python -m benchmarks.rediscovery --out DIR --rule trend`.

Each rule has a simulated environment (a new one for each seed) in which a version with the rule, written by hand, is
better than all baselines. The search by formulas begins from the defaults, without the building blocks that hold the
rule, so that it has to grow the rule from features and operations:

- trend: the idea of the Confidence Momentum Controller, that confidence must be high and must not fall. In one of ten
  questions all branches begin with the same wrong answer, and leave it one by one; in the others they begin with
  scattered answers. How long that takes differs by question, and branches run on for long after it, so that it pays to
  stop when a share of the running branches agree, but only if that share has grown.
- margin: the rule of the champions, that the lead which is asked for falls as the width is used up. In three of ten
  questions two wrong answers are equally frequent: no number of votes brings certainty there. In three of ten the right
  answer needs many votes, and in the others few.

The table shows the quality of each run's best version on branch orders that no search uses, whether its condition for
stopping holds the rule, the version by hand, and the best baseline. Runs that exist in DIR are continued.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from autotts.agent import population
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.explorers.evolve.formulas import moves, search
from autotts.agent.explorers.evolve.formulas.expression import RECALLING, Expression, N, S, apply, constant
from autotts.agent.explorers.evolve.formulas.frame import write
from autotts.agent.explorers.evolve.formulas.program import Program
from autotts.agent.explorers.evolve.formulas.translation import VOCABULARY
from autotts.envs.importing.published import ABSENT_TEXT
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import DEFAULT_DELTA
from benchmarks.searches import add_options, discovered, in_processes, measured_on, sandbox_of

Answers = npt.NDArray[np.int32]
RIGHT, SECOND, SHARED, OTHERS = 1, 2, 3, 4
"""Answers of a question: the right one, the most frequent wrong one, a first guess of all branches, and all others."""
MANY = 300
"""Other answers, which are rare."""
BRANCHES = 64


@dataclass(frozen=True)
class Rule:
    """A rule that a search may find.

    Attributes:
        environment: returns the environment of a seed.
        by_hand: a version with the rule.
        holds: whether the condition for stopping holds the rule.
        blocks: the building blocks that hold it.
    """

    environment: Callable[[int], Environment]
    by_hand: Program
    holds: Callable[[Expression], bool]
    blocks: tuple[tuple[str, str], ...] = ()


def drifting(seed: int, questions: int = 30) -> Environment:
    """Return an environment in which agreement tells nothing, unless it has grown."""
    rng = np.random.default_rng(seed)
    columns = []
    for number in range(questions):
        rounds = np.exp(rng.uniform(np.log(3), np.log(24)))  # until the last branch has left its first answer
        for _ in range(BRANCHES):
            first = SHARED if number % 10 == 0 else OTHERS + rng.integers(MANY)
            last = rng.choice((RIGHT, SECOND, OTHERS + rng.integers(MANY)), p=(0.5, 0.1, 0.4))
            changed = int(np.ceil(rounds * rng.random()))
            length = max(changed + 1, round(60 * rounds * np.exp(rng.normal(0, 0.2))))
            columns.append(_changing(first, last, changed, length))
    return _recorded("drifting", columns)


def contested(seed: int, questions: int = 80) -> Environment:
    """Return an environment in which some questions are not worth the votes that certainty would need."""
    rng = np.random.default_rng(seed)
    columns = []
    for number in range(questions):
        if number % 10 < 3:
            best, right, second = SHARED, 0.46, 0.46
        else:
            best, right, second = (RIGHT, 0.45, 0.25) if number % 10 < 6 else (RIGHT, 0.85, 0.08)
        for _ in range(BRANCHES):
            rare = OTHERS + rng.integers(MANY)
            last = rng.choice((best, SECOND, rare), p=(right, second, 1 - right - second))
            length = max(2, round(8 * np.exp(rng.normal(0, 0.3))))
            columns.append(_changing(OTHERS + rng.integers(MANY), last, rng.integers(length), length))
    return _recorded("contested", columns)


def _changing(first: int, last: int, changed: int, length: int) -> Answers:
    return np.where(np.arange(length) < changed, first, last).astype(np.int32)


def _recorded(name: str, columns: Sequence[Answers]) -> Environment:
    probes = np.array([len(column) for column in columns])
    questions = len(columns) // BRANCHES
    return Environment(
        name=name,
        delta=DEFAULT_DELTA,
        probe_cost=0,
        questions=tuple(f"Simulated question {number + 1}" for number in range(questions)),
        vocabulary=(ABSENT_TEXT, *map(str, range(OTHERS + MANY))),
        gold=np.full(questions, RIGHT, np.int32),
        branch_offsets=np.arange(0, len(columns) + 1, BRANCHES, dtype=np.int32),
        probe_offsets=np.concatenate(([0], np.cumsum(probes))).astype(np.int32),
        probe_answers=np.concatenate(columns),
        final_answers=np.array([column[-1] for column in columns], np.int32),
        total_tokens=(probes * DEFAULT_DELTA).astype(np.int32),
    )


def _leaves(tree: Expression) -> set[str]:
    return {node.op for node in tree.walk()}


def _holds_trend(stop: Expression) -> bool:
    return bool(_leaves(stop) & {*RECALLING})


def _holds_margin(stop: Expression) -> bool:
    comparisons = (_leaves(node) for node in stop.walk() if node.op == "ge")
    return any(leaves & {"lead", "first"} and leaves & {"room", "left", "finished"} for leaves in comparisons)


def _grown() -> Expression:
    agreement = Expression("agreement", S)
    high = apply("ge", agreement, constant(S, 0.12, 0.25))
    return apply("and", high, apply("ge", apply("rise", agreement, constant(N, 8)), constant(S, 0.05)))


def _closing() -> Expression:
    return apply("ge", Expression("lead", N), apply("mul", Expression("room", S), constant(N, 0.85, 8.2)))


RULES = {
    "trend": Rule(
        drifting, Program.make({"stop": _grown(), "open": constant(N, 8, 32), "most": constant(N, 8, 32)}), _holds_trend
    ),
    "margin": Rule(
        contested, Program.make({"stop": _closing(), "open": constant(N, 1), "most": constant(N, 2, 106)}),
        _holds_margin, (("stop", "lead"), ("stop", "margin"), ("stop", "overtake"), ("stop", "price")),
    ),
}  # fmt: skip


def main() -> int:
    """Run the searches that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--rule", choices=tuple(RULES), required=True)
    parser.add_argument("--seeds", type=int, default=5, help="searches")
    parser.add_argument("--job", nargs=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        _search(int(options.job[0]), options)
        return 0
    if not in_processes("benchmarks.rediscovery", [(str(seed),) for seed in range(options.seeds)], options.cores):
        return 1
    print("seed  candidates  search  rule found  by hand  best baseline  stops when")
    for seed in range(options.seeds):
        row = json.loads((_place(options, seed) / "row.json").read_text())
        found = "yes" if row["holds"] else "no"
        print(
            f"{seed:4}{row['candidates']:12}{row['search']:8.2f}{found:>12}{row['by_hand']:9.2f}"
            f"{row['baseline']:15.2f}  {row['stop']}"
        )
    return 0


def _place(options: argparse.Namespace, seed: int) -> Path:
    place: Path = options.out / options.rule / str(seed)
    return place


def _search(seed: int, options: argparse.Namespace) -> None:
    """Make one search, and write its row of the table."""
    place, rule = _place(options, seed), RULES[options.rule]
    if (place / "row.json").exists():
        return
    environments = [rule.environment(seed)]
    blocks = tuple(each for each in VOCABULARY if each not in rule.blocks)
    with ExitStack() as stack:
        for module in (moves, search):
            stack.enter_context(patch.object(module, "VOCABULARY", blocks))
        run = discovered(place / "run", environments, "formulas", seed, options)
    cards = run.archive.cards_with_beliefs()
    at = population.budgets(cards)
    best = next(card for card in population.ranked(cards) if card.generation)
    program = search.program_of(best.data)
    assert program is not None
    with sandbox_of(options) as sandbox:

        def quality(source: str) -> float:
            return float(measured_on(source, environments, options.fresh, run.config, sandbox).quality(at))

        row: dict[str, Any] = {
            "candidates": sum(1 for card in cards if card.generation),
            "search": quality(run.archive.source(best.id)),
            "holds": rule.holds(program.formulas["stop"]),
            "by_hand": quality(write(rule.by_hand)),
            "baseline": max(quality(baseline_source(name)) for name in baseline_names()),
            "stop": json.dumps(program.formulas["stop"].to_json()),
        }
    (place / "row.json").write_text(json.dumps(row))


if __name__ == "__main__":
    sys.exit(main())
