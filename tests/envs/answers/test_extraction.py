"""The ways to find an answer in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotts.envs.answers.extraction import WAYS, extraction, plain_number
from autotts.envs.answers.json_value import last_json_value
from autotts.envs.errors import InputError

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


JSON = [
    ("json:answer", '{"answer": 4}', "4"),
    ("json:answer", 'first {"answer": 1} then ```json\n{"answer": "x y", "why": {"answer": 3}}\n```', "x y"),
    ("json:a.b", '{"a": {"b": 1.50}} {"a": {}}', "1.50"),
    ("json:a.0", '{"a": [true, null]}', "true"),
    ("json:a.1", '{"a": [true, null]}', None),
    ("json:a", '{"a": {"b": [1, "é"]}}', '{"b":["1","é"]}'),
    ("json:a", '<think>{"a": 1}</think>no', None),
    ("json:a", '{"a": 1', None),
    ("json:a", '{"b": {"a": 1', None),
    ("json:a", '{ {"a": 2}', "2"),
    ("json:0.a", '[{"a": 2}]', "2"),
    ("json:a", '{"a": " "}', None),
    ("regex:boxed", "it is boxed", "boxed"),
    ("regex:a:(b)", "a:b", "b"),
]


@pytest.mark.parametrize(("way", "text", "answer"), JSON)
def test_json_and_named_expressions(way: str, text: str, answer: str | None) -> None:
    found = extraction("--extract", way)
    assert found is not None and found.find(text) == (answer, way if answer else "")


def test_long_texts_of_braces_take_no_time() -> None:
    for text in ('{"a":' * 20_000, "{" * 100_000, "[" * 100_000, '{"' * 50_000, '{"a": 1} ' * 20_000):
        last_json_value(text, "a")


def spelled(text: str) -> str | None:
    if "fail" in text:
        raise ValueError("it failed")
    return 4 if "four" in text else text[-1:] or None  # type: ignore[return-value]


def test_a_function_of_the_users_is_a_way() -> None:
    found = extraction("--extract", "boxed", f"{__name__}:spelled")
    assert found is not None
    assert found.name == f"boxed {__name__}:spelled"
    assert found.find("ab") == ("b", f"{__name__}:spelled")
    assert found.find("") == (None, "")
    with pytest.raises(InputError, match="ValueError: it failed"):
        found.find("will fail")
    with pytest.raises(InputError, match="returned a int"):
        found.find("four")


@pytest.mark.parametrize(
    ("way", "problem"),
    [
        ("no_such_module:find", "cannot import"),
        (f"{__name__}:none", "no attribute"),
        (f"{__name__}:JSON", "must be a class or a function"),
        (f"{__name__}:test_json_and_named_expressions", "must take one text"),
        ("json:", "name the path"),
        ("regex:(", "nor a regular expression"),
    ],
)
def test_ways_that_do_not_exist_are_refused(way: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        extraction("--extract", way)
