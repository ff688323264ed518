"""Server-sent events: open pages learn when the archive or the event log has changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from ..archive.reader import ArchiveReader
from ..archive.storage.protocol import StorageUnavailable
from .answers import PROBLEMS, At
from .event_log import stamp

router = APIRouter(prefix="/api", tags=["live"], responses=PROBLEMS)

PERIOD = 1.0
"""Seconds between two checks for changes of a directory; a database is asked twice as often."""
_MOST = 32
"""Maximum number of open streams: each holds a connection."""


@router.get("/events", response_class=StreamingResponse, responses={503: {"description": "Too many pages are open."}})
async def events(request: Request, reader: At) -> StreamingResponse:
    """A stream of ``change`` events: the stamp of the version list, and the number of versions."""
    state = request.app.state
    if state.streams >= _MOST:
        raise HTTPException(503, "too many pages are open: close some")
    return StreamingResponse(_changes(request, reader), media_type="text/event-stream")


async def _changes(request: Request, reader: ArchiveReader) -> AsyncIterator[str]:
    state, sent = request.app.state, None
    state.streams += 1
    try:
        yield "retry: 2000\n\n"
        while not state.ending():
            now = await asyncio.to_thread(_now, reader)
            if now is None:
                yield ": the database does not answer\n\n"
            elif now != sent:
                sent = now
                yield f"event: change\ndata: {json.dumps({'stamp': now[0], 'versions': now[1]})}\n\n"
            else:
                yield ": still here\n\n"
            await asyncio.sleep(PERIOD if isinstance(reader.root, Path) else PERIOD / 2)
    finally:
        state.streams -= 1


def _now(reader: ArchiveReader) -> tuple[int, int, tuple[float, int]] | None:
    """Return what changes with the archive and with the event log; None if the database is away."""
    try:
        view = reader.view()
        log = stamp(reader.run.home / "events.jsonl") if reader.run else (0.0, 0)
    except StorageUnavailable:
        return None
    return view.stamp, view.overview.versions, log
