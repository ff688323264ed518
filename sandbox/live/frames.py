"""The messages between the host and a worker that plays live questions; `sandbox.worker.live` is the other side.

In: messages, each preceded by its size (u64) as in `sandbox.wire`. The first has four zero bytes where a job has a
header, and holds the controller. Every other message has a letter and the number of a question. ``S``: start a process
for this question. ``R``: the reply to its request. ``K``: kill its process.

Out: frames with a letter, the number of the question, a code, and data (`wire.FRAME`). The worker writes the number
itself. ``Q``: a request. ``A``: the answer, a token, or nothing for no answer. ``F``: the failure that ended the
controller (`wire.failure`). ``O``: it printed too much. ``G``: it spoke out of turn, or wrote no frame. ``X``: its
process has ended, with its exit code; the last frame of each question. ``Z``: the worker is ready, for question 0.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import wire
from ..base import SandboxLimits
from ..kept_logs import BadFrame
from ..outcome import Candidate, Verdict
from ..worker import seccomp

NOT_STARTED = -1000
"""The exit code of a process that the worker could not start."""
TOKEN = 12
"""Characters of the token of an answer."""
_TO_WORKER = struct.Struct("<QcI")  # bytes that follow, what to do, the question
_HERE = Path(__file__)
Frame = tuple[bytes, int, bytes]
"""Letter, code and data of a frame of one question."""


def largest_request(max_branches: int) -> int:
    """Return the bytes of the longest request on a question: a verb, and the number of each branch."""
    return 1 + 8 * max(1, max_branches)


def begin(candidate: Candidate, limits: SandboxLimits, max_branches: int) -> bytes:
    """Return the message that makes a worker play ``candidate`` on live questions.

    Args:
        candidate: the controller.
        limits: the limits of each question.
        max_branches: the most branches of any question.
    """
    text = {
        "live": (_HERE.parents[1] / "worker" / "live.py").read_text(encoding="utf-8"),
        "remote": (_HERE.parents[2] / "envs" / "contract" / "remote.py").read_text(encoding="utf-8"),
        "candidate": candidate.source,
        "filters": {machine: seccomp.candidate_program(machine, live=True).hex() for machine in seccomp.MACHINES},
        "limits": limits.rlimits(1),
        "prints": limits.output,
        "most": {kind.decode(): size for kind, size in _most(max_branches).items() if kind not in b"GXZ"},
    }
    data = bytes(4) + json.dumps(text).encode()
    return wire.SIZE.pack(len(data)) + data


@dataclass(frozen=True, slots=True)
class LiveStart:
    """What a controller is told when its question begins."""

    beta: float | None = None
    """The budget knob; None only loads the controller."""
    seed: int = 0
    max_branches: int = 1
    max_tokens: int | None = None
    can_step: bool = True
    signals: tuple[str, ...] = ()
    """See `envs.contract.remote.RemoteQuestion`, as the next two."""
    can_verify: bool = False
    branches_left: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return all but those of the last three fields that have their defaults."""
        beyond = {"signals": (), "can_verify": False, "branches_left": None}
        return {name: value for name, value in asdict(self).items() if name not in beyond or value != beyond[name]}


def start(number: int, start: LiveStart) -> bytes:
    """Return the message that starts the process of a question."""
    return _message(b"S", number, json.dumps(start.as_json()).encode())


def reply(number: int, data: bytes) -> bytes:
    """Return the message that passes a reply to the controller of a question."""
    return _message(b"R", number, data)


def kill(number: int) -> bytes:
    """Return the message that ends the process of a question."""
    return _message(b"K", number)


def _message(what: bytes, number: int, data: bytes = b"") -> bytes:
    return _TO_WORKER.pack(5 + len(data), what, number) + data


def _most(max_branches: int) -> dict[bytes, int]:
    """Return the bytes of data that a frame of each kind may have."""
    return {
        b"Q": largest_request(max_branches), b"A": TOKEN, b"F": wire.LARGEST_FAILURE, b"O": 0, b"G": 0, b"X": 0,
        b"Z": 0,
    }  # fmt: skip


def parse(buffer: bytearray, max_branches: int) -> Iterator[tuple[int, Frame]]:
    """Remove all complete frames from ``buffer``, and yield (question, frame) of each.

    Raises:
        BadFrame: the bytes are not a frame, or the frame is too large.
    """
    most, at = _most(max_branches), 0
    try:
        while len(buffer) - at >= wire.FRAME.size:
            kind, number, code, size = wire.FRAME.unpack_from(buffer, at)
            if size > most.get(kind, -1):
                raise BadFrame(Verdict("protocol", "garbage among the results"))
            end = at + wire.FRAME.size + size
            if end > len(buffer):
                break
            data, at = bytes(buffer[at + wire.FRAME.size : end]), end
            yield number, (kind, code, data)
    finally:
        del buffer[:at]
