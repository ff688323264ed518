"""What a sandbox is: the protocol, and what comes back from one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from envs.episodes import Episodes, Logs

if TYPE_CHECKING:
    from .wire import Batch

Kind = Literal[
    "ok",  # every episode ran
    "screened",  # it was given up, as a part of the episodes has shown it to be poor
    "syntax",  # the source does not parse
    "import",  # it imports what is not there
    "contract",  # it holds no controller, or one that breaks the contract
    "exception",  # it raised
    "illegal_action",  # it asked for what the question does not allow
    "illegal_answer",  # it answered with something that no branch had shown
    "timeout",  # it ran out of wall-clock or CPU time
    "memory",  # it ran out of memory
    "processes",  # it tried to start processes or threads past its limit
    "exit",  # it ended its process
    "crash",  # its process died of a signal
    "output",  # it printed more than its limit
    "protocol",  # it wrote garbage where results were expected
    "forged_log",  # it returned a log that no controller can have made
    "rejected: policy",  # its source holds what the policy refuses
    "rejected: looked ahead",  # it acted on what it had not paid to see
    "rejected: not reproducible",  # it acted on chance, time, names of answers, or what it kept of other episodes
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the run of a candidate ended."""

    kind: Kind
    message: str = ""
    """One line: what happened, and where."""
    episode: int | None = None
    """Index into the batch of the first episode that failed; None if it failed before the first, or not at all."""

    @property
    def ok(self) -> bool:
        """Whether every episode ran."""
        return self.kind == "ok"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Source of a controller that nobody has read."""

    name: str
    """For messages only."""
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sandbox returns: the verdict, and the logs of all episodes if it is ok."""

    verdict: Verdict
    logs: Logs | None = None


class SandboxError(Exception):
    """The sandbox itself failed: the candidate is not to blame, and may be run again."""


class SandboxLost(SandboxError):
    """What runs the sandbox went away (an engine that was killed, say); it may come back."""


def say(text: str) -> None:
    """Tell the person at the terminal, on standard error: what a sandbox does where nobody else listens."""
    print(f"autotts: {text}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Limits:
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

    def run(self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None) -> Outcome:
        """Run ``candidate`` on every episode; ``progress`` is called with the number of episodes that were added."""
        ...

    def play(self, candidate: Candidate, batch: Batch, progress: Callable[[int], None] | None = None) -> Outcome:
        """Run ``candidate`` on a batch that is ready to cross the wall, as `run` does with what was recorded."""
        ...

    def kept(self) -> AbstractContextManager[Sandbox]:
        """Lend this sandbox for several runs of one candidate, whose workers go from one run to the next.

        Each run has processes of its own all the same.
        """
        ...

    def close(self) -> None:
        """Give up all that the sandbox holds; nothing of it is left."""
        ...
