"""The arguments of the tools, as a language model may give them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..versions import Direction, Metric
from .finding_episodes import Kind
from .workbench import MOST_CURVES


class Arguments(BaseModel):
    """Arguments of a tool: none but those that it has."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Version = Annotated[str, Field(max_length=200, description="Id of a version (see list_versions) or a draft (try-1)")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="Where to go on: the number that '(more: offset=N)' names")]


def _listed(value: Any) -> Any:
    """Take "a, b" for ["a", "b"]: models write both."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ListVersions(Arguments):
    order: Literal["quality", "generation", "tokens"] = Field(
        "quality", description="Best first, newest first, or most frugal first"
    )
    limit: int = Field(15, ge=1, le=100, description="Most rows")
    offset: Offset = 0


class ReadSource(Arguments):
    version: Version
    offset: Offset = 0


class ScalingCurve(Arguments):
    versions: Annotated[list[str], BeforeValidator(_listed)] = Field(
        min_length=1, max_length=MOST_CURVES, description="Ids of versions or drafts"
    )
    offset: Offset = 0


class Compare(Arguments):
    first: Version
    second: Version


class Findings(Arguments):
    version: Version


class FindEpisodes(Arguments):
    version: Version
    kind: Kind = Field(description="What to look for, see above")
    other: str | None = Field(None, max_length=200, description="Second version, for lost_to and gained_on alone")
    beta: float | None = Field(None, ge=0, le=1, description="Only episodes at this beta of the grid; all if left out")
    limit: int = Field(10, ge=1, le=50, description="Most rows")
    offset: Offset = 0


class ReadTrace(Arguments):
    version: Version
    episode: str = Field(max_length=100, description="Handle, such as e1:q7:b0.5:s1000")
    offset: Offset = 0


class TryCandidate(Arguments):
    source: str = Field(description="A complete Python module with one Controller subclass")
    against: str | None = Field(None, max_length=200, description="Version to hold it against; a parent if left out")


class Expects(Arguments):
    metric: Metric = Field(
        description="quality: at equal tokens; accuracy, tokens, latency: means over betas; idle_tokens, hopeless: "
        "tokens of the finding; others: its episodes. same: within 0.2 points, or 2%, or fewer than 10 episodes"
    )
    direction: Direction = Field(description="Against the first parent")


class Submit(Arguments):
    source: str = Field(description="A complete Python module with one Controller subclass")
    rationale: str = Field(description="A few sentences: what was changed, why, and what it should improve")
    parents: Annotated[list[str], BeforeValidator(_listed)] = Field(
        default_factory=list, max_length=8, description="Ids of the versions that it comes from, the closest first"
    )
    expects: list[Expects] = Field(
        default_factory=list, max_length=9, description="What it should change: checked afterwards, and told next time"
    )
