"""Collects branches: workers ask the servers for interval after interval, and every answer goes into the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...counting import counted
from ...errors import InputError
from ..exchange import GREEDY, Completion, RequestLost, TokenUse
from ..request_signals import answer_signals, final_signals, interval_signals
from ..verifier import VerifiedBranch, Verifier
from .collection import BranchCollection, CollectedBranch
from .journal import CollectJournal
from .records import BranchLost, BranchScored, CollectRecord, IntervalDone, ProbeDone, RequestsMade, numbers
from .servers import CollectServer, prompt_tokens
from .spending import SpendingGuard

_FEWEST = 20
"""Finished branches before the share of lost ones is looked at."""


@dataclass(frozen=True, slots=True)
class CollectStopped:
    """Why a collection ended before all branches were finished."""

    why: str
    failed: bool
    """Whether something is wrong; otherwise a limit was reached."""


class Collector:
    """Asks the servers until all branches are finished, or until it must stop.

    Args:
        collection: the state, with everything that the journal holds.
        servers: servers of the same model.
        journal: receives what each request brings, before it counts.
        guard: the limits.
        concurrency: requests to each server at a time.
        most_lost: the largest share of lost branches.
        observer: called after each record. It must be quick.
        notice: told about a server that is left out, in one line.
        verifier: scores each branch after each interval; None for no scores.
    """

    def __init__(
        self, collection: BranchCollection, servers: Sequence[CollectServer], journal: CollectJournal,
        guard: SpendingGuard, *, concurrency: int = 64, most_lost: float = 0.1,
        observer: Callable[[], None] = lambda: None, notice: Callable[[str], None] = lambda text: None,
        verifier: Verifier | None = None,
    ) -> None:  # fmt: skip
        self._verifier = verifier
        self._forks = True
        self._collection, self._servers, self._journal, self._guard = collection, servers, journal, guard
        self._concurrency, self._most_lost = concurrency, most_lost
        self._observer, self._notice = observer, notice
        self._waiting: deque[CollectedBranch] = deque()
        self._busy = 0
        self._in_flight = 0
        self._blocked = 0
        """Workers that wait for room below a limit."""
        self._last_loss = ""
        self._stopped: CollectStopped | None = None
        self._changed = asyncio.Condition()

    async def run(self, branches: Iterable[CollectedBranch] | None = None) -> CollectStopped | None:
        """Collect, and return why it stopped early, or None when all branches are finished.

        Args:
            branches: those to collect; None for all.

        Raises:
            InputError: no probe or no branch has an answer, or the last server cannot be used any more.
        """
        self._forks = branches is None
        self._collection.new_forks()  # those of earlier sessions are among the branches
        chosen = branches if branches is not None else (b for row in self._collection.branches for b in row)
        self._waiting = deque(branch for branch in chosen if not branch.finished)
        most = len(self._waiting) * (1 + self._collection.forks * len(self._collection.fork_at))
        try:
            async with asyncio.TaskGroup() as group:
                for server in self._servers:
                    for _ in range(min(self._concurrency, most)):
                        group.create_task(self._work(server))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            self._journal.synchronise()
        self._check_lost()
        return self._stopped

    async def _work(self, server: CollectServer) -> None:
        while (branch := await self._next(server)) is not None:
            try:
                while not branch.finished and not server.failed and await self._request(server, branch):
                    pass
            finally:
                await self._release(branch)

    async def _next(self, server: CollectServer) -> CollectedBranch | None:
        """Return a branch to work on; None if there is nothing more to do for ``server``."""
        async with self._changed:
            while not (self._stopped or server.failed):
                if self._waiting:
                    self._busy += 1
                    return self._waiting.popleft()
                if not self._busy:
                    return None
                await self._changed.wait()  # a server may leave, and give a branch back
        return None

    async def _release(self, branch: CollectedBranch) -> None:
        async with self._changed:
            self._busy -= 1
            if not branch.finished:
                self._waiting.appendleft(branch)
            self._changed.notify_all()

    async def _request(self, server: CollectServer, branch: CollectedBranch) -> bool:
        """Send the next request of ``branch``; return whether the worker may go on with it."""
        use = TokenUse()
        if self._collection.needs_score(branch):
            await self._score(branch)
            return self._stopped is None
        try:
            completion = await self._generate(server, branch, use)
        except asyncio.CancelledError:
            self._add(RequestsMade(numbers(use)))
            raise
        except RequestLost as error:
            await self._lost(server, branch, str(error), use)
            return False
        except InputError as error:
            self._add(RequestsMade(numbers(use)))
            self._leave_out(server, str(error), error)
            return False
        if completion is None:
            return False
        self._add(self._record(branch, completion, use))
        self._collection.check_answers()
        await self._queue_forks()
        return self._stopped is None

    async def _score(self, branch: CollectedBranch) -> None:
        """Ask the verifier for a score of ``branch`` as it stands."""
        assert self._verifier is not None
        messages = self._collection.questions[branch.question].messages
        seen = VerifiedBranch.of(messages, branch.passage.text, branch.ended)
        self._add(BranchScored(branch.question, branch.number, await self._verifier.score(seen)))
        await self._queue_forks()

    async def _queue_forks(self) -> None:
        made = self._collection.new_forks()
        if made and self._forks:  # not in a dry run, which collects some branches alone
            async with self._changed:
                self._waiting.extend(made)
                self._changed.notify_all()

    async def _generate(self, server: CollectServer, branch: CollectedBranch, use: TokenUse) -> Completion | None:
        """Return the next completion of ``branch``; None if a limit forbids it."""
        prompt = await server.prompt(branch.question, self._collection.questions[branch.question])
        probe = branch.needs_probe
        suffix = self._collection.suffix(branch) if probe else ""
        size, most = prompt_tokens(prompt, branch.passage, suffix), self._most_tokens(branch)
        if not await self._reserve(size, most):
            return None
        try:
            return await server.endpoint.generate(
                prompt, branch.passage, max_tokens=most, suffix=suffix, use=use,
                sampling=GREEDY if probe else self._collection.settings.sampling,
                seed=self._collection.seed(branch),
            )  # fmt: skip
        finally:
            await self._returned(size, most)

    async def _reserve(self, prompt: int, generated: int) -> bool:
        """Wait until a request fits into the limits; return False if it never will, so that all workers stop."""
        async with self._changed:
            while not self._stopped:
                refusal = self._guard.refusal(prompt, generated)
                if not refusal:
                    self._in_flight += 1
                    return True
                if not self._in_flight or refusal.startswith("--max-hours"):
                    self._stop(f"the limit is reached: {refusal}", failed=False)
                    self._changed.notify_all()
                    break
                self._blocked += 1  # the requests in flight may need less than they may take
                try:
                    await self._changed.wait()
                finally:
                    self._blocked -= 1
        return False

    async def _returned(self, prompt: int, generated: int) -> None:
        self._guard.ended(prompt, generated)
        self._in_flight -= 1
        if self._blocked:
            async with self._changed:
                self._changed.notify_all()

    def _most_tokens(self, branch: CollectedBranch) -> int:
        settings = self._collection.settings
        if self._collection.width_only:
            return settings.branch_tokens
        return settings.probe_tokens if branch.needs_probe else settings.delta

    def _record(self, branch: CollectedBranch, completion: Completion, use: TokenUse) -> CollectRecord:
        """Return what a completion means for its branch."""
        place = {"question": branch.question, "branch": branch.number}
        spent = numbers(use)
        if branch.needs_probe:
            answer = self._collection.probe_answer(branch, completion.text)
            signals = answer_signals(completion, answer)
            return ProbeDone(**place, text=completion.text, tokens=completion.tokens, signals=signals, use=spent)
        whole = self._collection.width_only or branch.depth + 1 >= self._collection.settings.intervals
        ended = completion.ended or whole
        ids, confidences = completion.token_ids, completion.confidences
        if confidences is None and not completion.tokens:
            confidences = ()
        signals = interval_signals(completion)
        if ended and signals:
            signals = final_signals(completion, self._collection.final_answer(branch, completion.text))
        return IntervalDone(
            **place, text=completion.text, ids=None if ids is None else list(ids), tokens=completion.tokens,
            ended=ended, reason=completion.finish_reason, use=spent, signals=signals,
            confidences=None if confidences is None else list(confidences),
        )  # fmt: skip

    def _add(self, record: CollectRecord) -> None:
        self._journal.append(record)
        self._collection.apply(record)
        self._observer()

    async def _lost(self, server: CollectServer, branch: CollectedBranch, why: str, use: TokenUse) -> None:
        """Take the loss of a request: the server is gone, or the branch is."""
        async with server.checking:
            spent = TokenUse()
            gone = server.failed or await server.answers(spent)
            if spent != TokenUse():
                self._add(RequestsMade(numbers(spent)))
        if gone:
            self._add(RequestsMade(numbers(use)))
            self._leave_out(server, why)
            return
        self._add(BranchLost(branch.question, branch.number, why[:500], numbers(use)))
        self._last_loss = why
        if self._collection.finished >= _FEWEST:
            self._check_lost()

    def _check_lost(self) -> None:
        done, lost = self._collection.finished, self._collection.lost
        if lost > self._most_lost * done:
            were = f"{lost:,} of {counted(done, 'branch')} {'was' if lost == 1 else 'were'} lost"
            self._stop(f"{were}, the last one by: {self._last_loss}", failed=True)

    def _leave_out(self, server: CollectServer, why: str, error: InputError | None = None) -> None:
        """Use ``server`` no more; stop if it was the last one.

        Raises:
            InputError: it was, and says that it cannot be used like this.
        """
        if server.failed:
            return
        server.failed = why or "it does not answer"
        if error is not None and all(each.failed for each in self._servers):
            raise error
        if all(each.failed for each in self._servers):
            self._stop(f"no server answers any more ({server.name}: {server.failed})", failed=True)
        else:
            self._notice(f"{server.name} is left out: {server.failed}")

    def _stop(self, why: str, *, failed: bool) -> None:
        if self._stopped is None:
            self._stopped = CollectStopped(why, failed)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
