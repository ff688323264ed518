"""A candidate that kills the process of the run is passed over on `resume`; an undisturbed archive stays as it is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_report import read_report
from autotts.agent.loop.attempts import MOST_DEATHS, Attempts, WorkCancelled, passed_over
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.envs.errors import InputError
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError

from .test_graph import Single, begin, evaluated, tree

ROOT = Path(__file__).parents[3]
DIES = """
import os, signal, sys
from pathlib import Path
from autotts.agent.archive.run_directory import Run
from autotts.agent.loop import evaluation, final_evaluation
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.sandbox.backends.process import ProcessSandbox
from tests.agent.loop.test_graph import Single

home, where, width = sys.argv[1:]
def dying(true):
    def work(candidate, *arguments, **named):
        if width in candidate.source:
            os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does where memory ends
        return true(candidate, *arguments, **named)
    return work
if where == "evaluation":
    evaluation.SteppedEvaluation = dying(evaluation.SteppedEvaluation)
elif where == "final evaluation":
    final_evaluation.trial = dying(final_evaluation.trial)
else:
    true = evaluation.CandidateEvaluator.diagnose
    evaluation.CandidateEvaluator.diagnose = lambda self, record: dying(lambda r: true(self, r))(record)
discover(Discovery(Run(Path(home)), Single(), ProcessSandbox()))
"""


def dies(run: Run, where: str, width: str) -> bool:
    """Let a process work on the run; return whether it was killed. No other end is accepted."""
    done = subprocess.run([sys.executable, "-c", DIES, str(run.home), where, width], cwd=ROOT, capture_output=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


def whole(home: Path) -> Run:
    run = begin(home, generations=1, population=2)
    discover(Discovery(run, Single(), ProcessSandbox()))
    return run


def widest(run: Run) -> tuple[str, str]:
    """Return the id of a discovered version that is evaluated again at the end, and a text that is in no other."""
    best = next(name for name in (read_report(run) or pytest.fail()).measured if name.startswith("g001"))
    others = [run.archive.source(name) for name in run.archive.ids() if name != best]
    lines = [x for x in run.archive.source(best).splitlines() if x and not any(x in other for other in others)]
    return best, lines[0].strip()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["evaluation", "diagnosis", "final evaluation"])
def test_a_run_that_dies_of_one_candidate_goes_on_without_it(where: str, tmp_path: Path) -> None:
    other = whole(tmp_path / "other")
    poison, text = widest(other)
    run = begin(tmp_path / "run", generations=1, population=2)
    for _ in range(MOST_DEATHS):
        assert dies(run, where, text)
    assert not dies(run, where, text)
    assert run.archive.ids() == other.archive.ids() and run.archive.verify() == []
    card, report = run.archive.card(poison), read_report(run)
    assert report is not None and not run.staged.exists()
    if where == "evaluation":
        assert card.verdict == "crash" and "3 times" in card.message and "discover --from" in card.message
        assert [event.verdict for event in evaluated(run) if event.id == poison] == ["crash"]
    elif where == "diagnosis":
        assert card.ok and card.findings == ()
    else:
        assert card.ok and report.failed == {poison: f"crash: {passed_over('final evaluation').message}"}


@pytest.mark.slow
def test_two_kills_in_one_candidate_change_nothing(tmp_path: Path) -> None:
    other = whole(tmp_path / "other")
    run = begin(tmp_path / "run", generations=1, population=2)
    for where in ("evaluation", "diagnosis", "final evaluation"):
        assert all(dies(run, where, widest(other)[1]) for _ in range(MOST_DEATHS - 1))
    discover(Discovery(Run(run.home), Single(), ProcessSandbox()))
    assert tree(run.archive) == tree(other.archive)
    assert (run.home / "report.json").read_bytes() == (other.home / "report.json").read_bytes()


@pytest.mark.parametrize("error", [KeyboardInterrupt, WorkCancelled, SandboxError, InputError, OSError])
def test_an_interruption_by_the_user_is_not_counted(error: type[BaseException], tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "staged")
    for _ in range(MOST_DEATHS + 1):
        with pytest.raises(error), attempts.of("g001-1", "evaluation") as allowed:
            assert allowed
            raise error("x")
    assert not (tmp_path / "staged").exists()


@pytest.mark.parametrize("error", [MemoryError, IndexError, "the sandbox failed"])
def test_an_error_of_ours_is_counted_and_success_forgets_it(error: type[Exception] | str, tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "staged")

    def fail() -> None:
        if isinstance(error, str):
            raise SandboxError(error) from MemoryError()
        raise error

    for _ in range(MOST_DEATHS - 1):
        with pytest.raises((MemoryError, IndexError, SandboxError)), attempts.of("g001-1", "evaluation"):
            fail()
    with pytest.raises(KeyboardInterrupt), attempts.of("g001-1", "evaluation"):
        raise KeyboardInterrupt
    with attempts.of("g001-1", "diagnosis") as other:
        assert other, "each kind of work has a count of its own"
    with attempts.of("g001-1", "evaluation") as allowed:
        assert allowed
    assert not (tmp_path / "staged").exists()
    for _ in range(MOST_DEATHS):
        with pytest.raises((MemoryError, IndexError, SandboxError)), attempts.of("g001-1", "evaluation") as allowed:
            assert allowed
            fail()
    with attempts.of("g001-1", "evaluation") as allowed:
        assert not allowed
