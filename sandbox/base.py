"""The `Sandbox` protocol, the limits of a sandbox, and the errors of the sandbox itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from autotts.envs.episodes import Episodes

from .outcome import Candidate, SandboxOutcome
from .wire import SealedBatch


class SandboxError(Exception):
    """The sandbox itself failed. The candidate is not at fault and may be run again."""


class SandboxUnavailable(SandboxError):
    """The service that runs the sandbox does not answer, for example a Docker engine that was killed. It may return."""


def log_message(text: str) -> None:
    """Log ``text`` as a warning for the user: the default where a caller passes no ``notice`` callback."""
    logging.getLogger("autotts").warning("%s", text)


RESERVED = {"pypy": 384 << 20}
"""Address space in bytes that an interpreter takes beyond CPython's, in which `SandboxLimits.memory` has its place.

PyPy has reserved 312 MB before the candidate is loaded (CPython 18 MB), a sixth of which is in use.
"""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """The resources that one worker may use."""

    episode_seconds: float = 20.0
    """Wall-clock seconds that may pass without a finished episode."""
    seconds: float | None = None
    """Wall-clock and CPU seconds of a whole run. None means 60 seconds plus 50 milliseconds for each episode."""
    memory: int = 1 << 30
    """Address space in bytes."""
    output: int = 1 << 16
    """Bytes that a candidate may print."""
    processes: int = 1
    """Processes of candidates that a worker may have at once; more than one only in front of a live model."""

    def total(self, episodes: int) -> float:
        """Return the wall-clock seconds that a worker may take for ``episodes``."""
        return self.seconds if self.seconds is not None else 60 + 0.05 * episodes

    def rlimits(self, episodes: int, interpreter: str = "cpython") -> dict[str, int]:
        """Return the limits that a worker process sets on itself, under their names in the module `resource`."""
        return {
            "RLIMIT_CPU": int(self.total(episodes)) + 1,
            "RLIMIT_AS": self.memory + RESERVED.get(interpreter, 0),
            "RLIMIT_NPROC": 0,
            "RLIMIT_FSIZE": 0,
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": 16,
            "RLIMIT_SIGPENDING": 64,  # all processes of one user share this queue
            "RLIMIT_MSGQUEUE": 0,
            "RLIMIT_MEMLOCK": 0,
        }


class Sandbox(Protocol):
    """Runs candidates, each isolated from the host and from other candidates.

    An implementation gives the candidate opaque tokens instead of answers, new tokens for each call, and returns logs
    that hold the answers again (`sandbox.wire` translates in both directions). Whatever a candidate does, the result
    is a `Verdict`. `SandboxError` is raised only when the sandbox is at fault. Results do not depend on the number of
    workers.

    To bring a sandbox of your own, subclass a sandbox that runs workers, such as
    `autotts.ProcessSandbox`, or implement all of this protocol. Give an object to `autotts.discover`
    or `autotts.evaluate`, or its name to ``--sandbox``: ``package.module:object``, or an entry point of the group
    ``autotts.sandboxes``. The object is a class or a function. It is called as ``object(workers=N, limits=LIMITS)``:
    the number of workers, and the `SandboxLimits` of each or None for the default limits. It raises `SandboxError` if
    this machine lacks what it needs.

    Check an implementation with `autotts.testing.check_sandbox`.
    """

    name: str
    about: str
    """A few words on the protection that this sandbox gives."""

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """Run ``candidate`` on every episode.

        Args:
            candidate: the controller to run.
            episodes: the batch.
            progress: called with the number of episodes that finished since the last call; negative if the batch
                starts again.

        Raises:
            SandboxError: the sandbox failed.
        """
        ...

    def play(
        self, candidate: Candidate, batch: SealedBatch, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """Run ``candidate`` on a batch that is already sealed; `run` seals the recorded branches and calls this."""
        ...

    def reusing_workers(self) -> AbstractContextManager[Sandbox]:
        """Return a context in which several runs of one candidate reuse the same workers.

        Each run still gets its own processes inside these workers. The context starts its own workers, also if it is
        entered on the sandbox of another such context: an audit never gets a worker that ran the evaluation.
        """
        ...

    def close(self) -> None:
        """Release everything that the sandbox holds, and leave no process or container behind. May be called twice."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


SANDBOX_ATTRIBUTES = ("name", "about", "run", "play", "reusing_workers", "close", "__enter__", "__exit__")
"""What every sandbox must have."""
