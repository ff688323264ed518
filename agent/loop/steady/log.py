"""Reads and writes the turns of a steady-state search, as lines of an event log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from autotts.envs.errors import InputError
from autotts.envs.seals import line_content, sealed_line

from ...records.events import Event, read_event
from .turns import TurnEvent, turn_events


def read_turns(data: bytes, source: str) -> list[TurnEvent]:
    """Return the turns in an event log (``events.jsonl`` of a run directory).

    Args:
        data: the content of the file.
        source: its name, for messages.

    Raises:
        InputError: there is no turn in it.
    """
    found = turn_events(_events(data))
    if not found:
        raise InputError(f"{source} holds no turns of a steady-state search")
    return found


def _events(data: bytes) -> Iterable[Event]:
    for line in data.decode("utf-8", "replace").splitlines():
        if (inner := line_content(line)) is None:
            continue
        try:
            logged = read_event(json.loads(inner))
        except (ValueError, RecursionError):
            continue
        if logged is not None:
            yield logged.event


def written_turns(turns: Sequence[TurnEvent]) -> bytes:
    """Return the lines of an event log with these turns, without their times."""
    documents = ({"time": 0, "event": turn.kind, **turn.document()} for turn in turns)
    return "".join(sealed_line(json.dumps(document)) + "\n" for document in documents).encode()
