"""What calls of language models cost: a data file that a user can override."""

from __future__ import annotations

import json
import os
import re
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from envs.errors import InputError

from ..records.card import FrozenModel

VARIABLE = "AUTOTTS_PRICES"
"""Names a file of prices of the user's own."""
CHARACTERS_PER_TOKEN = 4
"""For estimates only: what is paid is what the service counts."""


class Usage(FrozenModel):
    """The tokens of one call, as the service counts them; the three kinds of input do not overlap."""

    input: int = Field(default=0, ge=0)
    """Neither read from a cache nor written to one."""
    cache_write: int = Field(default=0, ge=0)
    cache_read: int = Field(default=0, ge=0)
    output: int = Field(default=0, ge=0)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input, cache_write=self.cache_write + other.cache_write,
            cache_read=self.cache_read + other.cache_read, output=self.output + other.output,
        )  # fmt: skip

    @property
    def prompt(self) -> int:
        """All of the input."""
        return self.input + self.cache_write + self.cache_read


class Price(FrozenModel):
    """Dollars per million tokens of one model, and what must be known to ask it."""

    input: float = Field(ge=0, allow_inf_nan=False)
    cache_write: float = Field(ge=0, allow_inf_nan=False)
    cache_read: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    thinking: Literal["adaptive", "budget", "none"] = "none"
    """How it is told to think before it answers: as much as it likes, within a budget, or not at all."""
    long_from: int | None = None
    """Prompts of more tokens than this cost ``long_factor`` times as much, whatever the kind of token."""
    long_factor: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    def dollars(self, usage: Usage) -> float:
        """Return what ``usage`` costs."""
        sums = (
            usage.input * self.input
            + usage.cache_write * self.cache_write
            + usage.cache_read * self.cache_read
            + usage.output * self.output
        )
        long = self.long_from is not None and usage.prompt > self.long_from
        return sums * (self.long_factor if long else 1.0) / 1e6


_TABLE = TypeAdapter(dict[str, Price])


class Prices:
    """The prices by model: ours, and over them those of the user's file.

    Args:
        path: the user's file; by default the one that $AUTOTTS_PRICES names, if it does.

    Raises:
        InputError: the user's file is missing, or not a table of prices.
    """

    def __init__(self, path: Path | None = None) -> None:
        named = os.environ.get(VARIABLE)
        self.path = path or (Path(named) if named else None)
        self.table = {**_ours(), **self._theirs()}

    def of(self, model: str) -> Price:
        """Return the price of ``model``; a dated name (``model-20251001``) has the price of the undated one.

        Raises:
            InputError: it is not in the table.
        """
        found = self.table.get(model) or self.table.get(re.sub(r"-(\d{8}|\d{4}-\d\d-\d\d)$", "", model))
        if found is None:
            raise InputError(
                f"no price is known for the model {model!r}: write a file "
                f'{{"{model}": {{"input": 1, "cache_write": 1, "cache_read": 1, "output": 1}}}} with its dollars per '
                f"million tokens (0 if it costs nothing), and name it in ${VARIABLE}"
            )
        return found

    def _theirs(self) -> dict[str, Price]:
        if self.path is None:
            return {}
        try:
            return _TABLE.validate_python(json.loads(self.path.read_bytes()))
        except OSError as error:
            raise InputError(f"{self.path}: cannot read the prices ({error.strerror})") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{self.path}: not a table of prices ({where}: {first['msg']})") from None
        except ValueError as error:
            raise InputError(f"{self.path}: not a table of prices ({error})") from None


def _ours() -> dict[str, Price]:
    return _TABLE.validate_json(resources.files(__package__).joinpath("prices.json").read_bytes())


class CostEstimate(FrozenModel):
    """What proposals may cost, before the first call: if all are short conversations, and if all are long ones."""

    low: float
    """Dollars."""
    high: float
    """Dollars."""
    proposals: int

    def __str__(self) -> str:
        return f"about ${self.low:.2f} to ${self.high:.2f} for {self.proposals} proposals"


def estimate_cost(price: Price, prompt_characters: int, proposals: int) -> CostEstimate:
    """Return what ``proposals`` may cost whose first request (system, tools, message) is this long.

    A proposal is a conversation that grows by an answer and its tool results each turn; what was there before is read
    from the cache. A short one has 6 turns with short answers, a long one 20 with longer ones and a lost cache in 10.
    """
    first = prompt_characters // CHARACTERS_PER_TOKEN
    ends = []
    for turns, answer, result, lost in ((6, 500, 400, 0), (20, 1200, 700, 2)):
        total = 0.0
        for turn in range(turns):
            before = first + turn * (answer + result)
            new = first if turn == 0 else answer + result
            cold = turn < lost
            total += price.dollars(
                Usage(cache_write=before if cold else new, cache_read=0 if cold else before - new, output=answer)
            )
        ends.append(total * proposals)
    return CostEstimate(low=ends[0], high=ends[1], proposals=proposals)
