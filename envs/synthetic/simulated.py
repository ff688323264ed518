"""Environments simulated from recorded ones: questions of another difficulty, or with few possible answers.

They are for a search alone, against over-fitting to few questions: nothing that was measured on them is a result.
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
"""What the name of every such environment begins with: nothing recorded may be called so."""
KINDS = ("harder", "easier", "fewer")
_NAME = re.compile(rf"{re.escape(PREFIX)}\d+-({'|'.join(KINDS)})/(.+)")
SHIFTS = (0.4, 1.2)
"""By how much, in log-odds, a branch's chance to end right is moved: at least and at most. One of 50% becomes one of
40% to 23%, or of 60% to 77%."""
MIN_ANSWERS, MAX_ANSWERS = 4, 10
"""Possible answers of a question where there are to be few, as where one of several is to be chosen."""
_LEAST = 0.005
"""The chance that a question is taken to have which no branch, or every branch, has solved."""


def is_simulated(name: str) -> bool:
    """Return whether the environment ``name`` was simulated, not recorded."""
    return name.startswith(PREFIX)


def origin(name: str) -> str:
    """Return the name of the recorded environment that ``name`` was fitted to; its own, if it was recorded."""
    found = _NAME.fullmatch(name)
    return found[2] if found else name


def recorded(names: Sequence[str]) -> list[str]:
    """Return those of ``names`` over which a mean is taken: what was simulated is left out, unless there is no more."""
    return [name for name in names if not is_simulated(name)] or list(names)


def simulate(environments: Sequence[Environment], count: int, seed: int) -> Iterator[Environment]:
    """Yield ``count`` environments, each from the next recorded one: by turns harder, easier, and with fewer answers.

    The harder and the easier ones are drawn from a fit, and as large as what they were fitted to. The same arguments
    give the same environments.

    Args:
        environments: recorded ones, at least one.
        count: how many.
        seed: of the shifts and of all that is drawn.
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
    """Return ``model`` with questions of another difficulty: ``shift`` is added to the log-odds of every accuracy."""
    accuracy = tuple(_moved(min(max(value, _LEAST), 1 - _LEAST), shift) for value in model.accuracy.quantiles)
    return model.model_copy(update={"accuracy": Feature(**model.accuracy.model_dump() | {"quantiles": accuracy})})


def _moved(chance: float, shift: float) -> float:
    odds = chance / (1 - chance) * math.exp(shift)
    return round(odds / (1 + odds), 4)
