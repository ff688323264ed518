"""Finds answers that look alike to a reader, and that a comparison left apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from ..counting import counted
from .choice import read_choice
from .equivalences import Equivalence, NumberEquivalence
from .grouping import group
from .mathematics import read_formula
from .readings import marks, same_reading
from .text import fold, fold_markup, quoted

_LOOSER = {"exact": ("text", "choice", "number", "math"), "text": ("choice", "number", "math"),
           "number": ("choice", "math"), "choice": ("number", "math")}  # fmt: skip
"""For each kind, others that may call more answers the same."""


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Answers that look alike and were left apart."""

    first: str
    second: str
    question: int
    pairs: int
    questions: int
    kind: str
    """A kind that would put the first pair together."""

    def text(self, kind: str) -> str:
        """Return a warning in words."""
        pair = f"{quoted(self.first)} and {quoted(self.second)} in question {self.question}"
        more = f"{counted(self.pairs, 'such pair')} in {counted(self.questions, 'question')}"
        return f"{pair} are left apart by --answers {kind} ({more}); --answers {self.kind} puts them together"


def look_alikes(used: Equivalence, questions: Sequence[Sequence[str]]) -> LookAlikes | None:
    """Return the pairs of different answers that another kind of comparison would call the same.

    Args:
        used: the comparison by which the answers were grouped.
        questions: the different answers of each question, the gold answer first.
    """
    kinds = _LOOSER.get(used.name, ())
    looser = [_Looks(kind) for kind in kinds]
    pairs = concerned = 0
    found: tuple[bool, int, int, str, str] | None = None
    for question, answers in enumerate(questions):
        if not kinds or len(answers) < 2:
            continue
        classes = group(answers, _Any(looser), answers[:1])
        apart = [(text, other) for text, other in classes.items() if text != other]
        pairs += len(apart)
        concerned += bool(apart)
        for text, other in apart:  # a gold answer makes the best example, as accuracy depends on it
            candidate = (other != answers[0], len(text), question, text, other)
            found = candidate if found is None else min(found, candidate)
    if found is None:
        return None
    *_, question, text, other = found
    kind = next(looks.name for looks in looser if looks.same(text, other))
    return LookAlikes(other, text, question, pairs, concerned, kind)


class _Looks:
    """A kind of comparison, without the library, and restricted to answers that it understands."""

    def __init__(self, kind: str) -> None:
        self.name = kind

    def same(self, first: str, second: str) -> bool:
        """Return whether both answers are of this kind, and the same."""
        if self.name == "text":
            return fold(first) == fold(second)
        if self.name == "choice":
            one, other = read_choice(first), read_choice(second)
            return one is not None and one == other
        if self.name == "number":
            return NumberEquivalence().same(first, second)
        formula, second_formula = read_formula(first), read_formula(second)
        if formula is None or second_formula is None:
            return fold_markup(first) == fold_markup(second)
        return same_reading(formula, second_formula)

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return marks, as an `Equivalence` does."""
        if self.name == "text":
            return [fold(answer)]
        if self.name == "choice":
            chosen = read_choice(answer)
            return [] if chosen is None else [chosen]
        if self.name == "number":
            return NumberEquivalence().marks(answer)
        formula = read_formula(answer)
        return [fold_markup(answer)] if formula is None else marks(formula)


class _Any:
    """Calls answers the same if any of several kinds does."""

    name = "any"

    def __init__(self, kinds: Sequence[_Looks]) -> None:
        self.kinds = kinds

    def same(self, first: str, second: str) -> bool:
        """Return whether any kind calls the answers the same."""
        return any(kind.same(first, second) for kind in self.kinds)

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return the marks of all kinds, each kept apart from those of the others."""
        return [(kind.name, mark) for kind in self.kinds for mark in kind.marks(answer)]
