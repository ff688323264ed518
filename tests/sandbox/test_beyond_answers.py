"""Signals, verifiers and forks in the sandbox: what is declared crosses the wall, and nothing else does."""

from __future__ import annotations

import inspect
import json
import struct
import textwrap
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from autotts.envs import Controller, Question
from autotts.envs.environment import Environment
from autotts.envs.episodes import Episodes, grid
from autotts.envs.scoring import score
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.cluster.messages import QuestionBlock
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.sealing import seal_question
from autotts.sandbox.trial import trial
from autotts.sandbox.wire import SIZE, SandboxJob, SealedBatch

from ..environments import environment, play
from ..envs.contract import test_ledger
from ..envs.contract.test_ledger import Everything
from ..envs.extended import extended_environment
from .test_sandboxes import SANDBOXES

HEAD = "from envs import *\n"
DECLARED = '    signals = ("confidence",)\n    verifier = "needed"\n    forks = "needed"\n'


def everything_source() -> str:
    """Return `Everything` as a candidate."""
    parts = (test_ledger.action, test_ledger.act, test_ledger.result, Everything)
    head = "from __future__ import annotations\nfrom envs import *\nfrom random import Random\n"
    names = f"VERBS = {test_ledger.VERBS}\nNAMES = {test_ledger.NAMES}\n"
    return head + names + "\n".join(map(inspect.getsource, parts))


def episodes(*seeds: int, rule: str | None = None) -> Episodes:
    made = [replace(extended_environment(Random(seed)), probe_cost=seed % 3) for seed in seeds]
    plain = environment([["AAB", "BB"], ["A", "AB"]], None, ["A", "B"])
    kept = [env if rule is None else replace(env, fork_rule=rule) for env in made]
    return grid([*kept, plain], (0.0, 1.0), range(6), max_branches=8)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["recorded", "nearest"])
@pytest.mark.parametrize("interpreter", ["cpython", "pypy"])
def test_the_sandbox_plays_as_this_process_does(rule: str, interpreter: str, pypy: None) -> None:
    batch = episodes(1, 2, 3, rule=rule)
    result = evaluate(everything_source(), batch, ProcessSandbox(2, interpreter=interpreter))
    assert result.verdict.ok and result.logs is not None, result.verdict
    here = play(Everything, batch).columns()
    assert all(np.array_equal(column, here[name]) for name, column in result.logs.columns().items())
    assert {6, 7} <= set(result.logs.verbs.tolist()), "it forks and verifies"


def message(candidate: str, batch: SealedBatch) -> tuple[dict[str, Any], bytes]:
    """Return the header of the message that plays all episodes, and what follows it."""
    data = SandboxJob(Candidate("c", candidate), batch).message(np.arange(len(batch)), {})[SIZE.size :]
    (size,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + size]), data[4 + size :]


def controller(declarations: str = "", solve: str = "return None") -> str:
    return f"{HEAD}class C(Controller):\n{declarations}    def solve(self, question): {solve}\n"


def test_only_what_is_declared_crosses_the_wall() -> None:
    env = marked()
    batch = SealedBatch.of(grid([env], [0.5], range(3)))
    header, blobs = message(controller(), batch)
    names = [name for name, *_ in header["blobs"]]
    assert "extras" not in header and not {"numbers", "parents", "fork_depths"} & set(names)
    other = message(controller("    signals = ('absent',)\n"), batch)[0]
    assert all(header[name] == other[name] for name in header.keys() - {"candidate", "tokens"})
    assert len(env.final_answers) > int(env.is_root.sum())
    assert {name: size for name, _, size in header["blobs"]}["lengths"] == 4 * int(env.is_root.sum())
    for declared, there, absent in (
        ("    optional_signals = ('confidence',)\n", [SIGNAL], [SCORE, OTHER]),
        ("    verifier = 'optional'\n", [SCORE], [SIGNAL, OTHER]),
        ("    forks = 'needed'\n", [], [SIGNAL, OTHER, SCORE]),
    ):
        header, blobs = message(controller(declared), batch)
        assert "extras" in header and all(mark in blobs for mark in there)
        assert not any(mark in blobs for mark in absent), declared


SIGNAL, OTHER, SCORE = (np.float32(x).tobytes() * 2 for x in (1234.5, 2345.5, 3456.5))


