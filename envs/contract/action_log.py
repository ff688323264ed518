"""The action log of an episode: one record for each call.

Standard library only: this file also runs inside the sandbox.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

BRANCH, ADVANCE, PROBE, STEP, RUN, PRUNE, FORK, VERIFY = range(8)
"""The codes of actions in an action log. FORK names the branch that is forked; the new one has the next index."""

VERBS = ("branch", "advance", "probe", "step", "run", "prune", "fork", "verify")
"""The names of the action codes."""


class ActionLog:
    """The actions of an episode: one record for each call; equal steps in a row share one record.

    Record r has a verb, a number of repetitions, and the number of entries of ``indices`` that belong to it. Indices
    are branches, numbered in the order in which they were opened.
    """

    __slots__ = ("counts", "indices", "repeats", "verbs")

    def __init__(self) -> None:
        self.verbs: list[int] = []
        self.repeats: list[int] = []
        self.counts: list[int] = []
        self.indices: list[int] = []

    def add(self, verb: int, indices: Sequence[int], times: int = 1) -> None:
        """Append a record of ``verb`` on ``indices``."""
        self.verbs.append(verb)
        self.repeats.append(times)
        self.counts.append(len(indices))
        self.indices.extend(indices)

    def pack(self) -> bytes:
        """Return the log as bytes: the number of records (u32), then verbs (u8), repeats, counts, indices (u16)."""
        return b"".join(
            (
                array("I", (len(self.verbs),)).tobytes(),
                bytes(self.verbs),
                array("H", self.repeats).tobytes(),
                array("H", self.counts).tobytes(),
                array("H", self.indices).tobytes(),
            )
        )
