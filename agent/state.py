"""The state of the discovery graph: plain JSON, ids and figures; the bulk lies in the run directory."""

from __future__ import annotations

from typing import Annotated, TypedDict


def merged(old: dict[str, bool], new: dict[str, bool] | None) -> dict[str, bool]:
    """Return what all of the parallel asks have told; None forgets it."""
    return {} if new is None else {**old, **new}


class State(TypedDict):
    """What the checkpoint keeps between two nodes."""

    generation: int
    """The generation at work; 0 is that of the seeds."""
    step: str
    """Half of the generation: "propose", then "refine", then "done"."""
    asked: Annotated[dict[str, bool], merged]
    """Slots of this step in which the explorer has been asked, and whether it may be asked again."""
    pending: list[str]
    """Ids of the candidates of this generation, in the order of their proposal."""
    barren: int
    """Generations in a row for which nothing new was proposed."""
    stopped: str
    """Why the run stops before its last generation (a limit that was reached); empty while it goes on."""


class Ask(TypedDict):
    """What one call of the explorer is told: a slot of a step."""

    generation: int
    step: str
    slot: int
    count: int
    """Proposals wanted."""
    pending: list[str]


def first() -> State:
    """Return the state that a run begins with."""
    return {"generation": 0, "step": "propose", "asked": {}, "pending": [], "barren": 0, "stopped": ""}
