"""The state of the discovery graph: plain JSON, ids and figures; the bulk lies in the run directory."""

from __future__ import annotations

from typing import TypedDict


class State(TypedDict):
    """What the checkpoint keeps between two nodes."""

    generation: int
    """The generation at work; 0 is that of the seeds."""
    pending: list[str]
    """Ids of the candidates of this generation, in the order of their proposal."""
    refined: bool
    """Whether this generation has been refined."""
    barren: int
    """Generations in a row for which nothing new was proposed."""
