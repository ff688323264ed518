"""Counts a run's spending on LLM calls and enforces limits, which only calls in flight can exceed."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, ValidationError

from autotts.envs.errors import InputError

from ..records.card import FrozenModel
from ..records.explorer import LimitReached
from .prices import Usage

_RECHECK_SECONDS = 1.0
"""Seconds after which a waiting call checks the limits again, in case it missed a notification."""


class SpendingLimit(FrozenModel):
    """Upper limits of spending; None means no limit."""

    dollars: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    calls: int | None = Field(default=None, ge=0)
    """Attempts, including failed ones: a limit on successes alone might never be reached."""
    hours: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @classmethod
    def of(
        cls, dollars: float | None = None, calls: int | None = None, hours: float | None = None
    ) -> Self:  # fmt: skip
        """Return the limits that a user gives.

        Raises:
            InputError: one is negative, or not finite.
        """
        try:
            return cls(dollars=dollars, calls=calls, hours=hours)
        except ValidationError as error:
            wrong = error.errors()[0]
            raise InputError(f"a limit of {wrong['input']} {wrong['loc'][0]} cannot hold: {wrong['msg']}") from None


class SpendingLimits(FrozenModel):
    """Limits for the whole run and for each generation."""

    run: SpendingLimit = SpendingLimit()
    generation: SpendingLimit = SpendingLimit()


class Spending(FrozenModel):
    """An amount spent."""

    dollars: float = 0.0
    usage: Usage = Usage()
    calls: int = 0
    """Attempts that were paid for or failed; may exceed the number of answers."""
    failed: int = 0
    """Failed attempts, included in ``calls``."""
    unpriced: int = 0
    """Attempts whose cost in dollars is not known, included in ``calls`` but not in ``dollars``."""

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            dollars=self.dollars + other.dollars, usage=self.usage + other.usage, calls=self.calls + other.calls,
            failed=self.failed + other.failed, unpriced=self.unpriced + other.unpriced,
        )  # fmt: skip

    def __str__(self) -> str:
        cached = self.usage.cache_read / self.usage.prompt if self.usage.prompt else 0.0
        dollars = f"${self.dollars:.4f}"
        if self.unpriced:
            dollars += f" without {self.unpriced:,} calls of an unknown price" if self.dollars else " (unknown price)"
        return (
            f"{dollars}, {self.calls:,} calls ({self.failed:,} failed), {self.usage.prompt:,} tokens in "
            f"({cached:.0%} cached), {self.usage.output:,} out"
        )


class LlmBudget:
    """Counts spending, and stops calls at the limits. Thread-safe.

    Args:
        limits: for the run, and for each generation.
        now: returns monotonic seconds.
        hours_before: hours that earlier processes worked on the run.
    """

    def __init__(
        self, limits: SpendingLimits | None = None, now: Callable[[], float] = time.monotonic, hours_before: float = 0.0
    ) -> None:
        self.limits = limits or SpendingLimits()
        self._now, self._began, self._hours_before = now, now(), hours_before
        self._generation_began: dict[int, float] = {}
        self._spent: dict[int, Spending] = defaultdict(lambda: Spending())
        self._all = Spending()
        self._flight: dict[int, tuple[int, float]] = {}
        self._tickets = 0
        self._settled = threading.Condition()

    def record(self, generation: int, spending: Spending) -> None:
        """Add ``spending`` to ``generation``, whether spent by this process or by an earlier one."""
        with self._settled:
            self._spent[generation] += spending
            self._all += spending

    def spent(self, generation: int | None = None) -> Spending:
        """Return the spending of one generation, or of the whole run."""
        with self._settled:
            return self._total(generation)

    def check(self, generation: int) -> None:
        """Check whether more may be spent in ``generation``.

        Raises:
            LimitReached: a limit is reached.
        """
        with self._settled:
            self._generation_began.setdefault(generation, self._now())
            self._check(generation, in_flight=False)

    def reserve(self, generation: int, dollars: float) -> int | None:
        """Reserve ``dollars`` for a call of ``generation``, and return a ticket for `release`.

        None means that the calls in flight may use up the rest of the budget: call `wait`, then try again.

        Raises:
            LimitReached: a limit is reached.
        """
        with self._settled:
            self._generation_began.setdefault(generation, self._now())
            self._check(generation, in_flight=False)
            try:
                self._check(generation, in_flight=True)
            except LimitReached:
                return None
            self._tickets += 1
            self._flight[self._tickets] = generation, dollars
            return self._tickets

    def release(self, ticket: int) -> None:
        """Release a reservation: the call has been recorded, or cost nothing."""
        with self._settled:
            del self._flight[ticket]
            self._settled.notify_all()

    def wait(self) -> None:
        """Block until a call in flight may have ended."""
        with self._settled:
            if self._flight:
                self._settled.wait(_RECHECK_SECONDS)

    def _total(self, generation: int | None) -> Spending:
        return self._all if generation is None else self._spent.get(generation, Spending())

    def _check(self, generation: int, in_flight: bool) -> None:
        now = self._now()
        hours = self._hours_before + (now - self._began) / 3600
        self._check_one("run", self.limits.run, None, hours, in_flight)
        hours = (now - self._generation_began[generation]) / 3600
        self._check_one("generation", self.limits.generation, generation, hours, in_flight)

    def _check_one(
        self,
        scope: Literal["run", "generation"],
        limit: SpendingLimit,
        generation: int | None,
        hours: float,
        in_flight: bool,
    ) -> None:
        spent = self._total(generation)
        reserved = [dollars for of, dollars in self._flight.values() if in_flight and generation in (None, of)]
        dollars, calls = spent.dollars + sum(reserved), spent.calls + len(reserved)
        name = f"the {scope}" if generation is None else f"generation {generation}"
        if limit.dollars is not None and dollars >= limit.dollars:
            raise LimitReached(f"{name} has spent ${dollars:.4f} of at most ${limit.dollars:g}", scope)
        if limit.calls is not None and calls >= limit.calls:
            raise LimitReached(f"{name} has made {calls:,} of at most {limit.calls:,} calls", scope)
        if limit.hours is not None and hours >= limit.hours:
            raise LimitReached(f"{name} has worked {hours:.2f} of at most {limit.hours:g} hours", scope)
