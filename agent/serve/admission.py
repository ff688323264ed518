"""Admission: a bounded number of questions at a time, a bounded queue before them, and an end to both."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .errors import GatewayError

_LONGEST_RETRY = 120
_RECENT = 0.1
"""Weight of the newest question in the mean of their seconds."""


class Admission:
    """Counts the questions that run and that wait.

    Args:
        questions: questions that run at a time.
        queue: questions that wait at most; one more is refused.
    """

    def __init__(self, questions: int, queue: int) -> None:
        self.questions, self.queue = questions, queue
        self.running = self.waiting = 0
        self.draining = False
        """Whether new questions are refused, because the gateway ends."""
        self._turns = asyncio.Semaphore(questions)
        self._idle = asyncio.Event()
        self._idle.set()
        self._mean_seconds = 1.0

    def ticket(self) -> AdmissionTicket:
        """Return the right to wait for a turn.

        Raises:
            GatewayError: the queue is full (429), or the gateway ends (503). The error says when to try again.
        """
        if self.draining:
            raise GatewayError(503, "draining", "this gateway is ending; send the request again", retry_after=1)
        if self.running + self.waiting >= self.questions + self.queue:
            text = f"{self.running} questions run and {self.waiting} wait, the most that this gateway takes"
            raise GatewayError(429, "queue_full", f"{text}; try again later", retry_after=self.retry_after())
        return AdmissionTicket(self)

    def retry_after(self) -> int:
        """Return the seconds after which a place will be free, by the mean time of the last questions."""
        rounds = (self.waiting + 1) / self.questions
        return max(1, min(_LONGEST_RETRY, math.ceil(self._mean_seconds * rounds)))

    async def idle(self) -> None:
        """Wait until no question runs or waits."""
        await self._idle.wait()

    def _count(self, running: int, waiting: int) -> None:
        self.running += running
        self.waiting += waiting
        if self.running or self.waiting:
            self._idle.clear()
        else:
            self._idle.set()


class AdmissionTicket:
    """The right of one question to wait, and then to run: an asynchronous context.

    It counts as waiting from its creation on. `leave` gives it back if the context is never entered.
    """

    def __init__(self, admission: Admission, clock: Callable[[], float] | None = None) -> None:
        self._admission, self._clock = admission, clock or asyncio.get_running_loop().time
        self._began = 0.0
        self._state = "waiting"
        admission._count(0, 1)

    async def __aenter__(self) -> Self:
        try:
            await self._admission._turns.acquire()
        except BaseException:
            self.leave()
            raise
        self._state, self._began = "running", self._clock()
        self._admission._count(1, -1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Give the place back. May be called twice."""
        admission = self._admission
        if self._state == "running":
            taken = self._clock() - self._began
            admission._mean_seconds += _RECENT * (taken - admission._mean_seconds)
            admission._turns.release()
            admission._count(-1, 0)
        elif self._state == "waiting":
            admission._count(0, -1)
        self._state = "left"
