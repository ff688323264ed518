"""Merges equal answers of an environment, so that all other code compares them as whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..counting import counted
from ..store import ABSENT, Environment
from .default import default_kind
from .equivalences import FORMS, Equivalence, equivalence
from .grouping import group
from .library import LIBRARY
from .look_alikes import LookAlikes, look_alikes
from .text import quoted

_PHRASES = {
    "exact": "character by character", "text": "as text", "number": "as numbers", "choice": "as options",
    "math": "as mathematics",
}  # fmt: skip


def comparison_in_words(kind: str) -> str:
    """Return how answers are compared, as text for the user."""
    return f"compared {_PHRASES.get(kind, f'by {kind}')}"


@dataclass(frozen=True, slots=True)
class AnswerComparison:
    """How the answers of an import were compared, and the result."""

    kind: str
    reason: str
    """Why this kind: what the user said, or what the data show."""
    merged: int = 0
    """The number of spellings that were replaced by another one of the same answer, summed over questions."""
    questions: int = 0
    """The number of questions in which spellings were replaced."""
    example: str = ""
    """A replaced spelling, as text for the user."""
    unanswered: int = 0
    """The number of formulas for which math-verify gave no answer in time; they are compared as text."""
    apart: LookAlikes | None = None
    """Spellings that look alike, and that the comparison left apart."""

    def line(self) -> str:
        """Return a line of text for the user."""
        line = f"answers: {comparison_in_words(self.kind)} ({self.reason})"
        if self.merged:
            count = f"{counted(self.merged, 'spelling')} in {counted(self.questions, 'question')}"
            line += f"; {count} {'was' if self.merged == 1 else 'were'} merged, such as {self.example}"
        if self.unanswered:
            line += f"; math-verify gave no answer in time for {counted(self.unanswered, 'formula')}, compared as text"
        return line

    def document(self) -> dict[str, Any]:
        """Return a JSON document."""
        apart = self.apart
        return {
            "kind": self.kind,
            "reason": self.reason,
            "merged": self.merged,
            "look_alikes": 0 if apart is None else apart.pairs,
        }


def compare_answers(
    environment: Environment,
    kind: str | None = None,
    right: Mapping[int, Sequence[str]] | None = None,
    compared: str | None = None,
    recording: bool = False,
) -> tuple[Environment, AnswerComparison]:
    """Return ``environment`` with one spelling for the equal answers of a question, and a report.

    The gold answer represents its class. If no two spellings of a question are the same answer, the content of the
    environment, and so its hash, stay as they are.

    Args:
        environment: answers as they were recorded.
        kind: see `equivalence`; None chooses one from the gold answers.
        right: for a question, spellings that count as right beside the gold answer.
        compared: the kind by which the answers were compared before they were written, if the file says so.
        recording: whether the file is a published recording, whose hash identifies it.

    Raises:
        InputError: see `equivalence`.
    """
    golds = [environment.vocabulary[code] for code in environment.gold.tolist()]
    if kind is not None:
        reason = f"--answers {kind}"
    elif compared is not None:
        reason = "as when the file was written; its lines say so"
        return replace(environment, answers=compared), AnswerComparison(compared, reason)
    else:
        kind, reason = default_kind(golds, environment.vocabulary[ABSENT + 1 :])
        if recording:
            kind, reason = "exact", f"a published recording keeps its hash; {reason}, so --answers {kind} fits"
        else:
            reason += f"; --answers {FORMS} to choose"
    chosen = equivalence(kind)
    LIBRARY.begin()
    lost = LIBRARY.lost
    merger = _AnswerMerger(environment, chosen, right or {})
    made = replace(merger.environment() if merger.merged else environment, answers=kind)
    apart = look_alikes(chosen, merger.left) if kind in _PHRASES else None
    comparison = AnswerComparison(
        kind, reason, merger.merged, merger.questions, merger.example, LIBRARY.lost - lost, apart
    )
    return made, comparison


class _AnswerMerger:
    """Groups the answers of each question, and replaces every answer by the representative of its class."""

    def __init__(self, environment: Environment, chosen: Equivalence, right: Mapping[int, Sequence[str]]) -> None:
        self.old = environment
        self.probes = environment.probe_answers.copy()
        self.finals = environment.final_answers.copy()
        self.merged = self.questions = 0
        self.example = ""
        self.left: list[list[str]] = []
        """The representatives of each question, the gold answer first."""
        codes = {word: code for code, word in enumerate(environment.vocabulary)}
        for question in range(len(environment)):
            gold = environment.vocabulary[environment.gold[question]]
            cells, finals = self._slices(question)
            used = np.unique(np.concatenate((self.probes[cells], self.finals[finals])))
            texts = [environment.vocabulary[code] for code in used.tolist() if code != ABSENT]
            classes = group(texts, chosen, [gold, *right.get(question, ())])
            self.left.append(list(dict.fromkeys([gold, *map(classes.__getitem__, texts)])))
            changed = {text: classes[text] for text in texts if classes[text] != text}
            if changed:
                self._replace(question, {codes[old]: codes[new] for old, new in changed.items()})
                self._count(question, gold, changed)

    def _slices(self, question: int) -> tuple[slice, slice]:
        branches, offsets = self.old.branches(question), self.old.probe_offsets
        return slice(offsets[branches.start], offsets[branches.stop]), slice(branches.start, branches.stop)

    def _replace(self, question: int, changed: Mapping[int, int]) -> None:
        cells, finals = self._slices(question)
        for column, part in ((self.probes, cells), (self.finals, finals)):
            used, places = np.unique(column[part], return_inverse=True)
            column[part] = np.array([changed.get(code, code) for code in used.tolist()], np.int32)[places]

    def _count(self, question: int, gold: str, changed: Mapping[str, str]) -> None:
        self.merged += len(changed)
        self.questions += 1
        if not self.example or (gold in changed.values() and " gold " not in self.example):
            old, new = min(changed.items(), key=lambda item: (item[1] != gold, len(item[0]), item))
            which = "the gold answer " if new == gold else ""
            self.example = f"{quoted(old)} with {which}{quoted(new)} in question {question}"

    def environment(self) -> Environment:
        """Return the environment with merged answers, numbered in the order in which they occur."""
        old = self.old
        parts: list[npt.NDArray[np.int32]] = [np.array([ABSENT], np.int32)]
        for question in range(len(old)):
            parts.append(old.gold[question : question + 1])
            for branch in old.branches(question):
                parts += (
                    self.probes[old.probe_offsets[branch] : old.probe_offsets[branch + 1]],
                    self.finals[branch : branch + 1],
                )
        used, first = np.unique(np.concatenate(parts), return_index=True)
        order = used[np.argsort(first)]
        number = np.zeros(len(old.vocabulary), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        made = replace(
            old,
            vocabulary=tuple(old.vocabulary[code] for code in order.tolist()),
            gold=number[old.gold],
            probe_answers=number[self.probes],
            final_answers=number[self.finals],
        )
        made.check()
        return made
