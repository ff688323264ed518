"""Opens the sandbox that an executor uses: on this machine, or on the nodes of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable

from autotts.envs.errors import InputError

from ..base import Sandbox, SandboxLimits
from ..choice import check_name, open_sandbox

EXECUTORS = ("local", "ray")
RAY_ADDRESS = "RAY_ADDRESS"
"""The environment variable with the address of a cluster."""


def open_executor(
    executor: str,
    ray_address: str | None,
    sandbox: str,
    workers: int | None,
    runtime: str | None = None,
    limits: SandboxLimits | None = None,
    notice: Callable[[str], None] | None = None,
    weaker: Callable[[str], None] | None = None,
    interpreter: str = "cpython",
) -> Sandbox:
    """Open the sandbox of an executor; the caller closes it.

    Args:
        executor: ``local``, or ``ray``.
        ray_address: of a cluster; if None, that of `RAY_ADDRESS`, else Ray is started on this machine.
        sandbox: what runs the candidates there: see `sandbox.choice.open_sandbox`, as for all further arguments.
        workers: on Ray, None stands for all CPUs of the nodes.
        runtime: the Docker runtime.
        limits: the resources of each worker.
        notice: called with messages for the user.
        weaker: called if a weaker sandbox is used than this machine could have.
        interpreter: of the candidates.

    Raises:
        InputError: there is no such executor or sandbox, or Ray is not installed.
        SandboxError: the sandbox or the cluster cannot be used.
    """
    check_executor(executor, ray_address)
    if executor == "local":
        return open_sandbox(sandbox, workers or 1, runtime, limits, notice, weaker, interpreter)
    from .sandbox import RaySandbox  # Ray is an extra

    check_name(sandbox)
    return RaySandbox(chosen_address(ray_address), sandbox, workers, limits, runtime, notice, interpreter=interpreter)


def check_executor(executor: str, ray_address: str | None) -> None:
    """Check the names of an executor and of a cluster, without opening anything.

    Raises:
        InputError: there is no such executor, or it has no address.
    """
    if executor not in EXECUTORS:
        raise InputError(f"no executor {executor!r}: choose local or ray")
    if executor == "local" and ray_address is not None:
        raise InputError("an address of Ray is a setting of the executor ray: add --executor ray, or leave it out")


def chosen_address(given: str | None) -> str | None:
    """Return the address of the cluster to use; None if Ray shall be started on this machine."""
    return given or os.environ.get(RAY_ADDRESS) or None
