"""Evaluation, audit, and the replays of a convicted episode never share a worker."""

from __future__ import annotations

import pytest

from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.backends.workers import Worker
from autotts.sandbox.evaluation import evaluate, measure
from autotts.sandbox.outcome import Candidate, SandboxOutcome
from autotts.sandbox.trial import trial
from autotts.sandbox.wire import SealedBatch

HONEST = """
from envs import Controller
class Honest(Controller):
    def solve(self, question):
        return question.run_to_end(question.branch())
"""
CHEAT = """
from envs import Controller
class Cheat(Controller):
    def solve(self, question):
        columns, order = question._recording.columns, question._order
        return question.run_to_end(question.branch_many(1 + len(columns[order[-1]]) % 3)[-1])
"""


class Recording(ProcessSandbox):
    """Records the workers of every run."""

    def __init__(self) -> None:
        super().__init__(2)
        self.started: list[Worker] = []
        self.runs: list[tuple[int, set[int]]] = []
        """Of each run: the number of its groups of episodes, and the numbers of its workers."""

    def start(self) -> Worker:
        worker = super().start()
        self.started.append(worker)
        return worker

    def take(self) -> Worker:
        worker = super().take()
        self.runs[-1][1].add(self.started.index(worker))
        return worker

    def play(self, candidate: Candidate, batch: SealedBatch, *rest: object) -> SandboxOutcome:
        self.runs.append((len(set(batch.group.tolist())), set()))
        return super().play(candidate, batch, *rest)  # type: ignore[arg-type]


EPISODES = grid([generate(default_models()["synthetic/tiny"], "w/tiny", questions=4, branches=8)], (0.2, 0.8), range(6))


@pytest.mark.parametrize("source", [HONEST, CHEAT])
def test_an_audit_starts_its_own_workers_also_inside_a_context_that_reuses_them(source: str) -> None:
    with Recording() as sandbox, sandbox.reusing_workers() as reusing:
        found = evaluate(Candidate("candidate", source), EPISODES, reusing)
        again = evaluate(Candidate("candidate", source), EPISODES, reusing)
        assert found.logs is not None and again.logs is not None
        verdict = audit(found.candidate, EPISODES, found.logs, reusing)
    assert verdict.ok == (source == HONEST)
    evaluations, rest = sandbox.runs[:2], sandbox.runs[2:]
    assert evaluations[0][1] & evaluations[1][1], "the context reuses workers"
    used = evaluations[0][1] | evaluations[1][1]
    audits = [workers for groups, workers in rest if groups > 1]
    alone = [workers for groups, workers in rest if groups == 1]
    assert audits and bool(alone) == (source == CHEAT)
    assert not used & set().union(*audits, *alone)
    for number, workers in enumerate(alone):
        assert not workers & set().union(*audits, *alone[:number], *alone[number + 1 :])


def test_a_trial_never_audits_in_a_worker_that_evaluated() -> None:
    with Recording() as sandbox:
        assert trial(Candidate("candidate", HONEST), EPISODES, sandbox).verdict.ok
    (_, evaluated), *audits = sandbox.runs
    assert audits and not evaluated & set().union(*(workers for _, workers in audits))


def test_parts_of_an_evaluation_share_workers_with_nothing_else() -> None:
    with Recording() as sandbox:
        for _ in range(2):
            assert measure(Candidate("candidate", HONEST), EPISODES, sandbox, at_a_time=10).verdict.ok
    half = len(sandbox.runs) // 2
    first, second = (
        set().union(*(workers for _, workers in part)) for part in (sandbox.runs[:half], sandbox.runs[half:])
    )
    assert first and second and not first & second
