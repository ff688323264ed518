"""Controllers in front of live questions act as in the sandbox, many at once, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.envs.episodes import Episodes, grid
from autotts.envs.errors import InputError
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError, SandboxLimits
from autotts.sandbox.evaluation import CandidateFailed, evaluate
from autotts.sandbox.live.workers import MAX_BRANCHES, LiveOutcome, LiveWorkers
from autotts.sandbox.outcome import Candidate

from ...environments import limited, pack
from ..test_beyond_answers import episodes as extended_episodes
from ..test_beyond_answers import everything_source
from ..test_sandboxes import SANDBOXES
from .replayed import ReplayedActions, replayed_questions

MODEL = next(iter(default_models().values()))
ENVIRONMENT = generate(MODEL, "toy/model", questions=3, branches=12)
EPISODES = grid([ENVIRONMENT], [0.0, 0.7], range(2), max_branches=8)
VOTE = Candidate(
    "vote",
    "from envs import Controller, majority\nclass Vote(Controller):\n    def solve(self, question):\n"
    "        return majority(question.run_many_to_end(question.branch_many(3)))\n",
)


def controller(body: str) -> Candidate:
    """Return a controller whose ``solve`` is ``body``."""
    head = "from envs import Controller, IllegalAction, TokensSpent, majority\nclass Live(Controller):\n"
    return Candidate(
        "live", head + "    def solve(self, question):\n" + textwrap.indent(textwrap.dedent(body), " " * 8)
    )


async def play_all(workers: LiveWorkers, episodes: Episodes) -> list[tuple[ReplayedActions, LiveOutcome]]:
    """Play all episodes at once."""
    questions = [ReplayedActions(question, patience=1) for question in replayed_questions(episodes)]
    outcomes = await asyncio.gather(
        *(
            workers.solve(actions, beta, seed)
            for actions, beta, seed in zip(questions, episodes.beta.tolist(), episodes.order.tolist(), strict=True)
        )
    )
    return list(zip(questions, outcomes, strict=True))


def solve_once(candidate: Candidate, sandbox: str = "process", actions: ReplayedActions | None = None) -> LiveOutcome:
    async def run() -> LiveOutcome:
        async with LiveWorkers.open(candidate, sandbox, questions=2, check_policy=False) as workers:
            return await workers.solve(actions or ReplayedActions.small(), 0.5)

    return asyncio.run(run())


def assert_same_as_in_the_sandbox(candidate: Candidate, episodes: Episodes, sandbox: str) -> None:
    async def run() -> list[tuple[ReplayedActions, LiveOutcome]]:
        async with LiveWorkers.open(candidate, sandbox, check_policy=False) as workers:
            return await play_all(workers, episodes)

    expected = evaluate(candidate, episodes, ProcessSandbox())
    played = asyncio.run(run())
    assert expected.logs is not None, expected.verdict
    assert {outcome.verdict.kind for _, outcome in played} == {"ok"}
    logs = pack([(actions.question, outcome.answer) for actions, outcome in played], episodes)
    for name, column in expected.logs.columns().items():
        assert np.array_equal(column, logs.columns()[name]), name


@pytest.mark.parametrize("sandbox", SANDBOXES)
@pytest.mark.parametrize("max_tokens", [None, 6000])
@pytest.mark.parametrize("name", baseline_names())
def test_baselines_act_as_in_the_sandbox(
    name: str, max_tokens: int | None, sandbox: str, request: pytest.FixtureRequest
) -> None:
    if sandbox == "docker":
        request.getfixturevalue("image")
    assert_same_as_in_the_sandbox(Candidate(name, baseline_source(name)), limited(EPISODES, max_tokens), sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("name", champion_names())
def test_champions_act_as_in_the_sandbox_on_all_synthetic_models(name: str) -> None:
    environments = [
        generate(model, f"{i}/model", questions=3, branches=32) for i, model in enumerate(default_models().values())
    ]
    episodes = grid(environments, [0.1, 0.5, 0.9], range(2), max_branches=24)
    assert_same_as_in_the_sandbox(Candidate(name, champion_source(name)), episodes, "process")


def test_a_remote_controller_catches_the_errors_of_the_contract() -> None:
    body = """
    one = question.branch()
    try:
        question.step(7)
    except IllegalAction as error:
        assert "branch 7 was never opened" in str(error), error
    try:
        while not question.finished(one):
            question.step(one)
    except TokensSpent:
        assert question.tokens_ran_out and question.tokens == 200 and question.tokens_left == 50
        return question.probe(one)
    """
    outcome = solve_once(controller(body), actions=ReplayedActions.small(max_tokens=250))
    assert (outcome.verdict.kind, outcome.answer) == ("ok", "b")


def test_an_episode_without_tokens_answers_from_what_was_shown() -> None:
    outcome = solve_once(
        controller("question.run_many_to_end(question.branch_many(4))"), actions=ReplayedActions.small(4, 450)
    )
    assert (outcome.verdict.kind, outcome.answer) == ("ok", "c")
    assert solve_once(controller("return None")).answer is None


def test_a_bad_source_is_refused_before_any_question() -> None:
    async def start(candidate: Candidate) -> None:
        async with LiveWorkers.open(candidate, "process"):
            raise AssertionError("it started")

    for source, kind in (
        ("import socket\n", "rejected: policy"),
        ("x = 1\n", "contract"),
        ("class :\n", "syntax"),
        ("1 / 0\n", "exception"),
    ):
        with pytest.raises(CandidateFailed) as failed:
            asyncio.run(start(Candidate("bad", source)))
        assert failed.value.verdict.kind == kind and "\n" not in str(failed.value)


def test_a_sandbox_without_our_workers_and_too_many_branches_are_refused() -> None:
    with pytest.raises(InputError, match="cannot import nothing"):
        LiveWorkers.open(VOTE, "nothing.like:this")

    async def run() -> None:
        async with LiveWorkers.open(VOTE, "process") as workers:
            actions = ReplayedActions.small()
            actions.max_branches = MAX_BRANCHES + 1
            with pytest.raises(InputError, match="at most 4,096 branches"):
                await workers.solve(actions, 0.5)

    asyncio.run(run())


def test_errors_of_the_question_are_raised_and_end_the_controller() -> None:
    class Broken(ReplayedActions):
        async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
            raise TimeoutError("the model does not answer")

    async def run() -> None:
        async with LiveWorkers.open(VOTE, "process", questions=1) as workers:
            for _ in range(3):
                with pytest.raises(TimeoutError, match="does not answer"):
                    await workers.solve(Broken(ReplayedActions.small().question), 0.5)
            assert (await workers.solve(ReplayedActions.small(), 0.5)).answer == "b"

    asyncio.run(run())


class Waiting(ReplayedActions):
    """A question whose model never answers."""

    def __init__(self) -> None:
        super().__init__(ReplayedActions.small().question)
        self.asked, self.answered = asyncio.Event(), asyncio.Event()

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        self.asked.set()
        await self.answered.wait()
        return await super().run_many_to_end(indices)


def descendants(process: int) -> set[int]:
    """Return the processes that a process of this machine has started, and those that these have started."""
    found = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child, *(descendants(child) if Path(f"/proc/{child}").exists() else ())}
    return found


@pytest.mark.parametrize("sandbox", SANDBOXES[:2])
def test_cancelling_ends_one_process_and_no_other(sandbox: str) -> None:
    async def run() -> None:
        async with LiveWorkers.open(VOTE, sandbox, questions=2) as workers:
            one, two = Waiting(), Waiting()
            first, second = (asyncio.create_task(workers.solve(actions, 0.5)) for actions in (one, two))
            await asyncio.gather(one.asked.wait(), two.asked.wait())
            third = asyncio.create_task(workers.solve(ReplayedActions.small(), 0.5))  # waits for a place
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await third).answer == "b"
            two.answered.set()
            assert (await second).answer == "b"

    asyncio.run(run())


@pytest.mark.parametrize("sandbox", SANDBOXES[:2])
def test_a_lost_worker_ends_its_questions_and_is_replaced(sandbox: str) -> None:
    async def run() -> None:
        async with LiveWorkers.open(VOTE, sandbox) as workers:
            waiting = [Waiting() for _ in range(3)]
            tasks = [asyncio.create_task(workers.solve(actions, 0.5)) for actions in waiting]
            await asyncio.gather(*(actions.asked.wait() for actions in waiting))
            [link] = workers._alive()
            link._worker._process.kill()  # type: ignore[attr-defined]
            for task in tasks:
                outcome = await task
                assert outcome.verdict.kind == "crash" and "are not taken again" in outcome.verdict.message
            assert (await workers.solve(ReplayedActions.small(), 0.5)).answer == "b"
            assert workers.ready

    asyncio.run(run())


@pytest.mark.parametrize("sandbox", SANDBOXES[:2])
def test_closing_leaves_no_process_and_no_descriptor(sandbox: str) -> None:
    async def run() -> None:
        workers = LiveWorkers.open(VOTE, sandbox, workers=2)
        await workers.start()
        waiting = [Waiting() for _ in range(5)]
        tasks = [asyncio.create_task(workers.solve(actions, 0.5)) for actions in waiting]
        await asyncio.gather(*(actions.asked.wait() for actions in waiting))
        assert len(descendants(os.getpid()) - before) >= 7 and workers.running == 5
        await asyncio.gather(workers.close(), workers.close())
        assert {(await task).verdict.kind for task in tasks} == {"crash"}
        assert not workers.ready
        with pytest.raises(SandboxError, match="closed"):
            await workers.solve(ReplayedActions.small(), 0.5)
        await workers.close()

    solve_once(VOTE, sandbox)  # what is opened once stays open
    before, opened = descendants(os.getpid()), len(os.listdir("/proc/self/fd"))
    asyncio.run(run())
    assert descendants(os.getpid()) <= before
    assert len(os.listdir("/proc/self/fd")) == opened


def test_workers_that_do_not_start_are_an_error_of_the_sandbox() -> None:
    class Broken(ProcessSandbox):
        def command(self) -> list[str]:
            return ["/bin/sh", "-c", "echo it is broken >&2; exit 3"]

    async def run() -> None:
        with pytest.raises(SandboxError, match=r"did not start: .*code 3 it is broken"):
            await LiveWorkers(Broken(), VOTE).start()

    asyncio.run(run())


def test_a_worker_that_cannot_be_replaced_is_an_error_until_it_can() -> None:
    class Sometimes(ProcessSandbox):
        broken = False

        def command(self) -> list[str]:
            return ["/bin/false"] if self.broken else super().command()

    async def run() -> None:
        sandbox = Sometimes(limits=SandboxLimits(processes=2))
        async with LiveWorkers(sandbox, VOTE) as workers:
            sandbox.broken = True
            workers._alive()[0].fail("killed")
            while workers.ready:
                await asyncio.sleep(0)
            with pytest.raises(SandboxError, match="did not start"):
                await workers.solve(ReplayedActions.small(), 0.5)
            sandbox.broken = False
            while not workers.ready:
                await workers._change()
            assert (await workers.solve(ReplayedActions.small(), 0.5)).answer == "b"

    asyncio.run(run())


@pytest.mark.slow
def test_two_hundred_questions_share_few_processes() -> None:
    async def run() -> None:
        async with LiveWorkers.open(VOTE, "process", questions=8) as workers:
            tasks = [asyncio.create_task(workers.solve(ReplayedActions.small(), 0.5)) for _ in range(200)]
            most = 0
            for task in tasks:
                most = max(most, workers.running)
                assert (await task).answer == "b"
            assert most <= 8

    asyncio.run(run())


@pytest.mark.slow
def test_signals_verifiers_and_forks_work_live_as_in_the_sandbox() -> None:
    assert_same_as_in_the_sandbox(Candidate("everything", everything_source()), extended_episodes(1), "process")


def test_a_controller_whose_needs_a_live_question_does_not_meet_never_starts() -> None:
    head = "from envs import Controller\nclass Needy(Controller):\n"
    source = head + "    signals = ('confidence',)\n    forks = 'needed'\n"
    outcome = solve_once(Candidate("needy", source))
    message = "it needs the signal confidence and forks, which the live question does not have"
    assert (outcome.verdict.kind, outcome.verdict.message) == ("rejected: needs", message)
