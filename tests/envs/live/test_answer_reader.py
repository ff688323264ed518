"""Final answers, probe answers, and classes of equal answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotts.envs.answers import math_is_installed
from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError
from autotts.envs.live.answer_reader import AnswerReader

BOX = "\n</think>\n\nFinal answer: \\boxed{"


def reader(*ways: str, answers: str = "exact") -> AnswerReader:
    found = extraction("--extract", *ways)
    assert found is not None
    return AnswerReader(found, answers)


@pytest.mark.parametrize(
    ("way", "text", "in_thought", "answer"),
    [
        ("boxed", r"<think>\boxed{1}</think> so \boxed{2}", False, "2"),
        ("boxed", r"maybe \boxed{1}</think> so \boxed{2}", True, "2"),
        ("boxed", r"<think>it is \boxed{1}</think> done", False, "1"),
        ("boxed", r"<think>it is \boxed{1} or so", False, "1"),
        ("boxed", r"it is \boxed{1} or so", True, "1"),
        ("boxed", r"<think>it is \boxed{1", False, None),
        ("number", "<think>first 3, then 4", False, None),
        ("number", "first 3, then 4", True, None),
        ("number", r"first 3, then \boxed{4} or 5", True, "4"),
        ("number", "first 3, then 4", False, "4"),
        ("number", "<think>first 3</think>\n\nSo 1,200 it is", False, "1200"),
        ("choice", r"<think>\boxed{\text{(b)}}", False, "B"),
        ("choice", "<think>(A)</think>So (C)", False, "C"),
        ("last-line", "a</think>\nb\n", True, "b"),
        ("last-line", "a\nb", True, None),
        (r"#### (\d+)", "<think>#### 4", False, None),
        (r"#### (\d+)", "x</think>#### 5", False, "5"),
        ("json:a.b", '<think>{"a":{"b":1}}</think>{"a":{"b": 2.50}}', False, "2.50"),
        ("boxed", "", False, None),
        ("boxed", "", True, None),
    ],
)
def test_final_answers(way: str, text: str, in_thought: bool, answer: str | None) -> None:
    assert reader(way).final(text, in_thought) == answer


@pytest.mark.parametrize(
    ("way", "suffix", "text", "ended", "answer"),
    [
        ("boxed", BOX, "42}", True, "42"),
        ("boxed", BOX, r"\frac{1}{2}} and more", False, r"\frac{1}{2}"),
        ("boxed", BOX, r"\frac{1}{2", False, None),
        ("boxed", BOX, "42", True, "42"),
        ("boxed", BOX, "42", False, None),
        ("boxed", BOX, "}", True, None),
        ("boxed", BOX, "  }", True, None),
        ("boxed", BOX, "", True, None),
        ("boxed", r"\boxed{", r"\{1\}}", False, r"\{1\}"),
        ("number", BOX, "1,200}", False, "1200"),
        ("number", BOX, "unknown}", False, None),
        ("number", "I have 20 words left. \\boxed{", "x}", False, None),
        ("choice", BOX, r"\text{(B)}}", False, "B"),
        ("last-line", BOX, "7} .", False, "7"),
        (r"#### (\d+)", BOX, "7}", False, "7"),
        (r"Answer: (\d+)", "\n\nAnswer: ", "7 of them\n", False, "7"),
        ("json:answer", '\n{"answer": ', '"x"} and', False, "x"),
        ("boxed", "\n\nThe answer is ", "\n42.\nBecause", False, "42."),
        ("number", "\n\nThe answer is ", "42.\nBecause 7", False, "7"),
        ("choice", "\n\nAnswer: ", "B) blue", False, "B"),
        ("choice", "\n\nAnswer: ", "blue", False, None),
        ("last-line", "\n\nAnswer: ", " \n", False, None),
        ("boxed", r"Answer in \boxed{}: ", r"\boxed{5}", False, "5"),
    ],
)
def test_probe_answers(way: str, suffix: str, text: str, ended: bool, answer: str | None) -> None:
    assert reader(way).probe(suffix, text, ended) == answer


def test_the_first_spelling_stands_for_its_class() -> None:
    classes = reader("boxed", answers="number").classes()
    seen = ["1/2", "2", "0.5", None, "2.0", "red", "Red", "1,000", "1e3"]
    assert list(map(classes.representative, seen)) == ["1/2", "2", "1/2", None, "2", "red", "red", "1,000", "1,000"]
    other = classes.copy()
    assert other.representative("3") == "3" and classes.representative("3.0") == "3.0"
    assert other.representative("3.0") == "3"


@pytest.mark.skipif(not math_is_installed(), reason="needs math-verify")
def test_formulas_with_one_value_are_one_vote() -> None:
    classes = reader("boxed", answers="math").classes()
    assert [classes.representative(text) for text in ("1/2", r"\frac{1}{2}", r"\dfrac12", "0.5")] == ["1/2"] * 4


@given(st.lists(st.sampled_from(["50%", "0.5", "50", "1/2", "x", "X"]), max_size=12))
def test_representatives_are_answers_seen_and_stay(answers: list[str]) -> None:
    """Equality of numbers is not transitive: 50% equals both 50 and 0.5."""
    classes = reader("boxed", answers="number").classes()
    first = [classes.representative(answer) for answer in answers]
    assert [classes.representative(answer) for answer in answers] == first
    assert all(found in answers[: at + 1] for at, found in enumerate(first))


def test_names_are_those_of_the_options() -> None:
    assert reader("boxed", "regex:a b", answers="number").names == {"extract": "boxed 'regex:a b'", "answers": "number"}
    with pytest.raises(InputError, match="--answers none"):
        reader("boxed", answers="none")


@given(st.text(alphabet="{}\\ \n0ab.</think>", max_size=30), st.text(alphabet="{}\\boxed ", max_size=12), st.booleans())
def test_no_text_makes_a_reader_raise(text: str, suffix: str, flag: bool) -> None:
    for way in ("boxed", "choice", "number", "last-line", "json:a", r"a(\d)"):
        for answer in (reader(way).final(text, flag), reader(way).probe(suffix, text, flag)):
            assert answer is None or answer == answer.strip() != ""
