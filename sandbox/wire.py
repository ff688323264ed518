"""What crosses the wall of the sandbox, in both directions.

In: a job, a JSON header and columns of numbers after it. It holds the candidate's source, the contract's modules, the
recorded branches of each question with opaque tokens for answers, and the episodes. No gold answer, no text of a
question and no name of an environment is in it. Tokens are drawn anew for each job, their order in the tables too.

Out: frames (see `sandbox.worker.FRAME`). ``E``: an episode's answer and action log; ``F``: the failure that ended the
run; ``R``: the candidate is loaded; ``D``: all episodes are done.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import envs
from envs.episodes import Episodes, Logs
from envs.store import ABSENT, Environment

from .base import Candidate, Verdict

FRAME = struct.Struct("<cIiI")
LARGEST_LOG = 1 << 23
"""Bytes of one episode's log past which a frame is taken for garbage."""
NOT_A_TOKEN = -1


@dataclass(frozen=True, slots=True)
class World:
    """One question as it crosses the wall: what the worker is told of it, its columns, and the way back."""

    header: dict[str, Any]
    cells: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint32]
    totals: npt.NDArray[np.uint32]
    meaning: npt.NDArray[np.int32]
    """The environment's answer for each token of the world."""


class Job:
    """A batch of episodes, ready to be sent to any number of workers for one run of one candidate."""

    def __init__(self, candidate: Candidate, episodes: Episodes) -> None:
        self.candidate = candidate
        self.episodes = episodes
        generator = np.random.default_rng(secrets.randbits(128))
        pairs = np.stack([episodes.environment, episodes.question])
        used, self._world_of = np.unique(pairs, axis=1, return_inverse=True)
        self._world_of = self._world_of.ravel()
        self.worlds = [_world(episodes.environments[e], q, generator) for e, q in used.T.tolist()]
        keys = list(episodes.orders)
        sizes = np.array([world.header["branches"] for world in self.worlds])[self._world_of]
        number = {key: i for i, key in enumerate(keys)}
        self._order_of = np.array(
            [number[key] for key in zip(sizes.tolist(), episodes.seed.tolist(), strict=True)], np.uint32
        )
        self._orders = [episodes.orders[key] for key in keys]

    def message(self, shard: npt.NDArray[np.int64], limits: dict[str, int]) -> bytes:
        """Return the bytes to send to a worker that is to run the episodes of ``shard`` under ``limits``."""
        episodes = self.episodes
        columns = {
            "cells": np.concatenate([world.cells for world in self.worlds]),
            "lengths": np.concatenate([world.lengths for world in self.worlds]),
            "totals": np.concatenate([world.totals for world in self.worlds]),
            "orders": np.concatenate(self._orders).astype(np.uint32),
            "order_sizes": np.array([len(order) for order in self._orders], np.uint32),
            "index": shard.astype(np.uint32),
            "world": self._world_of[shard].astype(np.uint32),
            "order": self._order_of[shard],
            "beta": episodes.beta[shard],
            "seed": episodes.seed[shard],
        }
        blobs = {name: (_CODES[column.dtype.str], column.tobytes()) for name, column in columns.items()}
        header = {
            "modules": contract_modules(),
            "candidate": self.candidate.source,
            "limits": limits,
            "worlds": [world.header for world in self.worlds],
            "max_branches": episodes.max_branches,
            "max_tokens": episodes.max_tokens,
            "blobs": [(name, code, len(data)) for name, (code, data) in blobs.items()],
        }
        text = json.dumps(header).encode()
        return b"".join((struct.pack("<I", len(text)), text, *(data for _, data in blobs.values())))

    def logs(self, frames: dict[int, tuple[int, bytes]]) -> Logs:
        """Return the logs of all episodes from their (answer token, packed log).

        Raises:
            BadFrame: a log is cut short, or an answer is no token of its question.
        """
        records = np.zeros(len(frames), np.int64)
        answers = np.zeros(len(frames), np.int32)
        verbs, repeats, counts, indices = [], [], [], []
        for index in range(len(frames)):
            token, data = frames[index]
            meaning = self.worlds[self._world_of[index]].meaning
            if not 0 <= token < len(meaning):
                raise BadFrame(Verdict("illegal_answer", "the answer is not one that it saw", index))
            answers[index] = meaning[token]
            if len(data) < 4:
                raise BadFrame(Verdict("protocol", "a log that is cut short", index))
            (n,) = _COUNT.unpack_from(data)
            records[index] = n
            if len(data) < 4 + 5 * n or (len(data) - n) % 2:
                raise BadFrame(Verdict("protocol", "a log that is cut short", index))
            verbs.append(data[4 : 4 + n])
            repeats.append(data[4 + n : 4 + 3 * n])
            counts.append(data[4 + 3 * n : 4 + 5 * n])
            indices.append(data[4 + 5 * n :])
        logs = Logs(
            answer=answers,
            record_offsets=np.concatenate(([0], np.cumsum(records))),
            verbs=np.frombuffer(b"".join(verbs), np.uint8),
            repeats=np.frombuffer(b"".join(repeats), np.uint16),
            counts=np.frombuffer(b"".join(counts), np.uint16),
            indices=np.frombuffer(b"".join(indices), np.uint16),
        )
        lengths = np.fromiter(map(len, indices), np.int64, len(indices)) // 2
        sums = logs.index_offsets[logs.record_offsets]
        wrong = np.flatnonzero(np.diff(sums) != lengths)
        if len(wrong):
            raise BadFrame(Verdict("protocol", "a log whose counts do not match", int(wrong[0])))
        return logs


