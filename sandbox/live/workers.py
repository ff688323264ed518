"""`LiveWorkers`: plays one controller on many live questions at once, each in a sandboxed process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from autotts.envs.live.exchange import LiveActions

from ..backends.runner import WorkerSandbox
from ..outcome import Candidate, Verdict

QUESTIONS = 64
"""Questions that a worker plays at once, unless another number is asked for."""


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

    Args:
        sandbox: starts the workers; ``sandbox.workers`` of them are kept. The caller closes it after these workers.
        controller: the controller.
        check_policy: whether `start` checks the source policy first. The walls of the sandbox do not depend on it.
    """

    def __init__(self, sandbox: WorkerSandbox, controller: Candidate, *, check_policy: bool = True) -> None:
        raise NotImplementedError

    @classmethod
    def open(
        cls,
        controller: Candidate,
        sandbox: str = "auto",
        workers: int = 1,
        questions: int = QUESTIONS,
        *,
        runtime: str | None = None,
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
            notice: called with messages for the user; None logs them as warnings.
            check_policy: see the class.

        Raises:
            InputError: there is no sandbox of this name, or it runs no workers.
            SandboxError: the sandbox does not work on this machine.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Check the source policy, start all workers, and load the controller once to see that it can be loaded.

        Raises:
            CandidateFailed: the policy refuses the source, or the controller cannot be loaded.
            SandboxError: the workers do not start.
        """
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether a worker runs that can take questions, now or when it has ended others."""
        raise NotImplementedError

    @property
    def running(self) -> int:
        """The number of questions that are being played."""
        raise NotImplementedError

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
        """
        raise NotImplementedError

    async def close(self) -> None:
        """End all questions, with the verdict ``crash``, and all workers. May be called twice."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
