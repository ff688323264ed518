"""The lines of a collection's journal: what each request brought."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, TypeAlias

from ..exchange import TokenUse


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """A command began to work on the collection."""

    date: str
    """In UTC, ISO 8601."""
    servers: list[str]
    """The server program and the address of each endpoint, without credentials."""


@dataclass(frozen=True, slots=True)
class IntervalDone:
    """A branch has run an interval, or the rest of an interval to its end."""

    question: int
    branch: int
    text: str
    ids: list[int] | None
    """The tokens of ``text``; None if the server returned none."""
    tokens: int
    ended: bool
    """Whether the branch is finished."""
    reason: str
    """Why the server stopped."""
    signals: dict[str, float]
    use: list[int]
    """What the request cost: the fields of `TokenUse` in order."""
    confidences: list[float] | None = None
    """The confidence of each token (`Completion.confidences`); None if the server gave none."""


@dataclass(frozen=True, slots=True)
class ProbeDone:
    """A branch was probed at its present depth."""

    question: int
    branch: int
    text: str
    """What the model wrote after the suffix."""
    tokens: int
    signals: dict[str, float]
    use: list[int]


@dataclass(frozen=True, slots=True)
class BranchScored:
    """The verifier has judged a branch at its present depth, or at its end."""

    question: int
    branch: int
    score: float | None


@dataclass(frozen=True, slots=True)
class BranchLost:
    """A branch cannot go on, though its server answers."""

    question: int
    branch: int
    why: str
    use: list[int]


@dataclass(frozen=True, slots=True)
class RequestsMade:
    """Requests that belong to no branch, or that failed."""

    use: list[int] = field(default_factory=list)


CollectRecord: TypeAlias = SessionBegan | IntervalDone | ProbeDone | BranchScored | BranchLost | RequestsMade
_KINDS: Mapping[str, type[CollectRecord]] = {
    "session": SessionBegan, "interval": IntervalDone, "probe": ProbeDone, "score": BranchScored, "lost": BranchLost,
    "requests": RequestsMade,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_json(record: CollectRecord) -> str:
    """Return ``record`` as one line of JSON, without a line break."""
    values = asdict(record)
    if values.get("confidences", 0) is None:  # a line without them is as it always was
        del values["confidences"]
    return json.dumps({"kind": _NAMES[type(record)], **values}, separators=(", ", ": "))


def from_json(document: Mapping[str, Any]) -> CollectRecord:
    """Return the record that a line of the journal holds.

    Raises:
        ValueError: it holds none.
    """
    values = dict(document)
    kind = _KINDS.get(str(values.pop("kind", "")))
    if kind is None:
        raise ValueError("a line of no known kind")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"a line with other fields ({error})") from None


def numbers(use: TokenUse) -> list[int]:
    """Return the fields of ``use`` in order."""
    return list(astuple(use))


def token_use(values: list[int]) -> TokenUse:
    """Return the `TokenUse` of `numbers`."""
    return TokenUse(*values)
