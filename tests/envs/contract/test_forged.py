"""The host refuses logs of forks and verifications that no controller can have written, and counts the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autotts.envs.contract.replay import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERIFY
from autotts.envs.environment import Environment
from autotts.envs.episodes import Episodes, grid
from autotts.envs.scoring import ForgedLog, score
from autotts.envs.trace import as_text, picture, trace

from ...environments import environment, identity_order, limited
from ..test_scoring import _forge

Record = tuple[int, int, tuple[int, ...]]
OPEN: Record = (BRANCH, 1, (0, 1))
TWO: Record = (STEP, 2, (0,))
FORK_0: Record = (FORK, 1, (0,))


def tree(columns: tuple[str, ...] = ("AAAB", "BBC", "AABB"), depth: int = 2, rule: str = "recorded") -> Environment:
    """Return two roots, and a fork of the first one: intervals of 500 tokens, probes of 10, verifications of 70."""
    env = environment([columns], None, ["B"], probe_cost=10)
    probes, branches = len(env.probe_answers), len(columns)
    made = replace(
        env,
        signals={"confidence": np.arange(probes, dtype=np.float32)},
        final_signals={"confidence": 100 + np.arange(branches, dtype=np.float32)},
        verifier=np.arange(probes, dtype=np.float32), final_verifier=np.arange(branches, dtype=np.float32),
        verify_cost=70, parents=np.array([-1, -1, 0], np.int32), fork_depths=np.array([0, 0, depth], np.int32),
        fork_rule=rule,
    )  # fmt: skip
    start = int(made.probe_offsets[2])
    for column in (made.signals["confidence"], made.verifier):
        assert column is not None
        column[start : start + depth] = column[:depth]
    made.check()
    return made


def episode(env: Environment | None = None, max_branches: int = 8, max_tokens: int | None = None) -> Episodes:
    env = env or tree()
    batch = grid([env], (0.0,), (identity_order(int(env.is_root.sum())),), max_branches)
    return limited(batch, max_tokens)


FORGED: dict[str, tuple[list[Record], str]] = {
    "a fork at a depth without one": ([OPEN, (STEP, 1, (0,)), FORK_0], "a fork that is not recorded"),
    "a fork of a branch without one": ([OPEN, (STEP, 2, (1,)), (FORK, 1, (1,))], "a fork that is not recorded"),
    "a fork that was opened": ([OPEN, TWO, FORK_0, FORK_0], "more branches opened than there are"),
    "a fork at depth 0": ([OPEN, FORK_0], "does not run"),
    "a fork of a finished branch": ([OPEN, (RUN, 1, (0,)), FORK_0], "does not run"),
    "a fork of a pruned branch": ([OPEN, TWO, (PRUNE, 1, (0,)), FORK_0], "pruned"),
    "a fork of no branch": ([OPEN, TWO, (FORK, 1, (5,))], "before it was opened"),
    "two forks in one record": ([OPEN, TWO, (STEP, 2, (1,)), (FORK, 1, (0, 1))], "more branches opened"),
    "a repeated fork": ([OPEN, TWO, (FORK, 2, (0,))], "repeated"),
    "a fork as a root": ([OPEN, (BRANCH, 1, (2,))], "more branches opened than there are"),
    "a fork's number for a root": ([(BRANCH, 1, (0,)), TWO, FORK_0, (BRANCH, 1, (1,))], "out of order"),
    "a fork used before it is there": ([OPEN, TWO, (STEP, 1, (2,)), FORK_0], "before it was opened"),
    "a fork run too far": ([OPEN, TWO, FORK_0, (STEP, 3, (2,))], "after it had finished"),
    "a fork's first depth probed again": ([OPEN, TWO, FORK_0, (PROBE, 1, (2,))], "seen before"),
    "a verification at depth 0": ([OPEN, (VERIFY, 1, (0,))], "not there"),
    "a second verification": ([OPEN, TWO, (VERIFY, 1, (0,)), (VERIFY, 1, (0,))], "verified before"),
    "a score that a fork inherits": ([OPEN, TWO, (VERIFY, 1, (0,)), FORK_0, (VERIFY, 1, (2,))], "verified before"),
    "a verification of a pruned branch": ([OPEN, TWO, (PRUNE, 1, (0,)), (VERIFY, 1, (0,))], "pruned"),
    "two verifications in one record": ([OPEN, (STEP, 1, (0, 1)), (VERIFY, 1, (0, 1))], "for one"),
    "a probe between verifications": ([OPEN, TWO, (VERIFY, 1, (0,)), (PROBE, 1, (0,))], "seen before"),
}


@pytest.mark.parametrize("what", FORGED)
def test_impossible_logs_are_refused(what: str) -> None:
    records, message = FORGED[what]
    with pytest.raises(ForgedLog, match=message) as refused:
        score(episode(), _forge(*records))
    assert refused.value.episode == 0


def test_forks_and_verifications_need_an_environment_that_has_them() -> None:
    plain = environment([["AAAB", "BBC", "BB"]], None, ["B"])
    for record, message in ((FORK_0, "not recorded"), ((VERIFY, 1, (0,)), "without a verifier")):
        with pytest.raises(ForgedLog, match=message):
            score(episode(plain), _forge(OPEN, TWO, record))


@pytest.mark.parametrize(
    ("records", "tokens", "latency"),
    [
        ([OPEN, TWO, FORK_0], 1020, 1000),
        ([OPEN, TWO, FORK_0, (STEP, 1, (2,))], 1530, 1500),
        ([OPEN, TWO, FORK_0, (STEP, 1, (0, 2))], 2040, 1500),
        ([OPEN, TWO, FORK_0, (RUN, 1, (2,))], 2020, 2000),
        ([OPEN, TWO, FORK_0, (STEP, 1, (0, 2)), (RUN, 1, (0, 2))], 3040, 2000),
        ([OPEN, TWO, (VERIFY, 1, (0,)), FORK_0, (STEP, 1, (2,)), (VERIFY, 1, (2,))], 1670, 1500),
        ([OPEN, (ADVANCE, 1, (0,)), (ADVANCE, 1, (0,)), FORK_0, (PROBE, 1, (0,)), (PROBE, 1, (2,))], 1020, 1000),
        ([OPEN, (ADVANCE, 1, (0,)), (VERIFY, 1, (0,)), (PROBE, 1, (0,))], 580, 500),
        ([OPEN, (RUN, 1, (1,)), (VERIFY, 1, (1,))], 1570, 1500),
    ],
)
def test_forks_and_verifications_cost_what_they_should(records: list[Record], tokens: int, latency: int) -> None:
    scores = score(episode(), _forge(*records))
    assert (scores.tokens[0], scores.latency[0]) == (tokens, latency)
    score(episode(max_tokens=tokens), _forge(*records))
    with pytest.raises(ForgedLog, match="than the budget has"):
        score(episode(max_tokens=tokens - 1), _forge(*records))


def test_a_fork_counts_in_the_budget_of_branches() -> None:
    score(episode(max_branches=3), _forge(OPEN, TWO, FORK_0))
    with pytest.raises(ForgedLog, match="more branches opened than there are"):
        score(episode(max_branches=2), _forge(OPEN, TWO, FORK_0))


def test_answers_of_a_fork_count_once_it_has_shown_them() -> None:
    env = tree(("AAAA", "CCC", "AABD"))
    words = env.vocabulary.index
    for records, shown, hidden in (
        ([OPEN, TWO, FORK_0], "A", "B"),
        ([OPEN, TWO, FORK_0, (STEP, 1, (2,))], "B", "D"),
        ([OPEN, TWO, FORK_0, (RUN, 1, (2,))], "D", "B"),
    ):
        score(episode(env), _forge(*records, answer=words(shown)))
        with pytest.raises(ForgedLog, match="shown"):
            score(episode(env), _forge(*records, answer=words(hidden)))


def test_the_nearest_fork_goes_on_from_where_its_branch_stands() -> None:
    env = tree(("AAAAB", "CCC", "ABDEF"), depth=1, rule="nearest")
    words = env.vocabulary.index
    fork = [OPEN, (STEP, 3, (0,)), FORK_0]
    for answer in "BD":  # the fork has them at depths that its branch ran in its place
        with pytest.raises(ForgedLog, match="shown"):
            score(episode(env), _forge(*fork, (STEP, 1, (2,)), answer=words(answer)))
    scores = score(episode(env), _forge(*fork, (STEP, 2, (2,)), answer=words("E")))
    assert scores.tokens[0] == 4 * 510 + 500 and scores.depth[0, :3].tolist() == [3, 0, 5]
    steps = trace(episode(env), _forge(*fork, (STEP, 2, (2,))), 0).steps
    assert steps[-1].answers == (("E", "F"),) and steps[-1].ended == (2,)


def test_a_nearest_fork_that_had_ended_before_shows_its_final_answer_next_for_nothing() -> None:
    env = tree(("AAAAB", "CCC", "AD"), depth=1, rule="nearest")
    fork = [OPEN, (STEP, 3, (0,)), FORK_0, (STEP, 1, (2,))]
    scores = score(episode(env), _forge(*fork, answer=env.vocabulary.index("D")))
    assert scores.tokens[0] == 3 * 510 and scores.depth[0, :3].tolist() == [3, 0, 4]
    with pytest.raises(ForgedLog, match="after it had finished"):
        score(episode(env), _forge(*fork, (STEP, 1, (2,))))
    with pytest.raises(ForgedLog, match="shown"):
        score(episode(env), _forge(*fork[:-1], answer=env.vocabulary.index("D")))


def test_a_trace_shows_forks_scores_and_signals() -> None:
    log = _forge(OPEN, TWO, (VERIFY, 1, (0,)), FORK_0, (STEP, 1, (0, 2)), (RUN, 1, (2,)))
    seen = trace(episode(), log, 0)
    verify, fork = seen.steps[2:4]
    assert (verify.verb, verify.scores) == ("verify", (1.0,)) and (fork.verb, fork.forks) == ("fork", (2,))
    assert seen.signals == ("confidence",) and seen.width == 3
    assert [step.signals for step in seen.steps] == [
        ((None,), (None,)), ((1.0,),), ((1.0,),), ((1.0,),), ((2.0,), (7.0,)), ((102.0,),),
    ]  # fmt: skip
    text = as_text(seen).splitlines()
    assert text[3].startswith("2 verify 0; score 1; 1,090 tokens") and text[4] == "3 fork 0; opens 2"
    assert "; confidence 2 (0), 7 (2); " in text[5]
    rows = [line for line in picture(seen).splitlines() if line[:2] in ("0 ", "2 ")]
    assert [row[2:] for row in rows] == ["▒▒▒>", "──██| fork of 0"]
