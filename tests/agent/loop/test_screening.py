"""Cheap rejection: balanced rungs, a bound that holds, and a run that gives up the poor and loses nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.screening import bound, rungs
from autotts.agent.loop.screening.bound import ScreeningReference
from autotts.agent.records.events import CandidateEvaluated, Event, RunFinished
from autotts.agent.records.explorer import Brief, Proposal
from autotts.envs.episodes import grid
from autotts.envs.statistics import Floats
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox

from .test_graph import Single, tree

pytestmark = pytest.mark.slow

MODEL = list(default_models().values())[-1]
"""The one that is right most often: where nobody is right, nobody is poor."""


def world(questions: int = 12, name: str = "hidden/name") -> Environment:
    return generate(MODEL, name, questions=questions, branches=6, seed=3)


WORLD = world()
EPISODES = grid([WORLD, world(name="hidden/other")], np.linspace(0, 1, 11), range(1000, 1010))


# Rungs


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3), betas=st.integers(1, 6), seeds=st.integers(1, 4),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_every_prefix_of_the_episode_order_is_balanced(sizes: list[int], betas: int, seeds: int, seed: int) -> None:
    worlds = [world(n, f"some/{n}-{i}") for i, n in enumerate(sizes)]
    episodes = grid(worlds, np.linspace(0, 1, betas), range(seeds))
    order = rungs.order(episodes, seed)
    assert sorted(order.tolist()) == list(range(len(episodes)))
    assert np.array_equal(order, rungs.order(episodes, seed))
    cells, starts = sum(sizes), np.cumsum([0, *sizes])
    for n in range(1, len(order), max(1, len(order) // 7)):
        seen = episodes.take(order[:n])
        assert np.ptp([np.sum(seen.beta == beta) for beta in np.unique(episodes.beta)]) <= 1
        for beta in np.unique(seen.beta):
            here = seen.take(np.flatnonzero(seen.beta == beta))
            played = np.bincount(starts[here.environment] + here.question, minlength=cells)
            assert np.ptp(played) <= 1, "every question of all environments once, before one is played again"


def test_all_episodes_are_equally_likely_to_come_first() -> None:
    episodes = grid([world(3), world(2, "hidden/other")], [0.0, 1.0], range(3))
    first = np.zeros(len(episodes))
    for seed in range(3000):
        first[rungs.order(episodes, seed)[:6]] += 1
    assert np.all(np.abs(first / 3000 - 6 / len(episodes)) < 0.035)


def test_small_batches_are_not_screened_too_early() -> None:
    assert rungs.looks(EPISODES) == [79, 264, 792]
    assert rungs.looks(grid([WORLD], [0.5], range(4))) == []
    assert rungs.looks(grid([WORLD], np.linspace(0, 1, 51), range(4))) == [245, 734]


# The bound


def control(chance: np.random.Generator, spread: float = 0.5) -> tuple[ScreeningReference, Floats]:
    """Return a front of one version with some chance of being right in each question, and these chances."""
    hard = chance.beta(spread, spread, 24)
    cell = EPISODES.environment * 12 + EPISODES.question
    right = np.clip(hard[cell] * (0.6 + 0.4 * EPISODES.beta), 0, 1)
    tokens = 1000 * (1 + 9 * EPISODES.beta) * chance.gamma(4, 0.25, len(EPISODES)) * (1 + hard[cell])
    correct = (chance.random(len(EPISODES)) < right).astype(float)
    points = np.array([(100 * correct[mine].mean(), tokens[mine].mean()) for mine in by_beta()])
    budgets = np.geomspace(points[0, 1], points[-1, 1], 24)
    front = ScreeningReference(EPISODES, correct, tokens[:, None], points, budgets[:1], budgets, 100.0)
    return front, right


def by_beta() -> list[np.ndarray]:
    return [np.flatnonzero(EPISODES.beta == beta) for beta in np.unique(EPISODES.beta)]


def test_bounds_close_at_the_whole_batch() -> None:
    front, right = control(np.random.default_rng(1))
    every, correct, cost = np.arange(len(EPISODES)), (right > 0.5).astype(float), front.cost * 1.3
    found = bound.estimate_curve(front, every, correct, cost)
    assert found.spread.max() == 0 == found.cost_spread.max()
    assert np.allclose(found.cost, [cost[mine].mean(axis=0) for mine in by_beta()])
    assert found.accuracy.mean() == pytest.approx(100 * correct.mean())


@pytest.mark.parametrize("n", [79, 264, 792])
def test_bounds_contain_the_true_curve_at_the_given_risk(n: int) -> None:
    chance, risk, wrong, tries = np.random.default_rng(n), 0.1, np.zeros(2), 200
    front, right = control(chance)
    for seed in range(tries):
        correct = (chance.random(len(EPISODES)) < right * 0.9).astype(float)
        cost = front.cost * chance.gamma(9, 1 / 9, (len(EPISODES), 1))
        seen = rungs.order(EPISODES, seed)[:n]
        found = bound.estimate_curve(front, seen, correct[seen], cost[seen])
        high, low = replace(found, slack=0.0).optimistic(risk)
        spent = np.array([cost[mine].mean(axis=0) for mine in by_beta()])
        wrong += 100 * correct.mean() > high.mean(), np.mean(spent < low)
    assert wrong[0] / tries <= risk / 2 + 0.02 and wrong[1] / tries <= risk / 2 + 0.03


def test_front_versions_are_never_screened_out_and_useless_ones_always_are() -> None:
    front, _ = control(np.random.default_rng(2))
    for seed in range(40):
        order = rungs.order(EPISODES, seed)
        for n in rungs.looks(EPISODES):
            seen = order[:n]
            same = bound.estimate_curve(front, seen, front.correct[seen], front.cost[seen])
            assert not bound.cannot_reach_front(front, same, 0.01)
            none = bound.estimate_curve(front, seen, np.zeros(n), front.cost[seen])
            assert bound.cannot_reach_front(front, none, 0.01)
    assert bound.risk_of(front, same) > 0.01 > 1e-9 > bound.risk_of(front, none)


def test_one_good_beta_prevents_screening_out() -> None:
    front, _ = control(np.random.default_rng(4))
    correct = front.correct * (EPISODES.beta > 0.5)
    for seed in range(40):
        order = rungs.order(EPISODES, seed)
        for n in rungs.looks(EPISODES):
            seen = order[:n]
            found = bound.estimate_curve(front, seen, correct[seen], front.cost[seen])
            assert not bound.cannot_reach_front(front, found, 0.01), (
                "it fails at half of its betas, and is good at the others"
            )


def test_no_future_finalist_is_screened_out() -> None:
    front, _ = control(np.random.default_rng(2))
    seen = rungs.order(EPISODES, 0)[:264]
    none = bound.estimate_curve(front, seen, np.zeros(264), front.cost[seen])
    assert bound.cannot_reach_front(front, none, 0.01)
    assert not bound.cannot_reach_front(replace(front, finalist=0.0), none, 0.01)


# The run

POOR = """
from envs import Controller
class Poor(Controller):
    def solve(self, question):
        question.run_to_end(question.branch())
        return None
