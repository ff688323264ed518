"""Equality of programs by their canonical form."""

from __future__ import annotations

import pytest

from autotts.agent.population.program_form import normal_form

_PROGRAM = '''
"""A note."""
from envs import Controller, majority
import math

LIMIT = 3

class A(Controller):
    """Another."""
    name = "a"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": 2 * beta, "depth": math.floor(beta)}

    def solve(self, question):
        self.seen: list[str] = []
        for i in question.branch_many(LIMIT):
            self.look(question, i)
        return majority(answer for answer in self.seen)

    def look(self, question, i, deep=False):
        self.seen.append(question.run_to_end(i))
'''


@pytest.mark.parametrize(
    "changes",
    [
        {"LIMIT": "MOST"},
        {"seen": "votes", "look": "watch"},
        {"question": "q", "answer": "a"},
        {"class A": "class Better", '"a"': '"better"'},
        {"width": "w", "depth": "d"},
        {'"""Another."""': "# another\n    pass", '"""A note."""': ""},
        {": list[str]": "", " -> dict[str, float]": "", "beta: float": "beta"},
        {"import math\n": "", "from envs import": "import math\nfrom envs.controller import"},
        {"import math": "from math import floor", "math.floor": "floor"},
        {"import math": "import math as m", "math.floor": "m.floor"},
        {"majority": "vote", "import Controller, vote": "import Controller, majority as vote"},
        {"deep": "far"},
        {"(answer for answer in": "(x for x in"},
    ],
)
def test_copy_with_other_names_and_comments_is_the_same_program(changes: dict[str, str]) -> None:
    copy = _PROGRAM
    for old, new in changes.items():
        assert old in copy
        copy = copy.replace(old, new)
    assert copy != _PROGRAM and normal_form(copy) == normal_form(_PROGRAM) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"), ("math.floor", "math.ceil"), ("2 * beta", "beta * 2 + 1"), ("majority(", "max("),
        ("run_to_end(i)", "step(i)"), ("deep=False", "deep=True"), ("self.look(question, i)", "self.look(question, 0)"),
        ('"width": 2 * beta, "depth"', '"depth": 2 * beta, "depth"'), ("self.seen.append", "self.seen.remove"),
    ],
)  # fmt: skip
def test_changed_program_has_another_form(old: str, new: str) -> None:
    assert old in _PROGRAM
    assert normal_form(_PROGRAM.replace(old, new)) != normal_form(_PROGRAM)


@pytest.mark.parametrize("source", ["(", "\ud800", "x" + "(" * 5000, "\0"])
def test_source_that_does_not_parse_has_no_form(source: str) -> None:
    assert normal_form(source) is None
