"""Prices of LLM calls: a data file that a user can override."""

from __future__ import annotations

import json
import os
import re
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from autotts.envs.errors import InputError

from ..records.card import FrozenModel

VARIABLE = "AUTOTTS_PRICES"
"""Environment variable with the path of the user's price file."""
CHARACTERS_PER_TOKEN = 4
"""Used for estimates only: a call costs what the provider counts."""


class Usage(FrozenModel):
    """Token counts of one call, as the provider reports them. The three kinds of input do not overlap."""

    input: int = Field(default=0, ge=0)
    """Input tokens neither read from a cache nor written to one."""
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
        """All input tokens."""
        return self.input + self.cache_write + self.cache_read


class Price(FrozenModel):
    """Dollars per million tokens of one model, and how the model is asked to think."""

    input: float = Field(ge=0, allow_inf_nan=False)
    cache_write: float = Field(ge=0, allow_inf_nan=False)
    cache_read: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    thinking: Literal["adaptive", "budget", "none"] = "none"
    """Thinking before an answer: as much as the model chooses, within a token budget, or none."""
    long_from: int | None = None
    """Every token of a prompt longer than this costs ``long_factor`` times as much; in tokens."""
    long_factor: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    def dollars(self, usage: Usage) -> float:
        """Return the cost of ``usage`` in dollars."""
        sums = (
            usage.input * self.input
            + usage.cache_write * self.cache_write
            + usage.cache_read * self.cache_read
            + usage.output * self.output
        )
        long = self.long_from is not None and usage.prompt > self.long_from
        return sums * (self.long_factor if long else 1.0) / 1e6


UNKNOWN = Price(input=0, cache_write=0, cache_read=0, output=0)
"""The price of a model that no table has."""
_TABLE = TypeAdapter(dict[str, Price])


class Prices:
    """Prices by model: the built-in table, overridden by the user's file.

    Args:
        path: the user's file; by default the file that $AUTOTTS_PRICES names, if any.

    Raises:
        InputError: the user's file is missing or is not a price table.
    """

    def __init__(self, path: Path | None = None) -> None:
        named = os.environ.get(VARIABLE)
        self.path = path or (Path(named) if named else None)
        self.table = {**_ours(), **self._theirs()}

    def find(self, model: str) -> Price | None:
        """Return the price of ``model``, or None. A dated name (``model-20251001``) falls back to the undated one."""
        return self.table.get(model) or self.table.get(re.sub(r"-(\d{8}|\d{4}-\d\d-\d\d)$", "", model))

    def of(self, model: str) -> Price:
        """Return the price of ``model``; `UNKNOWN` if the table does not have it: then only tokens are counted."""
        return self.find(model) or UNKNOWN

    def check_limit(self, model: str) -> None:
        """Check that a limit in dollars can hold for calls of ``model``.

        Raises:
            InputError: the price of the model is not known.
        """
        if self.find(model) is None:
            kinds = ", ".join(f'"{kind}": 1' for kind in ("input", "cache_write", "cache_read", "output"))
            raise InputError(
                f"no price is known for the model {model!r}, so a limit in dollars cannot hold: leave --max-dollars "
                f'out, or write a file {{"{model}": {{{kinds}}}}} with its dollars per million tokens (0 if it costs '
                f"nothing), and name it: --prices FILE, or ${VARIABLE}"
            )

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
    """Estimated cost of proposals before the first call: if all conversations are short, and if all are long."""

    low: float
    """Dollars."""
    high: float
    """Dollars."""
    proposals: int

    def __str__(self) -> str:
        return f"about ${self.low:.2f} to ${self.high:.2f} for {self.proposals} proposals"


def estimate_cost(price: Price, prompt_characters: int, proposals: int) -> CostEstimate:
    """Return the estimated cost of ``proposals``, in dollars.

    A proposal is a conversation that grows by an answer and its tool results each turn; earlier turns are read from the
    cache. A short one has 6 turns with short answers, a long one 20 turns with longer answers, 2 of them without the
    cache.

    Args:
        price: price of the model.
        prompt_characters: length of the first request (system prompt, tools, message).
        proposals: number of proposals.
    """
    first = prompt_characters // CHARACTERS_PER_TOKEN
    bounds = []
    for turns, answer, result, lost in ((6, 500, 400, 0), (20, 1200, 700, 2)):
        total = 0.0
        for turn in range(turns):
            before = first + turn * (answer + result)
            new = first if turn == 0 else answer + result
            cold = turn < lost
            total += price.dollars(
                Usage(cache_write=before if cold else new, cache_read=0 if cold else before - new, output=answer)
            )
        bounds.append(total * proposals)
    return CostEstimate(low=bounds[0], high=bounds[1], proposals=proposals)
