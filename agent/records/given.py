"""Controllers that a user gives to a run, from which the search starts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from .candidate import CandidateRecord
from .card import FrozenModel
from .explorer import Proposal
from .version import GIVEN


class GivenController(FrozenModel):
    """A controller of generation 0 that is no baseline of this program: a file, or a version of an archive."""

    id: str
    source: str
    origin: str
    """The name by which the user gave it."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Data of the explorer that wrote it, if it comes from an archive (`Card.data`)."""

    @classmethod
    def of(cls, source: str, origin: str, data: Mapping[str, Any] | None = None) -> Self:
        """Return the record of a controller; its id follows from its source."""
        digest = hashlib.sha256(source.encode()).hexdigest()
        return cls(id=f"g000-{digest[:8]}", source=source, origin=origin, data=dict(data or {}))

    @property
    def source_sha256(self) -> str:
        """The hash of its source."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def candidate(self) -> CandidateRecord:
        """Return it as a candidate of generation 0."""
        proposal = Proposal(self.source, f"Given to the run: {self.origin}.", data={GIVEN: True, **self.data})
        return CandidateRecord.proposed(proposal, 0, GIVEN, self.id)
