"""`LiveQuestion`: a question that a model answers, for code that is not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from ..contract.question import Question, check_signals, with_signals
from .answer_reader import AnswerReader
from .episode import LiveEpisode
from .episode_state import EpisodeObserver
from .exchange import Endpoint, Message
from .forwarding import ForwardedState
from .settings import LiveSettings
from .verifier import Verifier

Result = TypeVar("Result")


class LiveQuestion(ForwardedState, Question):
    """A question that a model answers: each action is requests to its server.

    Open it with `open`, and close it, or use it as a context manager. Any controller can solve it:

        with LiveQuestion.open(endpoint, messages, settings, reader) as question:
            answer = MyController(beta=0.5).solve(question)

    All live questions of a process share one event loop, in a thread of its own, so that they may share an endpoint:
    connect to it by ``run_live(connect(...))``.
    """

    def __init__(self, episode: LiveEpisode) -> None:
        self.max_branches = episode.max_branches
        self.max_tokens = episode.max_tokens
        self.signals, self.can_verify, self.has_forks = episode.signals, episode.can_verify, episode.has_forks
        self.episode = self._state = episode
        """The branches with their texts, the log, the real tokens, and the time."""

    @classmethod
    def open(
        cls,
        endpoint: Endpoint,
        messages: Sequence[Message] | str,
        settings: LiveSettings,
        reader: AnswerReader,
        *,
        observer: EpisodeObserver | None = None,
        verifier: Verifier | None = None,
    ) -> Self:
        """Ask ``endpoint`` to render the question, and return it with no branch opened.

        Args:
            endpoint: the model.
            messages: the question as chat messages, or as a text.
            settings: the budget, and how the model is asked.
            reader: finds the answers.
            observer: functions that are told what happens, in the thread of the event loop.
            verifier: scores branches; None for no verifier.

        Raises:
            RequestLost: the server does not answer.
            InputError: the server says that it cannot be used like this.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        prompt = run_live(endpoint.prompt(messages))
        return cls(LiveEpisode(endpoint, prompt, reader, settings, observer=observer, verifier=verifier))

    def close(self) -> None:
        """End all requests that still run. The episode stays readable. May be called twice."""
        run_live(self.episode.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Actions

    def branch_many(self, n: int) -> list[int]:
        return self._run(self.episode.branch_many(n))

    def advance(self, i: int) -> bool:
        return self._run(self.episode.advance(i))

    def probe(self, i: int) -> str | None:
        return self._run(self.episode.probe(i))

    def prune(self, i: int) -> None:
        self._run(self.episode.prune(i))

    def step_many(self, indices: Sequence[int], *names: str) -> list[Any]:
        check_signals(self, names)
        return with_signals(self, indices, self._run(self.episode.step_many(indices)), names)

    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        return self._run(self.episode.run_many_to_end(indices))

    def verify(self, i: int) -> float | None:
        return self._run(self.episode.verify(i))

    def fork(self, i: int) -> int:
        return self._run(self.episode.fork(i))

    # State

    def signal(self, i: int, name: str) -> float | None:
        return self.episode.signal(i, name)

    def can_fork(self, i: int) -> bool:
        return self.episode.can_fork(i)

    @property
    def branches_left(self) -> int:
        return self.episode.branches_left

    def _run(self, action: Coroutine[Any, Any, Result]) -> Result:
        try:
            return run_live(action)
        finally:
            self.tokens_ran_out = self.episode.tokens_ran_out


def run_live(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in the event loop of all live questions, and return its result.

    If the wait is interrupted, the coroutine is cancelled. It cannot be called in that event loop itself.
    """
    future = asyncio.run_coroutine_threadsafe(work, _LOOP.started())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


class _BackgroundLoop:
    """An event loop in a thread that ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def started(self) -> asyncio.AbstractEventLoop:
        """Return the loop; start it first if it does not run."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="live-questions", daemon=True).start()
            return self._loop


_LOOP = _BackgroundLoop()
