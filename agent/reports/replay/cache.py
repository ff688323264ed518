"""The cache of replay runs on disk: one file per controller, environment and protocol, named by their hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from autotts.envs.episodes import Episodes
from autotts.envs.store import write_atomically
from autotts.sandbox.outcome import Extent, SandboxOutcome, Verdict
from autotts.sandbox.wire import contract_modules

from ...archive.archive import pack_logs, sha256, unpack_logs

FORMAT = 2
"""2: the audit's extent is a part of the key."""
FLEETING = ("timeout", "memory")
"""Failures that may not occur again; they are not cached, so that the next replay tries again."""


def key(source: str, episodes: Episodes, audited: Extent) -> str:
    """Return the cache key of a controller's run on a batch, and of an audit of this extent.

    Two runs share a key only if their logs must be equal, and a run that was audited on a sample never passes as one
    that was audited in full.
    """
    columns = (episodes.environment, episodes.question, episodes.beta, episodes.order)
    content = {
        "format": FORMAT,
        "contract": contract_modules(),
        "source": source,
        "environments": [(env.name, env.hash) for env in episodes.environments],
        "episodes": [hashlib.sha256(column.tobytes()).hexdigest() for column in columns],
        "budget": [episodes.max_branches, episodes.max_tokens],
        "audited": audited,
    }
    return sha256(json.dumps(content).encode())[:32]


class ReplayCache:
    """The directory of finished runs: action logs, or the verdict on a controller that failed.

    Results are recomputed from the logs, so that they are never out of date. A damaged file counts as missing.

    Args:
        root: the directory; created when the first run is stored.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, name: str) -> SandboxOutcome | None:
        """Return the stored outcome of the run ``name``, or None."""
        try:
            stored = (self.root / f"{name}.run").read_bytes()
        except OSError:
            return None
        digest, data = stored[:32], stored[32:]
        if digest != hashlib.sha256(data).digest():
            return None
        if data.startswith(b"["):
            kind, message = json.loads(data)
            return SandboxOutcome(Verdict(kind, message))
        return SandboxOutcome(Verdict("ok"), unpack_logs(data))

    def put(self, name: str, outcome: SandboxOutcome) -> None:
        """Store a run, except a failure in `FLEETING`.

        Raises:
            OSError: the file could not be written.
        """
        verdict = outcome.verdict
        if verdict.kind in FLEETING:
            return
        logs = outcome.logs
        data = json.dumps([verdict.kind, verdict.message]).encode() if logs is None else pack_logs(logs)
        write_atomically(self.root / f"{name}.run", hashlib.sha256(data).digest() + data)
