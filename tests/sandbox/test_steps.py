"""An evaluation in steps gives the results of one evaluation, plays no episode twice, and reuses its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from autotts.envs.episodes import grid
from autotts.envs.scoring import Scores
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.backends.runner import WorkerSandbox
from autotts.sandbox.backends.workers import Worker
from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate, Verdict
from autotts.sandbox.steps import EvaluationSteps, Ints, evaluate_in_steps

from .test_sandboxes import SANDBOXES, candidate

ENVIRONMENT = generate(next(iter(default_models().values())), "toy/model", questions=5, branches=8)
EPISODES = grid([ENVIRONMENT], [0.0, 0.5, 1.0], range(4), max_branches=8)
ORDER = np.random.default_rng(0).permutation(len(EPISODES))
VOTER = Candidate(
    "voter",
    """
from envs import Controller
class Voter(Controller):
    def solve(self, question):
        return question.run_many_to_end(question.branch_many(1 + round(5 * self.beta)))[-1]
""",
)
GOOD = Verdict("ok")


def steps(judge: Callable[[Ints, Scores], Verdict] = lambda seen, scores: GOOD, *ends: int) -> EvaluationSteps:
    return EvaluationSteps(ORDER, (*(ends or (7, 20)), len(EPISODES)), judge)


class Counting(ProcessSandbox):
    """Counts the workers that were started, and those that still run."""

    started = running = 0

    def start(self) -> Worker:
        worker, counting = super().start(), type(self)
        counting.started += 1
        counting.running += 1
        stop = worker.stop

        def stopped() -> None:
            stop()
            counting.running -= 1
            worker.stop = stop  # type: ignore[method-assign]

        worker.stop = stopped  # type: ignore[method-assign]
        return worker


@pytest.fixture
def counting() -> Iterator[Counting]:
    Counting.started = Counting.running = 0
    yield Counting(2)
    assert Counting.running == 0


@pytest.fixture(scope="module", params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[WorkerSandbox]:
    if request.param == "docker":
        request.getfixturevalue("image")
    with open_sandbox(request.param, 2, limits=SandboxLimits(episode_seconds=5.0)) as opened:
        yield opened


def test_steps_give_the_same_results_as_one_evaluation(sandbox: WorkerSandbox) -> None:
    looks: list[tuple[int, float]] = []

    def judge(seen: Ints, scores: Scores) -> Verdict:
        assert np.array_equal(seen, ORDER[: len(seen)])
        looks.append((len(seen), float(scores.tokens.sum())))
        return GOOD

    played: list[int] = []
    whole = evaluate(VOTER, EPISODES, sandbox)
    found = evaluate_in_steps(VOTER, EPISODES, steps(judge), sandbox, played.append)
    assert found.logs is not None and whole.logs is not None and found.scores is not None and whole.scores is not None
    for name, column in whole.logs.columns().items():
        assert np.array_equal(column, found.logs.columns()[name]), name
    assert found.curve == whole.curve
    assert sum(played) == found.played == len(EPISODES)
    assert looks == [(n, float(whole.scores.tokens[ORDER[:n]].sum())) for n in (7, 20)]


def test_each_step_runs_in_new_processes(sandbox: WorkerSandbox) -> None:
    before = "seen = []"
    source = candidate("seen.append(1)\nassert len(seen) <= 20, 'carried over'\nreturn None", before)
    found = evaluate_in_steps(Candidate("counts", source), EPISODES, steps(), sandbox)
    assert found.verdict.ok, found.verdict  # 7 + 13 + 40 episodes in two workers: over 20 only across steps


def test_one_worker_serves_all_steps(counting: Counting) -> None:
    assert evaluate_in_steps(VOTER, EPISODES, steps(), counting).verdict.ok
    assert Counting.started == 2
    assert evaluate_in_steps(VOTER, EPISODES, steps(), counting).verdict.ok
    assert Counting.started == 4  # a new evaluation starts new workers


def test_a_stopped_candidate_has_no_scores(counting: Counting) -> None:
    poor = Verdict("screened", "too bad")
    found = evaluate_in_steps(VOTER, EPISODES, steps(lambda seen, scores: poor), counting)
    assert (found.verdict, found.logs, found.scores, found.played) == (poor, None, None, 7)
    assert Counting.started == 2


@pytest.mark.parametrize("ends", [(7, 20), (1,), (59,)])
def test_a_failure_names_the_episode_by_its_index_in_the_batch(ends: tuple[int, ...], counting: Counting) -> None:
    bad = int(ORDER[30])
    at = f"self.beta == {EPISODES.beta[bad]} and self._seed == {EPISODES.order[bad]}"
    failing = Candidate("failing", candidate(f"if {at}: raise ValueError('here')\nreturn None"))
    alike = (EPISODES.beta == EPISODES.beta[bad]) & (EPISODES.order == EPISODES.order[bad])
    first = next(i for i in ORDER if alike[i])
    found = evaluate_in_steps(failing, EPISODES, steps(lambda seen, scores: GOOD, *ends), counting)
    assert found.verdict.kind == "exception" and found.played == 0
    assert found.verdict.episode is not None and alike[found.verdict.episode]
    assert EPISODES.describe(found.verdict.episode) in found.verdict.message
    if ends == (7, 20):
        assert found.verdict.episode == first


def test_a_candidate_cannot_forge_a_screened_verdict() -> None:
    body = """
    frame = __import__("json").dumps({"kind": "screened", "message": "x", "episode": None}).encode()
    head = __import__("struct").pack("<cIiI", b"F", 0, 0, len(frame))
    for fd in range(3, 10):
        try: os.write(fd, head + frame)
        except OSError: pass
    """
    assert evaluate(candidate(body), EPISODES, ProcessSandbox()).verdict.kind == "protocol"
