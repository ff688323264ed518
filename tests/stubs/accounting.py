"""What a service would charge: tokens by characters, and a prompt cache as the Messages API has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

CHARACTERS = 4
SMALLEST = 1024
"""Tokens below which a prefix is not cached."""
LOOKBACK = 20
"""Blocks before a breakpoint among which an earlier entry is found."""


def tokens(text: str) -> int:
    return len(text) // CHARACTERS


def without_marks(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "cache_control"}


def _blocks(body: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each block of the prompt in its order, as text, and whether there is a breakpoint after it."""
    for part in (*body.get("tools", ()), *body.get("system", ())):
        yield json.dumps(without_marks(part), ensure_ascii=False), "cache_control" in part
    for message in body["messages"]:
        for block in message["content"]:
            text = json.dumps(without_marks(block), ensure_ascii=False)
            yield f"{message['role']}: {text}", "cache_control" in block


class Cache:
    """Prefixes that have been seen."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def charge(self, body: Mapping[str, Any]) -> dict[str, int]:
        """Return the tokens that are new, written and read; from now on the prompt's breakpoints are known."""
        digest, ends, marks, length = hashlib.sha256(str(body["model"]).encode()), [], [], 0
        reach: list[int] = []
        for position, (text, mark) in enumerate(_blocks(body)):
            digest.update(text.encode() + b"\n")
            length += len(text)
            ends.append(digest.hexdigest())
            reach.append(length // CHARACTERS)
            marks += [position] if mark else []
        if len(marks) > 4:
            raise ValueError(f"{len(marks)} breakpoints, but at most 4 are allowed")
        marks = [at for at in marks if reach[at] >= SMALLEST]
        near = {at - back for at in marks for back in range(LOOKBACK) if at >= back}
        read = max((reach[at] for at in near if ends[at] in self._known), default=0)
        written = max((reach[at] for at in marks), default=read)
        self._known |= {ends[at] for at in marks}
        total = reach[-1] if reach else 0
        return {"input": total - written, "cache_write": written - read, "cache_read": read}
