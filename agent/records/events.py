"""The events of a run, as classes. Listeners get every event as it happens; the event log stores most of them.

The class attribute ``kind`` is an event's name in the log; ``None`` marks an event that is not logged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from .migration import renamed


@dataclass(frozen=True, slots=True)
class Event:
    """The base class of all events."""

    kind: ClassVar[str | None] = None
    """Name in the event log; None for an event that is not logged."""

    def document(self) -> dict[str, Any]:
        """Return the fields as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A process begins to work on the run, for the first time or again."""

    kind = "began"
    sandbox: str
    interpreter: str = "cpython"


@dataclass(frozen=True, slots=True)
class GenerationStarted(Event):
    """The run begins a generation; generation 0 is that of the baselines."""

    kind = "generation"
    generation: int
    of: int
    """Generations of the run."""


@dataclass(frozen=True, slots=True)
class MigrantsChosen(Event):
    """A generation takes versions of other runs from the archive that they share (`agent.loop.shared_archive`)."""

    kind = "migrants"
    generation: int
    versions: tuple[str, ...]
    """Their names in the shared archive; each ends in the beginning of the hash of its source."""
    seen: int
    """Versions of the shared archive at that moment."""


@dataclass(frozen=True, slots=True)
class SlotAnswered(Event):
    """The explorer has answered for one slot of a step, and the answer is safe on disk."""

    kind = "asked"
    place: str
    """Generation, step and slot: ``g003-propose-0``."""
    proposals: int


@dataclass(frozen=True, slots=True)
class ConversationEnded(Event):
    """A conversation with a language model has ended, with a proposal or without one."""

    kind = "conversation"
    generation: int
    step: str
    slot: int
    ended: str
    """Why it ended: "submitted", or the reason why there is no proposal."""
    transcript: str
    """Path of the transcript, below the run directory."""
    dollars: float
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    calls: int


@dataclass(frozen=True, slots=True)
class CandidateEvaluated(Event):
    """A candidate has its verdict."""

    kind = "candidate"
    id: str
    position: int
    """Position among the candidates of its generation, from 1."""
    of: int
    """Candidates of its generation so far."""
    verdict: str
    message: str
    seconds: float
    """Seconds of work on it, without the time in which it waited for others."""
    episodes: int
    """Episodes that were run, audits included."""
    saved: int
    """Episodes that screening made unnecessary."""


@dataclass(frozen=True, slots=True)
class TurnAsked(Event):
    """A steady-state search begins a turn: the explorer is asked for one candidate."""

    kind = "turn"
    turn: int
    """From 0."""
    after: int
    """Versions, beside those of generation 0, that were admitted before: the brief shows these."""


@dataclass(frozen=True, slots=True)
class VersionAdmitted(Event):
    """A steady-state search admits the candidate of a turn to the archive, as its next version."""

    kind = "admitted"
    turn: int
    id: str
    position: int
    """Versions, beside those of generation 0, that were admitted before."""
    decided: int
    """Those of them that were known when screening, and the extent of the audit, were decided."""


@dataclass(frozen=True, slots=True)
class TurnDropped(Event):
    """A turn of a steady-state search has ended without a version."""

    kind = "dropped"
    turn: int
    why: str
    """``nothing`` was proposed, a ``copy`` of another version, ``stale``, or a ``limit`` was reached."""


@dataclass(frozen=True, slots=True)
class GenerationArchived(Event):
    """All candidates of a generation are in the archive."""

    kind = "archived"
    generation: int
    versions: int
    """Versions in the archive."""
    new: int
    """Versions of this generation."""
    best: str | None
    """Id of the best version (`agent.archive.best`); None if no version ran."""
    quality: float | None
    """Its measured quality, in points."""
    baselines: float
    """Quality of the best hand-written baseline, in points."""
    highest: float
    """Highest measured quality, in points."""
    highest_of: str | None = None
    """Id of the version that has it."""
    given: str = ""
    """The best controller that the run was given: its name with its id; empty if none was given."""
    given_quality: float | None = None
    """Its quality, in points."""


@dataclass(frozen=True, slots=True)
class VersionRejected(Event):
    """A version failed its full audit before the report, so it has no scores any more."""

    kind = "rejected"
    id: str
    verdict: str
    message: str


@dataclass(frozen=True, slots=True)
class RunStopped(Event):
    """The run stops with an error, because its explorer proposes nothing new."""

    kind = "stopped"
    why: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The run has its final evaluation and its report."""

    kind = "finished"
    best: str
    """Id of the best version in the final evaluation."""
    versions: int
    stopped: str
    """The limit that ended the run before its last generation; empty if none did."""


@dataclass(frozen=True, slots=True)
class TrackerFailed(Event):
    """An experiment tracker failed; the run goes on without it."""

    kind = "tracker"
    tracker: str
    failed: str
    """Type of the error."""


@dataclass(frozen=True, slots=True)
class EpisodesRun(Event):
    """Some episodes have just been run. Not logged."""

    count: int


@dataclass(frozen=True, slots=True)
class FinalistsEvaluated(Event):
    """The final evaluation has done some of its versions, from 0 on. Not logged."""

    done: int
    of: int
    where: str = ""
    """The questions and branch orders, in words."""


@dataclass(frozen=True, slots=True)
class NodeFinished(Event):
    """A node of the graph has ended, and its checkpoint is written. Not logged."""

    node: str


@dataclass(frozen=True, slots=True)
class UnknownEvent(Event):
    """A line of the log with a kind that this version of the program does not write."""

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of the event log."""

    time: float
    """Seconds since 1970, UTC."""
    event: Event


EventListener = Callable[[Event], None]
"""Gets every event of a run as it happens, in the thread in which it happens."""

_LOGGED: dict[str, type[Event]] = {
    kind: event
    for event in (
        RunStarted, GenerationStarted, MigrantsChosen, SlotAnswered, ConversationEnded, CandidateEvaluated,
        GenerationArchived, VersionRejected, RunStopped, RunFinished, TrackerFailed,
        TurnAsked, TurnDropped, VersionAdmitted,
    )
    if (kind := event.kind) is not None
}  # fmt: skip
_ADAPTERS: dict[str, TypeAdapter[Event]] = {name: TypeAdapter(event) for name, event in _LOGGED.items()}
_OLDER_NAMES: dict[str, dict[str, str]] = {"archived": {"seeds": "baselines"}}
"""By kind: the present name of each field that older logs name differently."""
_LARGEST = 1e15  # no valid count, time or amount is larger; a damaged log may hold any number


def ignore(event: Event) -> None:
    """The listener that does nothing."""


def read_event(document: Any) -> LoggedEvent | None:
    """Return a line of the event log as an event; None if the line is damaged or is not an event.

    Fields that the event class does not have are left out.
    """
    if not isinstance(document, dict) or not isinstance(name := document.get("event"), str):
        return None
    time = document.get("time")
    if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) < _LARGEST:
        return None
    content = {key: value for key, value in document.items() if key not in ("time", "event")}
    kind = _LOGGED.get(name)
    if kind is None:
        return LoggedEvent(float(time), UnknownEvent(name, content))
    content = renamed(content, _OLDER_NAMES.get(name, {}))
    values = {field.name: content[field.name] for field in fields(kind) if field.name in content}
    try:
        event = _ADAPTERS[name].validate_python(values)
    except ValidationError:
        return None
    return LoggedEvent(float(time), event) if all(map(_sound, event.document().values())) else None


def _sound(value: object) -> bool:
    return not isinstance(value, int | float) or (abs(value) < _LARGEST and not math.isnan(value))
