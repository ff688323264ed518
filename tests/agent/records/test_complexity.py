"""Complexity: counted on the syntax tree, so that names, notes and layout do not matter."""

from __future__ import annotations

import re

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.records.complexity import Complexity, complexity


def test_constants_and_branches_are_counted() -> None:
    source = '''
"""Notes with 7 numbers: 1 2 3 4 5 6 7."""
def f(x, y=0.5):
    """Also 99."""
    if x > 3 and y or x < -1:
        return [i * 2 for i in range(10) if i if i > 1]
    while True:
        try:
            y = 4 if x else 0
        except ValueError:
            pass
    return 3
'''
    # 0.5, 3, 2, 10, 4, 3; if, and, or, comprehension with two conditions, while, conditional expression, except
    assert complexity(source) == Complexity(constants=6, branches=9)
    renamed = re.sub(r"\bx\b", "another_name", source).replace("f(", "g(").replace('"""Also 99."""', "...  # 99")
    assert complexity(renamed) == complexity(source)


def test_zero_and_one_are_not_free_constants() -> None:
    assert complexity("i = 0\ni += 1\ni -= -1\nb = True\nc = None\ns = '17'") == Complexity(constants=0, branches=0)


def test_source_that_does_not_parse_has_no_complexity() -> None:
    assert complexity("def (") is None and complexity("\0") is None
    assert complexity("(" * 100_000) is None


def test_complexity_of_the_baselines() -> None:
    found = {name: complexity(baseline_source(name)) for name in baseline_names()}
    assert all(found.values())
    assert found["self_consistency"].total < found["parallel_probe"].total < found["confidence_momentum"].total  # type: ignore[union-attr]


def test_a_declared_signal_counts_as_many_constants() -> None:
    """A controller that needs a signal must lead one that does not by more than another constant would ask for."""
    source = "class A(Controller):\n    signals = ('confidence',)\n    optional_signals = ('entropy',)\n"
    assert complexity(source) == Complexity(constants=400, branches=0)
