"""Opens the sandbox that a caller names, or takes the one that a caller brings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from autotts.agent.archive import resolve
from autotts.envs.errors import InputError
from autotts.envs.plugins import check_attributes, name_of
from autotts.sandbox.base import SANDBOX_ATTRIBUTES, Sandbox
from autotts.sandbox.choice import NAMES, describe, recorded_name
from autotts.sandbox.cluster.choice import check_executor, open_executor
from autotts.sandbox.outcome import Candidate


def lend_sandbox(
    sandbox: str | Sandbox,
    workers: int | None,
    candidates: Sequence[Candidate] | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    interpreter: str = "auto",
) -> AbstractContextManager[Sandbox]:
    """Return a context that lends the sandbox; one that the caller brings stays open at the end.

    Args:
        sandbox: a name (`auto`, `docker`, `bubblewrap`, `process`, or `package.module:object`), or a sandbox.
        workers: of a sandbox that is opened here; one for each core if None.
        candidates: if all of them came with this program, ``auto`` is a plain process.
        executor: ``local``, or ``ray``: then the sandbox is that of the nodes, and the default of ``workers`` all CPUs.
        ray_address: of the cluster; ``$RAY_ADDRESS``, else Ray is started on this machine, if None.
        interpreter: of a sandbox that is opened here (see `sandbox.choice.open_sandbox`).

    Raises:
        InputError: there is no such sandbox.
        SandboxError: it does not work on this machine.
    """
    check_executor(executor, ray_address)
    if not isinstance(sandbox, str):
        if executor != "local":
            raise InputError("a sandbox object runs where it is: for the executor ray, give the name of a sandbox")
        check_attributes("sandbox", name_of(sandbox), sandbox, SANDBOX_ATTRIBUTES)
        return nullcontext(sandbox)
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}, but must be at least 1")
    trusted = sandbox == "auto" and candidates is not None and resolve.shipped(candidates)
    name = "process" if trusted else sandbox
    logger = logging.getLogger("autotts")
    number = workers if executor == "ray" else resolve.workers(workers)
    if executor != "ray":
        resolve.note_workers(resolve.workers(workers))
    opened = open_executor(executor, ray_address, name, number, notice=logger.warning, interpreter=interpreter)
    logger.info("sandbox %s", describe(opened))
    return opened


def sandbox_name(asked: str | Sandbox, lent: Sandbox) -> str:
    """Return the name by which ``autotts resume`` opens the same sandbox again."""
    if isinstance(asked, str):
        return recorded_name(asked, lent)
    ours = type(asked).__module__.startswith("autotts.sandbox.") and asked.name in NAMES
    return asked.name if ours else name_of(asked)
