"""The arguments of the tools, validated as a language model may send them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..records.version import Direction, Metric
from ..records.workbench import EpisodeKind
from .workbench import FEW, MOST_CURVES


class Arguments(BaseModel):
    """Base class of a tool's arguments; unknown arguments are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Version = Annotated[str, Field(max_length=200, description="Version or draft")]
_LARGEST_OFFSET = 10**9
Rows = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="Rows to skip")]
Lines = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="Lines to skip")]
Characters = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="Characters to skip")]

Every = Annotated[bool, Field(description=f"All betas; default: {FEW}")]


def _split(value: Any) -> Any:
    """Accept "a, b" for ["a", "b"], because models write both."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ListVersionsArguments(Arguments):
    order: Literal["quality", "generation", "tokens"] = Field(
        "quality", description="Best quality, latest generation or fewest tokens first"
    )
    limit: int = Field(5, ge=1, le=100, description="Rows to show")
    offset: Rows = 0


class ReadSourceArguments(Arguments):
    version: Version
    offset: Characters = 0


class ScalingCurveArguments(Arguments):
    versions: Annotated[list[str], BeforeValidator(_split)] = Field(
        min_length=1, max_length=MOST_CURVES, description=f"1 to {MOST_CURVES} ids of versions or drafts"
    )
    every: Every = False
    offset: Lines = 0


class CompareArguments(Arguments):
    first: Version
    second: Version
    every: Every = False


class FindingsArguments(Arguments):
    version: Version


class FindEpisodesArguments(Arguments):
    version: Version
    kind: EpisodeKind = Field(
        description="most_wasted: idle tokens. lost_to: `other` right, `version` wrong; gained_on: the reverse"
    )
    other: str | None = Field(None, max_length=200, description="For lost_to and gained_on")
    beta: float | None = Field(None, ge=0, le=1, description="Default: all")
    limit: int = Field(5, ge=1, le=50, description="Rows to show")
    offset: Rows = 0


class ReadTraceArguments(Arguments):
    version: Version
    episode: str = Field(
        max_length=100,
        description="Such as e1:q7:b0.5:o1000: environment, question, beta, branch order",
    )
    offset: Lines = 0


class TryCandidateArguments(Arguments):
    source: str = Field(description="Complete Python module with one Controller subclass")
    against: str | None = Field(
        None, max_length=200, description="Compare with; default: the first parent"
    )


class ExpectationArguments(Arguments):
    metric: Metric = Field(
        description="A finding counts its episodes, or its tokens (idle_tokens, hopeless)"
    )
    direction: Direction = Field(
        description="Against the first parent; same: within 0.2 points or 2%, or under 10 episodes"
    )


class SubmitArguments(Arguments):
    source: str = Field(description="Complete module")
    rationale: str = Field(description="The change, its reason, and the expected gain")
    parents: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list, max_length=8, description="Ids of the versions it builds on, the closest first"
    )
    expects: list[ExpectationArguments] = Field(
        default_factory=list, max_length=9, description="Predicted changes, checked on the whole search set"
    )
