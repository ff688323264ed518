"""The limits of a collection: tokens, dollars and hours. A request that could pass one is not sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...counting import counted
from ..exchange import TokenUse


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Dollars per million tokens."""

    prompt: float
    """Of a prompt, as far as the server computes it anew."""
    cached: float
    """Of a prompt, as far as the server has it in its cache."""
    generated: float

    def dollars(self, use: TokenUse) -> float:
        """Return what ``use`` costs."""
        generated = use.generated + use.cancelled
        return (use.prefilled * self.prompt + use.cached * self.cached + generated * self.generated) / 1e6


@dataclass(frozen=True, slots=True)
class CollectLimits:
    """What a collection may spend; None for no limit."""

    tokens: int | None = None
    """Tokens generated, of branches and probes, over all sessions."""
    dollars: float | None = None
    """Over all sessions."""
    hours: float | None = None
    """Of this session."""


class SpendingGuard:
    """Says whether a request may be sent: whatever its length, no limit must be passed.

    Args:
        limits: the limits.
        prices: prices of the model; None if they are not known, so that a limit on dollars cannot hold.
        spent: returns the tokens spent so far.
        clock: returns seconds, from any origin.
    """

    def __init__(
        self, limits: CollectLimits, prices: TokenPrices | None, spent: Callable[[], TokenUse],
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._limits, self._prices, self._spent, self._clock = limits, prices, spent, clock
        self._began = clock()
        self._in_flight = TokenUse()

    def refusal(self, prompt: int, generated: int) -> str:
        """Return the limit that a request could pass, in words; "" if it may be sent, and it then counts as in flight.

        Args:
            prompt: tokens of its prompt.
            generated: the most tokens that it may generate.
        """
        limits, spent = self._limits, TokenUse()
        spent.add(self._spent())
        spent.add(self._in_flight)
        spent.add(TokenUse(generated=generated, prefilled=prompt))
        if limits.hours is not None and self._clock() - self._began >= 3600 * limits.hours:
            return f"--max-hours {limits.hours:g}"
        if limits.tokens is not None and spent.generated + spent.cancelled > limits.tokens:
            return f"--max-tokens-total {limits.tokens}"
        if limits.dollars is not None and self._prices and self._prices.dollars(spent) > limits.dollars:
            return f"--max-dollars {limits.dollars:g}"
        self._in_flight.generated += generated
        self._in_flight.prefilled += prompt
        return ""

    def ended(self, prompt: int, generated: int) -> None:
        """Say that a request is no longer in flight: what it cost is spent."""
        self._in_flight.generated -= generated
        self._in_flight.prefilled -= prompt

    @property
    def seconds(self) -> float:
        """Seconds since the beginning of this session."""
        return self._clock() - self._began

    def describe(self, use: TokenUse) -> str:
        """Return what ``use`` cost, in words."""
        text = f"{counted(use.generated, 'token')} generated"
        return f"{text}, ${self._prices.dollars(use):,.2f}" if self._prices else text
