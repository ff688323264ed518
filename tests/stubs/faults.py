"""What a service can do wrong, by a schedule that depends on nothing but a seed and a request's id."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autotts.agent.llm.session import LEFT_OUT

STATUSES = {
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "rate_limited": (429, "rate_limit_error", "Too many requests"),
    "server_error": (500, "api_error", "Internal server error"),
    "prompt_too_long": (400, "invalid_request_error", "prompt is too long: 211034 tokens > 200000 maximum"),
    "too_large": (413, "request_too_large", "Request exceeds the maximum size"),
}
STREAMS = ("silence", "cut", "error_event", "not_utf8", "not_json")
"""Faults in a stream that began well."""
WELL_FORMED = ("no_tool", "no_code", "broken_code")
"""Whole, paid answers of no use in which the service itself sees nothing wrong."""
ANSWERS = ("refusal", "malformed_json", "empty", "cut_short", *WELL_FORMED)
"""Whole, paid answers of no use."""
KINDS = (*STATUSES, "reset", *STREAMS, *ANSWERS)
LONG_ENOUGH = 6
"""Tool results, as they were given, from which a prompt may be said to be too long: with less, no one could shorten it.
"""


@dataclass(frozen=True)
class Fault:
    """One of `KINDS`; ``at`` tells where in the stream, as a part of it in [0, 1)."""

    kind: str
    at: float = 0.5


Faults = Callable[[str, Mapping[str, Any]], Fault | None]
"""From a request's id and body to what goes wrong with it."""


def never(request: str, body: Mapping[str, Any]) -> Fault | None:
    return None


def results(body: Mapping[str, Any]) -> int:
    """Return how many tool results a request has that nobody has left out."""
    blocks = (block for message in body["messages"] for block in message["content"])
    return sum(block["type"] == "tool_result" and LEFT_OUT not in block["content"] for block in blocks)


class Seeded:
    """Faults at a rate, the same for the same id in whatever order requests come.

    Answers of no use come for the first two attempts at a call at most, so that no call fails for good by chance.
    """

    def __init__(self, seed: int, rate: float, kinds: Sequence[str] = KINDS) -> None:
        self.seed, self.rate, self.kinds = seed, rate, kinds
        self.made: Counter[str] = Counter()

    def __call__(self, request: str, body: Mapping[str, Any]) -> Fault | None:
        rng = random.Random(f"{self.seed} {request}")
        attempt = int(request.rpartition("-")[2])
        kinds = [
            kind
            for kind in self.kinds
            if not (kind in ANSWERS and attempt > 2)
            and not (kind in ("prompt_too_long", "too_large") and results(body) < LONG_ENOUGH)
        ]
        if not kinds or rng.random() >= self.rate:
            return None
        fault = Fault(rng.choice(kinds), rng.random())
        self.made[fault.kind] += 1
        return fault


class Listed:
    """The given faults for the first requests, in the order in which they come; then none."""

    def __init__(self, *faults: str | Fault | None) -> None:
        self._left = list(faults)

    def __call__(self, request: str, body: Mapping[str, Any]) -> Fault | None:
        fault = self._left.pop(0) if self._left else None
        return Fault(fault) if isinstance(fault, str) else fault
