"""A limit on tokens binds: no action exceeds it, every episode has an answer, and the host checks the same rule."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import BudgetSpent, Controller, IllegalAction, Question, TokensSpent, majority
from autotts.envs.contract.replay import ADVANCE, BRANCH, PROBE, RUN, STEP
from autotts.envs.episodes import Episodes, grid
from autotts.envs.errors import InputError
from autotts.envs.scoring import ForgedLog, score
from autotts.envs.trace import trace

from ..environments import environment, identity_order, limited, pack, play, random_environment, replay, scripted
from .test_scoring import _forge


class Careless(Controller):
    """A controller that takes random legal actions, and does not know of a limit on tokens."""

    def solve(self, question: Question) -> str | None:
        seen: list[str | None] = [None]
        for _ in range(self.random.randint(0, 60)):
            seen += self._act(question)
        return self.random.choice(seen)

    def _act(self, question: Question) -> list[str | None]:
        chance, active = self.random, question.active
        verb = chance.choice(("branch", "advance", "probe", "step", "lane", "run", "run", "prune"))
        if verb == "branch" or not active:
            question.branch_many(chance.randint(0, min(3, question.max_branches - question.width)))
            return []
        i, some = chance.choice(active), chance.sample(active, chance.randint(1, len(active)))
        if verb == "advance":
            question.advance(i)
        elif verb == "prune":
            question.prune(i)
        elif verb == "probe" and question.depth(i):
            return [question.probe(i)]
        elif verb == "run":
            return question.run_many_to_end(some)
        elif verb == "lane":
            for _ in range(chance.randint(1, 5)):
                some = [b for b in some if not question.finished(b)]
                question.step_many(some)
        return []


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    probe_cost=st.sampled_from((0, 3, 40)),
    max_tokens=st.integers(1, 9000),
    max_branches=st.integers(1, 9),
)
def test_no_controller_exceeds_the_limit(seed: int, probe_cost: int, max_tokens: int, max_branches: int) -> None:
    random = Random(seed)
    environments = [random_environment(random, probe_cost=cost) for cost in (probe_cost, 0)]
    episodes = limited(grid(environments, (0.0, 1.0), range(seed, seed + 4), max_branches), max_tokens)
    played = replay(Careless, episodes)
    scores = score(episodes, pack(played, episodes))
    assert scores.tokens.max() <= max_tokens
    for e, (question, _) in enumerate(played):
        assert scores.tokens[e] == question.tokens
        assert question.tokens_left == max_tokens - question.tokens
        assert scores.latency[e] == question.latency
        assert scores.depth[e, : question.width].tolist() == [question.depth(i) for i in range(question.width)]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), probe_cost=st.sampled_from((0, 3)), max_branches=st.integers(1, 9))
def test_a_limit_that_is_not_reached_changes_nothing(seed: int, probe_cost: int, max_branches: int) -> None:
    made = [random_environment(Random(seed), probe_cost=probe_cost)]
    free, limited = (grid(made, (0.5,), range(4), max_branches, limit) for limit in (None, 10**9))
    one, other = (play(Careless, episodes).columns() for episodes in (free, limited))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def _toy(max_tokens: int | None, probe_cost: int = 0) -> Episodes:
    """Return one episode: three branches of 3 intervals of 500 tokens, opened as listed, that end with A, B, B."""
    env = environment([["XXA", "YYB", "ZZB"]], [[1200, 1500, 1400]], ["B"], probe_cost=probe_cost)
    return limited(grid([env], (0.0,), (identity_order(3),)), max_tokens)


def _played(solve: object, max_tokens: int | None, probe_cost: int = 0) -> tuple[str | None, int, list[int]]:
    """Return the answer, the tokens and the depths of the branches."""
    episodes = _toy(max_tokens, probe_cost)
    ((question, answer),) = played = replay(scripted(solve), episodes)  # type: ignore[arg-type]
    scores = score(episodes, pack(played, episodes))
    assert scores.tokens[0] == question.tokens
    return answer, question.tokens, [question.depth(i) for i in range(question.width)]


@pytest.mark.parametrize(
    ("limit", "answer", "tokens", "depths"),
    [
        (400, None, 0, [0, 0, 0]),
        (1400, None, 1000, [2, 0, 0]),  # the first branch would need 1200: nobody knows before, so 1500 must be left
        (1500, "A", 1200, [3, 0, 0]),
        (2300, "A", 2200, [3, 2, 0]),
        (4200, "B", 4100, [3, 3, 3]),
        (None, "B", 4100, [3, 3, 3]),
    ],
)
def test_runs_go_as_far_as_the_tokens(limit: int | None, answer: str | None, tokens: int, depths: list[int]) -> None:
    """Self-consistency answers from the branches that finished, in the order in which it named them."""
    run = _played(lambda q, _: majority(q.run_many_to_end(q.branch_many(3))), limit)
    assert run == (answer, tokens, depths)


def test_a_run_that_was_cut_keeps_what_it_paid_for() -> None:
    def solve(question: Question, _: float) -> str | None:
        branches = question.branch_many(3)
        with pytest.raises(TokensSpent):
            question.run_many_to_end(branches)
        assert [question.finished(i) for i in branches] == [True, False, False]
        assert question.active == [1, 2]
        assert question.tokens_left == 100 and not question.can_step
        return question.probe(0)

    assert _played(solve, 2300) == ("A", 2200, [3, 2, 0])


def test_a_step_of_many_advances_the_first_branches_that_fit() -> None:
    def solve(question: Question, _: float) -> str | None:
        branches = question.branch_many(3)
        assert question.step_many(branches) == [("X", False), ("Y", False), ("Z", False)]
        with pytest.raises(TokensSpent):
            question.step_many([2, 0, 1])
        assert question.latest_answers == {0: "X", 1: "Y", 2: "Z"}
        assert [question.depth(i) for i in branches] == [1, 1, 2]
        assert question.tokens_left == 400
        with pytest.raises(TokensSpent):
            question.step_many(branches)
        return None  # the majority of the latest answers then counts

    answer, tokens, depths = _played(solve, 2400)
    assert (answer, tokens, depths) == ("X", 2000, [1, 1, 2])


def test_a_probe_needs_its_price() -> None:
    def solve(question: Question, _: float) -> str | None:
        i = question.branch()
        question.advance(i)
        assert not question.can_step
        with pytest.raises(TokensSpent):
            question.probe(i)
        return None

    assert _played(solve, 509, probe_cost=10)[1] == 500


def test_a_last_interval_that_is_longer_than_a_whole_one_needs_all_its_tokens() -> None:
    episodes = grid([environment([["A"]], [[9000]], ["A"])], (0.0,), (0,), max_tokens=8999)
    for solve in (lambda q, _: q.run_to_end(q.branch()), lambda q, _: q.step(q.branch())[0]):
        assert score(episodes, play(scripted(solve), episodes)).tokens.tolist() == [0]  # type: ignore[arg-type]


def test_the_limit_on_branches_stays_an_error_of_the_controller() -> None:
    with pytest.raises(IllegalAction) as refused:
        _played(lambda q, _: q.branch_many(4)[0], 1000)
    assert isinstance(refused.value, BudgetSpent) and not isinstance(refused.value, TokensSpent)


def test_pruned_branches_and_absent_answers_do_not_vote_at_the_end() -> None:
    env = environment([["A.", "B.", "B.", "..", ".."]], None, ["A"])
    episodes = grid([env], (0.0,), (identity_order(5),), max_tokens=2500)

    def solve(question: Question, _: float) -> str | None:
        question.step_many(question.branch_many(5))
        question.prune(1)
        question.prune(2)
        assert question.latest_answers == {0: "A", 3: None, 4: None}
        return question.step(0)[0]

    assert score(episodes, play(scripted(solve), episodes)).correct.all()


@pytest.mark.parametrize(
    "records",
    [
        [(BRANCH, 1, (0, 1)), (RUN, 1, (0, 1))],
        [(BRANCH, 1, (0, 1)), (RUN, 1, (0,)), (STEP, 2, (1,))],
        [(BRANCH, 1, (0, 1)), (STEP, 2, (0, 1))],
    ],
)
def test_logs_beyond_the_limit_are_refused(records: list[tuple[int, int, tuple[int, ...]]]) -> None:
    score(_toy(None), _forge(*records))
    with pytest.raises(ForgedLog, match="more tokens"):
        score(_toy(1900), _forge(*records))


def test_a_log_that_does_not_pay_for_a_probe_is_refused() -> None:
    records = [(BRANCH, 1, (0,)), (ADVANCE, 1, (0,)), (PROBE, 1, (0,))]
    score(_toy(510, 10), _forge(*records))
    with pytest.raises(ForgedLog, match="more tokens"):
        score(_toy(509, 10), _forge(*records))


def test_the_trace_of_a_cut_episode_names_its_end() -> None:
    episodes = _toy(2300)
    logs = play(scripted(lambda q, _: majority(q.run_many_to_end(q.branch_many(3)))), episodes)
    seen = trace(episodes, logs, 0)
    assert [step.verb for step in seen.steps] == ["branch", "run", "advance", "advance"]
    assert seen.tokens == 2200 and seen.latency == 2200


def test_a_limit_below_one_interval_is_refused() -> None:
    env = environment([["AB"]], None, ["B"], probe_cost=10, name="some/model")
    assert grid([env], (0.5,), (0,), max_tokens=510).max_tokens == 510
    with pytest.raises(InputError, match=r"max_tokens is 509, less than one interval .* in some/model \(510 tokens\)"):
        grid([env], (0.5,), (0,), max_tokens=509)
