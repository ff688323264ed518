"""Time travel: the checkpoints of a run, and new runs that begin where an old one once was."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

from envs.errors import InputError
from sandbox.backends.process import ProcessSandbox

from ..archive.run_directory import Run, RunConfig
from ..explorers.evolve.explorer import EvolveExplorer
from .graph import OLD_THREAD, DiscoveryGraph, build, checkpoints, old_next_nodes, settings
from .nodes import Discovery
from .state import initial_state


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """One checkpoint."""

    id: str
    when: str
    """Time in UTC, ISO 8601."""
    generation: int
    step: str
    next: tuple[str, ...]
    """Nodes that come after it; empty at the end."""
    pending: int
    """Candidates on their way."""


def list_checkpoints(run: Run) -> list[CheckpointSummary]:
    """Return the checkpoints of a run, the latest first.

    Raises:
        Damaged: the checkpoint database is damaged.
    """
    with checkpoints(run) as saver:
        today = [
            _summary(state.config, str(state.created_at), state.values, tuple(state.next))
            for state in _graph(run, saver).get_state_history(settings(run))
        ]
        old = [
            _summary(
                found.config, str(found.checkpoint["ts"]), found.checkpoint["channel_values"], old_next_nodes(found)
            )
            for found in saver.list({"configurable": {"thread_id": OLD_THREAD}})
        ]
    return [summary for summary in [*today, *old] if summary is not None]


def _summary(config: Any, when: str, values: Mapping[str, Any], after: tuple[str, ...]) -> CheckpointSummary | None:
    """Return a checkpoint in brief; None of one from before the first node."""
    if "generation" not in values:
        return None
    return CheckpointSummary(
        id=str(config["configurable"]["checkpoint_id"]), when=when, generation=values["generation"],
        step=values["step"], next=after, pending=len(values["pending"]),
    )  # fmt: skip


def fork(old: Run, generation: int, home: Path, changes: dict[str, Any]) -> Run:
    """Begin a new run that has all versions of ``old`` up to and with ``generation``, and goes on from there.

    Args:
        old: left as it is.
        generation: the last to be taken over.
        home: the new run's directory.
        changes: settings that differ, such as explorer, seed or generations.

    Raises:
        InputError: ``old`` has not come so far, or ``home`` is taken.
    """
    reached = max((card.generation for card in old.archive.cards()), default=-1)
    if not 0 <= generation <= reached:
        raise InputError(f"{old.home} has generations 0 to {reached}: it cannot be forked at {generation}")
    if home.exists():
        raise InputError(f"{home} is there already; choose another directory")
    config = RunConfig.model_validate(old.config.model_dump() | changes)
    new = Run.create(home, config, old.environments())
    for card in old.archive.cards():
        if card.generation <= generation:
            aside = new.archive.root / f".writing-{card.id}"
            shutil.copytree(old.archive.root / card.id, aside)
            aside.rename(new.archive.root / card.id)
    new.archive.reindex()
    with checkpoints(new) as saver:
        _graph(new, saver).update_state(
            settings(new), {**initial_state(), "generation": generation + 1}, as_node="archive"
        )
    return new


def _graph(run: Run, saver: SqliteSaver) -> DiscoveryGraph:
    """Return the graph of a run, for its checkpoints alone: nothing in it is ever run."""
    return build(Discovery(run, EvolveExplorer(), ProcessSandbox()), saver)
