"""Warns of an import whose figures are improbable. Each warning has a name, and says which option mends it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..answers.extraction import WAYS, Extraction
from ..counting import counted
from ..store import ABSENT, Environment

_FEW = 5
"""Branches below which no share is improbable."""
_MANY = 50
_LONG = 200
"""Characters of an answer that is rather a whole text."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning of an import."""

    name: str
    text: str

    def line(self) -> str:
        """Return the warning as a line of text."""
        return f"{self.name}: {self.text}"


@dataclass(slots=True)
class Extracted:
    """Counts of the answers that an option found in texts."""

    texts: int = 0
    found: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    """The number of answers by the way that found them."""
    cut: int = 0
    """Answers with a brace that is not closed, or not opened."""
    sample: str = ""
    """The first such answer."""

    def text(self, extraction: Extraction) -> str:
        """Return how often each way found the answer, as text for the user."""
        found = f"one in {self.found:,} of {counted(self.texts, 'text')}"
        if len(extraction.ways) > 1:
            found += f" ({', '.join(f'{way.name} {self.ways[way.name]:,}' for way in extraction.ways)})"
        return found

    def add(self, answer: str | None, way: str) -> None:
        """Count the answer of one text, and the way that found it."""
        self.texts += 1
        if answer is not None:
            self.found += 1
            self.ways[way] += 1
        if answer is not None and not _balanced(answer):
            self.cut += 1
            self.sample = self.sample or answer


def _balanced(answer: str) -> bool:
    bare = re.sub(r"\\[{}\\]", "", answer)
    return bare.count("{") == bare.count("}")


def warnings(environment: Environment, extracted: Extracted, extraction: Extraction | None) -> list[Warned]:
    """Return the warnings of an imported environment.

    Args:
        environment: the imported branches.
        extracted: the answers that were found in texts.
        extraction: how they were found, if they were.
    """
    found = _of_extraction(extracted, extraction)
    if len(environment.final_answers) >= _FEW:
        found += [*_of_shape(environment), *_of_answers(environment), *_of_questions(environment, extraction)]
    return found


def _of_shape(environment: Environment) -> Iterator[Warned]:
    if len(environment) == len(environment.final_answers):
        hint = "--question-id and --requests say which branches belong to one question"
        yield Warned("one-branch", f"one branch a question, so that there is nothing to vote on; {hint}")
    totals, delta = environment.total_tokens.astype(np.int64), environment.delta
    probed = environment.probes > 0
    short = probed & (2 * environment.probes.astype(np.int64) * delta < totals - delta)
    if 2 * short.sum() > probed.sum() >= _FEW:
        count = f"{int(short.sum()):,} of {int(probed.sum()):,} branches with probes"
        yield Warned("few-probes", f"{count} have none in the second half of their tokens; is probe_freq right?")


def _of_answers(environment: Environment) -> Iterator[Warned]:
    finals = environment.final_answers
    present = finals[finals != ABSENT]
    if not len(present):
        yield Warned("no-answer", f"no branch has an answer; {_ANSWER_HINT}")
        return
    right = finals == np.repeat(environment.gold, np.diff(environment.branch_offsets))
    if not right.any():
        yield _nothing_right(environment)
    elif right.all() and len(finals) >= _MANY and len(environment) > 1:
        yield Warned("all-right", "every branch is right; does --map take gold_answer from the answers?")
    if len(environment) > 1 and len(np.unique(present)) == 1:
        word = _short(environment.vocabulary[int(present[0])])
        yield Warned("one-answer", f"every answer is {word}; {_ANSWER_HINT}")
    long = [len(environment.vocabulary[answer]) > _LONG for answer in present.tolist()]
    if 2 * sum(long) > len(long):
        yield Warned("long-answers", f"most answers are whole texts; {_ANSWER_HINT}")


