"""Every kind of comparison judges pairs of answers as a careful grader does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from autotts.envs.answers import KINDS, equivalence
from autotts.envs.answers.mathematics import read_mathematics

from .pairs import JudgedPair, judged_pairs

PAIRS = judged_pairs()
MAX_WRONG = 0.02
NEED_LIBRARY = [("math", "other notations"), ("math", "a second list"), ("math", "a third list")]


def wrong(pair: JudgedPair) -> bool:
    """Return whether the code judges a pair in another way, or depends on the order."""
    used = equivalence(pair.kind)
    same = used.same(pair.first, pair.second)
    assert used.same(pair.second, pair.first) == same
    if same:
        assert set(used.marks(pair.first)) & set(used.marks(pair.second)), "`group` would not compare them"
    return same != pair.same


def test_the_file_holds_enough_pairs_of_every_kind_and_both_verdicts() -> None:
    assert len(PAIRS) >= 500 and set(KINDS) == {pair.kind for pair in PAIRS}
    assert len(set(PAIRS)) == len(PAIRS)
    verdicts = Counter((pair.kind, pair.same) for pair in PAIRS)
    for kind in ("text", "number", "choice", "math"):
        assert verdicts[kind, True] >= 20 and verdicts[kind, False] >= 15


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        pytest.param(kind, topic, marks=[pytest.mark.slow] if (kind, topic) in NEED_LIBRARY else [])
        for kind, topic in sorted({(pair.kind, pair.topic) for pair in PAIRS})
    ],
)
def test_at_most_two_per_cent_are_judged_wrongly(kind: str, topic: str) -> None:
    chosen = [pair for pair in PAIRS if (pair.kind, pair.topic) == (kind, topic)]
    assert [pair for pair in chosen if wrong(pair)] == [] or sum(map(wrong, chosen)) <= MAX_WRONG * len(chosen)


def test_few_formulas_need_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("autotts.envs.answers.mathematics.LIBRARY.ask", lambda request: asked.append(request) or {})
    read_mathematics.cache_clear()
    formulas = {text for pair in PAIRS if pair.kind == "math" for text in (pair.first, pair.second)}
    for formula in formulas:
        read_mathematics(formula)
    read_mathematics.cache_clear()
    assert 0 < len(asked) <= 0.03 * len(formulas)


def test_the_documentation_names_the_number_of_pairs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text()
    assert f"{len(PAIRS)} pairs" in page
