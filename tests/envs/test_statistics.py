"""Comparisons: the first controller minus the second, paired, also on the mean of several environments."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from autotts.envs.episodes import grid
from autotts.envs.errors import InputError
from autotts.envs.scoring import Scores, score
from autotts.envs.statistics import MEAN, compare, curve

from ..environments import RandomController, pack, random_environment, replay


def scores(seed: int) -> tuple[Scores, Scores]:
    random = Random(seed)
    environments = [replace(random_environment(random), name=f"env/{e}") for e in range(3)]
    episodes = grid(environments, (0.0, 1.0), range(4), 6)
    first = score(episodes, pack(replay(RandomController, episodes), episodes))
    return first, replace(first, correct=np.roll(first.correct, 1), tokens=first.tokens + 7, latency=first.latency * 2)


def test_compare_is_first_minus_second_and_ends_with_the_mean() -> None:
    first, second = scores(3)
    rows = compare(first, second)
    mine, theirs = curve(first), curve(second)
    assert [(row.environment, row.beta) for row in rows] == [(point.environment, point.beta) for point in mine]
    assert [row.environment for row in rows[-2:]] == [MEAN, MEAN]
    for row, a, b in zip(rows, mine, theirs, strict=True):
        assert row.accuracy_pct == pytest.approx(a.accuracy_pct - b.accuracy_pct)
        assert row.mean_tokens == pytest.approx(a.mean_tokens - b.mean_tokens) == -7
        assert row.mean_latency == pytest.approx(a.mean_latency - b.mean_latency)
        assert row.accuracy_ci[0] <= row.accuracy_pct <= row.accuracy_ci[1]
        assert row.mean_tokens_ci == pytest.approx((-7, -7)), "paired: the same questions are drawn for both"
    for beta in (0.0, 1.0):
        parts = [row for row in rows if row.beta == beta and row.environment != MEAN]
        (mean,) = [row for row in rows if row.beta == beta and row.environment == MEAN]
        assert mean.accuracy_pct == pytest.approx(np.mean([row.accuracy_pct for row in parts]))
        assert mean.wins == sum(row.wins for row in parts) and mean.ties == sum(row.ties for row in parts)


def test_compare_turns_round_with_its_arguments() -> None:
    first, second = scores(5)
    for row, other in zip(compare(first, second), compare(second, first), strict=True):
        assert row.accuracy_pct == pytest.approx(-other.accuracy_pct)
        assert row.accuracy_ci == pytest.approx((-other.accuracy_ci[1], -other.accuracy_ci[0]))
        assert (row.wins, row.losses) == (other.losses, other.wins)


def test_only_figures_of_the_same_episodes_are_compared() -> None:
    with pytest.raises(InputError, match="same episodes"):
        compare(scores(3)[0], scores(4)[0])
