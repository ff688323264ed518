"""What each method must be worth, and where it must be worth nothing, on worlds of known truth."""

from __future__ import annotations

from functools import cache

import pytest

from autotts.envs.contract.replay import FORK

from .known import Figures, clear, flat_worlds, measured, none, trees
from .worlds import World, controller, play

pytestmark = pytest.mark.slow

INFORMATIVE, NOISE = 1.5, 0.0
FOUR, EIGHT = 1 / 3, 0.5
"""Values of beta for as many branches."""


@cache
def flat(separation: float) -> list[World]:
    return flat_worlds(150, separation)


@cache
def figures(name: str, separation: float, beta: float = 1.0, eta: float = 0) -> Figures:
    return measured(controller(name, **({"eta": eta} if eta else {})), flat(separation), beta)


def over_votes(name: str, separation: float, beta: float = 1.0, eta: float = 0) -> tuple[float, float]:
    """Return the gain over self-consistency with as many branches."""
    return figures(name, separation, beta, eta).over(figures("self_consistency", separation, beta))


def test_confidence_as_weight_beats_plurality_where_it_is_informative_and_equals_it_where_it_is_noise() -> None:
    for name in ("deepconf_offline", "deepconf_high"):
        eta = 100 if name == "deepconf_offline" else 0  # 100 keeps all
        assert clear(over_votes(name, INFORMATIVE, eta=eta)), name
        assert none(over_votes(name, NOISE, eta=eta)), name


def test_the_surest_tenth_is_right_where_confidence_is_informative_and_costs_accuracy_where_it_is_noise() -> None:
    for name in ("deepconf_offline", "deepconf_low"):
        assert clear(over_votes(name, INFORMATIVE)), name
        gain, error = over_votes(name, NOISE)
        assert gain < 3 * error, name


def test_deepconf_low_ends_most_later_branches_and_high_few() -> None:
    everything = figures("self_consistency", INFORMATIVE)
    low, high = (figures(f"deepconf_{each}", INFORMATIVE).saved(everything) for each in ("low", "high"))
    assert low > 0.35 and 0 < high < 0.15  # 24 of 40 branches come after the warm-up, most of which low ends


def test_a_good_verifier_beats_self_consistency_with_few_branches_and_noise_does_not() -> None:
    for name in ("best_of_n", "weighted_best_of_n"):
        assert clear(over_votes(name, INFORMATIVE, FOUR)), name
        gain, error = over_votes(name, NOISE, FOUR)
        assert gain < 3 * error, name
    assert none(over_votes("weighted_best_of_n", NOISE))


def test_mars_saves_tokens_and_answers_as_the_full_vote_unless_it_is_close() -> None:
    worlds = flat_worlds(80, NOISE, seed=1, share=0.7)
    full = measured(controller("self_consistency"), worlds)
    fixed, calibrated = (measured(controller(name), worlds) for name in ("sc_mars", "sc_mars_cal"))
    assert calibrated.saved(full) > fixed.saved(full) > 0.15
    for found in (fixed, calibrated):
        assert found.over(full)[0] > -0.05


def test_deer_saves_without_loss_where_trial_confidence_is_informative_and_loses_where_it_is_noise() -> None:
    gains = []
    for separation, beta in ((5.0, 0.8), (NOISE, 0)):  # a threshold that a right answer, or chance, exceeds
        worlds = flat_worlds(200, separation, seed=2)
        found, whole = measured(controller("deer"), worlds, beta), measured(controller("self_consistency"), worlds, 0)
        assert found.saved(whole) > 0.15
        gains.append(found.over(whole))
    assert gains[0][0] > -0.01 and clear((-gains[1][0], gains[1][1]))


def test_agreement_stops_early_where_answers_agree() -> None:
    worlds = flat_worlds(80, NOISE, seed=3, share=0.9)
    full = measured(controller("self_consistency"), worlds)
    found = measured(controller("certainty_index"), worlds)
    assert found.saved(full) > 0.1 and found.over(full)[0] > -0.03
    one = measured(controller("self_consistency"), worlds, 0)
    assert measured(controller("dynasor"), worlds, 0).saved(one) > measured(controller("dynasor"), worlds, 1).saved(one)


@cache
def forked(early: bool) -> list[World]:
    return trees(60, early)


@pytest.mark.parametrize("name", ["beam_search", "dvts", "particle_filter"])
def test_search_beats_flat_best_of_n_at_equal_tokens_only_where_prefixes_decide(name: str) -> None:
    for early, wins in ((True, clear), (False, none)):
        flat_search = measured(controller("best_of_n"), forked(early), EIGHT)
        search = measured(controller(name), forked(early), 0.75)  # 8 branches at a time
        assert search.tokens == flat_search.tokens
        assert wins(search.over(flat_search)), (name, early, search.over(flat_search))


def test_forks_pay_for_no_shared_interval() -> None:
    (world,) = trees(1, True, seed=4)
    doubtful = (b % 4 == 0 for b in range(len(world.answers)))
    world.signals["confidence"] = [[-0.1, *[-1.0 if doubts else -0.1] * 3] for doubts in doubtful]
    played = play(controller("fork_at_uncertainty"), world, 0.75)
    log = played.question.log
    forks = log.verbs.count(FORK)
    assert forks and played.tokens == 500 * 4 * len(played.depths) - 500 * 2 * forks  # each at depth 2
