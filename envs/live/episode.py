"""A live question as coroutines: the verbs of a `Question`, each answered by requests to the server of a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..contract.replay import ActionLog
from .answer_reader import AnswerReader
from .exchange import Completion, Endpoint, Passage, Prompt, TokenUse
from .settings import LiveSettings


@dataclass(slots=True)
class LiveBranch:
    """One branch of a live question. Readers only: `LiveEpisode` alone changes it."""

    passage: Passage = field(default_factory=Passage)
    """The part generated so far; of a finished branch, all of it."""
    depth: int = 0
    """Intervals run; the last one may have been shorter."""
    tokens: int = 0
    """Tokens of the branch by the contract: whole intervals, and the rest of the last one."""
    cells: list[str | None] = field(default_factory=list)
    """(depth,) the answer at each depth, the final one last; None where there is none, or where it was not shown."""
    finished: bool = False
    pruned: bool = False
    lost: str = ""
    """Why the branch was lost: the message of `RequestLost`; "" if it was not."""
    answer: str | None = None
    """The latest answer that it has shown."""

    @property
    def text(self) -> str:
        """The text generated so far."""
        return self.passage.text


@dataclass(frozen=True, slots=True)
class EpisodeObserver:
    """Functions that are told what happens in an episode. They must be quick, and must not raise.

    Attributes:
        on_change: called with the episode after each action that changed it.
        on_text: called with a branch and each piece of its text as it arrives; makes all requests streams.
        on_completion: called with a branch, its depth before the request, whether it is a probe, and the completion.
    """

    on_change: Callable[[LiveEpisode], None] | None = None
    on_text: Callable[[int, str], None] | None = None
    on_completion: Callable[[int, int, Literal["interval", "run", "probe"], Completion], None] | None = None


class LiveEpisode:
    """One question, answered by a model; implements `LiveActions` with the rules and errors of `ReplayQuestion`.

    One request runs for each branch and interval; the requests of one call run at once. A branch whose request is lost
    is a finished branch without an answer. Only `InputError` leaves the actions beside the errors of the contract: the
    server says that it cannot be used like this. An action that is cancelled changes nothing.

    Args:
        endpoint: the model.
        prompt: the question, from ``endpoint.prompt``.
        reader: finds the answers.
        settings: the budget, and how the model is asked.
        limit: bounds the requests that run at once, over all episodes that share it; None for no bound.
        observer: functions that are told what happens.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        prompt: Prompt,
        reader: AnswerReader,
        settings: LiveSettings,
        *,
        limit: asyncio.Semaphore | None = None,
        observer: EpisodeObserver | None = None,
    ) -> None:
        self.max_branches = settings.max_branches
        self.max_tokens = settings.max_tokens
        self.tokens_ran_out = False
        self.settings = settings
        self.branches: list[LiveBranch] = []
        """The branches, in the order in which they were opened."""
        self.log = ActionLog()
        """The actions so far."""
        self.use = TokenUse()
        """Real tokens of branches."""
        self.probe_use = TokenUse()
        """Real tokens of probes."""
        self.notes: list[str] = []
        """A line for each request that was lost."""

    # Actions

    async def branch_many(self, n: int) -> list[int]:
        """Open ``n`` branches, and return their indices. Asks the server for nothing."""
        raise NotImplementedError

    async def advance(self, i: int) -> bool:
        """Run branch ``i`` for one interval, and return whether it has finished."""
        raise NotImplementedError

    async def probe(self, i: int) -> str | None:
        """Return the answer that branch ``i`` would give at its present depth, or its final answer."""
        raise NotImplementedError

    async def prune(self, i: int) -> None:
        """Close branch ``i`` for ever."""
        raise NotImplementedError

    async def step_many(self, indices: Sequence[int]) -> list[tuple[str | None, bool]]:
        """Advance and probe the branches ``indices`` at once."""
        raise NotImplementedError

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        """Run the branches ``indices`` to their ends at once; under a limit on tokens, one after another."""
        raise NotImplementedError

    async def close(self) -> None:
        """End all requests that still run. The episode stays readable. May be called twice."""
        raise NotImplementedError

    # State: as in `envs.contract.question.Question`

    def finished(self, i: int) -> bool:
        """Return whether branch ``i`` has finished."""
        raise NotImplementedError

    def depth(self, i: int) -> int:
        """Return the intervals that branch ``i`` has run."""
        raise NotImplementedError

    @property
    def active(self) -> list[int]:
        """Branches that can be advanced."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """The number of branches opened so far."""
        return len(self.branches)

    @property
    def tokens(self) -> int:
        """Tokens spent so far, by the contract."""
        raise NotImplementedError

    @property
    def latency(self) -> int:
        """Tokens on the critical path so far, by the contract."""
        raise NotImplementedError

    @property
    def latest_answers(self) -> dict[int, str | None]:
        """The latest answer that each branch has shown. Pruned branches are left out."""
        raise NotImplementedError

    @property
    def can_step(self) -> bool:
        """Whether the budget still has the tokens of one step."""
        raise NotImplementedError

    # Beyond the contract: for the host

    @property
    def seconds(self) -> float:
        """Seconds on the critical path: over all calls, the sum of the longest branch of each call."""
        raise NotImplementedError

    @property
    def elapsed(self) -> float:
        """Seconds since the episode was made, until it was closed."""
        raise NotImplementedError

    def answers_so_far(self) -> dict[int, str | None]:
        """Return `latest_answers`, and answers of branches that have finished inside an action that still runs.

        For the vote when an episode is cut off. It changes nothing.
        """
        raise NotImplementedError

    def text_of(self, answer: str | None) -> str | None:
        """Return the text of the shortest finished branch that gave ``answer``; None if no finished branch did."""
        raise NotImplementedError
