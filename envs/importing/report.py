"""The report of an import: the imported data, and the skipped rows with reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..answers.comparison import AnswerComparison
from ..counting import counted
from ..store import Environment
from .plausibility import Warned

MOST_SKIPPED = 0.01
"""The largest share of rows and branches that may be skipped without the user's consent."""
_PLACES = 5
_MOST_REASONS = 100


@dataclass(slots=True)
class Skipped:
    """The rows and branches that were skipped for one reason."""

    count: int = 0
    places: list[str] = field(default_factory=list)
    """The first few places in the files."""


@dataclass(slots=True)
class ImportReport:
    """The result of an import: sizes of the environment, skipped rows and notes."""

    environment: str
    format: str
    files: list[str]
    questions: int = 0
    branches: int = 0
    width: tuple[int, int] = (0, 0)
    """Fewest and most branches of a question."""
    probes: int = 0
    delta: int = 0
    """Tokens of an interval."""
    hash: str = ""
    rows: int = 0
    """The rows of the files, each with one branch or several."""
    skipped_rows: int = 0
    """The rows that were skipped with all their branches."""
    skipped: dict[str, Skipped] = field(default_factory=dict)
    """The skipped rows by reason."""
    answers: AnswerComparison | None = None
    """How answers were compared."""
    notes: list[str] = field(default_factory=list)
    """Facts that a reader of the figures should know."""
    warnings: list[Warned] = field(default_factory=list)
    """Reasons to doubt the figures."""
    suggestion: list[str] = field(default_factory=list)
    """Words of options that probably give the fields that are missing in skipped branches."""

    @property
    def count(self) -> int:
        """The number of skipped rows and branches."""
        return sum(entry.count for entry in self.skipped.values())

    def refusal(self, *, strict: bool, allow_skips: bool) -> str | None:
        """Return why the environment must not be written, or None."""
        total = self.count + self.branches
        if not self.branches:
            return "no branch is usable"
        if strict and self.count:
            return "--strict allows no skipped branch"
        if self.skipped_rows > MOST_SKIPPED * self.rows and not allow_skips:
            share = f"{self.skipped_rows:,} of {counted(self.rows, 'row')}"
            return f"{share} would be skipped (--allow-skips takes the others)"
        if self.count > MOST_SKIPPED * total and not allow_skips:
            return f"{self.count:,} of {counted(total, 'branch')} would be skipped (--allow-skips takes the others)"
        return None

    def skip_row(self, place: str, why: str) -> None:
        """Record that a row was skipped with all its branches."""
        self.skipped_rows += 1
        self.skip(place, why)

    def skip(self, place: str, why: str) -> None:
        """Record that ``place``, a branch or a row, was skipped."""
        if why not in self.skipped and len(self.skipped) >= _MOST_REASONS:
            why = "another reason"
        entry = self.skipped.setdefault(why, Skipped())
        entry.count += 1
        if len(entry.places) < _PLACES:
            entry.places.append(place)

    def describe(self, environment: Environment) -> None:
        """Record the sizes of ``environment``, and notes on it."""
        widths = np.diff(environment.branch_offsets)
        self.questions, self.branches = len(environment), len(environment.final_answers)
        self.width = int(widths.min()), int(widths.max())
        self.probes, self.delta = len(environment.probe_answers), environment.delta
        self.hash = environment.hash
        absent = int((environment.final_answers == 0).sum())
        if absent:
            self.notes.append(f"{absent:,} of {counted(self.branches, 'branch')} without a final answer")
        if self.width[0] != self.width[1]:
            self.notes.append(f"questions have {self.width[0]} to {self.width[1]} branches")
        if not self.probes:
            self.notes.append("width only: no probe answers, so that a step runs a branch to its end")

    def add_comparison(self, comparison: AnswerComparison) -> None:
        """Record how answers were compared, and warn of those that look alike and were left apart."""
        self.answers = comparison
        if comparison.apart is not None:
            self.warnings.append(Warned("look-alikes", comparison.apart.text(comparison.kind)))

    def reasons(self) -> list[tuple[str, Skipped]]:
        """Return the reasons for skipped rows, the most frequent first."""
        return sorted(self.skipped.items(), key=lambda item: -item[1].count)

    def first(self) -> str:
        """Return the most frequent reason as one line of text."""
        for why, entry in self.reasons():
            return f"{why} ({entry.places[0]}{f', and {entry.count - 1} more' if entry.count > 1 else ''})"
        return "there are no rows"

    def lines(self) -> list[str]:
        """Return the report as lines of text for the user."""
        lines = [] if self.answers is None else [f"  {self.answers.line()}"]
        if self.count:
            lines.append(f"  skipped {self.count}:")
        for why, entry in self.reasons():
            more = ", ..." if entry.count > len(entry.places) else ""
            lines.append(f"    {entry.count:>7,}  {why} ({', '.join(entry.places)}{more})")
        lines += [f"  note: {note}" for note in self.notes]
        return lines + [f"  warning: {warning.line()}" for warning in self.warnings]

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {
            "environment": self.environment,
            "format": self.format,
            "files": self.files,
            "hash": self.hash,
            "questions": self.questions,
            "branches": self.branches,
            "width": list(self.width),
            "probes": self.probes,
            "delta": self.delta,
            "answers": None if self.answers is None else self.answers.document(),
            "skipped": [{"reason": why, "count": entry.count, "places": entry.places} for why, entry in self.reasons()],
            "notes": self.notes,
            "warnings": [{"name": warning.name, "text": warning.text} for warning in self.warnings],
        }
