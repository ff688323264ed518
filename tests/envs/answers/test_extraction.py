"""The ways to find an answer in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotts.envs.answers.extraction import WAYS, extraction, plain_number

BOXED = [
    (r"so \boxed{\frac{7}{5}}", r"\frac{7}{5}"),
    (r"\boxed{1} then \fbox{2}", "2"),
    (r"\boxed 5", "5"),
    (r"$\boxed 57$.", "57"),
    (r"\boxed{\{1,2\}}", r"\{1,2\}"),
    (r"\boxed{\left\{x\right.}", r"\left\{x\right."),
    (r"\boxed{1} and then \boxed{\frac{1}{", None),
    (r"\boxed \frac{1}{2} is it", r"\frac{1}{2}"),
    (r"\(\boxed 5.\)", "5"),
    (r"\boxed{\boxed{3}}", "3"),
    (r"\boxed{ \text{(B) red} }", r"\text{(B) red}"),
    (r"<think>\boxed{1}", "1"),
    (r"\boxed{}", None),
    (r"\boxedx{3}", None),
    ("none", None),
]
CHOICES = [
    ("The answer is (B).", "B"),
    ("**Answer: C**", "C"),
    ("Answer: B) blue", "B"),
    (r"\boxed{D}", "D"),
    (r"the answer is $\boxed{\text{E}}$", "E"),
    ("I think (a) or (b)", "B"),
    ("b", "B"),
    ("A. red", "A"),
    ("The correct answer is option C because it is so", "C"),
    ("The answer is A because of that", "A"),
    ("The correct choice is: **D. a green thing**", "D"),
    ("(A)</think>so B it is. Answer: B", "B"),
    ("The answer is a dog", None),
    ("Answer: A man.", None),
    ("Answer: I don't know", None),
    ("Answer: (I)\nSo it is.", "I"),
    ("Answer: A is right", "A"),
    ("Answer: B is better than answer A.", "A"),
    ("<think>(A)", None),
    ("I do not know", None),
]
NUMBERS = [
    ("So 1,200 steps.", "1200"),
    ("it is -7.", "-7"),
    ("$4.50", "4.5"),
    ("-$5", "-5"),
    ("3/4", "3/4"),
    ("5 / 6 of it", "5/6"),
    (r"\frac{3}{4}", "3/4"),
    (r"-\frac{3}{4}", "-3/4"),
    ("5 km^2", "5"),
    ("12 cm^{2}", "12"),
    ("from 5-7", "7"),
    ("50%", "50"),
    ("100", "100"),
    ("4.0", "4"),
    ("-0.0", "0"),
    ("1e3", "1000"),
    (r"\boxed{5}", "5"),
    ("9 - 5 = 4\n#### 4", "4"),
    ("\u22125", "-5"),
    (".5", "0.5"),
    ("12,345,678.90", "12345678.9"),
    ("1</think>2", "2"),
    ("<think>1", None),
    ("none", None),
]
LINES = [
    ("a\n\n b \n", "b"),
    ("x\n**Answer: 5**", "5"),
    ("x\nThe final answer is: 7", "7"),
    ("#### 4", "4"),
    ("", None),
    ("<think>a\nb", None),
]
EXPRESSIONS = [("#### 4 #### 5 ", "5"), ("#### ", None), ("4", None)]


@pytest.mark.parametrize(
    ("way", "text", "answer"),
    [
        (way, *pair)
        for way, pairs in {
            "boxed": BOXED,
            "choice": CHOICES,
            "number": NUMBERS,
            "last-line": LINES,
            "#### (.*?)(?:$| )": EXPRESSIONS,
        }.items()
        for pair in pairs
    ],
)
def test_the_answer_is_found_in_a_text(way: str, text: str, answer: str | None) -> None:
    found = extraction("--extract", way)
    assert found is not None and found.find(text)[0] == answer


@given(st.text(alphabet="\\boxedfrac{}$ 0123456789,.-/<think>()ABanswer is\n", max_size=60))
def test_no_way_raises_or_returns_an_empty_answer(text: str) -> None:
    for find in WAYS.values():
        found = find(text)
        assert found is None or found == found.strip() != ""


@pytest.mark.parametrize("way", WAYS)
def test_long_texts_take_no_time(way: str) -> None:
    for text in ("\\boxed{" * 20_000, "answer is " * 20_000, "1,111" * 20_000, "((" * 50_000, " \n" * 50_000):
        WAYS[way](text)


def test_only_a_number_alone_is_a_plain_number() -> None:
    assert [plain_number(text) for text in ("1,200", " 4.0 ", "3 cm", "")] == ["1200", "4", None, None]
