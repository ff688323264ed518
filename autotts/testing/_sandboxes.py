"""The check of a sandbox: honest, failing, endless, curious and cheating candidates, beside the reference sandbox."""

from __future__ import annotations

import os
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import Logs, grid
from autotts.envs.errors import InputError
from autotts.envs.plugins import check_attributes, name_of
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import wire
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SANDBOX_ATTRIBUTES, Sandbox, SandboxError
from autotts.sandbox.outcome import Candidate, SandboxOutcome
from autotts.sandbox.trial import trial

from ._errors import ConformanceError, demand

_HONEST = ("self_consistency", "parallel_probe", "confidence_momentum")
_GRACE = 5.0
"""Seconds in which processes that were killed must be gone."""


def _candidate(body: str) -> str:
    """Return a controller whose ``solve`` is ``body``."""
    head = "import os, sys, time\nimport envs\nfrom envs import Controller\n\nclass Checked(Controller):\n"
    return f"{head}    def solve(self, question):\n" + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n"


_FAILURES = {
    "source that does not parse": ("syntax", "class Checked(:\n"),
    "import of a missing module": ("import", "import no_such_module\n"),
    "source without a controller": ("contract", "x = 1\n"),
    "exception": ("exception", _candidate("return {}['x']")),
    "illegal action": ("illegal_action", _candidate("question.step(0)")),
    "more branches than the budget has": ("illegal_action", _candidate("question.branch_many(99)")),
    "invented answer": ("illegal_answer", _candidate("return '42'")),
    "huge allocation": ("memory", _candidate("x = bytearray(1 << 40)")),
    "early exit": ("exit", _candidate("os._exit(0)")),
    "crash": ("crash", _candidate("os.abort()")),
    "endless printing": ("output", _candidate("while True: print('x' * 10000)")),
    "endless loop": ("timeout", _candidate("while True: pass")),
}
_SAYS_ITS_ANSWER = _candidate(
    """
    answers = question.run_many_to_end(question.branch_many(question.max_branches))
    raise ValueError(" ".join(sorted({answer for answer in answers if answer})))
    """
)
_LEAVES_TRACES = _candidate(
    """
    assert not hasattr(envs, "kept_by_a_run") or envs.kept_by_a_run == os.getpid(), "this process has run before"
    envs.kept_by_a_run = os.getpid()
    return None
    """
)
_SEES_THE_ENVIRONMENT = _candidate("assert not os.environ, 'it sees the variables of the host'\nreturn None")
_LOOKS_AHEAD = _candidate(
    """
    branches = question.branch_many(question.max_branches)
    return question.run_to_end(min(branches, key=lambda i: len(question._columns[i])))
    """
)


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """What a conforming sandbox did."""

    name: str
    about: str
    checks: tuple[str, ...]
    """What was checked, in words."""
    seconds: float


def check_sandbox(sandbox: Sandbox, *, seconds: float = 120.0) -> SandboxReport:
    """Check a sandbox, and close it.

    Honest controllers give the same logs as in the reference, a plain process: in `run`, in `play`, and with workers
    that are used again. A failing candidate ends with the right verdict, never with an exception, and an endless one
    within ``seconds``. A candidate sees no answer in words, no token that an earlier run has seen, no variable of the
    host, and nothing that an earlier run has left. The look-ahead audit works. No process is left behind. Whether an
    attacker can break out is another question: ``autotts sandbox check`` attacks a sandbox.

    Args:
        sandbox: an open sandbox.
        seconds: in which every run must end.

    Raises:
        ConformanceError: it does not do one of these.
    """
    try:
        check_attributes("sandbox", name_of(sandbox), sandbox, SANDBOX_ATTRIBUTES)
    except InputError as error:
        raise ConformanceError(str(error)) from None
    world = generate(default_models()["synthetic/tiny"], "check/tiny", questions=3, branches=12)
    began, before = time.monotonic(), _children()
    check = _SandboxCheck(sandbox, world, seconds)
    check.honest()
    check.failures()
    check.secrets()
    check.audit()
    _close(sandbox)
    _nothing_left(before)
    done = (*check.done, "nothing is left running")
    return SandboxReport(sandbox.name, sandbox.about, done, round(time.monotonic() - began, 3))


