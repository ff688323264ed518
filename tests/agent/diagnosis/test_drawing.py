"""The picture of an episode: what each cell shows and when, forks, verifications, and numbers beside the answers."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.diagnosis import branch_numbers
from autotts.agent.diagnosis.drawing import SHARED, STATES, DrawnEpisode, draw_episode
from autotts.envs import Controller, Question
from autotts.envs.declarations import Declarations
from autotts.envs.environment import ROOT, Environment
from autotts.envs.episodes import grid
from autotts.envs.trace import trace

from ...environments import environment, identity_order, play
from ...envs.contract.test_ledger import Everything
from ...envs.extended import extended_environment


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_numbers_of_cells_are_those_that_the_controller_was_shown(seed: int) -> None:
    """Every signal and score of the trace stands in the cell of its branch and depth, forks included."""
    env = extended_environment(Random(seed))
    episodes = grid([env], (0.0,), range(seed, seed + 3), 6)
    logs = play(Everything, episodes)
    for e in range(len(episodes)):
        seen, drawn = trace(episodes, logs, e), draw_episode(episodes, logs, e, "v", "")
        columns = {number.name: number.cells for number in drawn.numbers}
        assert set(columns) == {*seen.signals, "verifier"}
        for number, step in enumerate(seen.steps):
            for k, b in enumerate(step.branches):
                _check_entry(drawn, columns, step, number, k, b)
        assert [b.parent for b in drawn.branches] == _parents(seen)


def _check_entry(drawn: DrawnEpisode, columns: dict, step, number: int, k: int, b: int) -> None:  # type: ignore[no-untyped-def, type-arg]
    branch, depth = drawn.branches[b], step.depths[k]
    if not depth:
        return
    for name, value in zip(("answer_x", "confidence", "only_final"), step.signals[k], strict=True):
        if value is not None:
            assert columns[name][b][depth - 1] == pytest.approx(value, rel=1e-5)
        elif not name.startswith("answer_"):
            assert columns[name][b][depth - 1] is None
    assert 0 <= branch.stood[depth - 1] <= number or depth <= branch.start
    if step.verb == "verify":
        assert branch.verified[depth - 1] == number
        score = columns["verifier"][b][depth - 1]
        assert score == (None if step.scores[k] is None else pytest.approx(step.scores[k], rel=1e-5))
    for answers in step.answers[k : k + 1]:
        assert all(branch.seen[cell] == number for cell in range(depth - len(answers), depth))


def _parents(seen) -> list[int]:  # type: ignore[no-untyped-def]
    parents: list[int] = []
    for step in seen.steps:
        parents += [-1] * len(step.branches) if step.verb == "branch" else [step.branches[0]] * len(step.forks)
    return parents


class Walk(Controller):
    """Advances and steps a root, verifies and forks it, and runs all to the end."""

    optional_signals = ("confidence",)
    verifier = forks = "optional"

    def solve(self, question: Question) -> str | None:
        first = question.branch()
        question.advance(first)
        question.step(first)
        question.verify(first)
        new = question.fork(first)
        question.step(new)
        question.prune(new)
        return question.run_to_end(first)


def world() -> Environment:
    made = environment([["ABAAAB", "ABBB", "AAAA"]], None, ["B"])
    numbers = np.arange(len(made.probe_answers), dtype=np.float32)
    numbers[5] = numbers[1] = 1.0  # what the fork shares with its parent
    numbers[:2] = numbers[5:7] = (0.5, np.nan)
    finals = np.array([10.0, 11.0, 12.0], np.float32)
    made = replace(
        made, signals={"confidence": numbers, "odd": -numbers}, final_signals={"confidence": finals},
        verifier=np.clip(numbers / 20, 0, 1), final_verifier=finals / 20, verify_cost=7,
        parents=np.array([ROOT, 0, ROOT], np.int32), fork_depths=np.array([0, 2, 0], np.int32),
    )  # fmt: skip
    made.check()
    return made


def drawn(declared: Declarations | None = None) -> DrawnEpisode:
    episodes = grid([world()], (0.0,), (identity_order(2),))
    return draw_episode(episodes, play(Walk, episodes), 0, "walk", "", declared=declared)


def test_steps_in_which_a_branch_stood_was_seen_and_verified() -> None:
    episode = drawn()
    root, fork = episode.branches
    verbs = ["branch", "advance", "step", "verify", "fork", "step", "prune", "run"]
    assert [step.verb for step in episode.steps] == verbs
    assert (root.passed, root.seen) == ((1, 2, 7, 7, 7, 7), (-1, 2, -1, -1, -1, 7))
    assert root.stood == (1, 2, -1, -1, -1, 7), "a run shows the last numbers alone"
    assert root.verified == (-1, 3, -1, -1, -1, -1)
    assert (fork.parent, fork.start, fork.opened, fork.pruned) == (0, 2, 4, 6)
    assert (fork.passed, fork.seen) == ((4, 4, 5, -1), (-1, 4, 5, -1))
    assert fork.verified == (-1, 4, -1, -1)
    assert episode.states()[1] == (SHARED, SHARED, STATES.index("correct"), STATES.index("pruned"))
    assert episode.votes() == [(episode.gold, 1)]
    assert episode.steps[3].scores == (None,) and episode.steps[4].forks == (1,)


def test_numbers_have_their_meaning_and_a_scale() -> None:
    episode = drawn(Declarations(optional_signals=("odd", "confidence", "nowhere"), verifier="optional"))
    assert [(n.name, n.declared) for n in episode.numbers] == [("odd", True), ("confidence", True), ("verifier", True)]
    odd, confidence, verifier = episode.numbers
    assert (odd.unit, odd.higher_is, odd.definition, odd.comes_with) == ("", "", "", "interval")
    assert confidence.unit == "log-probability (nats)" and confidence.higher_is == "surer"
    assert (verifier.comes_with, verifier.low, verifier.high) == ("verification", 0.0, 1.0)
    assert confidence.low < confidence.high == pytest.approx(12, rel=0.05)
    assert confidence.cells[0] == (0.5, None, 2.0, 3.0, 4.0, 10.0) and odd.cells[0][-1] is None
    undeclared = drawn()
    assert [(n.name, n.declared) for n in undeclared.numbers] == [
        ("confidence", False), ("odd", False), ("verifier", False),
    ]  # fmt: skip


def test_signals_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch_numbers, "MOST", 20)
    episode = drawn(Declarations(optional_signals=("odd",)))
    assert ([n.name for n in episode.numbers], episode.numbers_left_out) == (["odd", "confidence"], 1)


def test_an_environment_of_answers_alone_has_no_numbers() -> None:
    episodes = grid([environment([["AB"]], None, ["B"])], (0.0,), (0,))

    class Plain(Controller):
        def solve(self, question: Question) -> str | None:
            return question.run_to_end(question.branch())

    episode = draw_episode(episodes, play(Plain, episodes), 0, "plain", "")
    assert (episode.numbers, episode.numbers_left_out) == ((), 0)
    assert [(b.parent, b.start) for b in episode.branches] == [(-1, 0)]
