"""The requests of one live question: continues branches and probes them, with one request for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from .episode_state import BranchReply, EpisodeObserver, LiveBranch, ProbeReply, RequestKind
from .exchange import GREEDY, Completion, Endpoint, Passage, Prompt, RequestLost, TokenUse
from .families import suffix_after
from .settings import LiveSettings, request_seed

Result = TypeVar("Result")


class BranchRequests:
    """Makes the requests of one question, and counts their tokens.

    Args:
        endpoint: the model.
        prompt: the question.
        settings: how the model is asked.
        limit: bounds the requests that run at once; None for no bound.
        observer: is told of texts and completions.
        clock: returns seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        prompt: Prompt,
        settings: LiveSettings,
        limit: asyncio.Semaphore | None,
        observer: EpisodeObserver,
        clock: Callable[[], float],
    ) -> None:
        self.use = TokenUse()
        self.probe_use = TokenUse()
        self._endpoint = endpoint
        self._prompt = prompt
        self._settings = settings
        self._limit = limit
        self._observer = observer
        self._clock = clock
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def most_tokens(self) -> int:
        """Tokens of the longest branch: whole intervals, or what the context has beside the question."""
        most = self._settings.intervals * self._settings.delta
        if self._endpoint.context is None or self._prompt.token_ids is None:
            return most
        return max(1, min(most, self._endpoint.context - len(self._prompt.token_ids)))

    async def at_once(self, work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
        """Return the results of all coroutines, which run at once. If one fails, the others are cancelled."""
        tasks = [asyncio.ensure_future(each) for each in work]
        self._running.update(tasks)
        try:
            return await asyncio.gather(*tasks)
        finally:
            self._running.difference_update(tasks)
            left = [task for task in tasks if not task.done()]
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)

    async def close(self) -> None:
        """Cancel all requests that still run, and wait until they have ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def extend(self, i: int, branch: LiveBranch, asked: int, kind: RequestKind) -> BranchReply:
        """Continue branch ``i`` by at most ``asked`` tokens.

        Raises:
            InputError: the server cannot be used like this.
        """
        on_text = self._observer.on_text
        async with self._turn() as started:
            try:
                done = await self._endpoint.generate(
                    self._prompt,
                    branch.passage,
                    max_tokens=asked,
                    sampling=self._settings.sampling,
                    use=self.use,
                    seed=request_seed(self._settings.seed, i, branch.depth),
                    stream=kind == "run",
                    on_text=None if on_text is None else lambda piece: on_text(i, piece),
                )
            except RequestLost as error:
                return BranchReply(asked, branch.passage, 0, True, _reason(error), self._clock() - started)
            seconds = self._clock() - started
        self._tell(i, branch.depth, kind, done)
        tokens = min(done.tokens, asked)
        return BranchReply(asked, branch.passage.then(done), tokens, done.ended or not tokens, "", seconds, done)

    async def probe(self, i: int, depth: int, passage: Passage) -> ProbeReply:
        """Ask for the answer of branch ``i`` after ``passage``, its first ``depth`` intervals.

        Raises:
            InputError: the server cannot be used like this.
        """
        suffix = suffix_after(passage.text, self._settings.probe_suffix)
        async with self._turn() as started:
            try:
                done = await self._endpoint.generate(
                    self._prompt,
                    passage,
                    max_tokens=self._settings.probe_tokens,
                    sampling=GREEDY,
                    use=self.probe_use,
                    suffix=suffix,
                    seed=request_seed(self._settings.seed, i, depth),
                )
            except RequestLost as error:
                return ProbeReply("", suffix, True, _reason(error), self._clock() - started)
            seconds = self._clock() - started
        self._tell(i, depth, "probe", done)
        return ProbeReply(done.text, suffix, done.ended, "", seconds, done)

    def _tell(self, i: int, depth: int, kind: RequestKind, done: Completion) -> None:
        if self._observer.on_completion is not None:
            self._observer.on_completion(i, depth, kind, done)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[float]:
        """Wait for a turn; yield the time at which it began."""
        if self._limit is None:
            yield self._clock()
            return
        async with self._limit:
            yield self._clock()


def _reason(error: RequestLost) -> str:
    return " ".join(str(error).split()) or "the request was lost"
