"""Reads answers of a live model: the final answer of a branch, the answer of a probe, and which answers are equal."""

from __future__ import annotations

from collections.abc import Hashable

from ..answers import Equivalence, equivalence
from ..answers.extraction import THOUGHT_END, Extraction, boxed, closing_brace

_THOUGHT_START = "<think>"
_LETTERS_AND_NUMBERS = ("choice", "number")
"""Ways whose answers have a form of their own: what they do not find is no answer."""


class AnswerReader:
    """Finds answers in what a model wrote. One reader serves any number of questions at once.

    Args:
        extraction: how the answer is found in a text.
        answers: how answers are compared: a kind of `envs.answers.equivalence`, by name.

    Raises:
        InputError: there is no such comparison.
    """

    def __init__(self, extraction: Extraction, answers: str = "exact") -> None:
        self.extraction = extraction
        self.equivalence = equivalence(answers)

    @property
    def names(self) -> dict[str, str]:
        """``extract`` and ``answers``, as the options take them: what an environment tells about its answers."""
        return {"extract": self.extraction.name, "answers": self.equivalence.name}

    def final(self, text: str, in_thought: bool = False) -> str | None:
        r"""Return the answer in the text of a whole branch, or None if it has none.

        The text after the thoughts is searched first. The thoughts themselves, whether they ended or were cut off, hold
        an answer only in a ``\boxed``.

        Args:
            text: everything that the model generated.
            in_thought: whether the prompt has opened the thoughts (``<think>``) already.

        Raises:
            InputError: the user's own function failed.
        """
        thoughts, tag, visible = text.rpartition(THOUGHT_END)
        if not tag:
            if not in_thought and _THOUGHT_START not in text:
                return self.extraction.find(text)[0]
            thoughts, visible = text, ""
        answer = self.extraction.find(visible)[0] if visible.strip() else None
        if answer is None and (content := boxed(thoughts)) is not None:
            answer = self._of_content(f"\\boxed{{{content}}}", content)
        return answer

    def probe(self, suffix: str, text: str, ended: bool = True) -> str | None:
        """Return the answer in ``text``, with which the model continued a branch after ``suffix``, or None.

        If the suffix has opened a brace, the answer goes to the brace that closes it. Otherwise it is found as in a
        whole text, or is the first line.

        Args:
            suffix: the suffix of the probe.
            text: the completion.
            ended: whether the model ended it. An answer in braces that the limit on tokens cut off is none.

        Raises:
            InputError: the user's own function failed.
        """
        opened = _open_brace(suffix)
        if opened is not None:
            end = closing_brace("{" + text, 0)
            if end is None and not ended:
                return None
            content = (text if end is None else text[: end - 1]).strip()
            return self._of_content(f"{suffix}{content}}}", content) if content else None
        line = next((line.strip() for line in text.splitlines() if line.strip()), "")
        found = self.extraction.find(text)[0] if line else None
        return found or (self._of_content(suffix + text, line) if line else None)

    def _of_content(self, whole: str, content: str) -> str | None:
        """Return the answer in a short text that is an answer, and maybe more: ``content``, which ends ``whole``."""
        for way in self.extraction.ways:
            if way.name in _LETTERS_AND_NUMBERS:
                found = way.find(content)
            elif way.name in ("boxed", "last-line"):
                return content
            else:
                found = way.find(whole) or way.find(content)
            if found is not None:
                return found
        strict = all(way.name in _LETTERS_AND_NUMBERS for way in self.extraction.ways)
        return None if strict else content

    def classes(self) -> AnswerClasses:
        """Return empty classes of equal answers, for one question."""
        return AnswerClasses(self.equivalence)


class AnswerClasses:
    """The different answers of one question. The first spelling seen stands for all answers that are equal to it."""

    def __init__(self, equivalence: Equivalence) -> None:
        self._equivalence = equivalence
        self._known: dict[str, str] = {}
        self._marked: dict[Hashable, list[str]] = {}

    def representative(self, answer: str | None) -> str | None:
        """Return the first answer seen that is equal to ``answer``; None for an absent one.

        Raises:
            InputError: the user's own comparison failed.
        """
        if answer is None or answer in self._known:
            return None if answer is None else self._known[answer]
        marks = list(self._equivalence.marks(answer))
        near = dict.fromkeys(other for mark in marks for other in self._marked.get(mark, ()))
        first = next((other for other in self._known if other in near and self._equivalence.same(other, answer)), None)
        self._known[answer] = answer if first is None else first
        if first is None:
            for mark in marks:
                self._marked.setdefault(mark, []).append(answer)
        return self._known[answer]

    def copy(self) -> AnswerClasses:
        """Return classes that can grow apart from these."""
        other = AnswerClasses(self._equivalence)
        other._known = dict(self._known)
        other._marked = {mark: list(answers) for mark, answers in self._marked.items()}
        return other


def _open_brace(suffix: str) -> int | None:
    """Return the place of the last brace of ``suffix`` that no later one closes."""
    places: list[int] = []
    for at, character in enumerate(suffix):
        if character == "{":
            places.append(at)
        elif character == "}" and places:
            places.pop()
    return places[-1] if places else None
