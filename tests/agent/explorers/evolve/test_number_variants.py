"""Variants of a source that evolve did not write: other numbers, and nothing else."""

from __future__ import annotations

import ast
import random

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.explorers.evolve.number_variants import number_literals, vary_numbers
from autotts.agent.population.program_form import program_shape
from autotts.sandbox import policy

SOURCE = '''"""Says 7."""
A, B, C = 0.5, 1_000, -3  # 12 stays: it is a comment
D = "4"
E = [0, 1, True, é] if (é := 2.5) else f"{9}"
'''


def kinds(source: str) -> list[type]:
    return [type(node.value) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]


def test_numbers_are_found_where_they_stand() -> None:
    assert [number.value for number in number_literals(SOURCE)][:4] == [0.5, 1000, 3, 2.5]
    assert number_literals("def f(:") == [] == number_literals("x = 'no number'")
    assert vary_numbers("x = 1\n", random.Random(1)) is None


def test_variants_differ_in_numbers_only() -> None:
    for name in baseline_names():
        source = baseline_source(name)
        if not number_literals(source):
            continue
        for seed in range(30):
            made = vary_numbers(source, random.Random(seed))
            assert made is not None and made[0] != source and " -> " in made[1]
            assert policy.check(made[0]).ok and program_shape(made[0]) == program_shape(source)
            assert kinds(made[0]) == kinds(source), "a whole number stays whole"
