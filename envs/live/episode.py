"""A live question as coroutines: the verbs of a `Question`, each answered by requests to the server of a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from ..contract.question import BudgetSpent, IllegalAction, TokensSpent
from ..contract.replay import ADVANCE, BRANCH, PROBE, PRUNE, STEP, ActionLog
from .answer_reader import AnswerReader
from .branch_requests import BranchRequests
from .branch_signals import BranchSignals, live_signals
from .episode_state import BranchReply, EpisodeObserver, EpisodeState, LiveBranch, ProbeReply
from .exchange import Endpoint, Prompt, TokenUse
from .extended_episode import ExtendedEpisode
from .settings import LiveSettings
from .verifier import Verifier


class LiveEpisode(ExtendedEpisode):
    """One question, answered by a model; implements `LiveActions` with the rules and errors of `ReplayQuestion`.

    One request runs for each branch and interval; the requests of one call run at once. A branch whose request is lost
    is a finished branch without an answer. Beside the errors of the contract, only `InputError` leaves the actions: the
    server says that it cannot be used like this. An action that is cancelled, or that `InputError` leaves, changes
    nothing. One action runs at a time.

    If the server can only give whole answers (*width only*), a branch has one interval: all of it.

    Args:
        endpoint: the model.
        prompt: the question, from ``endpoint.prompt``.
        reader: finds the answers.
        settings: the budget, and how the model is asked.
        limit: bounds the requests that run at once, over all episodes that share it; None for no bound.
        observer: functions that are told what happens.
        clock: returns seconds.
        verifier: scores branches; None for no verifier.
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
        clock: Callable[[], float] = time.monotonic,
        verifier: Verifier | None = None,
    ) -> None:
        alternatives: int = getattr(getattr(endpoint, "capabilities", None), "alternatives", 0)
        self.signals = live_signals(endpoint.level, alternatives)
        self.can_verify = verifier is not None
        collected = settings.collected_forks
        self.has_forks = endpoint.level != "width only" and (collected is None or collected.forks > 0)
        self._verifier = verifier
        self.max_branches = settings.max_branches
        self.max_tokens = settings.max_tokens
        self.tokens_ran_out = False
        self.settings = settings
        self.model = endpoint.model
        self.prompt = prompt
        self.answer_names = reader.names
        """How answers are found and compared: see `AnswerReader.names`."""
        self.seconds = 0.0
        """Seconds on the critical path: over all calls, the sum of the longest branch of each call."""
        observer = observer or EpisodeObserver()
        self._requests = BranchRequests(endpoint, prompt, settings, limit, observer, clock)
        self.state = EpisodeState(
            reader,
            settings,
            self._requests.most_tokens,
            one_interval=endpoint.level == "width only",
            in_thought=(prompt.text or "").rstrip().endswith("<think>"),
            observer=observer,
        )
        self._whole = self.state.one_interval
        self._clock = clock
        self._started = clock()
        self._closed: float | None = None
        self._delta = settings.delta
        self._step_cost = settings.delta + settings.probe_cost
        self._lane: Sequence[int] | None = None  # the branches of the last record, if it is a step that may repeat
        self._held: dict[int, BranchReply] = {}  # whole answers that were generated, but refused by the limit

    # Actions

    async def branch_many(self, n: int) -> list[int]:
        """Open ``n`` branches, and return their indices. Asks the server for nothing."""
        self._refuse_if_closed()
        first = len(self.branches)
        if n < 0 or n > self.branches_left:
            most = first + self.branches_left
            raise BudgetSpent(f"cannot open {n} more branches: {first} of at most {most} are open")
        self._lane = None
        group = self.settings.group_tokens
        self.state.branches.extend(LiveBranch(signals=BranchSignals(group_tokens=group)) for _ in range(n))
        opened = range(first, first + n)
        self.state.running.update(opened)
        if n:
            self.state.record(BRANCH, opened)
        return list(opened)

    async def step_many(self, indices: Sequence[int]) -> list[tuple[str | None, bool]]:
        """Advance and probe the branches ``indices`` at once."""
        self._refuse_if_closed()
        lane, self._lane = self._lane, None
        again = lane is not None and indices == lane
        indices = indices[:] if isinstance(indices, list | tuple) else list(indices)
        self._check(indices)
        if not indices:
            return []
        fitting = await self._fitting(indices, self._step_cost)
        if fitting < len(indices):
            await self.step_many(indices[:fitting])
            raise self._no_tokens()
        self.state.early.clear()
        replies = await self._requests.at_once([self._step(i) for i in indices])
        self.state.move(indices, [reply for reply, _ in replies], self._step_cost)
        for i, (_, probe) in zip(indices, replies, strict=True):
            if probe is not None:
                self.state.show_probe(i, probe)
        self.seconds += max(reply.seconds + (probe.seconds if probe else 0.0) for reply, probe in replies)
        results = [(self.branches[i].answer, self.branches[i].finished) for i in indices]
        if not any(finished for _, finished in results):
            self._lane = indices
        self.state.record(STEP, indices, again and self._lane is not None)
        return results

    async def advance(self, i: int) -> bool:
        """Run branch ``i`` for one interval, and return whether it has finished."""
        self._refuse_if_closed()
        self._lane = None
        self._check((i,))
        if not await self._fitting((i,), self._delta):
            raise self._no_tokens()
        (reply,) = await self._requests.at_once([self._interval(i)])
        self.state.move((i,), [reply], self._delta)
        self.seconds += reply.seconds
        self.state.record(ADVANCE, (i,))
        return self.branches[i].finished

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        """Run the branches ``indices`` to their ends at once; under a limit on tokens, one after another."""
        self._refuse_if_closed()
        self._lane = None
        indices = list(indices)
        self._check(indices)
        self.state.early.clear()
        if self.max_tokens is None:
            replies = await self._requests.at_once([self._rest(i, self.state.most_tokens(i)) for i in indices])
        else:
            replies = await self._runs_that_fit(indices)
        ran = [reply for reply in replies if self.state.is_end(reply[0], reply[1])]
        self.state.run([i for i, _ in ran], [reply for _, reply in ran])
        seconds = [reply.seconds for _, reply in replies]
        self.seconds += max(seconds, default=0.0) if self.max_tokens is None else sum(seconds)
        if len(ran) == len(indices):
            return [self.branches[i].answer for i in indices]
        for i, reply in replies[len(ran) :]:
            self.state.run_in_part(i, reply)
        raise self._no_tokens()

    async def probe(self, i: int) -> str | None:
        """Return the answer that branch ``i`` would give at its present depth, or its final answer."""
        self._refuse_if_closed()
        self._lane = None
        branch = self._opened(i)
        if branch.pruned:
            raise IllegalAction(f"branch {i} was pruned")
        if branch.depth == 0:
            raise IllegalAction(f"branch {i} has not been advanced: there is nothing to probe")
        if not branch.finished and not branch.probed:
            price = self.settings.probe_cost
            if self.max_tokens is not None and self.state.tokens + price > self.max_tokens:
                raise self._no_tokens()
            reply = self.state.probes.get((self.state.source(i), branch.depth))  # of a branch that stands here as well
            if reply is None:
                (reply,) = await self._requests.at_once([self._requests.probe(i, branch.depth, branch.passage)])
                self.seconds += reply.seconds
            self.state.show_probe(i, reply)
            self.state.tokens += price
            self.state.record(PROBE, (i,))
        return branch.cells[-1]

    async def prune(self, i: int) -> None:
        """Close branch ``i`` for ever."""
        self._refuse_if_closed()
        self._lane = None
        self._check((i,))
        self.state.running.discard(i)
        self.branches[i].pruned = True
        self.state.record(PRUNE, (i,))

    async def close(self) -> None:
        """End all requests that still run. The episode stays readable. May be called twice."""
        if self._closed is None:
            self._closed = self._clock()
        await self._requests.close()

    # State: as in `envs.contract.question.Question`

    def finished(self, i: int) -> bool:
        """Return whether branch ``i`` has finished."""
        return self._opened(i).finished

    def depth(self, i: int) -> int:
        """Return the intervals that branch ``i`` has run."""
        return self._opened(i).depth

    @property
    def active(self) -> list[int]:
        """Branches that can be advanced."""
        return sorted(self.state.running)

    @property
    def width(self) -> int:
        """The number of branches opened so far."""
        return len(self.branches)

    @property
    def tokens(self) -> int:
        """Tokens spent so far, by the contract."""
        return self.state.tokens

    @property
    def latency(self) -> int:
        """Tokens on the critical path so far, by the contract."""
        return self.state.latency

    @property
    def latest_answers(self) -> dict[int, str | None]:
        """The latest answer that each branch has shown. Pruned branches are left out."""
        self._lane = None  # as in `ReplayQuestion`, where it ends a record of equal steps
        return self.state.shown()

    @property
    def can_step(self) -> bool:
        """Whether the budget still has the tokens of one step."""
        return self.max_tokens is None or self.state.tokens + self._step_cost <= self.max_tokens

    # Beyond the contract: for the host

    @property
    def branches(self) -> list[LiveBranch]:
        """The branches, in the order in which they were opened."""
        return self.state.branches

    @property
    def log(self) -> ActionLog:
        """The actions so far."""
        return self.state.log

    @property
    def notes(self) -> list[str]:
        """A line for each request that was lost."""
        return self.state.notes

    @property
    def use(self) -> TokenUse:
        """Real tokens of branches."""
        return self._requests.use

    @property
    def probe_use(self) -> TokenUse:
        """Real tokens of probes."""
        return self._requests.probe_use

    @property
    def elapsed(self) -> float:
        """Seconds since the episode was made, until it was closed."""
        return (self._clock() if self._closed is None else self._closed) - self._started

    def answers_so_far(self) -> dict[int, str | None]:
        """Return `latest_answers`, and answers of branches that have ended inside an action that still runs.

        For the vote when an episode is cut off. It changes nothing, not even the log.
        """
        return self.state.shown_so_far()

    def text_of(self, answer: str | None) -> str | None:
        """Return the text of the shortest finished branch that gave ``answer``; None if no finished branch did.

        Branches that have ended inside an action that still runs count too, as in `answers_so_far`.
        """
        answers = self.answers_so_far()
        ends = {i: (branch.tokens, branch.text) for i, branch in enumerate(self.branches) if branch.finished}
        ends |= {i: (self.branches[i].tokens + r.tokens, r.passage.text) for i, r in self.state.early.items()}
        given = [(*ends[i], i) for i in ends if i in answers and answers[i] == answer]
        return min(given, key=lambda end: (end[0], end[2]))[1] if given else None

    # Requests

    async def _interval(self, i: int) -> BranchReply:
        """Ask for the next interval of branch ``i``."""
        if i in self._held:
            return self._held[i]
        most = self.state.most_tokens(i)
        asked = most if self._whole else min(self._delta, most)
        return await self._requests.extend(i, self.branches[i], asked, "run" if self._whole else "interval")

    async def _rest(self, i: int, asked: int) -> tuple[int, BranchReply]:
        """Ask for the rest of branch ``i``, at most ``asked`` tokens."""
        reply = self._held.get(i) or await self._requests.extend(i, self.branches[i], asked, "run")
        if self.state.is_end(i, reply):
            self.state.early[i] = reply
        return i, reply

    async def _step(self, i: int) -> tuple[BranchReply, ProbeReply | None]:
        reply = await self._interval(i)
        if self.state.is_end(i, reply):
            self.state.early[i] = reply
            return reply, None
        return reply, await self._requests.probe(i, self.branches[i].depth + 1, reply.passage)

    async def _runs_that_fit(self, indices: list[int]) -> list[tuple[int, BranchReply]]:
        """Run branch after branch, while the budget has whole intervals. Only the last reply may be without an end."""
        if self._whole:
            fitting = await self._fitting(indices, self._delta, running=True)
            return [(i, self._held[i]) for i in indices[:fitting]]
        replies: list[tuple[int, BranchReply]] = []
        left = (self.max_tokens or 0) - self.state.tokens
        for i in indices:
            whole = left // self._delta * self._delta
            if not whole:
                break
            ((_, reply),) = await self._requests.at_once([self._rest(i, min(whole, self.state.most_tokens(i)))])
            replies.append((i, reply))
            if not self.state.is_end(i, reply):
                break
            left -= reply.tokens
        return replies

    async def _fitting(self, indices: Sequence[int], cost: int, running: bool = False) -> int:
        """Return how many of the first branches of ``indices`` can each run an interval of ``cost`` tokens.

        Where an interval is a whole branch, its length is known only afterwards: the branches run one after another,
        and their replies are kept. What does not fit now is not asked for again.
        """
        if self.max_tokens is None:
            return len(indices)
        left = self.max_tokens - self.state.tokens
        if not self._whole:
            return min(len(indices), left // cost)
        spent = 0
        for n, i in enumerate(indices):
            if cost > left:
                return n
            if i not in self._held:
                asked = min(self.state.most_tokens(i), self.max_tokens - self.state.tokens - spent)
                work = self._requests.extend(i, self.branches[i], asked, "run")
                (self._held[i],) = await self._requests.at_once([work])
            reply = self._held[i]
            self.branches[i].refused_tokens = reply.tokens if self.state.is_end(i, reply) else reply.asked + 1
            if max(cost, self.branches[i].refused_tokens) > left:
                return n
            left -= reply.tokens if running else max(cost, reply.tokens)
            spent += reply.tokens
        return len(indices)

    # Book-keeping

    def _refuse_if_closed(self) -> None:
        if self._closed is not None:
            raise IllegalAction("the question is closed")

    def _opened(self, i: int) -> LiveBranch:
        if not 0 <= i < len(self.branches):
            raise IllegalAction(f"branch {i} was never opened ({len(self.branches)} are open)")
        return self.branches[i]

    def _check(self, indices: Sequence[int]) -> None:
        """Refuse an action unless all ``indices`` are running and different."""
        if not self.state.running.issuperset(indices):
            for i in indices:
                branch = self._opened(i)
                if branch.pruned:
                    raise IllegalAction(f"branch {i} was pruned")
                if branch.finished:
                    raise IllegalAction(f"branch {i} has finished")
        if len(indices) > 1 and len(set(indices)) != len(indices):
            raise IllegalAction("one call cannot advance the same branch twice")

    def _no_tokens(self) -> TokensSpent:
        self.tokens_ran_out = True
        return TokensSpent(f"{self.state.tokens} of at most {self.max_tokens} tokens are spent")
