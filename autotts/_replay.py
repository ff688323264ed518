"""Replays versions of an archive on other environments."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from autotts.agent.archive.archive import Archive
from autotts.agent.reports.replay import charts
from autotts.agent.reports.replay.replay import file, write
from autotts.agent.reports.replay.replay import replay as replay_entries
from autotts.agent.reports.replay.results import ReplayResults
from autotts.agent.reports.replay.select import FRONT, entries
from autotts.agent.reports.replay.work import ReplaySettings
from autotts.envs.episodes import BETAS, MAX_BRANCHES
from autotts.sandbox.base import Sandbox
from autotts.sandbox.outcome import Candidate

from ._archive import ArchiveView, open_archive
from ._environments import Environments, find_environments
from ._sandboxes import lend_sandbox
from ._sources import AnyController, found_controller


def replay(
    archive: ArchiveView | str | os.PathLike[str] | None,
    env: Environments,
    *,
    select: str | Sequence[str] | None = None,
    controllers: Sequence[AnyController] = (),
    output: str | os.PathLike[str] | None = None,
    betas: Sequence[float] = BETAS,
    orders: int = 100,
    first_order: int = 0,
    max_branches: int = MAX_BRANCHES,
    max_tokens: int | None = None,
    price: float | None = None,
    sandbox: str | Sandbox = "auto",
    interpreter: str = "auto",
    workers: int | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    data: str | os.PathLike[str] | None = None,
    audit: Literal["full", "sample"] = "full",
) -> ReplayResults:
    """Measure versions and other controllers on environments that they were not found on, beside the baselines.

    Args:
        archive: see `open_archive`; with ``controllers``, None stands for no archive.
        env: environments, or names, patterns or paths of them.
        select: ``front``, ``all``, or ids of versions; None for the front, or for no versions with ``controllers``.
        controllers: further controllers, each as for `evaluate`.
        output: where a report goes (HTML, Markdown, JSON; needs the extra ``report``), and a journal: a replay with
            the same ``output`` runs nothing twice. The curves are then also filed with the archive. None for neither.
        betas: values of beta.
        orders: the number of branch orders.
        first_order: the first branch order.
        max_branches: branches of a question at most.
        max_tokens: tokens of a question at most.
        price: dollars for a million output tokens.
        sandbox: see `evaluate`.
        interpreter: see `evaluate`.
        workers: worker processes.
        executor: see `evaluate`.
        ray_address: see `evaluate`.
        data: the data root.
        audit: ``full`` plays every episode of each controller that does not ship with the program again (the look-ahead
            audit), ``sample`` some of them. ``controllers`` of the result say how far each was audited.

    Returns:
        The figures of the report: ``rows`` for each controller, environment and beta; tokens at equal accuracy;
        rankings; and ``failures``.

    Raises:
        InputError: the archive, a version, an environment or a setting cannot be used.
        SandboxError: the sandbox failed. What was done is kept under ``output``.
    """
    if output is not None:
        charts.available()
    given = [found_controller(each) for each in controllers]
    opened = None
    if archive is not None or select is not None or not given:
        opened = Archive((archive if isinstance(archive, ArchiveView) else open_archive(archive)).root)
    if select is None:
        select = () if given else FRONT
    environments = find_environments(env, data)
    chosen = entries(opened, [select] if isinstance(select, str) else list(select), given, environments)
    settings = ReplaySettings(tuple(sorted(set(betas))), orders, first_order, max_branches, max_tokens)
    candidates = [Candidate(entry.label, entry.source) for entry in chosen]
    place = tempfile.TemporaryDirectory() if output is None else nullcontext(os.fspath(output))
    with lend_sandbox(sandbox, workers, candidates, executor, ray_address, interpreter) as lent, place as home:
        cards = opened.cards() if opened else []
        found = replay_entries(chosen, environments, cards, settings, Path(home), lent, price, audit=audit)
        if output is not None:
            write(found, chosen, Path(home))
            if opened:
                file(found, chosen, opened)
    return found
