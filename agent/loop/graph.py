"""The discovery loop as a LangGraph state machine: propose -> execute -> diagnose -> refine -> archive.

Both `propose` and `refine` send the explorer's slots out side by side (``Send``); what comes back is collected,
approved where a person wants to be asked, and executed. So a generation goes round twice: wide steps, directed ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Send

from envs.errors import DamagedFile

from ..archive.rebuild import rebuild
from ..archive.run_directory import Run
from .nodes import Discovery, ExplorerFailed
from .state import DiscoveryInput, DiscoveryState, SlotRequest

__all__ = ["Discovery", "ExplorerFailed", "build", "discover"]

SIDE_BY_SIDE = 4
"""Slots of an explorer that are asked at a time."""

DiscoveryGraph = CompiledStateGraph[DiscoveryState, Any, Any, DiscoveryState]
ApprovalCallback = Callable[[Sequence[dict[str, str]]], list[str]]
"""Shown candidates (id, rationale, source), returns the ids of those that may run."""


def build(
    discovery: Discovery, saver: BaseCheckpointSaver[Any] | None = None, settings: type[Any] | None = None
) -> DiscoveryGraph:
    """Return the compiled graph.

    Args:
        discovery: its methods are the nodes.
        saver: where the checkpoints go.
        settings: schema of what a client of a LangGraph server may set; shown to clients.
    """
    graph = StateGraph(DiscoveryState, context_schema=settings, input_schema=DiscoveryInput)
    graph.add_node("propose", discovery.propose)
    graph.add_node("ask", discovery.ask, input_schema=SlotRequest)
    graph.add_node("collect", discovery.collect)
    graph.add_node("approve", discovery.approve)
    graph.add_node("execute", discovery.execute)
    graph.add_node("diagnose", discovery.diagnose)
    graph.add_node("refine", discovery.refine)
    graph.add_node("archive", discovery.file)
    graph.add_node("choose", discovery.choose)

    def asked(state: DiscoveryState) -> list[Send] | str:
        if state["step"] == "done":
            return "archive"
        if state["generation"] == 0:
            return "collect"
        return [Send("ask", ask) for ask in discovery.asks(state)] or "collect"

    def begins(state: DiscoveryState) -> str:
        return "choose" if state["generation"] > discovery.run.config.generations else "propose"

    def after(state: DiscoveryState) -> str:
        return "choose" if state["generation"] > discovery.run.config.generations or state["stopped"] else "propose"

    graph.add_conditional_edges(START, begins, ["propose", "choose"])
    graph.add_conditional_edges("propose", asked, ["ask", "collect", "archive"])
    graph.add_edge("ask", "collect")
    graph.add_edge("collect", "approve")
    graph.add_edge("approve", "execute")
    graph.add_edge("execute", "diagnose")
    graph.add_edge("diagnose", "refine")
    graph.add_conditional_edges("refine", asked, ["ask", "collect", "archive"])
    graph.add_conditional_edges("archive", after, ["propose", "choose"])
    graph.add_edge("choose", END)
    return graph.compile(checkpointer=saver)


def discover(discovery: Discovery, approve: ApprovalCallback = lambda candidates: []) -> None:
    """Run, or go on with, the discovery of a run directory until it is finished or a limit is reached.

    Args:
        discovery: of the run.
        approve: asked for each generation's candidates before they run, if the discovery wants approval.

    Raises:
        Damaged: the checkpoint is damaged.
        ExplorerFailed: the explorer has nothing new to propose.
        SandboxError: the sandbox failed.
    """
    run = discovery.run
    run.archive.sweep()
    rebuild(run)
    with checkpoints(run) as saver:
        graph, thread = build(discovery, saver), settings(run)
        begun = graph.get_state(thread)
        begin: Any = None if begun.next else {}
        if begun.values and not begun.next:
            if not begun.values.get("stopped") or begun.values["generation"] > run.config.generations:
                return
            graph.update_state(thread, {"stopped": ""}, as_node="archive")  # a limit may have been raised
            begin = None
        while True:
            waiting: Sequence[dict[str, str]] | None = None
            for update in graph.stream(begin, thread, stream_mode="updates", durability="sync"):
                for node, told in update.items():
                    if node == "__interrupt__":
                        waiting = told[0].value["candidates"]
                    else:
                        discovery.tell("node", node=node)
            if waiting is None:
                return
            begin = Command(resume=approve(waiting))


def settings(run: Run) -> Any:
    """Return the settings under which the graph of a run is invoked."""
    # eleven nodes a generation at the most, and the last choice
    limit = 15 * run.config.generations + 40
    return {"configurable": {"thread_id": "run"}, "recursion_limit": limit, "max_concurrency": SIDE_BY_SIDE}


@contextmanager
def checkpoints(run: Run) -> Iterator[SqliteSaver]:
    """Lend the run's checkpoint database.

    Raises:
        Damaged: it cannot be used.
    """
    try:
        with closing(sqlite3.connect(run.checkpoint, check_same_thread=False)) as connection:
            yield SqliteSaver(connection)
    except sqlite3.OperationalError as error:
        raise DamagedFile(f"{run.checkpoint}: cannot be written or read ({error}); mend that, and resume") from None
    except sqlite3.DatabaseError as error:
        raise DamagedFile(
            f"{run.checkpoint}: damaged ({error}); remove it, and resume: the archive is kept"
        ) from None
