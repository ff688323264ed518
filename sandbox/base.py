"""What a sandbox is: the protocol, its limits and its own failures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from envs.episodes import Episodes

from .outcome import Candidate, SandboxOutcome
from .wire import SealedBatch


class SandboxError(Exception):
    """The sandbox itself failed: the candidate is not to blame, and may be run again."""


class SandboxUnavailable(SandboxError):
    """What runs the sandbox went away (an engine that was killed, say); it may come back."""


def print_message(text: str) -> None:
    """Tell the person at the terminal, on standard error: what a sandbox does where nobody else listens."""
    print(f"autotts: {text}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one worker may use."""

    episode_seconds: float = 20.0
    """Wall-clock seconds without a finished episode."""
    seconds: float | None = None
    """Wall-clock and CPU seconds in all; None for 60 and 50 milliseconds an episode."""
    memory: int = 1 << 30
    """Bytes of address space."""
    output: int = 1 << 16
    """Bytes that a candidate may print."""

    def total(self, episodes: int) -> float:
        """Return the wall-clock seconds that a worker may take for ``episodes``."""
        return self.seconds if self.seconds is not None else 60 + 0.05 * episodes

    def rlimits(self, episodes: int) -> dict[str, int]:
        """Return the limits that a worker's process sets on itself, as `resource` names them."""
        return {
            "RLIMIT_CPU": int(self.total(episodes)) + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_NPROC": 0,
            "RLIMIT_FSIZE": 0,
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": 16,
            "RLIMIT_SIGPENDING": 64,  # a queue that all processes of the same user share
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_MEMLOCK": 0,
        }


class Sandbox(Protocol):
    """Runs candidates, each apart from the host and from the others.

    An implementation hands the candidate opaque tokens instead of answers, new ones for each call, and gives back
    the logs with the answers translated (`sandbox.wire` does both). Whatever a candidate does ends as a `Verdict`;
    `SandboxError` is raised only when the sandbox is at fault. Results do not depend on the number of workers.
    """

    name: str
    about: str
    """What it guards against, in a few words."""

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """Run ``candidate`` on every episode; ``progress`` is called with the number of episodes that were added."""
        ...

    def play(
        self, candidate: Candidate, batch: SealedBatch, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """Run ``candidate`` on a batch that is ready to cross the wall, as `run` does with what was recorded."""
        ...

    def reusing_workers(self) -> AbstractContextManager[Sandbox]:
        """Lend this sandbox for several runs of one candidate, whose workers go from one run to the next.

        Each run has processes of its own all the same.
        """
        ...

    def close(self) -> None:
        """Give up all that the sandbox holds; nothing of it is left."""
        ...
