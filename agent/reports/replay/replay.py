"""A whole replay: runs what is not cached, and writes the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autotts.envs.plain_text import neutral
from autotts.envs.store import Environment, write_atomically
from autotts.sandbox.base import Sandbox
from autotts.sandbox.outcome import Extent, Verdict

from ...archive.archive import Archive
from ...records.card import Card, EvaluationProtocol
from . import files, markdown
from .cache import ReplayCache
from .results import ReplayResults, results
from .select import ReplayEntry
from .work import FULL, REFERENCE, ReplayMeasurement, ReplaySettings, ReplayWork

JOURNAL = "journal"
"""The cache's directory beside the report, so that nothing runs twice."""


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """Callbacks that report the progress of a replay."""

    begins: Callable[[str, str, int, int], None] = lambda label, environment, number, total: None
    """Called with a controller's label, an environment's name, the number of the run, and the number of runs."""
    episodes: Callable[[int], None] = lambda n: None
    """Called with the number of newly finished episodes."""
    failed: Callable[[str, str, Verdict], None] = lambda label, environment, verdict: None


def replay(
    entries: Sequence[ReplayEntry], environments: Sequence[Environment], cards: Sequence[Card],
    settings: ReplaySettings,
    home: Path, sandbox: Sandbox, price: float | None = None, watch: ReplayProgress | None = None,
    audit: Extent = "full",
) -> ReplayResults:  # fmt: skip
    """Return the results of a replay; runs that are cached under ``home`` are not repeated.

    ``audit`` is explained at `work.ReplayWork`.

    Raises:
        SandboxError: the sandbox failed. Finished runs stay cached.
    """
    watch = watch or ReplayProgress()
    work = ReplayWork(settings, ReplayCache(home / JOURNAL), sandbox, watch.episodes, audit)
    (base,) = (entry for entry in entries if entry.baseline and entry.label == REFERENCE)
    jobs: list[tuple[ReplayEntry, Environment, tuple[float, ...]]] = [(base, env, (FULL,)) for env in environments]
    jobs += [(entry, env, settings.betas) for entry in entries for env in environments]
    measurements: list[ReplayMeasurement] = []
    for number, (entry, env, betas) in enumerate(jobs, start=1):
        label = f"{entry.label}, the reference (beta {FULL:g})" if number <= len(environments) else entry.label
        watch.begins(label, env.name, number, len(jobs))
        measurements.append(work.measure(entry, env, betas))
        if not measurements[-1].verdict.ok:
            watch.failed(entry.label, env.name, measurements[-1].verdict)
    first = len(environments)
    references = {env.name: measured for env, measured in zip(environments, measurements[:first], strict=True)}
    keys = [(entry.label, env.name) for entry in entries for env in environments]
    measured = dict(zip(keys, measurements[first:], strict=True))
    return results(entries, environments, measured, references, cards, settings, price)


def episodes(entries: Sequence[ReplayEntry], environments: Sequence[Environment], settings: ReplaySettings) -> int:
    """Return the number of episodes of a replay.

    Raises:
        InputError: the settings are invalid.
    """
    batches = [len(settings.episodes(env, betas)) for betas in (settings.betas, (FULL,)) for env in environments]
    return len(entries) * sum(batches[: len(environments)]) + sum(batches[len(environments) :])


def write(results: ReplayResults, entries: Sequence[ReplayEntry], home: Path, parquet: bool = False) -> list[Path]:
    """Write the report into ``home``, and return its files; equal results give equal bytes."""
    from . import html  # needs the extra `report`, which `charts.available` asks for

    pages = {
        "report.html": neutral(html.page(results, entries)).encode(),
        "report.md": neutral(markdown.page(results)).encode(),
        "results.json": files.document(results),
    }
    if parquet:
        pages["results.parquet"] = files.parquet(results)
    for name, data in pages.items():
        write_atomically(home / name, data)
    return [home / name for name in pages]


def file(results: ReplayResults, entries: Sequence[ReplayEntry], archive: Archive) -> int:
    """Add the curves of the versions that ran on all environments to the archive, and return the number of versions.

    Raises:
        OSError: the archive cannot be written.
    """
    settings, filed = results.settings, 0
    protocol = EvaluationProtocol(
        environments={env.name: env.hash for env in results.environments}, betas=settings.betas,
        first_order=settings.first_order, orders=settings.orders, max_branches=settings.max_branches,
        max_tokens=settings.max_tokens,
    )  # fmt: skip
    for entry in entries:
        curve = [row.point for row in results.rows if row.controller == entry.label]
        if entry.card is not None and not entry.baseline and any(p.environment == results.overall for p in curve):
            points = [dataclasses.asdict(point) for point in curve]
            document: dict[str, object] = {"protocol": protocol.model_dump(mode="json"), "curve": points}
            archive.add_replay(entry.card.id, protocol.key(), document)
            filed += 1
    return filed
