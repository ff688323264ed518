"""The steady-state search as a LangGraph state machine.

    baselines -> search -> search -> ... -> final_evaluation

`search` ends when a generation is full: a generation is a number of admitted versions, and no barrier. Turns that are
in flight at its end go on while the next one begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph

from autotts.sandbox.base import Sandbox

from ...archive.run_directory import Run
from ...llm.budget import LlmBudget
from ...records.events import EventListener, ignore
from ...records.explorer import Explorer
from ..graph import ApprovalCallback, DiscoveryGraph
from ..graph import build as build_generations
from ..graph import discover as follow_graph
from ..nodes import Discovery, Renderer
from ..state import DiscoveryInput, DiscoveryState
from .nodes import SteadyDiscovery
from .turns import TurnEvent


def build(discovery: SteadyDiscovery, saver: BaseCheckpointSaver[Any] | None = None) -> DiscoveryGraph:
    """Return the compiled graph.

    Args:
        discovery: its methods are the nodes.
        saver: stores the checkpoints.
    """
    graph = StateGraph(DiscoveryState, input_schema=DiscoveryInput)
    graph.add_node("baselines", discovery.baselines)
    graph.add_node("search", discovery.search)
    graph.add_node("final_evaluation", discovery.final_evaluation)

    def next_node(state: DiscoveryState) -> str:
        if state["generation"] > discovery.run.config.generations or state["stopped"]:
            return "final_evaluation"
        return "search" if state["generation"] else "baselines"

    graph.add_conditional_edges(START, next_node, ["baselines", "search", "final_evaluation"])
    graph.add_conditional_edges("baselines", next_node, ["search", "final_evaluation"])
    graph.add_conditional_edges("search", next_node, ["search", "final_evaluation"])
    graph.add_edge("final_evaluation", END)
    return graph.compile(checkpointer=saver)


def graph_of(discovery: Discovery, saver: BaseCheckpointSaver[Any] | None = None) -> DiscoveryGraph:
    """Return the graph of a discovery, with a steady state or with generations."""
    return build(discovery, saver) if isinstance(discovery, SteadyDiscovery) else build_generations(discovery, saver)


def discovery_of(
    run: Run, explorer: Explorer, sandbox: Sandbox, report: EventListener = ignore, approve: bool = False,
    budget: LlmBudget | None = None, render: Renderer | None = None, candidates_at_once: int | None = None,
    follow: Sequence[TurnEvent] = (),
) -> Discovery:  # fmt: skip
    """Return the nodes of a run of either kind; see `Discovery`, and `SteadyDiscovery` for ``follow``.

    Raises:
        InputError: an option does not go with a steady state.
    """
    if run.config.staleness is None:
        return Discovery(run, explorer, sandbox, report, approve, budget, render, candidates_at_once)
    return SteadyDiscovery(
        run, explorer, sandbox, report, approve, budget, render, candidates_at_once, follow
    )


def discover(discovery: Discovery, approve: ApprovalCallback = lambda candidates: []) -> None:
    """Run or resume a discovery of either kind; see `loop.graph.discover`, also for the errors."""
    follow_graph(discovery, approve, graph_of)
