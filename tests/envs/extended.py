"""Random environments with final signals, a verifier and forks of forks, for tests."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np

from autotts.envs.environment import ROOT, Environment

from ..environments import environment


def extended_environment(random: Random, questions: int = 3, roots: int = 3, name: str = "extended") -> Environment:
    """Return a random environment in which every part is used, with absent numbers among the signals."""
    columns, parents, depths, totals = [], [], [], []
    for _ in range(questions):
        branches: list[str] = ["".join(random.choices("AB.", k=random.randint(1, 6))) for _ in range(roots)]
        parent, depth = [ROOT] * roots, [0] * roots
        for _ in range(random.randint(0, 6)):
            of = random.randrange(len(branches))
            first, last = depth[of] + 1, len(branches[of]) - 1
            if first <= last:
                at = random.randint(first, last)
                branches.append(branches[of][:at] + "".join(random.choices("AB.", k=random.randint(1, 4))))
                parent.append(of)
                depth.append(at)
        columns.append(branches)
        parents += parent
        depths += depth
        totals.append([10 * len(branch) - random.randint(0, 9) for branch in branches])
    made = environment(columns, totals, random.choices("AB", k=questions), delta=10, name=name)
    numbers = np.random.default_rng(random.randrange(2**32))
    probe, final = ({key: _column(numbers, size) for key in ("confidence", "answer_x", "verifier")}
                    for size in (len(made.probe_answers), len(made.final_answers)))  # fmt: skip
    made = replace(
        made, signals={key: probe[key] for key in ("confidence", "answer_x")}, verifier=probe["verifier"],
        final_signals={key: final[key] for key in ("confidence", "answer_x")} | {"only_final": final["confidence"]},
        final_verifier=final["verifier"], verify_cost=random.randint(0, 20),
        parents=np.array(parents, np.int32), fork_depths=np.array(depths, np.int32),
        fork_rule=random.choice(("recorded", "nearest")),
    )  # fmt: skip
    _share(made)
    made.check()
    return made


def _column(numbers: np.random.Generator, size: int) -> np.ndarray:
    column = numbers.normal(size=size).astype(np.float32)
    column[numbers.random(size) < 0.2] = np.nan
    return column


def _share(env: Environment) -> None:
    """Give every fork the numbers of its parent in the intervals that both share."""
    assert env.parents is not None and env.fork_depths is not None and env.verifier is not None
    for b, (parent, depth) in enumerate(zip(env.parents.tolist(), env.fork_depths.tolist(), strict=True)):
        of = int(env.branch_offsets[env.question_of[b]]) + parent
        for column in (*env.signals.values(), env.verifier) if parent != ROOT else ():
            own, other = int(env.probe_offsets[b]), int(env.probe_offsets[of])
            column[own : own + depth] = column[other : other + depth]
