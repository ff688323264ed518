"""The settings of live questions: the budget, the interval, how answers are asked for, and how tokens are drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ..errors import InputError
from ..signals import GROUP_TOKENS
from ..store import MAX_PROBES
from .exchange import Sampling


@dataclass(frozen=True, slots=True)
class CollectedForks:
    """The branches that a collected question has: a live episode with no others is like its replay."""

    roots: int
    """Branches that can be opened without a fork."""
    depths: tuple[int, ...] = ()
    """Intervals after which each root can be forked; forks cannot be forked again."""
    forks: int = 0
    """Forks of a root at each of them; 0 for none at all."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    r"""How a model is asked. All of it is written down with an episode, so that it can be understood later.

    Raises:
        InputError: a value is out of range.
    """

    delta: int
    """Tokens of one interval."""
    max_branches: int
    """Branches that a controller may open."""
    branch_tokens: int
    """The longest branch in tokens; rounded down to whole intervals. There it is finished, whatever its text says."""
    max_tokens: int | None = None
    """Tokens that a controller may spend on a question, by the rule of `envs.contract.question`; None for no limit."""
    probe_suffix: str = ""
    r"""Text after a branch that asks for its answer, such as ``\n</think>\n\nFinal answer: \boxed{``."""
    probe_tokens: int = 16
    """The most tokens of a probe's answer."""
    probe_cost: int = 0
    """Tokens that the contract charges for a probe. The real ones are counted apart."""
    sampling: Sampling = field(default_factory=Sampling)
    """How the tokens of branches are drawn. Probes are greedy."""
    seed: int | None = None
    """The seed of the question, from which each request gets its own; None to send no seeds."""
    verify_cost: int = 0
    """Tokens that the contract charges for a verification."""
    group_tokens: int = GROUP_TOKENS
    """Tokens of a DeepConf group: see `envs.signals`."""
    collected_forks: CollectedForks | None = None
    """Open only what a recording has; None to open and fork branches freely."""

    def __post_init__(self) -> None:
        least_tokens = self.delta + self.probe_cost
        for problem, wrong in (
            (f"delta is {self.delta}, but must be at least 1", self.delta < 1),
            (f"max_branches is {self.max_branches}, but must be from 1 to {2**16}", not 0 < self.max_branches <= 2**16),
            (
                f"branch_tokens is {self.branch_tokens}, but must be at least delta ({self.delta})",
                self.branch_tokens < self.delta,
            ),
            (
                f"branch_tokens is {self.branch_tokens}, more than {MAX_PROBES} intervals of {self.delta} tokens",
                self.delta > 0 and self.branch_tokens // self.delta > MAX_PROBES,
            ),
            (f"probe_tokens is {self.probe_tokens}, but must be at least 1", self.probe_tokens < 1),
            (f"probe_cost is {self.probe_cost}, but must be at least 0", self.probe_cost < 0),
            (f"verify_cost is {self.verify_cost}, but must be at least 0", self.verify_cost < 0),
            (f"group_tokens is {self.group_tokens}, but must be at least 1", self.group_tokens < 1),
            (
                f"max_tokens is {self.max_tokens}, less than one interval and its probe ({least_tokens} tokens)",
                self.max_tokens is not None and self.max_tokens < least_tokens,
            ),
        ):
            if wrong:
                raise InputError(problem)

    @property
    def intervals(self) -> int:
        """Intervals of the longest branch."""
        return self.branch_tokens // self.delta


def request_seed(seed: int | None, branch: int, depth: int) -> int | None:
    """Return the seed of the request that continues ``branch`` at ``depth``: from 0 to 2**31 - 1; None for no seed."""
    if seed is None:
        return None
    digest = hashlib.sha256(f"{seed} {branch} {depth}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
