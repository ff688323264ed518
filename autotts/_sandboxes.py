"""Opens the sandbox that a caller names, or takes the one that a caller brings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from autotts.agent.archive import resolve
from autotts.envs.plugins import check_attributes, name_of
from autotts.sandbox.base import SANDBOX_ATTRIBUTES, Sandbox
from autotts.sandbox.choice import NAMES, open_sandbox, recorded_name
from autotts.sandbox.outcome import Candidate


def lend_sandbox(
    sandbox: str | Sandbox, workers: int | None, candidates: Sequence[Candidate] | None = None
) -> AbstractContextManager[Sandbox]:
    """Return a context that lends the sandbox; one that the caller brings stays open at the end.

    Args:
        sandbox: a name (`auto`, `docker`, `bubblewrap`, `process`, or `package.module:object`), or a sandbox.
        workers: of a sandbox that is opened here; one for each core if None.
        candidates: if all of them came with this program, ``auto`` is a plain process.

    Raises:
        InputError: there is no such sandbox.
        SandboxError: it does not work on this machine.
    """
    if not isinstance(sandbox, str):
        check_attributes("sandbox", name_of(sandbox), sandbox, SANDBOX_ATTRIBUTES)
        return nullcontext(sandbox)
    trusted = sandbox == "auto" and candidates is not None and resolve.shipped(candidates)
    name = "process" if trusted else sandbox
    logger = logging.getLogger("autotts")
    number = resolve.workers(workers)
    resolve.note_workers(number)
    opened = open_sandbox(name, number, notice=logger.warning)
    logger.info("sandbox %s (%s)", opened.name, opened.about)
    return opened


def sandbox_name(asked: str | Sandbox, lent: Sandbox) -> str:
    """Return the name by which ``autotts resume`` opens the same sandbox again."""
    if isinstance(asked, str):
        return recorded_name(asked, lent)
    ours = type(asked).__module__.startswith("autotts.sandbox.") and asked.name in NAMES
    return asked.name if ours else name_of(asked)
