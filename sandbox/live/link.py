"""The event loop's end of one worker that plays live questions: starts processes in it, and sorts its frames."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress

from autotts.envs.plain_text import message_line

from ..backends.workers import PIPE, Worker
from ..base import SandboxError
from ..kept_logs import BadFrame
from . import frames
from .frames import Frame, LiveStart

GRACE = 2.0
"""Seconds in which a process ends by itself after its last frame, before it is killed."""
PATIENCE = 20.0
"""Seconds in which a worker ends a process that is to be killed, before the worker itself counts as lost."""
_LAST_WORDS = 0.5
"""Seconds in which the prints of a worker that has ended arrive."""
_FRAMES = 3
"""Frames of a question that may wait: its last words, and the end of its process. More are against the rules."""


class WorkerLost(Exception):
    """A worker has ended, with all its processes; the message says how."""


class LiveProcess:
    """The process of one question, as the host sees it."""

    def __init__(self, link: WorkerLink, number: int) -> None:
        self._link, self._number = link, number
        self._frames: deque[Frame] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._replying: asyncio.Timeout | None = None
        self._answered = self._ended = False

    async def frame(self) -> Frame:
        """Return the next frame of this process: letter, code, data.

        Raises:
            WorkerLost: its worker has ended.
        """
        while not self._frames:
            if self._link.lost is not None:
                raise WorkerLost(self._link.lost)
            self._waiter = self._link.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._frames.popleft()

    async def answer(self, reply: Coroutine[None, None, bytes]) -> None:
        """Send the reply to a request once it is there. If the process ends before, the reply is given up."""
        scope = asyncio.timeout(None)
        try:
            async with scope:
                if self._frames or self._link.lost is not None:
                    scope.reschedule(0)
                self._replying = scope
                self._link.write(frames.reply(self._number, await reply))
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._replying = None
            reply.close()

    def close(self) -> None:
        """End the process, if it has not ended; its place becomes free when the worker says that it has."""
        if self._ended or self._link.lost is not None:
            return
        self._timer = self._link.loop.call_later(GRACE if self._answered else 0, self._kill)

    def _kill(self) -> None:
        self._link.write(frames.kill(self._number))
        self._timer = self._link.loop.call_later(PATIENCE, self._link.fail, "it does not end a process")

    def add(self, frame: Frame) -> None:
        """Take a frame that has arrived; called by the link alone."""
        self._frames.append(frame)
        self._answered = self._answered or frame[0] in b"AFO"
        if frame[0] == b"X":
            self._ended = True
            if self._timer is not None:
                self._timer.cancel()
        self.wake()

    def wake(self) -> None:
        """Make `frame` look again, and give up a reply for which nobody waits any more."""
        if self._replying is not None:
            self._replying.reschedule(0)
            self._replying = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def waiting_frames(self) -> int:
        """The number of frames that have not been taken."""
        return len(self._frames)


class WorkerLink:
    """The event loop's end of one worker.

    Args:
        worker: the worker, which has its setup message.
        begin: the message that makes it play live questions.
        max_branches: the most branches of a question.
    """

    def __init__(self, worker: Worker, begin: bytes, max_branches: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.lost: str | None = None
        """How the worker ended; None while it runs."""
        self.gone = asyncio.Event()
        """Set when the worker has ended, and nothing of it is left."""
        self.freed = asyncio.Event()
        """Set when a process has ended."""
        self.processes: dict[int, LiveProcess] = {}
        self._worker, self._max_branches = worker, max_branches
        self._ready, self._silent = asyncio.Event(), asyncio.Event()
        self._incoming, self._outgoing, self._started = bytearray(), bytearray(), 0
        self._printed = b""
        self._ending: asyncio.Task[None] | None = None
        self._reading = set(worker.sources())
        self._writing = False
        for source in self._reading:
            self.loop.add_reader(source, self._read, source)
        self.write(begin)

    async def ready(self) -> None:
        """Wait until the worker is ready.

        Raises:
            SandboxError: it has ended.
        """
        waits = [self.loop.create_task(event.wait()) for event in (self._ready, self.gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self._ready.is_set():
            raise SandboxError(f"the worker did not start: {self.lost}")

    def start(self, start: LiveStart) -> LiveProcess:
        """Start the process of a question."""
        self._started += 1
        number = self._started & 0xFFFFFFFF
        process = self.processes[number] = LiveProcess(self, number)
        self.write(frames.start(number, start))
        return process

    def write(self, data: bytes) -> None:
        """Send ``data``; what the worker does not take now is sent later."""
        if self._ending is not None:
            return
        self._outgoing += data
        if not self._writing:
            self._flush()

    def fail(self, how: str) -> None:
        """End the worker. All its questions see that it is lost."""
        if self._ending is None:
            self._ending = self.loop.create_task(self._end(how))

    async def close(self) -> None:
        """End the worker, and wait until nothing of it is left."""
        self.fail("the workers were closed")
        await self.gone.wait()

    async def _end(self, how: str | None) -> None:
        if how is None:
            how = await asyncio.to_thread(self._how)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS if self._reading else 0):
                    await self._silent.wait()
        self._detach()
        self.lost = message_line(f"{how} {self._tail()}".strip(), 300)
        for process in self.processes.values():
            process.wake()
        self.processes.clear()
        await asyncio.to_thread(self._worker.stop)
        self.gone.set()
        self.freed.set()

    def _how(self) -> str:
        try:
            return self._worker.ended()
        except SandboxError as error:
            return str(error)

    def _detach(self) -> None:
        for source in self._reading:
            self.loop.remove_reader(source)
        self._reading.clear()
        if self._writing:
            self.loop.remove_writer(self._worker.sink())
            self._writing = False

    def _flush(self) -> None:
        """Send what the worker takes without waiting."""
        sent = 0
        try:
            with memoryview(self._outgoing) as view:
                sent = self._worker.write(view[:PIPE])
        except BlockingIOError:
            pass
        except OSError:  # it has died, which the end of its results shows
            sent = len(self._outgoing)
        del self._outgoing[:sent]
        if bool(self._outgoing) is not self._writing:
            self._writing = not self._writing
            if self._writing:
                self.loop.add_writer(self._worker.sink(), self._flush)
            else:
                self.loop.remove_writer(self._worker.sink())

    def _read(self, source: int) -> None:
        for results, data in self._worker.read(source):
            if self._ending is not None and results:
                return
            if not data:
                self.loop.remove_reader(source)
                self._reading.discard(source)
                if not self._reading:
                    self._silent.set()
                if results:
                    self._ending = self.loop.create_task(self._end(None))
            elif results:
                self._incoming += data
                self._sort()
            else:
                self._printed = (self._printed + data)[-2000:]

    def _sort(self) -> None:
        """Give each complete frame to the question that it belongs to."""
        try:
            for number, frame in frames.parse(self._incoming, self._max_branches):
                process = self.processes.get(number)
                if process is not None and process.waiting_frames < _FRAMES:
                    process.add(frame)
                    if frame[0] == b"X":
                        del self.processes[number]
                        self.freed.set()
                elif frame[0] == b"Z" and not self._ready.is_set():
                    self._ready.set()
                else:
                    self.fail("its results are out of order")
        except BadFrame as bad:
            self.fail(bad.verdict.message)

    def _tail(self) -> str:
        return message_line(self._printed.decode(errors="replace").strip().rpartition("\n")[2], 200)
