"""Lists the checkpoints of a run, and forks new runs from an earlier generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from autotts.envs.errors import InputError
from autotts.sandbox.backends.process import ProcessSandbox

from ..archive.run_directory import Run, RunConfig
from ..archive.run_hold import holds_no_run, working_on
from ..archive.storage.paths import copy_folder
from ..archive.storage.stored_path import AnyPath
from ..explorers.evolve.explorer import EvolveExplorer
from .graph import DiscoveryGraph, old_next_nodes, settings
from .savers import OLD_THREAD, checkpoints, generations_of
from .state import initial_state
from .steady.graph import discovery_of, graph_of


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """One checkpoint in brief."""

    id: str
    when: str
    """Time in UTC, ISO 8601."""
    generation: int
    step: str
    next: tuple[str, ...]
    """The next nodes; empty at the end of the run."""
    pending: int
    """Candidates of the current generation."""


def list_checkpoints(run: Run) -> list[CheckpointSummary]:
    """Return the checkpoints of a run, the latest first.

    Raises:
        DamagedFile: the checkpoint database is damaged.
    """
    with checkpoints(run, writing=False) as saver:
        current = [
            _summary(state.config, str(state.created_at), state.values, tuple(state.next))
            for state in _graph(run, saver).get_state_history(settings(run))
        ]
        old = [
            _summary(each.config, str(each.checkpoint["ts"]), each.checkpoint["channel_values"], old_next_nodes(each))
            for each in saver.list({"configurable": {"thread_id": generations_of(run) or OLD_THREAD}})
        ]
    found = {summary.id: summary for summary in [*old, *current] if summary is not None}
    return sorted(found.values(), key=lambda summary: summary.when, reverse=True)


def _summary(config: Any, when: str, values: Mapping[str, Any], after: tuple[str, ...]) -> CheckpointSummary | None:
    """Return the summary of a checkpoint; None if no node had run yet."""
    if "generation" not in values:
        return None
    return CheckpointSummary(
        id=str(config["configurable"]["checkpoint_id"]), when=when, generation=values["generation"],
        step=values["step"], next=after, pending=len(values["pending"]),
    )  # fmt: skip


def fork(old: Run, generation: int, home: AnyPath, changes: dict[str, Any]) -> Run:
    """Create a run with all versions of ``old`` up to and including ``generation``, to be continued from there.

    Args:
        old: the run to copy from; it is not changed.
        generation: the last generation to copy.
        home: where the new run goes.
        changes: settings of the new run that differ, such as explorer, seed or generations.

    Raises:
        InputError: ``old`` has no such generation, or ``home`` exists already.
        RunIsLocked: another process works on ``home``.
    """
    reached = max((card.generation for card in old.archive.cards()), default=-1)
    if not 0 <= generation <= reached:
        raise InputError(f"{old.home} has generations 0 to {reached}: it cannot be forked at {generation}")
    if old.config.staleness is not None:
        raise InputError(
            f"{old.home} is in a steady state: its versions follow from all turns in flight, so it has no generation "
            "to go on from; begin another run with --from"
        )
    if not holds_no_run(home):
        raise InputError(f"{home} is there already; choose another directory")
    config = RunConfig.model_validate(old.config.model_dump() | changes)
    with working_on(home):
        new = Run.create(home, config, old.environments(), old.given(), old.held_out())
        for card in old.archive.cards():
            if card.generation <= generation:
                copy_folder(old.archive.root, new.archive.root, card.id)
        new.archive.reindex()
        with checkpoints(new) as saver:
            _graph(new, saver).update_state(
                settings(new), {**initial_state(), "generation": generation + 1}, as_node="archive"
            )
    return new


def _graph(run: Run, saver: BaseCheckpointSaver[Any]) -> DiscoveryGraph:
    """Return a graph for reading and writing the checkpoints of a run; none of its nodes ever runs."""
    return graph_of(discovery_of(run, EvolveExplorer(), ProcessSandbox()), saver)
