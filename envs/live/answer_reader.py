"""Reads answers of a live model: the final answer of a branch, the answer of a probe, and which answers are equal."""

from __future__ import annotations

from ..answers import Equivalence, equivalence
from ..importing.extraction import Extraction


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
        """Return the answer in the text of a whole branch, or None if it has none.

        Args:
            text: everything that the model generated.
            in_thought: whether the prompt has opened the thoughts (``<think>``) already.
        """
        raise NotImplementedError

    def probe(self, suffix: str, text: str) -> str | None:
        """Return the answer in ``text``, with which the model continued a branch after ``suffix``, or None."""
        raise NotImplementedError

    def classes(self) -> AnswerClasses:
        """Return empty classes of equal answers, for one question."""
        return AnswerClasses(self.equivalence)


class AnswerClasses:
    """The different answers of one question. The first spelling seen stands for all answers that are equal to it."""

    def __init__(self, equivalence: Equivalence) -> None:
        self._equivalence = equivalence

    def representative(self, answer: str | None) -> str | None:
        """Return the first answer seen that is equal to ``answer``; None for an absent one."""
        raise NotImplementedError
