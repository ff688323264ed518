"""The settings of a gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How much a gateway takes on, and its defaults."""

    beta: float = 0.5
    """Value of beta, if a request names none."""
    questions: int = 64
    """Questions that are answered at a time."""
    queue: int = 128
    """Questions that wait for their turn at most; more are refused with 429."""
    deadline: float = 600.0
    """Seconds after which a request gets the vote so far; a request may ask for fewer, not for more."""
    request_bytes: int = 1 << 20
    """Bytes of a request's body at most; larger ones are refused with 413."""
    messages: int = 256
    """Messages of a request at most."""
    keep_alive_seconds: float = 10.0
    """Seconds of silence of a stream after which it gets a comment."""
    drain_seconds: float = 60.0
    """Seconds that running requests have after SIGTERM."""
    served_name: str | None = None
    """Name of the model for clients; None for its own."""
