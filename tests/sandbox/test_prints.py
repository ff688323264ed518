"""What a controller prints is shown where a draft is tried by hand, bounded and escaped, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from autotts.agent.cli.try_draft import _prints
from autotts.envs.episodes import Episodes, grid
from autotts.sandbox import policy
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate, evaluate_and_print
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.wire import PRINTED, SandboxJob, SealedBatch

from ..environments import environment

BODY = """
from envs import Controller
class Prints(Controller):
    def solve(self, question):
        print({what})
        return question.run_to_end(question.branch())
"""


def _draft(what: str, *, fails: bool = False) -> Candidate:
    source = BODY.format(what=what)
    return Candidate("prints", source.replace("        return", "        1 / 0\n        return") if fails else source)


def _episodes(orders: int = 3) -> Episodes:
    return grid([environment([["AB", "BB"]], None, ["B"])], (0.5,), range(orders))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_try_shows_what_the_controller_printed(workers: int) -> None:
    with ProcessSandbox(workers) as sandbox:
        found, printed = evaluate_and_print(_draft("'width', question.width"), _episodes(), sandbox)
    assert found.verdict.ok and printed == b"width 0\n" * 3


def test_prints_before_a_failure_are_shown() -> None:
    with ProcessSandbox(1) as sandbox:
        found, printed = evaluate_and_print(_draft("'so far'", fails=True), _episodes(), sandbox)
    assert found.verdict.kind == "exception" and printed == b"so far\n"


def test_many_prints_are_cut_and_are_no_failure() -> None:
    with ProcessSandbox(1) as sandbox:
        found, printed = evaluate_and_print(_draft("'x' * 999"), _episodes(200), sandbox)
    assert found.verdict.ok and len(printed) == PRINTED + 1
    lines = list(_prints(printed))
    assert lines[-1] == "| ... cut after 4,096 bytes"
    assert sum(map(len, lines[1:-1])) < PRINTED + 20


def test_prints_change_neither_actions_nor_other_evaluations() -> None:
    quiet, loud = _draft("end=''"), _draft("'x' * 8")
    with ProcessSandbox(1) as sandbox:
        first, _ = evaluate_and_print(loud, _episodes(), sandbox)
        others = [evaluate(candidate, _episodes(), sandbox) for candidate in (quiet, loud)]
    assert first.logs is not None
    for other in others:
        assert other.logs is not None
        one, two = first.logs.columns(), other.logs.columns()
        assert all(np.array_equal(one[name], two[name]) for name in one)


def test_only_a_try_asks_for_prints() -> None:
    batch = SealedBatch.of(_episodes())
    assert b'"prints"' not in SandboxJob(_draft("1"), batch).message(np.arange(3), {})
    with ProcessSandbox(1) as sandbox:
        assert sandbox.run(_draft("1"), _episodes()).printed == b""


def test_what_the_terminal_shows_is_escaped() -> None:
    shown = "\n".join(_prints(b"\x1b[2Jgone\x07\r\nsecond\xff\n\xe2\x80\xaeturned"))
    assert "\x1b" not in shown and "\x07" not in shown and "\r" not in shown and "\u202e" not in shown
    assert "\\x1b[2Jgone" in shown and "| second\\xff" in shown


def test_a_candidate_that_writes_to_the_descriptor_itself_is_bounded_too() -> None:
    flood = BODY.format(what="1").replace("print(1)", "__import__('os').write(2, b'y' * 3000)")
    with ProcessSandbox(1) as sandbox:
        found, printed = evaluate_and_print(Candidate("flood", flood), _episodes(100), sandbox)
    assert found.verdict.kind == "output" and printed == b"y" * (PRINTED + 1)


def test_the_policy_refuses_prints_except_in_a_try() -> None:
    source = _draft("1").source
    assert policy.check(source).kind == "rejected: policy"
    assert policy.check(source, prints=True).ok
    assert not policy.check(source.replace("print(1)", "open('x')"), prints=True).ok