"""
FAIR = """
from envs import Controller, majority
class Fair(Controller):
    @staticmethod
    def schedule(beta):
        return {{"width": 1 + round({width} * beta)}}
    def solve(self, question):
        return majority(question.run_many_to_end(question.branch_many(self.params["width"])))
"""


class Mixed(Single):
    """Every other proposal never answers."""

    def _answer(self, brief: Brief, step: str) -> list[Proposal]:
        (proposal,) = super()._answer(brief, step)
        if brief.slot % 2 == 0:
            return [replace(proposal, source=FAIR.format(width=brief.generation + 2 * (step == "refine")))]
        marked = f"{POOR}# {brief.generation} {step} {brief.slot}\nWIDTH = {brief.generation}{len(step)}\n"
        return [replace(proposal, source=marked)]


def begin(home: Path, **more: object) -> Run:
    shape = {"explorer": "mixed", "generations": 2, "population": 4, "orders": 2, **more}
    return Run.create(home, RunConfig(environments={WORLD.name: WORLD.hash}, **shape), [WORLD])  # type: ignore[arg-type]


def test_poor_candidates_are_screened_out_and_archived(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from autotts.agent.cli.main import main

    run, explorer = begin(tmp_path / "run"), Mixed()
    discover(Discovery(run, explorer, ProcessSandbox(2)))
    cards = run.archive.cards()
    given_up = [card for card in cards if card.verdict == "screened"]
    assert len(given_up) == 4 and {card.verdict for card in cards} == {"ok", "screened"}
    for card in given_up:
        assert card.message.startswith("after 79 of 264 episodes: ")
        assert card.message.endswith("points below the front at every budget, p < 0.001")
        assert not card.mean_curve and card.findings == () and not (run.archive.root / card.id / "logs.npz").exists()
    parents = {version.id for _, brief in explorer.briefs for version in (*brief.parents, *brief.front)}
    assert parents and not parents & {card.id for card in given_up}
    tried = {e.event.id: e.event for e in run.events() if isinstance(e.event, CandidateEvaluated)}
    assert {(tried[card.id].episodes, tried[card.id].saved) for card in given_up} == {(79, 185)}
    assert main(["status", str(run.home)]) == 0
    said = capsys.readouterr().out
    assert "4 candidates given up early, 740 of 3,696 episodes saved" in said and "failures     none" in said
    assert run.archive.verify() == []


def test_without_screening_candidates_run_all_episodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from autotts.agent.cli.main import main

    run = begin(tmp_path / "run", screening=False, generations=1)
    discover(Discovery(run, Mixed(), ProcessSandbox(2)))
    assert {card.verdict for card in run.archive.cards()} == {"ok", "duplicate"}
    assert main(["status", str(run.home)]) == 0
    assert "screening    off" in capsys.readouterr().out


def test_killed_screened_run_ends_with_the_same_archive(tmp_path: Path) -> None:
    undisturbed = begin(tmp_path / "other", generations=1)
    discover(Discovery(undisturbed, Mixed(), ProcessSandbox()))
    run, explorer = begin(tmp_path / "run", generations=1), Mixed()
    kills = 0
    while not run.events() or not isinstance(run.events()[-1].event, RunFinished):
        evaluated: list[Event] = []

        def dies(event: Event, evaluated: list[Event] = evaluated) -> None:
            if isinstance(event, CandidateEvaluated):
                evaluated.append(event)
            if len(evaluated) == 3:
                raise KeyboardInterrupt

        try:
            discover(Discovery(Run(run.home), explorer, ProcessSandbox(2), dies))
        except KeyboardInterrupt:
            kills += 1
    assert kills == 3
    assert tree(run.archive) == tree(undisturbed.archive)


def test_look_ahead_candidate_that_passes_screening_is_rejected_by_the_audit(tmp_path: Path) -> None:
    honest = 'question.run_many_to_end(question.branch_many(self.params["width"]))'
    text = FAIR.format(width=1).replace(honest, "[question._recording.columns[question._order[-1]][-1][0]]")

    class Cheats(Single):
        def _answer(self, brief: Brief, step: str) -> list[Proposal]:
            (proposal,) = super()._answer(brief, step)
            return [replace(proposal, source=text + f"# {step} {brief.slot}\n")]

    run = begin(tmp_path / "run", generations=1, population=1)
    discover(Discovery(run, Cheats(), ProcessSandbox()))
    (card,) = [card for card in run.archive.cards() if card.generation == 1]
    assert card.verdict.startswith("rejected") or card.verdict == "illegal_answer"
    assert not card.mean_curve
