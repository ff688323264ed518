"""What has been run, on disk: one file for each controller, environment and protocol, known by their hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from envs.episodes import Episodes
from envs.store import write_atomically
from sandbox.outcome import SandboxOutcome, Verdict
from sandbox.wire import contract_modules

from ...archive.archive import pack_logs, sha256, unpack_logs

FORMAT = 1
FLEETING = ("timeout", "memory")
"""Failures that another moment may not have; they are not kept, so that the next replay tries again."""


def key(source: str, episodes: Episodes) -> str:
    """Return the name of a controller's run on a batch, which is the same only where its logs must be the same."""
    columns = (episodes.environment, episodes.question, episodes.beta, episodes.order)
    what = {
        "format": FORMAT,
        "contract": contract_modules(),
        "source": source,
        "environments": [(env.name, env.hash) for env in episodes.environments],
        "episodes": [hashlib.sha256(column.tobytes()).hexdigest() for column in columns],
        "budget": [episodes.max_branches, episodes.max_tokens],
    }
    return sha256(json.dumps(what).encode())[:32]


class ReplayCache:
    """The directory of the runs that are done: action logs, or the verdict on a controller that failed.

    Figures are computed anew from the logs, so that they cannot be out of date. What is damaged counts as not there.

    Args:
        root: made when the first run is kept.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, name: str) -> SandboxOutcome | None:
        """Return what was kept of the run called ``name``, or None."""
        try:
            kept = (self.root / f"{name}.run").read_bytes()
        except OSError:
            return None
        digest, data = kept[:32], kept[32:]
        if digest != hashlib.sha256(data).digest():
            return None
        if data.startswith(b"["):
            kind, message = json.loads(data)
            return SandboxOutcome(Verdict(kind, message))
        return SandboxOutcome(Verdict("ok"), unpack_logs(data))

    def put(self, name: str, outcome: SandboxOutcome) -> None:
        """Keep a run; a fleeting failure is not kept.

        Raises:
            OSError: it could not be written.
        """
        verdict = outcome.verdict
        if verdict.kind in FLEETING:
            return
        logs = outcome.logs
        data = json.dumps([verdict.kind, verdict.message]).encode() if logs is None else pack_logs(logs)
        write_atomically(self.root / f"{name}.run", hashlib.sha256(data).digest() + data)
