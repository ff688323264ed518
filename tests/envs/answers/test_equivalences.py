"""Properties of all comparisons, the grouping, functions of one's own, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autotts.envs.answers import KINDS, Equivalence, equivalence, group, mathematics
from autotts.envs.answers import equivalences as module
from autotts.envs.answers.units import read_unit
from autotts.envs.errors import InputError

from .pairs import judged_pairs

_FRAGMENTS = (
    r"1|2|12|1,000|0.5|x|y|e|i|\frac|{|}|(|)|[|]|\{|\}|+|-|*|/|^|_|=|<|\le|,|\cup|\pm|\sqrt|\sin|\log|\pi|\infty|!|%|\%"
    r"|$|\$|\text{cm}|\text{ or }|cm|B|(B)|and|the answer is |\left|\right|\boxed{| |\binom|°|²|½|−|\begin{pmatrix}"
    r"|\end{pmatrix}|&|\\|\over|\mathrm{m}|٣|９|∞|√|**|####"
)
FRAGMENTS = _FRAGMENTS.split("|")
ANSWERS = st.one_of(
    st.lists(st.sampled_from([*FRAGMENTS, "|", "\x00", "\ud800"]), max_size=9).map("".join),
    st.text(max_size=12),
    st.sampled_from([text for pair in judged_pairs() for text in (pair.first, pair.second)]),
)


@pytest.fixture(autouse=True)
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the library know nothing; test_library.py asks it."""
    mathematics.read_mathematics.cache_clear()
    monkeypatch.setattr("autotts.envs.answers.mathematics.LIBRARY.ask", lambda request: {})
    yield
    mathematics.read_mathematics.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(first=ANSWERS, second=ANSWERS)
@example(first="10^{400} degrees", second="1")
@example(first="x^" + "-" * 900, second="(" * 900)
@example(first="+".join(["1"] * 450), second="-" * 500 + "1")
@example(first="9^{9^{9^9}}", second="9" * 700)
@example(first="5 " + "a" * 480 + "+", second="**" * 900)
def test_comparison_is_reflexive_symmetric_and_never_raises(kind: str, first: str, second: str) -> None:
    used = equivalence(kind)
    assert used.same(first, first) and used.same(second, second)
    same = used.same(first, second)
    assert same == used.same(second, first)
    marks, other = set(used.marks(first)), set(used.marks(second))
    assert marks and other
    assert not same or marks & other


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(answers=st.lists(ANSWERS, max_size=8), gold=ANSWERS, seed=st.integers(0, 99))
def test_groups_do_not_depend_on_order_and_are_stable(kind: str, answers: list[str], gold: str, seed: int) -> None:
    used = equivalence(kind)
    groups = group(answers, used, [gold])
    shuffled = answers * 2
    Random(seed).shuffle(shuffled)
    assert group(shuffled, used, [gold]) == groups
    assert set(groups) == {*answers, gold} and groups[gold] == gold
    assert all(groups[representative] == representative for representative in groups.values())
    assert all(used.same(text, representative) for text, representative in groups.items())
    again = group(groups.values(), used, [gold])
    assert all(text == representative for text, representative in again.items())


@pytest.mark.parametrize(("gold", "right"), [("50", {"50", "50%"}), ("0.5", {"0.5", "50%"}), ("5 cm", {"5 cm", "5"})])
def test_the_gold_answer_chooses_first_where_sameness_is_not_transitive(gold: str, right: set[str]) -> None:
    groups = group(["50", "0.5", "50%", "5", "5 cm", "5 m"], equivalence("number"), [gold])
    assert {text for text, representative in groups.items() if representative == gold} == right


def test_all_gold_answers_form_one_class() -> None:
    assert group(["7.", "VII"], equivalence("number"), ["seven", "VII"]) == {
        "seven": "seven", "VII": "seven", "7.": "seven"
    }  # fmt: skip


def test_equal_texts_are_compared_once() -> None:
    calls: list[tuple[str, str]] = []

    class Counting:
        name = "counting"

        def same(self, first: str, second: str) -> bool:
            calls.append((first, second))
            return False

        def marks(self, answer: str) -> list[None]:
            return [None]

    used: Equivalence = Counting()
    group(["a", "b", "c"] * 1000, used, ["a"])
    assert len(calls) == 3


def first_letter(first: str, second: str) -> bool:
    """A comparison that a user may write."""
    return first[:1] == second[:1]


def raising(first: str, second: str) -> bool:
    raise KeyError("no such key")


def test_a_function_of_the_user_is_a_kind() -> None:
    used = equivalence(f"{__name__}:first_letter")
    assert used.same("apple", "avocado") and not used.same("apple", "pear")
    assert group(["avocado", "pear"], used, ["apple"]) == {"apple": "apple", "avocado": "apple", "pear": "pear"}


def test_an_error_in_a_function_of_the_user_names_it() -> None:
    with pytest.raises(InputError, match=r"raising: on 'a' and 'b': KeyError") as caught:
        equivalence(f"{__name__}:raising").same("b", "a")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("maths", "use one of exact, text"), ("", "use one of"), ("no.such:thing", "cannot import"),
     (f"{__name__}:nothing", "nothing"), (f"{__name__}:FRAGMENTS", "must be"), ("builtins:len", "two answers")],
)  # fmt: skip
def test_unknown_kinds_are_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        equivalence(name)
    assert "\n" not in str(caught.value)


def test_math_without_its_packages_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--answers math needs math-verify: pip install '"):
        equivalence("math")


@pytest.mark.parametrize("unit", ["km" + "^2" * 60, "square " * 60 + "km", "mm^3^3^3^3^3^3^3^3^3^3 per km^3^3^3^3^3^3"])
def test_powers_of_powers_of_a_unit_are_no_unit(unit: str) -> None:
    """The factor of such a unit would have more digits than the memory holds."""
    assert read_unit(unit) is None
    assert not equivalence("number").same(f"5 {unit}", "6")


def test_a_number_of_any_length_is_the_same_with_a_space() -> None:
    assert equivalence("math").same("1" + "0" * 600, "1" + "0" * 600 + " ")
