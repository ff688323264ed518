"""Signals, a verifier and forks of a live question, as coroutines: the part of `LiveEpisode` beside answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..contract.question import NO_FORKS, NO_VERIFIER, BudgetSpent, IllegalAction, TokensSpent, unknown_signal
from ..contract.replay import FORK, VERIFY
from .episode_state import EpisodeState, LiveBranch
from .exchange import Prompt
from .settings import LiveSettings
from .verifier import VerifiedBranch, Verifier


class ExtendedEpisode:
    """The verbs of `Question` beside answers, with the rules and errors of `ReplayQuestion`; see `LiveEpisode`.

    A fork is a new request that continues what its branch has generated: nothing is generated again. Branches that
    stand at the same place, as a fork and its parent do before they move, have one probe answer and one score.
    """

    signals: tuple[str, ...]
    """The names of the signals; none where the server gives no log-probabilities."""
    can_verify: bool
    has_forks: bool
    """Whether branches can be forked at all: the server continues them."""
    max_branches: int
    max_tokens: int | None
    settings: LiveSettings
    prompt: Prompt
    seconds: float
    state: EpisodeState
    _verifier: Verifier | None
    _clock: Callable[[], float]
    _lane: Sequence[int] | None

    async def verify(self, i: int) -> float | None:
        """Return the score of branch ``i`` as it stands. An error of the verifier leaves everything as it was.

        Raises:
            InputError: the verifier fails.
        """
        self._refuse_if_closed()
        self._lane = None
        if self._verifier is None:
            raise IllegalAction(NO_VERIFIER)
        self.state.used_verifier = True
        branch = self._opened(i)
        if branch.pruned:
            raise IllegalAction(f"branch {i} was pruned")
        if branch.depth == 0:
            raise IllegalAction(f"branch {i} has not been advanced: there is nothing to verify")
        place = self.state.source(i), branch.depth
        if branch.verified != branch.depth:
            price = self.settings.verify_cost
            if self.max_tokens is not None and self.state.tokens + price > self.max_tokens:
                raise self._no_tokens()
            if place not in self.state.scores:
                started = self._clock()
                seen = VerifiedBranch.of(self.prompt.messages, branch.text, branch.finished)
                score = await self._verifier.score(seen)
                self.state.scores[place] = None if score is None else float(np.float32(score))  # as recorded ones are
                self.seconds += self._clock() - started
            branch.verified = branch.depth
            self.state.tokens += price
            self.state.record(VERIFY, (i,))
        return self.state.scores[place]

    async def fork(self, i: int) -> int:
        """Open the next branch where branch ``i`` stands, and return its index. Asks the server for nothing."""
        self._refuse_if_closed()
        self._lane = None
        if not self.has_forks:
            raise IllegalAction(NO_FORKS)
        self.state.used_forks = True
        self._check((i,))
        width = len(self.state.branches)
        if self.state.branches[i].depth == 0:
            raise IllegalAction(f"branch {i} has not been advanced: there is nothing to fork")
        if width >= self.max_branches:
            raise BudgetSpent(f"cannot fork branch {i}: {width} of at most {self.max_branches} are open")
        if not self._was_collected(i):
            depth = self.state.branches[i].depth
            raise IllegalAction(f"no fork of branch {i} at depth {depth} was collected, or all are open")
        new = self.state.fork(i)
        self.state.record(FORK, (i,))
        return new

    def can_fork(self, i: int) -> bool:
        """Return whether `fork` would open a branch now."""
        branch = self._opened(i)
        self.state.used_forks |= self.has_forks
        full = len(self.state.branches) >= self.max_branches
        able = self.has_forks and i in self.state.running and branch.depth > 0 and not full
        return able and self._was_collected(i)

    def _was_collected(self, i: int) -> bool:
        """Return whether a recording has one more fork of branch ``i`` where it stands; see `CollectedForks`."""
        collected = self.settings.collected_forks
        if collected is None:
            return True
        branches, place = self.state.branches, (self.state.source(i), self.state.branches[i].depth)
        taken = sum((branch.origin, branch.fork_depth) == place for branch in branches)
        return place[1] in collected.depths and branches[place[0]].origin is None and taken < collected.forks

    @property
    def branches_left(self) -> int:
        """The number of branches that may still be opened."""
        left, collected = self.max_branches - len(self.state.branches), self.settings.collected_forks
        if collected is None:
            return left
        return min(left, collected.roots - sum(branch.origin is None for branch in self.state.branches))

    def signal(self, i: int, name: str) -> float | None:
        """Return what the signal ``name`` of branch ``i`` is at its present depth; see `Question.signal`."""
        if name not in self.signals:
            raise IllegalAction(unknown_signal(name, self.signals))
        self.state.names_read.add(name)
        branch = self._opened(i)
        if branch.depth == 0:
            return None
        shown = branch.probed or branch.finished
        value = branch.signals.value(name, shown)
        if shown or not name.startswith("answer_"):
            self.state.read.setdefault((self.state.source(i), branch.depth), {})[name] = value
        return value

    # Of `LiveEpisode`

    def _refuse_if_closed(self) -> None:
        raise NotImplementedError

    def _opened(self, i: int) -> LiveBranch:
        raise NotImplementedError

    def _check(self, indices: Sequence[int]) -> None:
        raise NotImplementedError

    def _no_tokens(self) -> TokensSpent:
        raise NotImplementedError
