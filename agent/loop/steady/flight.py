"""One turn of a steady-state search while it is in flight."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from ...records.candidate import CandidateRecord
from ...records.events import TurnAsked
from ..overlap.trial import OverlappingTrial


@dataclass(slots=True)
class Flight:
    """A turn that has been asked and has not ended."""

    turn: TurnAsked
    busy: bool = False
    """Whether a piece of its work runs."""
    answer: Sequence[CandidateRecord] | None = None
    """The answer of the explorer: one candidate or none; None before it."""
    trial: OverlappingTrial | None = None
    decided: int | None = None
    """Versions that were admitted when screening and the extent of the audit were decided; None before."""
    checked: bool = False
    """Whether the candidate was compared with all others, and is no copy."""
    alone: bool = False
    """Whether the process has died while this candidate worked, so that it must work alone."""
    passed_over: bool = False
    """Whether the process has died of it so often that it is not tried again."""
    attempt: ExitStack = field(default_factory=ExitStack)
    """The attempt at the candidate, once it has begun."""
    begun: bool = False
    """Whether `attempt` is entered."""

    @property
    def name(self) -> str:
        """The name of the turn: that of its answer, and the id of its candidate before its admission."""
        return turn_name(self.turn.turn)


def turn_name(turn: int) -> str:
    """Return the name of a turn."""
    return f"turn-{turn:06d}"
