"""Fuzzes the reader of environment files: a checked environment, or an error for the user."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from autotts.envs import store
from autotts.envs.episodes import grid
from autotts.envs.errors import InputError
from autotts.envs.scoring import score
from autotts.envs.store import Environment
from autotts.sandbox.kept_logs import KeptLogs, LogBudget
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.wire import SandboxJob, SealedBatch

from ..environments import environment, random_environment
from ..envs.extended import extended_environment
from .mutation import Files, Raw, mutated_directory, mutated_files, unzipped, zipped

COLUMNS = ("gold", "branch_offsets", "probe_offsets", "probe_answers", "final_answers", "total_tokens")


@cache
def home() -> Path:
    """Return a directory in memory, if this machine has one."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="autotts-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))


def packed(made: Environment) -> bytes:
    """Return the file of an environment."""
    path = home() / f"{made.name}{store.SUFFIX}"
    store.save(made, path)
    return path.read_bytes()


def seeds() -> list[bytes]:
    """Return files with and without signals, ids, prices and probes."""
    plain = random_environment(Random(3), name="plain")
    probes = len(plain.probe_answers)
    rich = Environment(
        **{name: getattr(plain, name) for name in (*COLUMNS, "delta", "questions", "vocabulary")},
        name="rich", probe_cost=3, signals={"confidence": np.linspace(-1, 0, probes, dtype=np.float32)},
        answers="number", question_ids=tuple(f"q{i}" for i in range(len(plain))), imported="--answers number",
    )  # fmt: skip
    tiny = environment([[["A"]]], None, ["A"], name="tiny")
    extended = extended_environment(Random(4), questions=2, roots=2)
    return [packed(made) for made in (plain, rich, tiny, random_environment(Random(9), probe_cost=2), extended)]


def content_hash(files: Files) -> str | None:
    """Return the hash that the header must hold, by the definition of the format; None if the files are broken."""
    try:
        meta = json.loads(files["meta.json"])
        keys = ("format", "delta", "probe_cost", "questions", "vocabulary", "signals")
        keys += ("final_signals", "verify_cost", "fork_rule") if meta["format"] == 2 else ()
        described = {key: sorted(meta[key]) if "signals" in key else meta[key] for key in keys}
        parts = [json.dumps(described, sort_keys=True).encode()]
        scores = ("verifier", "final_verifier") if meta.get("verify_cost") is not None else ()
        forks = ("parents", "fork_depths") if meta.get("fork_rule") is not None else ()
        signals = [f"signal/{key}" for key in sorted(meta["signals"])]
        signals += [f"final_signal/{key}" for key in sorted(meta.get("final_signals", ()))]
        for name in (*COLUMNS, *signals, *scores, *forks):
            column = np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False)
            if name.endswith("_offsets"):
                column = np.concatenate(([0], np.cumsum(column, dtype=np.int64)))
            if column.dtype.kind not in "iuf" or column.size > 1 << 20:
                return None  # the memory of this process is measured
            with np.errstate(all="ignore"):
                parts.append(column.astype("<f4" if name in (*signals, *scores) else "<i4").tobytes())
    except Exception:  # it has been changed before
        return None
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def mutate(data: bytes, chance: Random, change: Raw) -> bytes:
    """Change one file of the zip, with its hash made right in most cases; or the zip itself."""
    files = unzipped(data)
    if not files or not chance.randrange(8):
        return change(data, chance)
    if not chance.randrange(8):
        return mutated_directory(data, chance)
    for _ in range(chance.choice((1, 1, 2, 3))):
        files = mutated_files(files, chance, change) or files
    if not chance.randrange(100):
        files |= {f"{chance.choice(COLUMNS)}.npy": bomb(chance)}
    if chance.randrange(5) and (right := content_hash(files)):
        try:
            header = json.loads(files["header.json"])
            files["header.json"] = json.dumps(header | {"hash": right}).encode()
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
    return zipped(files)


def bomb(chance: Random) -> bytes:
    """Return a column of up to 32 MB that packs into a few kilobytes."""
    column = np.full(1 << chance.randrange(16, 26), chance.choice((0, 1)), np.uint8)
    file = io.BytesIO()
    np.save(file, column, allow_pickle=False)
    return file.getvalue()


def run(data: bytes) -> bool:
    """Read a file. Return whether it was accepted."""
    path = home() / f"fuzzed{store.SUFFIX}"
    path.write_bytes(data)
    try:
        made = store.load(path)
    except InputError as error:
        assert str(error).startswith(str(path)), error
        return False
    made.check()
    again = home() / f"again{store.SUFFIX}"
    store.save(made, again)
    assert store.load(again).hash == made.hash
    if len(made.probe_answers) < 1000 and len(made.final_answers) < 300:
        _played(made)
    return True


def _played(made: Environment) -> None:
    """Seal and score the environment: every accepted file can be used."""
    try:
        episodes = grid([made], betas=(0.5,), orders=(0,))
    except InputError:
        return
    job = SandboxJob(Candidate("fuzzed", ""), SealedBatch.of(episodes))
    job.message(np.arange(len(episodes)), {})
    kept = KeptLogs(LogBudget(len(episodes)))
    for index in range(len(episodes)):
        kept.add(job.answer(index, 0), bytes(4))
    score(episodes, kept.logs())
    made.label(0)
