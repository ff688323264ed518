"""Simulates environments from recorded ones: with harder or easier questions, or with few possible answers.

A search uses them against over-fitting to few questions. Figures measured on simulated environments are not results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import numpy as np

from ..store import Environment
from .model import Feature, SyntheticModel, generate

PREFIX = "simulated/"
"""The prefix of the name of every simulated environment. Recorded environments must not use it."""
KINDS = ("harder", "easier", "fewer")
_NAME = re.compile(rf"{re.escape(PREFIX)}\d+-({'|'.join(KINDS)})/(.+)")
SHIFTS = (0.4, 1.2)
"""The smallest and the largest shift of a branch's probability to end right, in log-odds. A probability of 50% becomes
40% to 23%, or 60% to 77%."""
MIN_ANSWERS, MAX_ANSWERS = 4, 10
"""The range of the number of possible answers of a question with few answers, as in multiple choice."""
_LEAST = 0.005
"""The accuracy assumed for a question that no branch solves; 1 minus this for one that every branch solves."""


def is_simulated(name: str) -> bool:
    """Return whether the environment ``name`` is simulated rather than recorded."""
    return name.startswith(PREFIX)


def origin(name: str) -> str:
    """Return the name of the recorded environment from which ``name`` was simulated; ``name`` if it is recorded."""
    match = _NAME.fullmatch(name)
    return match[2] if match else name


def recorded(names: Sequence[str]) -> list[str]:
    """Return the names over which a mean is taken: the recorded environments, or all if every one is simulated."""
    return [name for name in names if not is_simulated(name)] or list(names)


def simulate(environments: Sequence[Environment], count: int, seed: int) -> Iterator[Environment]:
    """Yield ``count`` simulated environments: in turn harder, easier, and with fewer answers.

    Each one is made from the next recorded environment, starting again after the last. Harder and easier environments
    are drawn from a model fitted to the recorded one, and have its size. Equal arguments give equal environments.

    Args:
        environments: recorded environments, at least one.
        count: the number of environments to make.
        seed: seed of the shifts and of all other draws.
    """
    from .fitting import fit

    models: dict[str, SyntheticModel] = {}
    for number in range(count):
        turn, place = divmod(number, len(environments))
        recorded = environments[place]
        chance = Random(f"{seed} simulated {number}")
        kind = KINDS[(turn + place) % len(KINDS)]
        name = f"{PREFIX}{number + 1}-{kind}/{recorded.name}"
        if kind == "fewer":
            yield replace(narrowed(recorded, chance), name=name)
            continue
        if recorded.name not in models:
            models[recorded.name] = fit(recorded)
        shift = round(chance.uniform(*SHIFTS), 3) * (-1 if kind == "harder" else 1)
        drawn = generate(
            shifted(models[recorded.name], shift), name,
            questions=len(recorded), branches=int(np.diff(recorded.branch_offsets).max()),
            delta=recorded.delta, seed=chance.getrandbits(32),
        )  # fmt: skip
        yield replace(drawn, probe_cost=recorded.probe_cost)


def narrowed(recorded: Environment, chance: Random) -> Environment:
    """Return ``recorded`` with the answers of each question merged at random into `MIN_ANSWERS` to `MAX_ANSWERS`.

    Absent answers stay absent. Branches with different answers then agree by chance, and a branch has shown most of
    the possible answers before it ends. A controller that relies on many possible answers, or on answers that are
    rarely shown, does worse on such an environment.
    """
    probes, finals, gold = (c.copy() for c in (recorded.probe_answers, recorded.final_answers, recorded.gold))
    for question in range(len(recorded)):
        few = chance.randint(MIN_ANSWERS, MAX_ANSWERS)
        merged = np.array([0, *(chance.randint(1, few) for _ in recorded.vocabulary[1:])])
        branches = recorded.branches(question)
        for column, part in (
            (probes, slice(*recorded.probe_offsets[[branches.start, branches.stop]].tolist())),
            (finals, slice(branches.start, branches.stop)), (gold, slice(question, question + 1)),
        ):  # fmt: skip
            column[part] = merged[column[part]]
    names = (recorded.vocabulary[0], *map(str, range(1, MAX_ANSWERS + 1)))
    return replace(recorded, probe_answers=probes, final_answers=finals, gold=gold, vocabulary=names)


def shifted(model: SyntheticModel, shift: float) -> SyntheticModel:
    """Return ``model`` with harder or easier questions: ``shift`` is added to the log-odds of every accuracy."""
    accuracy = tuple(_moved(min(max(value, _LEAST), 1 - _LEAST), shift) for value in model.accuracy.quantiles)
    return model.model_copy(update={"accuracy": Feature(**model.accuracy.model_dump() | {"quantiles": accuracy})})


def _moved(chance: float, shift: float) -> float:
    odds = chance / (1 - chance) * math.exp(shift)
    return round(odds / (1 + odds), 4)
