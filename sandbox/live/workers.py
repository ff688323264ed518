"""`LiveWorkers`: plays one controller on many live questions at once, each in a sandboxed process of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import tenacity

from autotts.envs.errors import InputError
from autotts.envs.live.exchange import LiveActions

from .. import policy, wire
from ..backends.runner import WorkerSandbox
from ..backends.workers import Worker
from ..base import SandboxError, SandboxLimits
from ..choice import open_sandbox
from ..evaluation import CandidateFailed
from ..kept_logs import BadFrame
from ..outcome import Candidate, Verdict
from ..sealed_extras import declared_by
from . import frames
from .dialogue import LiveDialogue
from .frames import LiveStart
from .link import LiveProcess, WorkerLink, WorkerLost

QUESTIONS = 64
"""Questions that a worker plays at once, unless another number is asked for."""
MEMORY = 256 << 20
"""Address space of the process of a question, in bytes, unless the caller sets another limit."""
MAX_BRANCHES = 4096
"""Branches that a live question may have."""


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """How a controller ended on a live question."""

    verdict: Verdict
    answer: str | None = None
    """The answer, as the `LiveActions` had shown it; None for no answer, and if the verdict is not ok."""


class LiveWorkers:
    """Plays one controller on many live questions at once. For one event loop.

    Each question gets a process of its own in one of the sandbox's workers. The controller asks for each action over a
    pipe, and the host answers with the verbs of `LiveActions`. The process has no network, no files and no clock, and
    sees random tokens instead of answers.

    The limits of the sandbox hold for each question. `SandboxLimits.episode_seconds` is the time that the controller
    may take for one decision, and `SandboxLimits.total` of one episode that for all of them: the time that the model
    takes does not count. `SandboxLimits.processes` is the number of questions that each worker plays at once.

    Args:
        sandbox: starts the workers; ``sandbox.workers`` of them are kept. The caller closes it after these workers.
        controller: the controller.
        check_policy: whether `start` checks the source policy first. The walls of the sandbox do not depend on it.
    """

    def __init__(self, sandbox: WorkerSandbox, controller: Candidate, *, check_policy: bool = True) -> None:
        self._sandbox, self._controller, self._check_policy = sandbox, controller, check_policy
        self._owned = False
        self._links: list[WorkerLink | None] = [None] * sandbox.workers
        self._keepers: list[asyncio.Task[None]] = []
        self._starter = ThreadPoolExecutor(1, "live-workers")  # some workers die with the thread that started them
        self._begin = frames.begin(controller, sandbox.limits, MAX_BRANCHES)
        self._changed = asyncio.Event()
        self._failure: SandboxError | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def open(
        cls,
        controller: Candidate,
        sandbox: str = "auto",
        workers: int = 1,
        questions: int = QUESTIONS,
        *,
        runtime: str | None = None,
        limits: SandboxLimits | None = None,
        notice: Callable[[str], None] | None = None,
        check_policy: bool = True,
    ) -> Self:
        """Return workers in a sandbox of their own (`sandbox.choice.open_sandbox`), which `close` closes too.

        Args:
            controller: the controller.
            sandbox: the name of the sandbox.
            workers: the number of workers.
            questions: the most questions that each worker plays at once.
            runtime: the Docker runtime; None for the default of the engine.
            limits: the limits of each question; None for the default ones with `MEMORY`.
            notice: called with messages for the user; None logs them as warnings.
            check_policy: see the class.

        Raises:
            InputError: there is no sandbox of this name, or it runs no workers.
            SandboxError: the sandbox does not work on this machine.
        """
        limits = replace(limits or SandboxLimits(memory=MEMORY), processes=questions)
        opened = open_sandbox(sandbox, workers, runtime, limits, notice)
        if not isinstance(opened, WorkerSandbox):
            opened.close()
            raise InputError(f"the sandbox {sandbox} runs no workers of ours, so it cannot play live questions")
        live = cls(opened, controller, check_policy=check_policy)
        live._owned = True
        return live

    async def start(self) -> None:
        """Check the source policy, start all workers, and load the controller once to see that it can be loaded.

        Raises:
            CandidateFailed: the policy refuses the source, or the controller cannot be loaded.
            SandboxError: the workers do not start.
        """
        try:
            if self._check_policy and not (refused := policy.check(self._controller.source)).ok:
                raise CandidateFailed(self._controller, refused)
            self._keepers = [asyncio.create_task(self._keep(place)) for place in range(len(self._links))]
            while not all(self._links):
                if self._failure is not None:
                    raise self._failure
                await self._change()
            process = await self._process(LiveStart())
            try:
                outcome = await self._play(process, None)
            finally:
                process.close()
            if not outcome.verdict.ok:
                raise CandidateFailed(self._controller, outcome.verdict)
        except BaseException:
            await self.close()
            raise

    @property
    def ready(self) -> bool:
        """Whether a worker runs that can take questions, now or when it has ended others."""
        return self._closing is None and bool(self._alive())

    @property
    def running(self) -> int:
        """The number of processes of questions, with those that are about to end."""
        return sum(len(link.processes) for link in self._alive())

    async def solve(self, actions: LiveActions, beta: float, seed: int = 0) -> LiveOutcome:
        """Play the controller on one question, and return how it ended. Waits while all workers are full.

        Whatever the controller does ends as a verdict. An error that ``actions`` raises is raised here, unless it is
        one of the contract (`IllegalAction` and its subclasses), which the controller gets. Cancelling ends the
        controller's process, and no other. If its worker is lost, the verdict is ``crash``: the actions were paid for,
        and are not taken again. A new worker then takes its place.

        Args:
            actions: the question.
            beta: the budget knob of the controller.
            seed: the seed of the controller's own random generator.

        Raises:
            SandboxError: no worker can be started any more, or the workers are closed.
            InputError: the question has more than `MAX_BRANCHES` branches.
        """
        if actions.max_branches > MAX_BRANCHES:
            raise InputError(f"a live question has at most {MAX_BRANCHES:,} branches, not {actions.max_branches:,}")
        dialogue = LiveDialogue(actions, declared_by(self._controller.source))
        has = dialogue.declared
        if has.missing:
            needs = f"it needs {' and '.join(has.missing)}, which the live question does not have"
            return LiveOutcome(Verdict("rejected: needs", needs))
        start = LiveStart(
            beta, seed, actions.max_branches, actions.max_tokens, actions.can_step,
            has.signals, has.can_verify, has.branches_left,
        )  # fmt: skip
        process = await self._process(start)
        try:
            return await self._play(process, dialogue)
        finally:
            process.close()

    async def close(self) -> None:
        """End all questions, with the verdict ``crash``, and all workers. May be called twice."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._note()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.to_thread(self._starter.shutdown)
        if self._owned:
            await asyncio.to_thread(self._sandbox.close)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Workers

    async def _keep(self, place: int) -> None:
        """Keep a worker at ``place``: start one, wait until it is lost, and start the next."""
        while True:
            async for attempt in tenacity.AsyncRetrying(
                retry=tenacity.retry_if_exception_type(SandboxError), wait=tenacity.wait_random_exponential(0.5, 15)
            ):
                with attempt:
                    link = await self._started()
            try:
                self._links[place], self._failure = link, None
                self._note()
                while not link.gone.is_set():
                    await link.freed.wait()
                    link.freed.clear()
                    self._note()
            finally:
                self._links[place] = None
                await link.close()

    async def _started(self) -> WorkerLink:
        """Return a new worker that is ready.

        Raises:
            SandboxError: it does not start.
        """
        try:
            link = WorkerLink(await self._worker(), self._begin, MAX_BRANCHES)
            try:
                await link.ready()
            except BaseException:
                await link.close()
                raise
            return link
        except Exception as error:
            failure = error if isinstance(error, SandboxError) else SandboxError(f"the sandbox failed: {error}")
            self._failure = failure
            self._note()
            raise failure from error

    async def _worker(self) -> Worker:
        starting = self._starter.submit(self._sandbox.start)
        try:
            return await asyncio.wrap_future(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_stop)
            raise

    def _alive(self) -> list[WorkerLink]:
        return [link for link in self._links if link is not None and link.lost is None]

    async def _process(self, start: LiveStart) -> LiveProcess:
        """Start the process of a question in the worker that has the most room, once one has room.

        Raises:
            SandboxError: there is no worker, and none can be started; or the workers are closed.
        """
        while True:
            if self._closing is not None or not self._keepers:
                raise SandboxError("the workers are closed, or were never started")
            alive = self._alive()
            link = min(alive, key=lambda link: len(link.processes), default=None)
            if link is not None and len(link.processes) < self._sandbox.limits.processes:
                return link.start(start)
            if not alive and self._failure is not None:
                raise self._failure
            await self._change()

    def _note(self) -> None:
        """Wake all that wait for a change of the workers."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()

    # Questions

    async def _play(self, process: LiveProcess, dialogue: LiveDialogue | None) -> LiveOutcome:
        """Answer the requests of a controller until it ends, and return how it ended."""
        limits, loop = self._sandbox.limits, asyncio.get_running_loop()
        left = limits.total(1)
        try:
            while True:
                began = loop.time()
                kind, code, data = await _in_time(process, min(limits.episode_seconds, left))
                left -= loop.time() - began
                if kind != b"Q" or dialogue is None:
                    return self._ended(kind, code, data, dialogue)
                await process.answer(dialogue.reply(data))
        except BadFrame as bad:
            return LiveOutcome(bad.verdict)
        except WorkerLost as lost:
            message = f"the worker was lost: {lost}; its actions were paid for, and are not taken again"
            return LiveOutcome(Verdict("crash", message))

    def _ended(self, kind: bytes, code: int, data: bytes, dialogue: LiveDialogue | None) -> LiveOutcome:
        """Return the outcome that the last frame of a controller tells.

        Raises:
            BadFrame: the frame tells none.
        """
        if kind == b"A":
            return LiveOutcome(Verdict("ok"), dialogue.answer(data) if dialogue is not None else None)
        if kind == b"F":
            return LiveOutcome(wire.failure(data, 0))
        if kind == b"O":
            return LiveOutcome(Verdict("output", f"printed more than {self._sandbox.limits.output} bytes"))
        if kind != b"X":
            return LiveOutcome(Verdict("protocol", "it asked out of turn, or wrote no request"))
        if code == -signal.SIGXCPU:
            return LiveOutcome(Verdict("timeout", "out of CPU time"))
        if code == frames.NOT_STARTED:
            return LiveOutcome(Verdict("crash", "the worker could start no more processes"))
        if code < 0:
            return LiveOutcome(Verdict("crash", f"died of signal {-code}"))
        return LiveOutcome(Verdict("exit", f"ended its process with code {code}"))


async def _in_time(process: LiveProcess, seconds: float) -> frames.Frame:
    """Return the next frame of a process.

    Raises:
        BadFrame: there was none in time.
        WorkerLost: its worker has ended.
    """
    try:
        async with asyncio.timeout(seconds):
            return await process.frame()
    except TimeoutError:
        raise BadFrame(Verdict("timeout", "no action in time")) from None


def _stop(starting: Future[Worker]) -> None:
    """Stop a worker that was started for nobody."""
    with suppress(SandboxError, CancelledError):
        starting.result().stop()
