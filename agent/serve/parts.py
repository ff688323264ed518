"""The parts that the gateway puts together: the model's side of an episode, and the workers of a controller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autotts.envs.live.exchange import LiveActions, Message, TokenUse
from autotts.sandbox.outcome import Verdict


class BranchOutcome(Protocol):
    """One branch of an episode."""

    @property
    def text(self) -> str:
        """All text that it has generated."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that it has generated."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it has ended by itself."""
        ...

    @property
    def pruned(self) -> bool:
        """Whether the controller has closed it."""
        ...

    @property
    def lost(self) -> str:
        """Why its requests failed for good; "" if they did not."""
        ...

    @property
    def answer(self) -> str | None:
        """The final answer, or the latest answer that a probe has shown."""
        ...


class QuestionEpisode(LiveActions, Protocol):
    """One question, live: what a controller may do, and what the gateway reads afterwards."""

    @property
    def branches(self) -> Sequence[BranchOutcome]:
        """The branches, in the order of opening."""
        ...

    @property
    def use(self) -> TokenUse:
        """Tokens of the branches, as the server counts them."""
        ...

    @property
    def probe_use(self) -> TokenUse:
        """Tokens of the probes, as the server counts them."""
        ...

    @property
    def seconds(self) -> float:
        """Seconds of the critical path: the sum, over all calls, of the time that each call waited for the model."""
        ...

    def answers_so_far(self) -> dict[int, str | None]:
        """Return `latest_answers`, and answers of branches that have finished inside an action that still runs."""
        ...

    async def close(self) -> None:
        """End all requests that still run. May be called twice."""
        ...


class QuestionSource(Protocol):
    """Opens episodes on the model."""

    model: str
    """The name of the model, for its server."""
    step_tokens: int
    """Tokens of one interval and its probe: no episode can do anything with fewer."""
    max_branches: int
    """The most branches of an episode."""
    max_tokens: int | None
    """The most tokens of an episode; None for no limit."""
    probe_suffix: str
    """The text after a branch that makes the model answer."""

    async def open(
        self, messages: Sequence[Message], seed: int, max_branches: int, max_tokens: int | None
    ) -> QuestionEpisode:
        """Open an episode.

        Raises:
            RequestLost: the server does not answer.
            InputError: the server refuses to be used like this.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class SolveOutcome(Protocol):
    """How a controller ended."""

    @property
    def answer(self) -> str | None:
        """Its answer."""
        ...

    @property
    def verdict(self) -> Verdict:
        """Whether it has kept to the contract."""
        ...


class ControllerWorkers(Protocol):
    """The processes in which one controller runs (`sandbox.live.workers.LiveWorkers`)."""

    @property
    def ready(self) -> bool:
        """Whether a question can be taken."""
        ...

    async def start(self) -> None:
        """Start the processes, and check the controller.

        Raises:
            CandidateFailed: the source is not a controller.
            SandboxError: the sandbox fails.
        """
        ...

    async def solve(self, actions: LiveActions, beta: float, seed: int) -> SolveOutcome:
        """Play one episode. Cancelling ends this episode only."""
        ...

    async def close(self) -> None:
        """End the processes."""
        ...
