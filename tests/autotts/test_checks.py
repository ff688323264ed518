"""The checks of controllers and explorers: they accept correct ones, and name the fault of each faulty one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from autotts import Brief, Explorer, LimitReached, ProcessSandbox, Proposal, SandboxLimits
from autotts.testing import ConformanceError, check_controller, check_explorer

from .test_discovery import SOURCE, Widths

# Controllers

STEPPING = """
from autotts import Controller, majority

class Stepping(Controller):
    @staticmethod
    def schedule(beta):
        return {{"width": 1 + round(15 * beta), "patience": 8 - 4 * beta{schedule}}}

    def solve(self, question):
        {before}
        return majority(question.run_many_to_end(question.branch_many({width})))
"""


def stepping(before: str = "pass", width: str = 'self.params["width"]', schedule: str = "") -> str:
    return STEPPING.format(before=before, width=width, schedule=schedule)


@pytest.mark.slow
@pytest.mark.parametrize("controller", ["self_consistency", "adaptive_consistency", "confidence_momentum", "balanced"])
def test_shipped_controllers_conform(controller: str) -> None:
    report = check_controller(controller)
    assert report.episodes == 8 * 11 * 4 and len(report.curve) == 11


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (stepping(before="import os"), "controller is not legal: line 10: `os` cannot be imported"),
        (stepping(before="1 / 0"), "controller does not run: exception: ZeroDivisionError"),
        (stepping(width="2"), "controller spends .* tokens at every beta"),
        (stepping(width='17 - self.params["width"]'), "fewer tokens with more beta: .* at beta 0, .* at beta 0.1"),
        (
            stepping(schedule=', "hump": beta * (1 - beta)'),
            "wrong schedule: WrongSchedule: parameter 'hump' is not monotone in beta: it rises after beta 0, and falls",
        ),
        (stepping(schedule=', "cut": 1 / (beta - 2) if beta < 1 else "none"'), "parameter 'cut' is 'none' at beta 1"),
        (stepping(schedule=', **({"late": 1} if beta > 0.5 else {})'), "other parameters at beta 0.525 than at beta 0"),
        (stepping(before="self.params['width'] += id(self) // 16 % 2", width="self.params['width']"), "`id` is not"),
        (
            stepping(before="q = {question}; self.params['width'] += str(q)[-4] > '7'"),
            "is not deterministic|is rejected: not reproducible",
        ),
    ],
)
def test_a_faulty_controller_is_named(source: str, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_controller(source)


ENDLESS = """
from autotts import BudgetSpent, Controller

class Endless(Controller):
    @staticmethod
    def schedule(beta):
        return {"depth": 10 + round(20 * beta)}

    def solve(self, question):
        i = question.branch()
        while not question.finished(i) and question.depth(i) < self.params["depth"]:
            try:
                answer = question.step(i)[0]
            except BudgetSpent:
                continue
        return answer
"""


def test_a_controller_that_goes_on_without_tokens_is_named() -> None:
    limits = SandboxLimits(episode_seconds=1.0)
    with (
        ProcessSandbox(limits=limits) as sandbox,
        pytest.raises(ConformanceError, match=r"does not end when 2,500 tokens are spent: timeout"),
    ):
        check_controller(ENDLESS, sandbox=sandbox)


# Explorers


class Broken(Widths):
    """An explorer with one fault."""

    def __init__(self, change: Callable[[Brief, list[Proposal]], Any]) -> None:
        self.change = change

    def propose(self, brief: Brief) -> list[Proposal]:
        return self.change(brief, super().propose(brief))  # type: ignore[no-any-return]


def changed(**fields: Any) -> Callable[[Brief, list[Proposal]], list[Proposal]]:
    return lambda brief, proposals: [Proposal(**{"source": p.source, "rationale": "it", **fields}) for p in proposals]


def raising(error: Exception) -> Callable[[Brief, list[Proposal]], list[Proposal]]:
    def change(brief: Brief, proposals: list[Proposal]) -> list[Proposal]:
        raise error

    return change


def needs_parents(brief: Brief, proposals: list[Proposal]) -> list[Proposal]:
    return proposals if brief.parents[0].id else []


CALLS = count()


def forgetful(brief: Brief, proposals: list[Proposal]) -> list[Proposal]:
    return [Proposal(SOURCE.format(most=1 + next(CALLS)), "another one each time") for _ in proposals]


@pytest.mark.slow
def test_a_correct_explorer_conforms() -> None:
    widths = check_explorer(Widths())
    assert widths.verdicts["ok"] and widths.proposals > 10 and not widths.limited


@pytest.mark.slow
def test_an_explorer_at_its_limit_conforms() -> None:
    assert check_explorer(Broken(raising(LimitReached("all is spent")))).limited


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (raising(RuntimeError("out of ideas")), "a run ended with RuntimeError: out of ideas"),
        (lambda brief, proposals: [], "proposed nothing new in 2 generations"),
        (forgetful, "proposed other candidates in a second run with the same seed"),
        (needs_parents, r"propose raised IndexError|refine raised IndexError"),
        (lambda brief, proposals: proposals * 3, r"propose \(generation 1, count 1\) returned 3 proposals"),
        (changed(source="x = 1"), "none of the .* candidates of widths ran to its end; the first was contract"),
        (changed(rationale=" "), "a proposal has no rationale"),
        (changed(parents=("nobody",)), "unknown parent 'nobody'"),
        (changed(data={"genome": {1: 2}}), "the data of a proposal is not plain JSON"),
    ],
)
def test_a_faulty_explorer_is_named(change: Callable[[Brief, list[Proposal]], Any], message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        check_explorer(Broken(change))


def test_an_explorer_without_the_protocol_is_named() -> None:
    with pytest.raises(ConformanceError, match="SimpleNamespace has no name, one_at_a_time"):
        check_explorer(SimpleNamespace())  # type: ignore[arg-type]
    wide = Widths()
    wide.name = "two words"
    with pytest.raises(ConformanceError, match="name is 'two words', but must be a short identifier"):
        check_explorer(wide)


@pytest.mark.slow
def test_an_explorer_that_remembers_is_named() -> None:
    class Remembers(Explorer):
        """Answers by how often it was asked in all."""

        name = "remembers"
        asked = 0

        def propose(self, brief: Brief) -> list[Proposal]:
            self.asked += 1
            most = Random(brief.seed).randint(1, 7) + (self.asked > 6)
            return [Proposal(SOURCE.format(most=most), "one more later")]

        def refine(self, brief: Brief) -> list[Proposal]:
            return self.propose(brief)

    with pytest.raises(ConformanceError, match=r"other candidates in a second run|other proposals for the same brief"):
        check_explorer(Remembers())
