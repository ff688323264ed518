"""The state of the discovery graph: plain JSON with ids and counts. All larger data is in the run directory."""

from __future__ import annotations

from typing import Annotated, TypeVar

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

_Value = TypeVar("_Value")


def latest(old: _Value, new: _Value) -> _Value:
    """Return the new value: several parallel slots may write the same field in one step."""
    return new


class DiscoveryInput(TypedDict):
    """The input of a run: empty. A field of the state that no node has set is 0 or empty."""


class DiscoveryState(TypedDict):
    """The state between two nodes, as the checkpoint stores it."""

    generation: Annotated[int, latest]
    """The current generation; generation 0 holds the baselines."""
    step: Annotated[str, latest]
    """Empty before a generation begins, then "propose", "refine" and "done"."""
    pending: Annotated[list[str], latest]
    """Ids of the candidates of this generation, in the order in which they were proposed."""
    barren: Annotated[int, latest]
    """Generations in a row without a new proposal."""
    stopped: Annotated[str, latest]
    """The limit that stops the run before its last generation; empty while there is none."""


class SlotRequest(TypedDict):
    """The input of one call of the explorer: one slot of a step."""

    generation: int
    step: str
    slot: int
    count: int
    """Number of proposals that are wanted."""
    island: int
    """Index of the island that the proposals belong to."""
    pending: list[str]


def initial_state() -> DiscoveryState:
    """Return the state at the beginning of a run."""
    return {"generation": 0, "step": "", "pending": [], "barren": 0, "stopped": ""}
