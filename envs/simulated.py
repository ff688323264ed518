"""Environments simulated from fits of recorded ones, with questions of another difficulty.

They are for a search alone, against over-fitting to few questions: nothing that was measured on them is a result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import numpy as np

from .store import Environment
from .synthetic import Feature, SyntheticModel, generate

PREFIX = "simulated/"
"""What the name of every such environment begins with: nothing recorded may be called so."""
_NAME = re.compile(re.escape(PREFIX) + r"\d+-(harder|easier)/(.+)")
SHIFTS = (0.4, 1.2)
"""By how much, in log-odds, a branch's chance to end right is moved: at least and at most. One of 50% becomes one of
40% to 23%, or of 60% to 77%."""
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
    """Yield ``count`` environments, each from a fit of the next recorded one, by turns harder and easier than it.

    They are as large as what they were fitted to. The same arguments give the same environments.

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
        if recorded.name not in models:
            models[recorded.name] = fit(recorded)
        chance = Random(f"{seed} simulated {number}")
        harder = (turn + place) % 2 == 0
        shift = round(chance.uniform(*SHIFTS), 3) * (-1 if harder else 1)
        drawn = generate(
            shifted(models[recorded.name], shift),
            f"{PREFIX}{number + 1}-{'harder' if harder else 'easier'}/{recorded.name}",
            questions=len(recorded), branches=int(np.diff(recorded.branch_offsets).max()),
            delta=recorded.delta, seed=chance.getrandbits(32),
        )  # fmt: skip
        yield replace(drawn, probe_cost=recorded.probe_cost)


def shifted(model: SyntheticModel, shift: float) -> SyntheticModel:
    """Return ``model`` with questions of another difficulty: ``shift`` is added to the log-odds of every accuracy."""
    accuracy = tuple(_moved(min(max(value, _LEAST), 1 - _LEAST), shift) for value in model.accuracy.quantiles)
    return model.model_copy(update={"accuracy": Feature(**model.accuracy.model_dump() | {"quantiles": accuracy})})


def _moved(chance: float, shift: float) -> float:
    odds = chance / (1 - chance) * math.exp(shift)
    return round(odds / (1 + odds), 4)
