"""The discovery loop as a LangGraph state machine.

    begin_step -> ask (slots in parallel) -> collect -> approve -> evaluate -> diagnose -> begin_step
    begin_step -> archive, when the generation is done -> begin_step, or final_evaluation after the last one

A generation passes from `begin_step` to `diagnose` twice: the step "propose" makes varied candidates, the step
"refine" makes variants of the best ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Send, StateSnapshot

from ..archive.rebuild import rebuild
from ..archive.run_directory import Run
from ..records.events import NodeFinished
from .nodes import Discovery, ExplorerFailed
from .savers import OLD_THREAD, checkpoints, forget_earlier, thread_of
from .state import DiscoveryInput, DiscoveryState, SlotRequest

__all__ = ["Discovery", "ExplorerFailed", "build", "checkpoints", "discover"]

SIDE_BY_SIDE = 4
"""Slots that run in parallel at the most."""

DiscoveryGraph = CompiledStateGraph[DiscoveryState, Any, Any, DiscoveryState]
ApprovalCallback = Callable[[Sequence[dict[str, str]]], list[str]]
"""Gets candidates (id, rationale, source), and returns the ids of those that may run."""


def build(
    discovery: Discovery, saver: BaseCheckpointSaver[Any] | None = None, settings: type[Any] | None = None
) -> DiscoveryGraph:
    """Return the compiled graph.

    Args:
        discovery: its methods are the nodes.
        saver: stores the checkpoints.
        settings: schema of the settings that a client of a LangGraph server may send.
    """
    graph = StateGraph(DiscoveryState, context_schema=settings, input_schema=DiscoveryInput)
    graph.add_node("begin_step", discovery.begin_step)
    graph.add_node("ask", discovery.ask, input_schema=SlotRequest)
    graph.add_node("collect", discovery.collect)
    graph.add_node("approve", discovery.approve)
    graph.add_node("evaluate", discovery.evaluate)
    graph.add_node("diagnose", discovery.diagnose)
    graph.add_node("archive", discovery.archive_generation)
    graph.add_node("final_evaluation", discovery.final_evaluation)

    def requests(state: DiscoveryState) -> list[Send] | str:
        if state["step"] == "done":
            return "archive"
        if state["generation"] == 0:
            return "collect"
        return [Send("ask", request) for request in discovery.requests(state)] or "collect"

    def next_generation(state: DiscoveryState) -> str:
        done = state["generation"] > discovery.run.config.generations or state["stopped"]
        return "final_evaluation" if done else "begin_step"

    def first_node(state: DiscoveryState) -> str:
        return "final_evaluation" if state["generation"] > discovery.run.config.generations else "begin_step"

    graph.add_conditional_edges(START, first_node, ["begin_step", "final_evaluation"])
    graph.add_conditional_edges("begin_step", requests, ["ask", "collect", "archive"])
    graph.add_edge("ask", "collect")
    graph.add_edge("collect", "approve")
    graph.add_edge("approve", "evaluate")
    graph.add_edge("evaluate", "diagnose")
    graph.add_edge("diagnose", "begin_step")
    graph.add_conditional_edges("archive", next_generation, ["begin_step", "final_evaluation"])
    graph.add_edge("final_evaluation", END)
    return graph.compile(checkpointer=saver)


def discover(
    discovery: Discovery,
    approve: ApprovalCallback = lambda candidates: [],
    build: Callable[[Discovery, BaseCheckpointSaver[Any]], DiscoveryGraph] = build,
) -> None:
    """Run or resume the discovery of a run directory until it has finished or reaches a limit.

    Args:
        discovery: the nodes, and the run that they work on.
        approve: called with the new candidates before they run, if the discovery wants approval.
        build: builds the graph; another one may have other nodes, of which `Discovery.last_node` is one.

    Raises:
        DamagedFile: the checkpoint is damaged.
        StorageUnavailable: the server that keeps the run does not answer.
        ExplorerFailed: the explorer has proposed nothing new for several generations.
        SandboxError: the sandbox failed.
    """
    run = discovery.run
    run.archive.sweep()
    rebuild(run)
    with checkpoints(run) as saver:
        graph, thread = build(discovery, saver), settings(run)
        if isinstance(run.home, Path):
            take_over(graph, saver, thread)
        begun = graph.get_state(thread)
        begin: Any = None if begun.next else {}
        if begun.values and (not begun.next or _waits_for_the_end(begun)):
            if begun.values["generation"] <= run.config.generations:  # the user may have raised a limit
                graph.update_state(thread, {"stopped": ""}, as_node=discovery.last_node)
                begin = None
            elif not begun.next:
                return
        while True:
            waiting: Sequence[dict[str, str]] | None = None
            for update in graph.stream(begin, thread, stream_mode="updates", durability="sync"):
                for node, interrupts in update.items():
                    if node == "__interrupt__":
                        waiting = interrupts[0].value["candidates"]
                    else:
                        discovery.tell(NodeFinished(node))
                        if node == "archive":
                            forget_earlier(run, saver)
            if waiting is None:
                return
            begin = Command(resume=approve(waiting))


def _waits_for_the_end(state: StateSnapshot) -> bool:
    """Return whether a run, which no limit has stopped, was killed before or in its final evaluation."""
    return state.next == ("final_evaluation",) and not state.values.get("stopped")


def settings(run: Run) -> Any:
    """Return the LangGraph config with which the graph of a run is invoked."""
    limit = 15 * run.config.generations + 40  # at most 14 nodes in a generation; then the final evaluation
    return {"configurable": {"thread_id": thread_of(run)}, "recursion_limit": limit, "max_concurrency": SIDE_BY_SIDE}


def take_over(graph: DiscoveryGraph, saver: BaseCheckpointSaver[Any], thread: Any) -> None:
    """Resume a run of version 0.1, whose nodes had other names.

    The current generation begins again. Answers of the explorer, verdicts and findings are on disk, so nothing is paid
    for or evaluated a second time.
    """
    old = saver.get_tuple({"configurable": {"thread_id": OLD_THREAD}})
    if old is None or graph.get_state(thread).values:
        return
    values = old.checkpoint["channel_values"]
    if "generation" not in values:  # killed before its first node
        return
    finished = not old_next_nodes(old)
    state = {"generation": values["generation"], "step": "", "pending": [], "barren": values["barren"]}
    graph.update_state(
        thread, {**state, "stopped": values["stopped"]}, as_node="final_evaluation" if finished else "archive"
    )


def old_next_nodes(checkpoint: CheckpointTuple) -> tuple[str, ...]:
    """Return the next nodes of a checkpoint of version 0.1; none at the end of a run."""
    values = checkpoint.checkpoint["channel_values"]
    sent = [task.node for task in values.get("__pregel_tasks", ())]
    return (*(key.partition("branch:to:")[2] for key in values if key.startswith("branch:to:")), *sent)
