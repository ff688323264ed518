"""The recorded ends of the branches that an episode could have opened, as it could not know them when it stopped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes
from autotts.envs.scoring import Scores

Answers = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def final_answers(scores: Scores) -> Answers:
    """Return (E, max_branches) final answers of the branches in the order of opening, -1 where there is no branch."""
    episodes = scores.episodes
    table = np.full(scores.branch.shape, -1, np.int32)
    for e, env in enumerate(episodes.environments):
        mine = np.flatnonzero(episodes.environment == e)
        branch = scores.branch[mine]
        table[mine] = np.where(branch >= 0, env.final_answers[branch], -1)
    return table


def gold_answers(episodes: Episodes) -> Answers:
    """Return (E,) gold answers."""
    answers = np.zeros(len(episodes), np.int32)
    for e, env in enumerate(episodes.environments):
        mine = np.flatnonzero(episodes.environment == e)
        answers[mine] = env.gold[episodes.question[mine]]
    return answers


def votes(answers: Answers) -> Numbers:
    """Return for each answer how often it occurs in its row; 0 in place of -1."""
    there = answers >= 0
    code = np.arange(len(answers))[:, None] * (int(answers.max(initial=0)) + 1) + answers
    result = np.zeros(answers.shape, np.int64)
    _, inverse, counts = np.unique(code[there], return_inverse=True, return_counts=True)
    result[there] = counts[inverse]
    return result


def majority_is(answers: Answers, wanted: Answers) -> Bools:
    """Return whether the most frequent answer of each row, the first of equals, is the row's entry of ``wanted``."""
    leader = votes(answers).argmax(axis=1)  # the first of the cells with the most votes
    result: Bools = answers[np.arange(len(answers)), leader] == wanted
    return result


def remaining_work(scores: Scores, which: Numbers) -> tuple[Numbers, Numbers]:
    """Return (which, max_branches) advances, and tokens, from the present depth of each branch to its end.

    Args:
        scores: the scores of a batch.
        which: indices of episodes of the batch.
    """
    episodes = scores.episodes
    advances = np.zeros((len(which), episodes.max_branches), np.int64)
    tokens = np.zeros_like(advances)
    for e, env in enumerate(episodes.environments):
        mine = np.flatnonzero(episodes.environment[which] == e)
        branch, depth = scores.branch[which[mine]], scores.depth[which[mine]].astype(np.int64)
        ends = np.maximum(env.probes[branch], scores.start[which[mine]])  # a fork may be recorded at a lower depth
        advances[mine] = np.maximum(0, np.where(branch >= 0, ends + 1 - depth, 0))
        left = np.maximum(0, env.total_tokens[branch] - env.delta * depth)
        tokens[mine] = np.where(advances[mine] > 0, left, 0)
    return advances, tokens


def right_shares(episodes: Episodes) -> npt.NDArray[np.float64]:
    """Return (E,) the share of the recorded branches of the episode's question that end right, in [0, 1].

    Where there are forks, it is the share of all branches, or that of the branches that are none, if that is more: how
    often a branch was forked says nothing about a controller's chances.
    """
    result = np.zeros(len(episodes))
    for e, env in enumerate(episodes.environments):
        sizes, starts = np.diff(env.branch_offsets), env.branch_offsets[:-1]
        right = (env.final_answers == np.repeat(env.gold, sizes)).astype(np.int64)
        share = np.add.reduceat(right, starts) / sizes
        if env.parents is not None:
            roots = env.is_root.astype(np.int64)
            share = np.maximum(share, np.add.reduceat(right * roots, starts) / np.add.reduceat(roots, starts))
        mine = np.flatnonzero(episodes.environment == e)
        result[mine] = share[episodes.question[mine]]
    return result
