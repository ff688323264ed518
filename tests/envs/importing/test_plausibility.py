"""Warnings of imports whose figures are improbable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError

from .files import LINE, jsonl, read


def warned(path: Path, lines: list[Any], **options: Any) -> dict[str, str]:
    """Return the warnings of an import by name."""
    env, report = read(jsonl(path / "x.jsonl", *lines), **options)
    assert env is not None and all(line.count("\n") == 0 for line in report.lines())
    return {warning.name: warning.text for warning in report.warnings}


def lines(golds: list[str], answers: list[str | None], **more: Any) -> list[Any]:
    """Return a line for each answer to each question."""
    return [
        LINE | {"question": f"q{q}", "gold_answer": gold, "final_answer": answer, **more}
        for q, gold in enumerate(golds)
        for answer in answers
    ]


@pytest.mark.parametrize(
    ("golds", "answers", "mend"),
    [
        (["9-5\n#### 4", "1\n#### 1"], ["7", "8", "9"], "--extract-gold '#### (.*)'"),
        ([r"so \boxed{4}", r"so \boxed{1}"], ["7", "8", "9"], "--extract-gold boxed"),
        (["4", "1"], [r"it is \boxed{7}", r"or \boxed{8}", r"or \boxed{9}"], "--extract boxed"),
        (["B", "(C)"], ["the red one", "the blue one", "none"], "--extract choice"),
        (["1,200", "7"], ["twelve", "hundred", "none"], "--extract number"),
        (["x^2", "x+1"], ["y", "z", "w"], "--extract-gold"),
    ],
)
def test_an_import_without_right_answers_names_what_mends_it(
    tmp_path: Path, golds: list[str], answers: list[str | None], mend: str
) -> None:
    found = warned(tmp_path, lines(golds, answers))
    assert list(found) == ["nothing-right"] and "against the gold answer `" in found["nothing-right"]
    assert mend in found["nothing-right"]


def test_other_improbable_figures_are_named(tmp_path: Path) -> None:
    assert not warned(tmp_path, lines(["1", "2"], ["1", "2", None]))
    assert not warned(tmp_path, lines(["1"], ["2", "2"])), "too few to say"
    assert list(warned(tmp_path, lines(["1"] * 9, ["1"] * 6))) == ["all-right", "one-answer"]
    assert list(warned(tmp_path, lines(["1", "2"], ["2", "2", "2"]))) == ["one-answer"]
    assert list(warned(tmp_path, lines(["1", "2"], [None] * 3))) == ["no-answer"]
    assert "--question-id" in warned(tmp_path, lines([str(q) for q in range(6)], ["1"]))["one-branch"]
    texts: list[str | None] = [f"{n} " * 150 for n in range(5)]
    assert list(warned(tmp_path, lines(["1", "2"], [*texts, "1"]))) == ["long-answers"]


def test_probes_that_end_early_are_named(tmp_path: Path) -> None:
    def probed(total: int) -> list[Any]:
        return lines(["1", "2"], ["1", "2", "3"], probe_freq=50, probe_answers=["1"] * 4, total_tokens=total)

    assert not warned(tmp_path, probed(449))
    assert list(warned(tmp_path, probed(2100))) == ["few-probes"]


def test_extracted_answers_are_checked(tmp_path: Path) -> None:
    texts = [LINE | {"text": rf"so \boxed{{\frac{{7}}{{{n}}}}}", "gold_answer": r"\frac{7}{5}"} for n in range(4, 9)]
    cut = warned(tmp_path, texts, extract=extraction("", r"\\boxed\{([^}]*)\}"))
    assert list(cut) == ["unbalanced-braces", "nothing-right"] and r"such as `\frac{7`" in cut["unbalanced-braces"]
    assert "5 of 5" in cut["unbalanced-braces"] and "--extract boxed" in cut["unbalanced-braces"]
    assert not warned(tmp_path, texts, extract=extraction("", "boxed"))
    few = warned(tmp_path, texts, extract=extraction("", "choice"))
    assert "in 0 of 5 texts; try --extract boxed, number, last-line" in few["few-extracted"] and "no-answer" in few


def test_whole_texts_as_answers_are_refused(tmp_path: Path) -> None:
    said = [LINE | {"text": text, "final_answer": text.lower()} for text in ("I say 1", "So it is 1", "1")]
    path = jsonl(tmp_path / "x.jsonl", *said)
    with pytest.raises(InputError, match=r"2 of 3 answers are the whole texts.*--extract number, choice"):
        read(path)
    env, _ = read(path, extract=extraction("", "number"))
    assert env is not None and env.final_answers.tolist() == [1, 1, 1]
    env, _ = read(path, extract=extraction("", "(?s).*"), answers="exact")
    assert env is not None and len(set(env.final_answers.tolist())) == 3
