"""Opens a sandbox: the strongest that works on this machine, or the one that the user named."""

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
    """Open the sandbox ``name``; the caller closes it.

    Args:
        name: one of `NAMES`. ``auto`` takes Docker if an engine answers and has the image or can build it, else
            bubblewrap if it works, and nothing weaker.
        workers: the number of workers that share the episodes of a run.
        runtime: the Docker runtime, such as ``runsc``; None for the default of the engine.
        limits: the resources of each worker.
        notice: called with messages for the user; None prints them to standard error.

    Raises:
        SandboxError: the sandbox does not work on this machine.
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
    if not isinstance(no_docker, SandboxUnavailable):  # an engine answers: the user may want to make it usable
        (notice or print_message)(f"{no_docker}; until then bubblewrap is used")
    return bubblewrap.BubblewrapSandbox(workers, limits)


def _docker(
    workers: int, runtime: str | None, limits: SandboxLimits | None, notice: Callable[[str], None] | None
) -> WorkerSandbox:
    from .backends.docker import DockerSandbox  # imported here, as the SDK is slow to import

    return DockerSandbox(workers, limits, runtime, notice)
