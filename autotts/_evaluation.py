"""Scores controllers, and compares two of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from autotts.agent.archive import resolve
from autotts.envs import statistics
from autotts.envs.episodes import BETAS, DEFAULT_ORDERS, MAX_BRANCHES, grid
from autotts.envs.statistics import CurveDifference
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import CandidateFailed, Evaluation, measure, require_needs
from autotts.sandbox.outcome import Candidate

from ._discovery_run import warn
from ._environments import Environments, find_environments
from ._sandboxes import lend_sandbox
from ._sources import AnyController, candidate_of


def evaluate(
    controller: AnyController,
    env: Environments = None,
    *,
    betas: Sequence[float] = BETAS,
    orders: int = DEFAULT_ORDERS,
    first_order: int = 0,
    max_branches: int = MAX_BRANCHES,
    max_tokens: int | None = None,
    sandbox: str | Sandbox = "auto",
    interpreter: str = "auto",
    workers: int | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    data: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Run a controller on recorded environments, and score it. No language model is called.

    It does what ``autotts evaluate`` does: the source policy is checked first, and refuses what it refuses in a
    discovery (the verdict ``rejected: policy``); the defaults and the choice of the sandbox are the same. The logger
    ``autotts`` tells the sandbox.

    A controller that fails or is refused raises nothing here: look at ``verdict.ok`` before you use the figures. The
    logger ``autotts`` warns of it.

    Args:
        controller: the name of a baseline, of a champion or of a version of the newest run; the path of a file; the
            source itself; a version of an archive; or a subclass of `Controller`. A class is taken with its source:
            it may use what `autotts` offers to controllers, allowed modules of the standard library, and constants.
        env: environments, or names, patterns or paths of them; all under the data root if None, or the built-in
            synthetic ones if it holds none.
        betas: values of beta, in [0, 1].
        orders: the number of branch orders. The published figures and the replay reports have 100.
        first_order: the first branch order.
        max_branches: branches of a question at most.
        max_tokens: tokens of a question at most; None for no limit.
        sandbox: where it runs: ``auto`` (the strongest sandbox of this machine; a plain process for controllers that
            come with this program), ``docker``, ``bubblewrap``, ``process`` (a controller that you trust),
            ``package.module:object``, or a `Sandbox`.
        interpreter: ``cpython``, ``pypy`` (see ``autotts sandbox build``), or ``auto``: CPython. Both
            give the same results. A `Sandbox` has its own.
        workers: worker processes; one for each core, or for each CPU of the nodes, if None.
        executor: where the sandbox is: ``local``, or ``ray`` (the nodes of a Ray cluster, each with its own sandbox).
        ray_address: of the cluster; ``$RAY_ADDRESS``, else Ray is started on this machine until the end, if None.
        data: the data root; ``$AUTOTTS_DATA``, else ``./data``, if None.
        progress: called with the number of episodes that finished since the last call.

    Returns:
        The evaluation. ``verdict`` says how the run ended; ``curve`` holds a `Point` for each environment and beta,
        with 95% intervals, and raises `CandidateFailed` if the controller failed.

    Raises:
        InputError: the controller, an environment or a setting cannot be used.
        SandboxError: the sandbox failed.
    """
    (found,) = _evaluated(
        [controller], env, betas, range(first_order, first_order + orders), max_branches, max_tokens,
        data, progress,
        lambda candidates: lend_sandbox(sandbox, workers, candidates, executor, ray_address, interpreter),
    )  # fmt: skip
    if not found.verdict.ok:
        warn(f"{found.candidate.name}: {found.verdict.kind}: {found.verdict.message}")
    return found


def compare(
    first: AnyController,
    second: AnyController,
    env: Environments = None,
    *,
    betas: Sequence[float] = BETAS,
    orders: int = DEFAULT_ORDERS,
    first_order: int = 0,
    max_branches: int = MAX_BRANCHES,
    max_tokens: int | None = None,
    sandbox: str | Sandbox = "auto",
    interpreter: str = "auto",
    workers: int | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    data: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[CurveDifference]:
    """Compare two controllers on the same episodes, paired by question and branch order.

    Args:
        first: see `evaluate`, as for all other arguments.
        second: the controller whose figures are subtracted from those of the first.
        env: environments.
        betas: values of beta.
        orders: the number of branch orders.
        first_order: the first branch order.
        max_branches: branches of a question at most.
        max_tokens: tokens of a question at most.
        sandbox: where both run.
        interpreter: see `evaluate`.
        workers: worker processes.
        executor: where the sandbox is.
        ray_address: of the cluster.
        data: the data root.
        progress: called with the number of episodes that finished since the last call.

    Returns:
        ``first`` minus ``second`` for each environment and beta, with 95% intervals; then for their mean, if there are
        several.

    Raises:
        CandidateFailed: one of them failed.
        InputError: a controller, an environment or a setting cannot be used.
        SandboxError: the sandbox failed.
    """
    done = _evaluated(
        [first, second], env, betas, range(first_order, first_order + orders), max_branches, max_tokens,
        data, progress,
        lambda candidates: lend_sandbox(sandbox, workers, candidates, executor, ray_address, interpreter),
    )  # fmt: skip
    figures = []
    for found in done:
        if found.figures is None:
            raise CandidateFailed(found.candidate, found.verdict)
        figures.append(found.figures)
    return statistics.compare(*figures)


def _evaluated(
    controllers: Sequence[AnyController], env: Environments, betas: Sequence[float], orders: range, max_branches: int,
    max_tokens: int | None, data: str | os.PathLike[str] | None, progress: Callable[[int], None] | None,
    lend: Callable[[list[Candidate]], AbstractContextManager[Sandbox]],
) -> list[Evaluation]:  # fmt: skip
    candidates = [candidate_of(controller) for controller in controllers]
    environments = find_environments(env, data)
    resolve.note_width(max_branches, environments)
    episodes = grid(environments, dict.fromkeys(betas), orders, max_branches, max_tokens)
    require_needs(candidates, episodes)
    with lend(candidates) as lent:
        return [measure(candidate, episodes, lent, progress) for candidate in candidates]
