"""The vote of a live episode."""

from __future__ import annotations

from autotts.envs.contract.controller import confidence
from autotts.envs.live.vote import BranchVote


def test_votes_are_counted_most_first_and_silent_branches_apart() -> None:
    vote = BranchVote.of("7", ["7", "3", None, "7", "4"])
    assert vote.votes == (("7", 2), ("3", 1), ("4", 1)) and vote.silent == 1
    assert vote.confidence == confidence(2, 1)


def test_an_answer_without_the_most_votes_has_little_confidence() -> None:
    assert BranchVote.of("3", ["7", "3", "7", "7"]).confidence == confidence(1, 3) < 0.5
    assert BranchVote.of("9", ["7"]).confidence == confidence(0, 1)


def test_no_answer_has_no_confidence() -> None:
    assert BranchVote.of(None, [None, None]) == BranchVote(None, (), 2)
    assert BranchVote.of(None, ["7"]).confidence == 0
