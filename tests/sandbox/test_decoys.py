"""Decoys keep every cell that a log revealed, and differ somewhere from the recording in every audited episode."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import Controller, Question
from autotts.envs.contract.replay import ADVANCE, PROBE, RUN, STEP, ReplayQuestion
from autotts.envs.episodes import Episodes, grid
from autotts.envs.store import Environment
from autotts.sandbox.audit.decoys import Decoys
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.wire import SealedBatch

from ..environments import RandomController, environment, pack, random_environment, replay, scripted


class Opened(Controller):
    """Opens every branch, and then acts at random on the first three."""

    def solve(self, question: Question) -> str | None:
        question.branch_many(question.max_branches)
        for _ in range(self.random.randint(0, 20)):
            i = self.random.choice(range(min(3, question.width)))
            if not question.finished(i):
                question.step(i) if self.random.random() < 0.8 else question.run_to_end(i)
        return None


def all_to_the_end(question: Question, _: float) -> None:
    question.run_many_to_end(question.branch_many(question.max_branches))


def all_step_by_step(question: Question, _: float) -> None:
    question.branch_many(question.max_branches)
    while question.active:
        question.step_many(question.active)


def revealed_cells(question: ReplayQuestion) -> tuple[set[tuple[int, int]], set[int]]:
    """Return the (branch, cell) pairs that the log shows or could have shown for nothing, and the finished branches."""
    free = not question._recording.probe_cost
    seen: set[tuple[int, int]] = set()
    ended, depth, log, at = set(), {}, question.log, 0
    for verb, times, count in zip(log.verbs, log.repeats, log.counts, strict=True):
        for i in log.indices[at : at + count]:
            cells = len(question._recording.columns[question._order[i]])
            before = depth.get(i, 0)
            if verb in (STEP, ADVANCE):
                depth[i] = before + times
                seen |= {(i, d) for d in range(before, before + times)} if verb == STEP or free else set()
            elif verb == RUN:
                depth[i] = cells
                seen |= {(i, d) for d in range(before, cells)} if free else set()
            elif verb == PROBE:
                seen.add((i, before - 1))
            if depth.get(i) == cells:
                ended.add(i)
                seen.add((i, cells - 1))
        at += count
    return seen, ended


def answers(batch: SealedBatch, e: int, i: int) -> tuple[list[int], int]:
    """Return the answers of branch ``i`` of episode ``e`` in the vocabulary, invented ones as -2, and its tokens."""
    sealed = batch.questions[e]
    row = int(batch.orders[e][i])
    start = int(sealed.lengths[:row].sum())
    codes = sealed.cells[start : start + int(sealed.lengths[row])]
    return sealed.meaning[codes].tolist(), int(sealed.totals[row])


def check_decoys(episodes: Episodes, maker: type[Controller], number: int) -> int:
    """Check the decoys of every episode, and return in how many of them a cell was hidden."""
    played = replay(maker, episodes)
    key = AuditSecret(number.to_bytes(32, "little"), nonce=bytes).key("")
    group = np.zeros(len(episodes), np.int64)
    batch = Decoys(episodes).batch(episodes, pack(played, episodes), group, key.generator("decoys", 0))
    some = 0
    for e, (question, _) in enumerate(played):
        env = episodes.environments[int(episodes.environment[e])]
        seen, ended = revealed_cells(question)
        hidden = differs = False
        for i in range(len(batch.orders[e])):
            branch = int(episodes.opened[e, i])
            probes = env.probe_answers[env.probe_offsets[branch] : env.probe_offsets[branch + 1]].tolist()
            true = [*probes, int(env.final_answers[branch])]
            found, tokens = answers(batch, e, i)
            differs |= len(found) != len(true) or tokens != int(env.total_tokens[branch])
            for d, answer in enumerate(true):
                if (i, d) in seen:
                    assert d < len(found) and found[d] == answer, "a revealed cell changed"
                else:
                    hidden = True
                    differs |= d >= len(found) or found[d] != answer
            if i in ended:
                assert len(found) == len(true) and tokens == int(env.total_tokens[branch]), "a known length changed"
        assert differs == hidden, episodes.describe(e)
        some += hidden
    return some


def few(number: int, price: int, same: bool) -> Environment:
    chance = Random(number)
    if not same:
        return random_environment(chance, 3, 6, 6, price)
    columns = [["AAA"] * 4, ["B"], [["C"], ["C"]]]  # decoys of equal branches are equal to what they replace
    return environment(columns, None, ["A", "B", "C"], probe_cost=price)


@settings(max_examples=150, deadline=None)
@given(
    number=st.integers(0, 10**6),
    price=st.sampled_from((0, 9)),
    width=st.integers(1, 6),
    maker=st.sampled_from((RandomController, Opened)),
    limit=st.sampled_from((None, None, 4000)),
    same=st.booleans(),
)
def test_every_audited_episode_has_a_visible_decoy(
    number: int, price: int, width: int, maker: type[Controller], limit: int | None, same: bool
) -> None:
    check_decoys(grid([few(number, price, same)], (0.0, 1.0), range(4), width, limit), maker, number)


@pytest.mark.parametrize("number", range(40))
def test_fully_opened_episodes_have_decoys(number: int) -> None:
    episodes = grid([few(number, 0, number % 2 == 1)], (0.5,), range(8), 6)
    assert check_decoys(episodes, Opened, number) > 0


def test_episodes_without_anything_hidden_are_left_as_they_are() -> None:
    episodes = grid([few(1, 3, False)], (0.5,), range(4), 6)
    assert check_decoys(episodes, scripted(all_step_by_step), 0) == 0


def test_a_run_and_as_many_steps_get_equal_decoys_where_probes_are_free() -> None:
    """Otherwise a cheat tells its audit one bit in each branch, and pays nothing for it."""
    episodes = grid([few(1, 0, False)], (0.5,), range(8), 6)
    assert check_decoys(episodes, scripted(all_to_the_end), 0) == 0
    assert decoys_of(scripted(all_to_the_end), episodes) == decoys_of(scripted(all_step_by_step), episodes)


def test_branches_that_are_only_opened_get_equal_decoys_as_unopened_ones() -> None:
    """Otherwise the number of opened branches, which cost nothing, tells the audit what a cheat decided."""
    episodes = grid([few(1, 0, False), few(1, 9, False)], (0.5,), range(8), 6)
    assert decoys_of(scripted(step_of(1)), episodes) == decoys_of(scripted(step_of(6)), episodes)


def step_of(opened: int) -> Callable[[Question, float], None]:
    """Return a controller's body that opens so many branches and steps the first one."""

    def solve(question: Question, _: float) -> None:
        question.branch_many(min(opened, question.max_branches))
        question.step(0)

    return solve


def decoys_of(maker: type[Controller], episodes: Episodes) -> list[object]:
    """Return all that a candidate gets in an audit of these episodes."""
    logs = pack(replay(maker, episodes), episodes)
    chance = AuditSecret(bytes(32), nonce=bytes).key("").generator("decoys")
    batch = Decoys(episodes).batch(episodes, logs, np.zeros(len(episodes), np.int64), chance)
    cells = [(q.cells.tolist(), q.lengths.tolist(), q.totals.tolist()) for q in batch.questions]
    return [cells, [order.tolist() for order in batch.orders]]


def test_cells_that_a_paid_probe_would_have_shown_get_decoys() -> None:
    env = environment([["ABAB"] * 3], None, ["A"], probe_cost=3)
    episodes = grid([env], (0.5,), range(4), 3)
    assert check_decoys(episodes, scripted(all_to_the_end), 0) == 4
