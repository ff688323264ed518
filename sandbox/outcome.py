"""What a sandbox is given, and what comes back from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envs.episodes import Logs

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
class SandboxOutcome:
    """What a sandbox returns: the verdict, and the logs of all episodes if it is ok."""

    verdict: Verdict
    logs: Logs | None = None
