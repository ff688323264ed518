"""The state of the discovery graph: plain JSON, ids and figures; the bulk lies in the run directory."""

from __future__ import annotations

from typing import Annotated, TypedDict


def latest(old: str, new: str) -> str:
    """Return what was said last: several slots, side by side, may reach a limit in one step."""
    return new


class DiscoveryState(TypedDict):
    """What the checkpoint keeps between two nodes."""

    generation: int
    """The generation at work; 0 is that of the seeds."""
    step: str
    """Half of the generation: "propose", then "refine", then "done"."""
    pending: list[str]
    """Ids of the candidates of this generation, in the order of their proposal."""
    barren: int
    """Generations in a row for which nothing new was proposed."""
    stopped: Annotated[str, latest]
    """Why the run stops before its last generation (a limit that was reached); empty while it goes on."""


class SlotRequest(TypedDict):
    """What one call of the explorer is told: a slot of a step."""

    generation: int
    step: str
    slot: int
    count: int
    """Proposals wanted."""
    island: int
    """Which island's turn it is."""
    pending: list[str]


def initial_state() -> DiscoveryState:
    """Return the state that a run begins with."""
    return {"generation": 0, "step": "propose", "pending": [], "barren": 0, "stopped": ""}