class _SandboxCheck:
    def __init__(self, sandbox: Sandbox, world: Environment, seconds: float) -> None:
        self.sandbox, self.world, self.seconds = sandbox, world, seconds
        self.episodes = grid([world], [0.0, 0.7], range(3), max_branches=8)
        self.done: list[str] = []

    def honest(self) -> None:
        for name in _HONEST:
            candidate = Candidate(name, baseline_source(name))
            expected = ProcessSandbox().run(candidate, self.episodes).logs
            counted: list[int] = []
            found = self._within(name, lambda s, c=candidate, n=counted: s.run(c, self.episodes, n.append))  # type: ignore[misc]
            self._equal(f"run of {name}", found, expected)
            demand(
                sum(counted) == len(self.episodes),
                f"run of {name} reported {sum(counted)} episodes as progress, of {len(self.episodes)}",
            )
            batch = wire.SealedBatch.of(self.episodes)
            found = self._within(name, lambda s, c=candidate, b=batch: s.play(c, b))  # type: ignore[misc]
            self._equal(f"play of {name}", found, expected)
        self._used_again(candidate, expected)
        self.done += ["honest controllers give what the reference gives", "workers can be used again"]

    def _used_again(self, candidate: Candidate, expected: Logs | None) -> None:
        with self.sandbox.reusing_workers() as lent:
            for number in (1, 2):
                what = f"run {number} with workers that are used again"
                found = self._within(what, lambda _: lent.run(candidate, self.episodes))
                self._equal(what, found, expected)
            for _ in range(2):
                found = self._within("traces", lambda _: lent.run(Candidate("traces", _LEAVES_TRACES), self.episodes))
                demand(found.verdict.ok, f"a run finds what an earlier run has left: {found.verdict.message}")

    def failures(self) -> None:
        for what, (kind, source) in _FAILURES.items():
            verdict = self._run(what, source).verdict
            said = f"{verdict.kind} ({verdict.message})"
            demand(verdict.kind == kind, f"{what}: the verdict is {said}, but must be {kind}")
            demand("\n" not in verdict.message, f"{what}: the message of the verdict has more than one line")
            if kind not in ("syntax", "import", "contract"):
                demand(verdict.episode == 0, f"{what}: the verdict is on episode {verdict.episode}, but must be on 0")
        self.done += ["failures have the right verdict", "endless candidates are stopped"]

    def secrets(self) -> None:
        first, second = (self._run("answers", _SAYS_ITS_ANSWER).verdict.message for _ in range(2))
        seen = sorted({word for word in self.world.vocabulary if len(word) > 2} & set(first.split()))
        demand(not seen, f"a candidate sees the answer {seen[0] if seen else ''!r}, which must be an opaque token")
        demand(first != second, "a candidate sees the same tokens in two runs: draw new ones for each run")
        verdict = self._run("variables", _SEES_THE_ENVIRONMENT).verdict
        demand(verdict.ok, f"a candidate sees the variables of the host: {verdict.message}")
        self.done += ["answers are opaque and fresh", "variables of the host are hidden"]

    def audit(self) -> None:
        candidate = Candidate("look-ahead", _LOOKS_AHEAD)
        try:
            verdict = trial(candidate, self.episodes, self.sandbox, check_policy=False).verdict
        except SandboxError as error:
            raise ConformanceError(f"look-ahead: SandboxError: {error}") from error
        demand(
            verdict.kind == "rejected: looked ahead",
            f"the look-ahead audit of a cheat ends with {verdict.kind} ({verdict.message})",
        )
        self.done.append("look-ahead is convicted")

    def _run(self, what: str, source: str) -> SandboxOutcome:
        return self._within(what, lambda sandbox: sandbox.run(Candidate(what, source), self.episodes))

    def _within(self, what: str, work: Callable[[Sandbox], SandboxOutcome]) -> SandboxOutcome:
        """Return the outcome of a run that must end in time and raise nothing."""
        found: list[SandboxOutcome] = []
        errors: list[BaseException] = []

        def target() -> None:
            try:
                found.append(work(self.sandbox))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        thread.join(self.seconds)
        demand(not thread.is_alive(), f"{what}: no verdict within {self.seconds:g} seconds")
        if errors:
            raise ConformanceError(f"{what}: {type(errors[0]).__name__}: {errors[0]}") from errors[0]
        return found[0]

    @staticmethod
    def _equal(what: str, found: SandboxOutcome, expected: Logs | None) -> None:
        demand(found.verdict.ok and found.logs is not None, f"{what}: {found.verdict.kind}: {found.verdict.message}")
        assert expected is not None and found.logs is not None
        one, two = expected.columns(), found.logs.columns()
        different = [name for name in one if not np.array_equal(one[name], two[name])]
        demand(not different, f"{what}: the logs differ from those of the reference in {', '.join(different)}")


def _close(sandbox: Sandbox) -> None:
    for _ in range(2):
        try:
            sandbox.close()
        except Exception as error:
            raise ConformanceError(f"close raised {type(error).__name__}: {error}") from error


def _nothing_left(before: set[int]) -> None:
    end = time.monotonic() + _GRACE
    while (left := _children() - before) and time.monotonic() < end:
        time.sleep(0.05)
    demand(not left, f"{len(left)} child processes are left behind: {', '.join(map(str, sorted(left)))}")


def _children() -> set[int]:
    """Return the child processes of this process; none where the system does not tell."""
    try:
        texts = [path.read_text() for path in Path(f"/proc/{os.getpid()}/task").glob("*/children")]
    except OSError:
        return set()
    return {int(number) for text in texts for number in text.split()}