def marked() -> Environment:
    """Return an environment in which each column of numbers has one value everywhere."""
    values = (("confidence", 1234.5), ("answer_x", 2345.5))
    env = next(made for made in map(extended, range(99)) if not made.is_root.all() and len(made.probe_answers) > 9)
    return replace(
        env,
        signals={name: np.full_like(env.signals[name], x) for name, x in values},
        final_signals={"confidence": np.full_like(env.final_signals["confidence"], 1234.5)},
        verifier=np.full_like(env.verifier, 3456.5), final_verifier=np.full_like(env.final_verifier, 3456.5),
    )  # fmt: skip


def extended(seed: int) -> Environment:
    return extended_environment(Random(seed))


def test_a_controller_whose_needs_are_not_met_is_refused_before_it_runs() -> None:
    batch = episodes(1)
    for declared, lacking in (
        ("    signals = ('confidence', 'other')\n", "it needs the signal other, which extended does not have"),
        ("    signals = ('confidence',)\n", "it needs the signal confidence, which toy does not have"),
        ("    verifier = 'needed'\n    forks = 'needed'\n", "it needs a verifier and forks, which toy does not have"),
    ):
        found = evaluate(controller(declared, "1 / 0"), batch)
        assert (found.verdict.kind, found.verdict.message) == ("rejected: needs", lacking)


@pytest.mark.parametrize(
    ("solve", "message"),
    [
        ("question.signal(question.branch(), 'confidence')", "no signal 'confidence'"),
        ("question.step(question.branch(), 'confidence')", "no signal 'confidence'"),
        ("question.step_many(question.branch_many(2), 'confidence')", "no signal 'confidence'"),
        ("question.verify(question.branch())", "nothing can be verified"),
        ("(question.step(question.branch()), question.fork(0))", "no branch can be forked"),
    ],
)
def test_what_is_not_declared_cannot_be_used(solve: str, message: str) -> None:
    found = evaluate(controller("", solve), episodes(1))
    assert found.verdict.kind == "illegal_action" and message in found.verdict.message


def test_a_version_that_uses_signals_is_audited_as_any_other(caplog: pytest.LogCaptureFixture) -> None:
    solve = "return question.run_to_end(question.branch())"
    source = controller("    optional_signals = ('confidence',)\n    forks = 'optional'\n", solve)
    found = trial(Candidate("signals", source), episodes(1), ProcessSandbox())
    assert found.verdict.ok and found.audited == "full" and not caplog.records


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in SANDBOXES if kind != "process"])
def test_every_sandbox_plays_alike(kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "docker":
        request.getfixturevalue("image")
    batch = episodes(4)
    with open_sandbox(kind) as sandbox:
        result = evaluate(everything_source(), batch, sandbox)
    assert result.logs is not None, result.verdict
    here = play(Everything, batch).columns()
    assert all(np.array_equal(column, here[name]) for name, column in result.logs.columns().items())


def test_blocks_of_a_cluster_carry_what_a_node_may_show() -> None:
    env = marked()
    sealed = [seal_question(env, q, np.random.default_rng(q)) for q in range(len(env))]
    block = QuestionBlock.of(sealed)
    assert all(block.question(q, None).extras is sealed[q].extras for q in range(len(env)))
    assert sealed[0].extras is not None and sealed[0].extras.parents is not None


def test_the_longest_log_with_a_verifier_and_forks_is_allowed() -> None:
    class Longest(Controller):
        verifier = "needed"
        forks = "needed"

        def solve(self, question: Question) -> str | None:
            waiting = question.branch_many(question.branches_left)
            while waiting:
                i = waiting.pop()
                while not question.finished(i):
                    if question.depth(i):
                        question.probe(i)
                        question.verify(i)
                    while question.can_fork(i):
                        waiting.append(question.fork(i))
                    question.advance(i)
                question.verify(i)
            return None

    for seed in range(3):
        batch = grid([replace(extended(seed), verify_cost=5, probe_cost=3)], [0.5], range(2))
        logs = play(Longest, batch)
        score(batch, logs)
        source = HEAD + textwrap.dedent(inspect.getsource(Longest))
        assert evaluate(source, batch).verdict.ok
