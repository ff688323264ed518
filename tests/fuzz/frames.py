"""Fuzzes the reader of frames: bytes of a worker, cut into chunks at arbitrary places.

An input is a byte of flags, a byte that says how the bytes are cut, and the bytes that the worker sends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from random import Random
from typing import get_args

import numpy as np

from autotts.envs import Controller
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.scoring import ForgedLog, score
from autotts.sandbox.backends.runner import WorkerSandbox
from autotts.sandbox.backends.workers import Worker
from autotts.sandbox.base import SandboxError, SandboxLimits
from autotts.sandbox.outcome import Candidate, Kind, SandboxOutcome
from autotts.sandbox.wire import FRAME, SealedBatch

from ..environments import RandomController, random_environment, replay
from .mutation import NUMBERS, Raw

Frame = tuple[bytes, int, int, bytes]


class RecordedWorker(Worker):
    """A worker that sends given chunks, and then ends."""

    def __init__(self, chunks: list[bytes], printed: bytes) -> None:
        self._parts = [*((True, chunk) for chunk in chunks if chunk), (True, b"")]
        if printed:
            self._parts.insert(0, (False, printed))
        self._ready, self._full = os.pipe()
        os.write(self._full, b".")  # never read: there is always something to read
        self._sink = os.open(os.devnull, os.O_WRONLY)

    def sources(self) -> Iterable[int]:
        return (self._ready,)

    def sink(self) -> int:
        return self._full

    def read(self, source: int) -> Iterable[tuple[bool, bytes]]:
        return (self._parts.pop(0) if self._parts else (True, b""),)

    def write(self, data: memoryview) -> int:
        return len(data)

    def ended(self) -> str:
        return "exit code 1"

    def stop(self) -> None:
        descriptors, self._open = getattr(self, "_open", (self._ready, self._full, self._sink)), ()
        for descriptor in descriptors:
            os.close(descriptor)


class RecordedSandbox(WorkerSandbox):
    """A sandbox whose worker sends given bytes."""

    name = about = "recorded"

    def __init__(self, chunks: list[bytes], printed: bytes) -> None:
        super().__init__(limits=SandboxLimits(episode_seconds=600.0, seconds=600.0))
        self.chunks, self.printed = chunks, printed

    def start(self) -> Worker:
        return RecordedWorker(self.chunks, self.printed)


@cache
def batch(groups: int) -> tuple[Episodes, SealedBatch]:
    """Return a batch whose episodes are played in ``groups`` processes."""
    episodes = grid([random_environment(Random(7), probe_cost=groups - 1)], betas=(0.0, 1.0), orders=(3,))
    sealed = SealedBatch.of(episodes)
    return episodes, replace(sealed, group=np.arange(len(sealed)) % groups, prints=groups == 2)


def honest(groups: int, seed: int) -> list[Frame]:
    """Return the frames of a worker that plays a controller of random, legal actions."""
    episodes, sealed = batch(groups)

    def controller(beta: float, order: int) -> Controller:
        return RandomController(beta, seed)

    frames: list[Frame] = [(b"Z", 0, 0, b"")]
    played = [question.finish().pack() for question, _ in replay(controller, episodes)]
    for part in sealed.shares(1)[0]:
        frames += [
            (b"R", 0, 0, b""),
            *((b"E", i, 0, played[i]) for i in part.tolist()),
            (b"D", 0, 0, b""),
            (b"X", 0, 0, b""),
        ]
    return frames


def joined(frames: list[Frame]) -> bytes:
    """Return the bytes of ``frames``."""
    return b"".join(FRAME.pack(kind, at, answer, len(data)) + data for kind, at, answer, data in frames)


def split(stream: bytes) -> tuple[list[Frame], bytes]:
    """Return the frames of ``stream``, and the rest that is none."""
    frames, at = [], 0
    while at + FRAME.size <= len(stream):
        kind, episode, answer, size = FRAME.unpack_from(stream, at)
        if at + FRAME.size + size > len(stream):
            break
        frames.append((kind, episode, answer, stream[at + FRAME.size : at + FRAME.size + size]))
        at += FRAME.size + size
    return frames, stream[at:]


def failure(kind: object, message: object, episode: object) -> Frame:
    """Return the frame of a failure."""
    return (b"F", 0, 0, json.dumps({"kind": kind, "message": message, "episode": episode}).encode())


def seeds() -> list[bytes]:
    """Return the streams of honest workers, and of workers that fail or die."""
    streams = [(groups, honest(groups, seed)) for groups in (1, 2) for seed in (1, 2)]
    for episode, kind in ((0, "exception"), (None, "syntax"), (0, "illegal_action"), (0, "ok"), (1, "memory")):
        streams.append((1, [(b"Z", 0, 0, b""), failure(kind, "a\nb\x1b[31m" * 9, episode)]))
    streams += [(1, [(b"Z", 0, 0, b""), (b"X", 0, code, b"")]) for code in (-24, -9, 3)]
    return [bytes((groups - 1, cut)) + joined(frames) for cut, (groups, frames) in enumerate(streams)]


def mutate(data: bytes, chance: Random, change: Raw) -> bytes:
    """Change one frame and leave the others whole, or change the bytes."""
    frames, rest = split(data[2:])
    if not frames or not chance.randrange(5):
        return change(data, chance)
    at = chance.randrange(len(frames))
    kind, episode, answer, content = frames[at]
    match chance.randrange(9):
        case 0:
            frames[at] = (bytes([chance.choice(b"EFRDXZQ\0")]), episode, answer, content)
        case 1:
            frames[at] = (kind, chance.choice((0, 1, (episode + 1) % 2**32, 2**31, 2**32 - 1)), answer, content)
        case 2:
            frames[at] = (kind, episode, chance.choice((-1, 0, 1, 2, 3, -24, 2**31 - 1, -(2**31))), content)
        case 3:
            del frames[at]
        case 4:
            frames.insert(at, chance.choice(frames))
        case 5:
            known = chance.choice(get_args(Kind))
            frames[at] = failure(
                known, "x" * chance.choice((0, 9, 999, 70_000)), chance.choice((None, 0, 1, True, 0.0, "0"))
            )
        case 6 if content:  # a frame that announces another size
            header = FRAME.pack(kind, episode, answer, chance.choice(NUMBERS) % 2**32)
            return data[:2] + joined(frames[:at]) + header + content + joined(frames[at + 1 :]) + rest
        case _:
            frames[at] = (kind, episode, answer, change(content, chance))
    return data[:2] + joined(frames) + rest


def run(data: bytes) -> bool:
    """Read ``data`` in chunks and as a whole, with one and the same result. Return whether its log was scored."""
    if len(data) < 2:
        return False
    groups, stream = 1 + data[0] % 2, data[2:]
    chance = Random(data[1])
    chunks, at = [], 0
    while at < len(stream):
        size = chance.choice((1, 3, FRAME.size, 64, 4096)) if len(chunks) < 500 else len(stream)
        chunks.append(stream[at : at + size])
        at += size
    printed = b"MemoryError: no\n\xff" if data[0] & 2 else b""
    one, other = _played([stream], printed, groups), _played(chunks, printed, groups)
    assert (one is None) == (other is None)
    if one is None or other is None:
        return False
    assert one.verdict == other.verdict, (one.verdict, other.verdict)
    verdict = one.verdict
    assert verdict.kind in get_args(Kind) and verdict.kind != "screened", verdict
    assert "\n" not in verdict.message and (verdict.episode is None or 0 <= verdict.episode < len(batch(groups)[1]))
    assert verdict.ok == (one.logs is not None)
    return one.logs is not None and _scored(batch(groups)[0], one.logs)


def _played(chunks: list[bytes], printed: bytes, groups: int) -> SandboxOutcome | None:
    """Return the outcome; None if the worker never said that it was ready, which is a failure of the sandbox."""
    try:
        return RecordedSandbox(chunks, printed).play(Candidate("fuzzed", ""), batch(groups)[1])
    except SandboxError as error:
        assert "the worker did not start" in str(error) and error.__cause__ is None, error
        return None


def _scored(episodes: Episodes, logs: Logs) -> bool:
    try:
        score(episodes, logs)
    except ForgedLog as forged:
        assert 0 <= forged.episode < len(episodes)
        return False
    return True
