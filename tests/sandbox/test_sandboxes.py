"""Every sandbox turns each failure into one typed verdict, and all sandboxes give the same logs for good candidates."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends import bubblewrap
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.backends.runner import WorkerSandbox
from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.testing import check_sandbox

MODEL = next(iter(default_models().values()))
ENVIRONMENT = generate(MODEL, "toy/model", questions=3, branches=12)
EPISODES = grid([ENVIRONMENT], [0.0, 0.7], range(3), max_branches=8)


def candidate(body: str, before: str = "") -> str:
    """Return a controller whose ``solve`` is ``body``."""
    head = "import os, sys, time, _thread as thread\nfrom envs import Controller, IllegalAction\n"
    head += f"{textwrap.dedent(before)}\nclass Candidate(Controller):\n    def solve(self, question):\n"
    return head + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n"


NO_BUBBLEWRAP = pytest.mark.skipif(bool(bubblewrap.works()), reason=f"no bubblewrap: {bubblewrap.works()}")

FAILURES = {
    "syntax": ("syntax", "class Candidate(:\n"),
    "import": ("import", "import numpy\n"),
    "no controller": ("contract", "x = 1\n"),
    "two controllers": (
        "contract",
        "from envs import Controller\nclass A(Controller): pass\nclass B(Controller): pass\n",
    ),
    "raises at import": ("exception", "1 / 0\n"),
    "raises": ("exception", candidate("return {}['x']")),
    "recursion": ("exception", candidate("return self.solve(question)")),
    "never opened": ("illegal_action", candidate("question.step(0)")),
    "past the budget": ("illegal_action", candidate("question.branch_many(9)")),
    "pruned": ("illegal_action", candidate("i = question.branch(); question.prune(i); question.step(i)")),
    "finished": ("illegal_action", candidate("i = question.branch(); question.run_to_end(i); question.step(i)")),
    "invented answer": ("illegal_answer", candidate("return '42'")),
    "unhashable answer": ("exception", candidate("return []")),
    "endless": ("timeout", candidate("while True: pass")),
    "waits for itself": ("timeout", candidate("lock = thread.allocate_lock(); lock.acquire(); lock.acquire()")),
    "asleep": ("exception", candidate("time.sleep(1000)")),
    "memory": ("memory", candidate("x = bytearray(1 << 40)")),
    "sys.exit": ("exit", candidate("sys.exit(3)")),
    "os._exit": ("exit", candidate("os._exit(0)")),
    "signals": ("exception", candidate("os.kill(os.getpid(), 9)")),
    "crashes": ("crash", candidate("import ctypes; ctypes.string_at(0)")),
    "aborts": ("crash", candidate("os.abort()")),
    "floods": ("output", candidate("while True: print('x' * 10000)")),
    "garbage": (
        "protocol",
        candidate("for fd in range(3, 10):\n    try: os.write(fd, b'x' * 100)\n    except OSError: pass"),
    ),
}


SANDBOXES = [
    "process",
    pytest.param("bubblewrap", marks=NO_BUBBLEWRAP),
    pytest.param("docker", marks=pytest.mark.docker),
]


@pytest.fixture(scope="module", params=SANDBOXES)
def impatient(request: pytest.FixtureRequest) -> Iterator[WorkerSandbox]:
    """A sandbox of each kind, with two workers and a short timeout."""
    if request.param == "docker":
        request.getfixturevalue("image")
    with open_sandbox(request.param, 2, limits=SandboxLimits(episode_seconds=1.0)) as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_has_its_own_verdict_kind(name: str, impatient: WorkerSandbox) -> None:
    kind, source = FAILURES[name]
    result = evaluate(source, EPISODES, impatient)
    assert result.verdict.kind == kind, result.verdict
    assert result.scores is None and result.verdict.message and "\n" not in result.verdict.message
    if name not in ("syntax", "import", "no controller", "two controllers", "raises at import"):
        assert result.verdict.episode == 0
        assert "toy/model, question 0, beta 0, order 0" in result.verdict.message


def test_forks_are_refused_or_harmless(impatient: WorkerSandbox) -> None:
    verdict = evaluate(candidate("os.fork()\nreturn None"), EPISODES, impatient).verdict
    # under root, a plain process stays root if others cannot read the interpreter, and limits do not bind root
    assert verdict.kind == "processes" or (impatient.name == "process" and verdict.kind in ("protocol", "ok", "exit"))


def test_the_first_failing_episode_is_reported_for_any_number_of_workers() -> None:
    source = candidate("if self.beta > 0.5 and self._seed == 1: raise ValueError('here')\nreturn None")
    found = {evaluate(source, EPISODES, ProcessSandbox(n)).verdict for n in (1, 2, 3)}
    assert len(found) == 1
    assert found.pop().episode == 10


@pytest.mark.parametrize("name", baseline_names())
def test_baselines_give_the_same_logs_in_every_sandbox(name: str, impatient: WorkerSandbox) -> None:
    one, two = (evaluate(baseline_source(name), EPISODES, sandbox) for sandbox in (ProcessSandbox(1), impatient))
    assert one.verdict.ok and two.verdict.ok
    assert one.logs is not None and two.logs is not None
    for key, column in one.logs.columns().items():
        assert np.array_equal(column, two.logs.columns()[key])
    assert one.curve == two.curve


def test_the_environment_and_standard_input_are_empty(impatient: WorkerSandbox) -> None:
    source = candidate("assert not set(os.environ)\nassert sys.stdin.read() == ''\nreturn None")
    assert evaluate(source, EPISODES, impatient).verdict.ok


@pytest.mark.slow
@pytest.mark.parametrize("kind", SANDBOXES)
def test_our_sandboxes_pass_the_check_that_others_run_on_theirs(kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "docker":
        request.getfixturevalue("image")
    assert check_sandbox(open_sandbox(kind, 2, limits=SandboxLimits(episode_seconds=10.0))).name == kind
