"""math-verify in a process of its own: from any thread, without hanging, and with the same verdict every time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from autotts.envs.answers import equivalence, library, mathematics
from autotts.envs.answers.comparison import compare_answers
from autotts.envs.answers.library import LIBRARY
from autotts.envs.answers.mathematics import read_mathematics
from autotts.envs.answers.readings import Words

from ...environments import environment

pytest.importorskip("math_verify")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Start without a worker, and forget what another test has read."""
    for _ in range(2):
        LIBRARY.close()
        mathematics.read_mathematics.cache_clear()
        library.library_same.cache_clear()
        if _ == 0:
            yield


@pytest.mark.slow
def test_the_library_answers_from_several_threads() -> None:
    pairs = [(r"\gcd(4,6)", "2"), (r"\gcd(9,6)", "3"), (r"\max(1,2)", "1"), (r"[0,2]\cap[1,3]", "[1,2]")] * 3
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda pair: equivalence("math").same(*pair), pairs))
    assert verdicts == [True, True, False, True] * 3


def replace_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    (tmp_path / "library_worker.py").write_text(source)
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))


def test_a_worker_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_worker(tmp_path, monkeypatch, "import sys; sys.stdin.read()")
    monkeypatch.setattr(library, "_START", 0.05)
    lost = LIBRARY.lost
    assert not equivalence("math").same(r"\gcd(4,6)", "2")
    assert LIBRARY.lost == lost + 1
    monkeypatch.setattr(library, "_START", 0.05)
    mathematics.read_mathematics.cache_clear()
    _, comparison = compare_answers(environment([[r"A"]], None, [r"\gcd(4,6)"]), "math")
    assert "math-verify gave no answer in time for 1 formula," in comparison.line()


@pytest.mark.parametrize("source", ["raise SystemExit", "print('no JSON', flush=True); input(); input()", "no Python"])
def test_a_worker_that_ends_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    replace_worker(tmp_path, monkeypatch, source)
    used = equivalence("math")
    assert not used.same(r"\gcd(4,6)", "2")
    assert used.same(r"\gcd(4,6)", r"\gcd(4, 6)"), "formulas that nobody can read are compared as text"


def test_a_worker_that_ended_before_it_was_asked_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_worker(tmp_path, monkeypatch, "raise SystemExit")
    exchange = LIBRARY._exchange

    def after_its_end(request: dict[str, Any], timeout: float) -> dict[str, Any]:
        assert LIBRARY._process is not None
        LIBRARY._process.wait()
        return exchange(request, timeout)

    monkeypatch.setattr(LIBRARY, "_exchange", after_its_end)
    assert not equivalence("math").same(r"\gcd(4,6)", "2")


@pytest.mark.parametrize(
    "formula",
    ["9^{9^{9^9}}", r"\sum_{i=1}^{10^9} i", "99999!", "((5!)!)!", r"\int_0^1 x^x dx", "x" * 5000, "2^{-99999}"],
)
def test_endless_work_is_never_asked_for(formula: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LIBRARY, "ask", lambda request: pytest.fail("asked"))
    assert not equivalence("math").same(formula, "1")


@pytest.mark.parametrize(
    "formula",
    [
        r"\max(9^{9^9}, 2)", r"9^{9^9} \bmod 7", r"\max(((9^{99})^{99})^{99}, 1)", r"\max((999!+1)!, 1)",
        r"\max((9^9)!, 1)", r"\max(\binom{999999999}{99999}, 1)", r"\gcd(9^{99!}, 3)",
    ],
)  # fmt: skip
def test_numbers_without_end_never_reach_the_library(formula: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No signal interrupts the multiplication of huge numbers: each formula would take the whole time limit."""
    read_mathematics.cache_clear()
    monkeypatch.setattr(LIBRARY, "ask", lambda request: pytest.fail(str(request)))
    assert isinstance(read_mathematics(formula), Words)


def test_requests_end_when_too_many_were_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    library = type(LIBRARY)()
    asked: list[object] = []

    def hang(request: dict[str, object], timeout: float) -> dict[str, object]:
        asked.append(request)
        raise OSError

    monkeypatch.setattr(library, "_start", lambda: None)
    monkeypatch.setattr(library, "_exchange", hang)
    assert all(library.ask({"read": str(number)}) == {} for number in range(50))
    assert len(asked) < 50 and library.lost == 50
    library.begin()
    library.ask({"read": "x"})
    assert asked[-1] == {"read": "x"}
