"""The turns of a steady-state search: who may be asked, who is too old. Pure, so that a simulation runs the same code.

A turn is one call of the explorer and all that follows from it. It ends in a version that is admitted to the archive,
or it is dropped. Versions are counted without generation 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autotts.envs.errors import DamagedFile

from ...records.events import Event, TurnAsked, TurnDropped, VersionAdmitted

TurnEvent = TurnAsked | TurnDropped | VersionAdmitted
"""An event from which, with all others of its kind, a steady-state search follows."""

STALENESS = 8
"""Default bound on staleness, in populations."""


class SteadyTurns:
    """Counts the turns and the versions of a search.

    Args:
        slots: turns that may be in flight at the same time.
        staleness: the most versions that may be admitted between the moment at which the brief of a turn is made and
            the admission of its own version. A turn that exceeds it is dropped.
        total: versions after which the search ends.
    """

    def __init__(self, slots: int, staleness: int, total: int) -> None:
        if slots < 1 or staleness < 0:
            raise ValueError(f"{slots} slots and a staleness of {staleness}")
        self.slots, self.staleness, self.total = slots, staleness, total
        self.asked = 0
        self.admitted = 0
        self.in_flight: dict[int, int] = {}
        """By turn: the versions that were admitted when its brief was made."""

    @property
    def may_ask(self) -> bool:
        """Whether another turn may begin now."""
        return len(self.in_flight) < self.slots and self.admitted + len(self.in_flight) < self.total

    def ask(self) -> TurnAsked:
        """Begin the next turn."""
        event = TurnAsked(self.asked, self.admitted)
        self.in_flight[event.turn] = event.after
        self.asked += 1
        return event

    def admit(self, turn: int) -> int:
        """End a turn with the admission of its version; return the position of the version, from 0.

        Raises:
            ValueError: the turn is not in flight, or is too old.
        """
        if turn not in self.in_flight or self.admitted - self.in_flight[turn] > self.staleness:
            raise ValueError(f"turn {turn} cannot be admitted after {self.admitted} versions")
        del self.in_flight[turn]
        self.admitted += 1
        return self.admitted - 1

    def drop(self, turn: int) -> None:
        """End a turn without a version.

        Raises:
            ValueError: the turn is not in flight.
        """
        if turn not in self.in_flight:
            raise ValueError(f"turn {turn} is not in flight")
        del self.in_flight[turn]

    def too_old(self) -> list[int]:
        """Return the turns that cannot be admitted any more."""
        return [turn for turn, after in self.in_flight.items() if self.admitted - after > self.staleness]


def turn_events(events: Iterable[Event]) -> list[TurnEvent]:
    """Return the events of turns among ``events``, in their order."""
    return [event for event in events if isinstance(event, TurnAsked | TurnDropped | VersionAdmitted)]


def check_turns(events: Sequence[TurnEvent], staleness: int, source: str) -> None:
    """Check that a log of turns is whole and keeps to the bound.

    Raises:
        DamagedFile: an event is missing, stands twice, or contradicts those before it.
    """
    turns = SteadyTurns(len(events) + 1, staleness, len(events) + 1)
    for event in events:
        try:
            match event:
                case TurnAsked():
                    fits = turns.ask() == event
                case VersionAdmitted():
                    fits = event.decided <= turns.admitted == event.position
                    turns.admit(event.turn)
                case TurnDropped():
                    fits = True
                    turns.drop(event.turn)
        except ValueError:
            fits = False
        if not fits:
            raise DamagedFile(
                f"{source}: the event of turn {event.turn} after {turns.admitted} versions does not follow from those "
                "before it: an event is missing or damaged"
            )