_CODES = {"<u4": "I", "<f8": "d", "<i8": "q"}
_COUNT = struct.Struct("<I")


class BadFrame(Exception):
    """What a worker sent cannot be read. Attributes: verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def parse(buffer: bytearray) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Take all complete frames off ``buffer``, and yield (kind, episode, answer, data).

    Raises:
        BadFrame: what is there is no frame.
    """
    at = 0
    try:
        while len(buffer) - at >= FRAME.size:
            kind, episode, answer, size = FRAME.unpack_from(buffer, at)
            if kind not in (b"E", b"F", b"R", b"D") or size > LARGEST_LOG:
                raise BadFrame(Verdict("protocol", "garbage among the results"))
            end = at + FRAME.size + size
            if end > len(buffer):
                break
            yield kind, episode, answer, bytes(buffer[at + FRAME.size : end])
            at = end
    finally:
        del buffer[:at]


def contract_modules() -> dict[str, str]:
    """Return the sources of the modules that a candidate may import, by name, in the order of loading."""
    home = Path(envs.__file__).parent
    return {f"envs.{name}": (home / f"{name}.py").read_text(encoding="utf-8") for name in _MODULES}


_MODULES = ("question", "controller", "replay")


def _world(env: Environment, question: int, generator: np.random.Generator) -> World:
    """Return ``question`` with each answer replaced by a fresh opaque token."""
    branches = env.branches(question)
    start, stop = int(env.probe_offsets[branches.start]), int(env.probe_offsets[branches.stop])
    depths = env.probes[branches.start : branches.stop]
    # a branch's cells are its probes and then its final answer
    cells = np.empty(stop - start + len(branches), np.int32)
    ends = np.cumsum(depths + 1) - 1
    is_probe = np.ones(len(cells), bool)
    is_probe[ends] = False
    cells[is_probe] = env.probe_answers[start:stop]
    cells[ends] = env.final_answers[branches.start : branches.stop]
    present = np.unique(cells)
    present = present[present != ABSENT]
    meaning = np.concatenate(([ABSENT], generator.permutation(present))).astype(np.int32)
    code = np.zeros(int(meaning.max()) + 1, np.uint32)
    code[meaning] = np.arange(len(meaning))
    header = {
        "branches": len(branches),
        "delta": env.delta,
        "probe_cost": env.probe_cost,
        "tokens": _fresh_tokens(len(meaning) - 1),
    }
    totals = env.total_tokens[branches.start : branches.stop].astype(np.uint32)
    return World(header, code[cells], (depths + 1).astype(np.uint32), totals, meaning)


def _fresh_tokens(n: int) -> list[str]:
    while True:
        text = secrets.token_hex(6 * n)
        tokens = [text[i : i + 12] for i in range(0, len(text), 12)]
        if len(set(tokens)) == n:
            return tokens
