"""Which sandbox: the strongest that this machine has, or the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable

from .backends import bubblewrap
from .backends.process import ProcessSandbox
from .backends.runner import WorkerSandbox
from .base import SandboxError, SandboxLimits, SandboxUnavailable, print_message

NAMES = ("auto", "docker", "bubblewrap", "process")


def open_sandbox(
    name: str = "auto",
    workers: int = 1,
    runtime: str | None = None,
    limits: SandboxLimits | None = None,
    notice: Callable[[str], None] | None = None,
) -> WorkerSandbox:
    """Return the sandbox ``name``, to be closed.

    Args:
        name: one of `NAMES`; ``auto`` takes Docker where an engine answers and has an image or can make one, else
            bubblewrap where it works, and nothing weaker.
        workers: that share the episodes of a run.
        runtime: the engine's runtime for Docker, such as ``runsc``; its default if None.
        limits: what each worker may use.
        notice: told what a person should know; prints to standard error if None.

    Raises:
        SandboxError: it cannot be used here.
    """
    if name == "process":
        return ProcessSandbox(workers, limits)
    if name == "bubblewrap":
        if why := bubblewrap.works():
            raise SandboxError(f"bubblewrap cannot be used here: {why}")
        return bubblewrap.BubblewrapSandbox(workers, limits)
    try:
        return _docker(workers, runtime, limits, notice)
    except SandboxError as error:
        if name == "docker" or runtime is not None:
            raise
        no_docker = error
    if why := bubblewrap.works():
        raise SandboxError(
            f"neither Docker ({no_docker}) nor bubblewrap ({why}) can be used here; `autotts doctor` says what is "
            "missing, and `--sandbox process` runs candidates that you trust without either"
        )
    if not isinstance(no_docker, SandboxUnavailable):  # there is an engine, and a person may want it to be used
        (notice or print_message)(f"{no_docker}; until then bubblewrap is used")
    return bubblewrap.BubblewrapSandbox(workers, limits)


def _docker(
    workers: int, runtime: str | None, limits: SandboxLimits | None, notice: Callable[[str], None] | None
) -> WorkerSandbox:
    from .backends.docker import DockerSandbox  # late: the SDK takes a while to import

    return DockerSandbox(workers, limits, runtime, notice)
