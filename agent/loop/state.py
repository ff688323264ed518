"""The state of the discovery graph: plain JSON, ids and figures; the bulk lies in the run directory."""

from __future__ import annotations

from typing import Annotated, TypeVar

from typing_extensions import TypedDict  # not that of typing: no schema can be made of it before Python 3.12

_Value = TypeVar("_Value")


def latest(old: _Value, new: _Value) -> _Value:
    """Return what was said last: several slots, side by side, may reach a limit in one step."""
    return new


class DiscoveryInput(TypedDict):
    """What a run begins with: nothing. A field of the state that nobody has set is 0 or empty."""


class DiscoveryState(TypedDict):
    """What the checkpoint keeps between two nodes."""

    generation: Annotated[int, latest]
    """The generation at work; 0 is that of the baselines."""
    step: Annotated[str, latest]
    """Empty before a generation begins, then "propose", "refine" and "done"."""
    pending: Annotated[list[str], latest]
    """Ids of the candidates of this generation, in the order of their proposal."""
    barren: Annotated[int, latest]
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
    return {"generation": 0, "step": "", "pending": [], "barren": 0, "stopped": ""}
