"""The input of a sandbox, a `Candidate`, and its result, a `SandboxOutcome` with a `Verdict`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autotts.envs.episodes import Logs
from autotts.envs.plain_text import LINE, message_line

_MESSAGE = LINE + 300
"""Characters of the message of a verdict: those of a candidate, and the episode."""

Kind = Literal[
    "ok",  # every episode ran
    "screened",  # stopped early: a part of the episodes showed that the candidate is poor
    "syntax",  # the source does not parse
    "import",  # the source imports a module that does not exist in the sandbox
    "contract",  # the source defines no controller, or several
    "exception",  # the candidate raised an exception
    "illegal_action",  # the candidate asked for an action that the question does not allow
    "illegal_answer",  # the candidate returned an answer that no branch had shown
    "timeout",  # the candidate used up its wall-clock or CPU time
    "memory",  # the candidate used up its memory
    "processes",  # the candidate tried to start more processes or threads than its limit
    "exit",  # the candidate ended its process
    "crash",  # a signal killed the process of the candidate
    "output",  # the candidate printed more than its limit
    "protocol",  # the candidate wrote other data where results were expected
    "forged_log",  # the returned log cannot come from a controller that obeys the contract
    "rejected: policy",  # the source contains code that the policy refuses
    "rejected: stores data",  # the source stores more data than a rule needs (`stored_data`)
    "rejected: needs",  # the controller declares that it needs what an environment does not have
    "rejected: looked ahead",  # the candidate used information that it had not paid for
    "rejected: not reproducible",  # the actions depend on chance, time, names of answers, or earlier episodes
]


Extent = Literal["full", "sample"]
"""How far a controller was audited: in every episode, or in some that were drawn."""


@dataclass(frozen=True, slots=True)
class Conviction:
    """What is needed to repeat the audit that convicted a candidate, and to show the convicting episode again."""

    key: str
    """`sandbox.audit.secret.AuditKey.hex`: all chance of that audit."""
    share: float
    """The share of the episodes that was audited."""
    episode: int
    """Index in the batch of the convicting episode."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the run of a candidate ended."""

    kind: Kind
    message: str = ""
    """One line: what happened, and where. Candidates write parts of it, so it is escaped and cut here."""
    episode: int | None = None
    """Index in the batch of the first episode that failed; None if the failure came before the first, or there is none.
    """
    conviction: Conviction | None = None
    """Set by an audit that convicted the candidate, and by nothing else."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", message_line(self.message, _MESSAGE))

    @property
    def ok(self) -> bool:
        """Whether every episode ran."""
        return self.kind == "ok"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The source of a controller that nobody has reviewed."""

    name: str
    """Used in messages only."""
    source: str


@dataclass(frozen=True, slots=True)
class SandboxOutcome:
    """The result of a sandbox run: the verdict, and the logs of all episodes if the verdict is ok."""

    verdict: Verdict
    logs: Logs | None = None
    printed: bytes = b""
    """The first bytes that the candidate printed, if the batch asked for them; untrusted."""
