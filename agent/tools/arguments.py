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


Version = Annotated[str, Field(max_length=200, description="Id of a version, or of a draft (try-1, ...)")]
_LARGEST_OFFSET = 10**9
Rows = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="Rows to skip")]
Lines = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="Lines to skip")]
Characters = Annotated[int, Field(ge=0, le=_LARGEST_OFFSET, description="Characters to skip")]

Every = Annotated[bool, Field(description=f"Show all betas; default: {FEW} of them")]


def _split(value: Any) -> Any:
    """Accept "a, b" for ["a", "b"], because models write both."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ListVersionsArguments(Arguments):
    order: Literal["quality", "generation", "tokens"] = Field(
        "quality", description="Sort: best quality, latest generation or fewest tokens first"
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
        description="wrong, right; most_tokens; most_wasted (idle tokens); pruned_right, stopped_early, hopeless (see "
        "findings); lost_to (`other` right, `version` wrong); gained_on (the reverse)"
    )
    other: str | None = Field(None, max_length=200, description="Second version; only for lost_to and gained_on")
    beta: float | None = Field(None, ge=0, le=1, description="Only this beta; default: all")
    limit: int = Field(5, ge=1, le=50, description="Rows to show")
    offset: Rows = 0


class ReadTraceArguments(Arguments):
    version: Version
    episode: str = Field(
        max_length=100,
        description="e1:q7:b0.5:o1000 is environment 1, question 7, beta 0.5, branch order 1000",
    )
    offset: Lines = 0


class TryCandidateArguments(Arguments):
    source: str = Field(description="Complete Python module with one Controller subclass")
    against: str | None = Field(
        None, max_length=200, description="Version or draft to compare with; default: the first parent"
    )


class ExpectationArguments(Arguments):
    metric: Metric = Field(
        description="quality, accuracy, tokens, latency, or a finding: its tokens (idle_tokens, hopeless) or its "
        "episodes (others)"
    )
    direction: Direction = Field(
        description="Change against the first parent. same: within 0.2 points (quality, accuracy), within 2% (others), "
        "or under 10 episodes"
    )


class SubmitArguments(Arguments):
    source: str = Field(description="Complete Python module with one Controller subclass")
    rationale: str = Field(description="What you changed, why, and what it should improve")
    parents: Annotated[list[str], BeforeValidator(_split)] = Field(
        default_factory=list, max_length=8, description="Ids of the versions it builds on, the closest first"
    )
    expects: list[ExpectationArguments] = Field(
        default_factory=list, max_length=9, description="Predicted changes, checked on the whole search set"
    )
