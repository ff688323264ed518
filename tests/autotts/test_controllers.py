"""Controllers from Python: by name, file, source and class, and what cannot go into the sandbox."""

from __future__ import annotations

import inspect
import math
from math import ceil
from pathlib import Path

import pytest

import autotts
from autotts import Controller, Question, majority
from autotts.agent.cli.main import main, parser

WORLD = autotts.load_environment("synthetic/tiny")
SETTINGS = {"betas": [0.0, 1.0], "orders": 1, "max_branches": 4, "sandbox": "process", "workers": 1}
MOST = 4
SHARED = [1, 2, 3]


class FirstFew(Controller):
    """A controller that uses modules, functions and constants of its file."""

    name = "first_few"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": ceil(MOST**beta) + math.floor(0.5)}

    def solve(self, question: Question) -> str | None:
        branches = question.branch_many(min(int(self.params["width"]), question.max_branches))
        return majority(question.run_many_to_end(branches))


class Outside(Controller):
    """A controller that uses a list of its file."""

    def solve(self, question: Question) -> str | None:
        return question.run_to_end(question.branch_many(len(SHARED))[0])


SOURCE = """
from autotts import Controller, Question, majority
from math import ceil

class FirstFew(Controller):
    @staticmethod
    def schedule(beta):
        return {"width": ceil(4**beta)}

    def solve(self, question: Question):
        branches = question.branch_many(min(self.params["width"], question.max_branches))
        return majority(question.run_many_to_end(branches))
"""


def test_a_class_a_file_and_a_source_give_the_same_curve(tmp_path: Path) -> None:
    path = tmp_path / "few.py"
    path.write_text(SOURCE)
    of_class, of_file, of_source = (autotts.evaluate(each, WORLD, **SETTINGS) for each in (FirstFew, path, SOURCE))
    assert of_class.verdict.ok and of_class.curve == of_file.curve == of_source.curve
    assert [point.beta for point in of_class.curve] == [0.0, 1.0]
    assert of_class.candidate.name == "first_few" and of_file.candidate.name == "few"


def test_compare_is_first_minus_second() -> None:
    (low, high) = autotts.compare(FirstFew, "self_consistency", WORLD, **SETTINGS)
    assert isinstance(low, autotts.CurveDifference) and low.environment == WORLD.name
    few, wide = (autotts.evaluate(each, WORLD, **SETTINGS).curve[0] for each in (FirstFew, "self_consistency"))
    assert low.mean_tokens == few.mean_tokens - wide.mean_tokens
    assert low.accuracy_pct == pytest.approx(few.accuracy_pct - wide.accuracy_pct)
    assert high.mean_tokens == 0.0 == high.accuracy_pct, "both open four branches at beta 1"


def test_compare_raises_where_a_controller_failed() -> None:
    broken = SOURCE.replace("return majority", "1 / 0; return majority")
    assert autotts.evaluate(broken, WORLD, **SETTINGS).verdict.kind == "exception"
    with pytest.raises(autotts.CandidateFailed, match="ZeroDivisionError"):
        autotts.compare("self_consistency", broken, WORLD, **SETTINGS)


def test_a_class_with_more_than_its_source_is_refused() -> None:
    width = 3

    class Inside(Controller):
        def solve(self, question: Question) -> str | None:
            return question.run_to_end(question.branch_many(width)[0])

    for controller, message in (
        (Outside, "Outside uses SHARED, which is outside of the class; move it into the class, or write a file"),
        (Inside, "Inside uses variables of the function around it; move it out of the function"),
        (int, "int is not a subclass of autotts.Controller"),
        (Controller, "Controller is not a subclass"),
        (7, "a controller is a name, a path, a source or a subclass of Controller, but not a int"),
        ("nobody", "no controller 'nobody'"),
    ):
        with pytest.raises(autotts.InputError, match=message):
            autotts.evaluate(controller, WORLD, **SETTINGS)


def test_the_contract_has_nothing_of_the_library_inside_the_sandbox() -> None:
    curious = SOURCE.replace("majority\n", "majority, evaluate\n")
    found = autotts.evaluate(curious, WORLD, **SETTINGS)
    assert found.verdict.kind == "import" and "cannot import name 'evaluate'" in found.verdict.message


def test_environments_are_named_loaded_or_given(tmp_path: Path) -> None:
    (point, *_) = autotts.evaluate("self_consistency", ["synthetic/tiny", WORLD], **SETTINGS).curve
    assert point.environment == "synthetic/tiny"
    with pytest.raises(autotts.InputError, match="stands for 4 environments"):
        autotts.load_environment("synthetic/*")
    with pytest.raises(autotts.InputError, match="no environment 'nobody'"):
        autotts.load_environment("nobody", data=tmp_path)
    with pytest.raises(autotts.InputError, match="no such environment file"):
        autotts.load_environment(tmp_path / "some.env.npz")
    with pytest.raises(autotts.InputError, match="no environments are given"):
        autotts.evaluate("self_consistency", [], **SETTINGS)


def test_the_library_and_the_command_refuse_the_same_and_choose_the_same_sandbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "reads.py"
    path.write_text(SOURCE.replace("return majority", "open('x'); return majority"))
    found = autotts.evaluate(path, WORLD, **SETTINGS)
    assert found.verdict.kind == "rejected: policy" and "a controller has no files" in found.verdict.message
    assert main(["evaluate", str(path), "--env", "synthetic/tiny", "--orders", "1", "--sandbox", "process"]) == 1
    assert f"reads: {found.verdict.kind}: {found.verdict.message}" in capsys.readouterr().err
    defaults = inspect.signature(autotts.evaluate).parameters
    options = vars(parser().parse_args(["evaluate", "balanced"]))
    for name in ("orders", "first_order", "max_branches", "max_tokens", "sandbox", "workers"):
        assert options[name] == defaults[name].default == inspect.signature(autotts.compare).parameters[name].default
