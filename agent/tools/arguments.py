"""The arguments of the tools, as a language model may give them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..records.version import Direction, Metric
from .episode_search import Kind
from .workbench import FEW, MOST_CURVES


class Arguments(BaseModel):
    """Arguments of a tool: none but those that it has."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Version = Annotated[str, Field(max_length=200, description="Version or draft")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="See more")]

Every = Annotated[bool, Field(description=f"Every beta; else {FEW}")]


def _listed(value: Any) -> Any:
    """Take "a, b" for ["a", "b"]: models write both."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ListVersionsArguments(Arguments):
    order: Literal["quality", "generation", "tokens"] = Field("quality", description="What first")
    limit: int = Field(5, ge=1, le=100, description="Rows")
    offset: Offset = 0


class ReadSourceArguments(Arguments):
    version: Version
    offset: Offset = 0


class ScalingCurveArguments(Arguments):
    versions: Annotated[list[str], BeforeValidator(_listed)] = Field(
        min_length=1, max_length=MOST_CURVES, description="Ids"
    )
    every: Every = False
    offset: Offset = 0


class CompareArguments(Arguments):
    first: Version
    second: Version
    every: Every = False


class FindingsArguments(Arguments):
    version: Version


class FindEpisodesArguments(Arguments):
    version: Version
    kind: Kind = Field(description="See above")
    other: str | None = Field(None, max_length=200, description="For lost_to and gained_on alone")
    beta: float | None = Field(None, ge=0, le=1, description="All if left out")
    limit: int = Field(5, ge=1, le=50, description="Rows")
    offset: Offset = 0


class ReadTraceArguments(Arguments):
    version: Version
    episode: str = Field(max_length=100, description="Such as e1:q7:b0.5:o1000")
    offset: Offset = 0


class TryCandidateArguments(Arguments):
    source: str = Field(description="A complete module")
    against: str | None = Field(None, max_length=200, description="Version to hold it against, if no parent")


class ExpectationArguments(Arguments):
    metric: Metric = Field(
        description="Findings count episodes, idle_tokens and hopeless tokens. same: within 0.2 points, 2%, 10 episodes"
    )
    direction: Direction = Field(description="Against the first parent")


class SubmitArguments(Arguments):
    source: str = Field(description="A complete module")
    rationale: str = Field(description="What was changed, why, what it should improve")
    parents: Annotated[list[str], BeforeValidator(_listed)] = Field(
        default_factory=list, max_length=8, description="Versions that it comes from, the closest first"
    )
    expects: list[ExpectationArguments] = Field(
        default_factory=list, max_length=9, description="The hypothesis, checked afterwards"
    )