def _of_questions(environment: Environment, extraction: Extraction | None) -> Iterator[Warned]:
    """Yield a warning of the questions that no branch answers, if others are answered."""
    present = np.add.reduceat(environment.final_answers != ABSENT, environment.branch_offsets[:-1], dtype=np.int64)
    unanswered = np.flatnonzero((present == 0) & (np.diff(environment.branch_offsets) > 1))
    if not len(unanswered) or not present.any():
        return
    example = environment.label(int(unanswered[0]))
    where = f"in {counted(len(unanswered), 'question')} no branch has an answer, such as question {example}"
    hint = _ANSWER_HINT
    if extraction is not None:
        other = next((name for name in ("boxed", "choice", "number") if name not in _names(extraction)), "last-line")
        hint = f"--extract {extraction.name} {other} also finds answers of another form"
    yield Warned("unanswered-questions", f"{where}; {hint}")


def _names(extraction: Extraction) -> list[str]:
    return [way.name for way in extraction.ways]


_ANSWER_HINT = f"--map final_answer=PATH or --extract {'|'.join(WAYS)}|REGEX says where it is"


def _of_extraction(extracted: Extracted, extraction: Extraction | None) -> list[Warned]:
    if extraction is None or not extracted.texts:
        return []
    found, used = [], _names(extraction)
    if extracted.texts >= _FEW and 2 * extracted.found < extracted.texts:
        others = [name for name in WAYS if name not in used]
        found.append(
            Warned(
                "few-extracted",
                f"--extract {extraction.name} finds an answer in {extracted.found:,} of"
                f" {counted(extracted.texts, 'text')}; try --extract {', '.join([*others, 'a regular expression'])}",
            )
        )
    if extracted.cut:
        better = "the texts are cut there" if set(used) <= set(WAYS) else "--extract boxed reads nested braces"
        found.append(
            Warned(
                "unbalanced-braces",
                f"{extracted.cut:,} of {counted(extracted.found, 'extracted answer')} with a brace without its partner,"
                f" such as {_short(extracted.sample)}; {better}",
            )
        )
    return found


def _nothing_right(environment: Environment) -> Warned:
    words, gold = environment.vocabulary, environment.gold
    answers = environment.final_answers
    first = next(b for b in range(len(answers)) if answers[b] != ABSENT)
    question = int(np.searchsorted(environment.branch_offsets, first, side="right")) - 1
    sample = f"{_short(words[int(answers[first])])} against the gold answer {_short(words[int(gold[question])])}"
    golds = [words[int(index)] for index in gold]
    text = [words[int(index)] for index in np.unique(answers) if index != ABSENT]
    return Warned("nothing-right", f"no branch is right: {sample}; {_mend(golds, text, environment.answers)}")


def _mend(golds: list[str], answers: list[str], kind: str) -> str:
    """Return the option that most probably mends an import without right answers, which are compared by ``kind``."""
    if _most(golds, lambda text: "####" in text):
        return "--extract-gold '#### (.*)' takes the answer out of it"
    if _most(golds, lambda text: "\\boxed" in text or "\\fbox" in text):
        return "--extract-gold boxed takes the answer out of it"
    if _most(answers, lambda text: "\\boxed" in text or "\\fbox" in text):
        return "--extract boxed takes the answer out of it"
    for name, form in _FORMS.items():
        if _most(golds, partial(_has_form, form)):
            return f"--extract {name} finds {name}s in texts" + _comparison(name, kind)
    return "--map names other fields, --extract-gold takes a part of the gold answer" + _comparison("math", kind)


_FORMS = {"choice": re.compile(r"\(?[A-Ja-j]\)?\.?"), "number": re.compile(r"[-+$]?[\d.,]+%?")}
"""The forms of gold answers by the way to extract others like them."""


def _has_form(form: re.Pattern[str], text: str) -> bool:
    return form.fullmatch(text.strip()) is not None


def _comparison(name: str, kind: str) -> str:
    return "" if kind in (name, "math") else f", --answers {name} compares them"


def _most(texts: list[str], test: Callable[[str], bool]) -> bool:
    return bool(texts) and 2 * sum(map(test, texts)) > len(texts)


def _short(text: str) -> str:
    """Return ``text`` in quotes, cut off after 40 characters."""
    line = " ".join(text.split())
    return f"`{line if len(line) <= 40 else line[:40] + '...'}`"
