"""The guess of what drafts are worth: what it learns, what it chooses, and what evolve does with it."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.explorers.evolve import explorer as evolve
from agent.explorers.evolve.explorer import EvolveExplorer, vary
from agent.explorers.evolve.genome import STARTS, Genome
from agent.explorers.evolve.surrogate import Surrogate, surrogate
from agent.records.version import CurvePoint

from .test_evolve import PARENTS, brief, random_genome

START = STARTS["few at a time, long ones given up"]


def worth(genome: Genome) -> float:
    """Return a made-up quality: one block and one constant matter."""
    return 60 + 2 * (genome.blocks["vote"] == "everyone") + genome.spans["most"][1] / 64


def drawn(count: int, seed: int) -> list[Genome]:
    """Return different genomes, some moves away from a start."""
    chance, found = random.Random(seed), {}
    while len(found) < count:
        genome = START
        for _ in range(3):
            genome = vary(genome, chance)[0]
        found[genome.key] = genome
    return list(found.values())


def learned(count: int = 80, seed: int = 0) -> Surrogate:
    genomes = drawn(count, seed)
    return Surrogate(genomes, [worth(genome) for genome in genomes])


def test_what_was_measured_is_believed_and_the_rest_is_guessed() -> None:
    correlations = []
    for seed in range(6):
        seen, others = drawn(80, seed), drawn(60, seed + 100)
        guess = learned(seed=seed)
        means, covariances = guess.believed(seen)
        assert np.abs(means - [worth(genome) for genome in seen]).mean() < 0.2
        guessed, unsure = guess.believed(others)
        correlations.append(np.corrcoef(guessed, [worth(genome) for genome in others])[0, 1])
        assert np.diag(unsure).mean() > 2 * np.diag(covariances).mean()
    assert np.mean(correlations) > 0.85


def test_promising_drafts_are_chosen_and_each_once() -> None:
    pool = drawn(100, 2)
    places = learned().choose(pool, 10, random.Random(0))
    assert len(set(places)) == 10
    assert np.mean([worth(pool[place]) for place in places]) > np.mean([worth(genome) for genome in pool]) + 1
    assert places == learned().choose(pool, 10, random.Random(0))
    assert sorted(learned().choose(pool[:4], 10, random.Random(0))) == [0, 1, 2, 3]


def test_after_a_few_nothing_is_guessed() -> None:
    known = [(genome, worth(genome)) for genome in drawn(8, 0)]
    assert surrogate(known[:7]) is None
    assert surrogate(known) is not None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 200), min_size=8, max_size=40), st.lists(st.floats(0, 100), min_size=40, max_size=40))
def test_any_genomes_and_any_qualities_will_do(seeds: list[int], qualities: list[float]) -> None:
    genomes = [random_genome(seed) for seed in seeds]  # some more than once
    guess = Surrogate(genomes, qualities[: len(genomes)])
    means, covariances = guess.believed(genomes)
    assert np.isfinite(means).all()
    assert np.linalg.eigvalsh(covariances).min() > -1e-6
    assert len(set(guess.choose(genomes, 5, random.Random(0)))) == 5


def bench(genomes: list[Genome], ok: bool = True) -> Any:
    """Return a workbench on whose shelf genomes lie that were measured, and a version without one."""
    cards = [
        SimpleNamespace(ok=ok, data={"genome": genome.to_json()}, mean_curve=[CurvePoint(0.0, worth(genome), 1.0, 1.0)])
        for genome in genomes
    ]
    seed = SimpleNamespace(ok=True, data={}, mean_curve=[CurvePoint(0.0, 99.0, 1.0, 1.0)])
    return SimpleNamespace(shelf=SimpleNamespace(cards=dict(enumerate([*cards, seed])), budgets=np.ones(1)))


@pytest.mark.parametrize("step", ["propose", "refine"])
def test_half_of_the_proposals_are_chosen_by_it(step: str) -> None:
    known, gains = drawn(60, 0), []
    keys = {genome.key for genome in known}
    for seed in range(6):
        asked = replace(brief(*PARENTS, count=12, seed=seed), bench=bench(known))
        guided = getattr(EvolveExplorer(), step)(asked)
        assert guided == getattr(EvolveExplorer(), step)(asked)
        assert len({proposal.source for proposal in guided}) == 12
        plain = getattr(EvolveExplorer(guided=False), step)(asked)
        assert guided[:6] == plain[:6]
        chosen, others = ([Genome.from_json(p.data["genome"]) for p in found[6:]] for found in (guided, plain))
        assert not keys & {genome.key for genome in chosen}
        gains.append(np.mean([*map(worth, chosen)]) - np.mean([*map(worth, others)]))
    assert np.mean(gains) > 0


def test_the_slots_of_a_step_share_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    monkeypatch.setattr(evolve, "surrogate", lambda known: fitted.append(len(known)) or surrogate(known))
    explorer = EvolveExplorer()
    for count in (20, 20, 21):  # each brief has a shelf of its own
        explorer.propose(replace(brief(*PARENTS, count=2), slot=count, bench=bench(drawn(count, 0))))
    assert fitted == [20, 21]


def test_what_did_not_run_teaches_nothing() -> None:
    asked = brief(*PARENTS, count=6)
    assert EvolveExplorer().propose(replace(asked, bench=bench(drawn(20, 0), ok=False))) == EvolveExplorer().propose(
        asked
    )


def test_a_single_proposal_is_chosen_by_it_now_and_then() -> None:
    known, counts = bench(drawn(20, 0)), set()
    for seed in range(12):
        asked = replace(brief(*PARENTS, count=1, seed=seed), bench=known)
        counts.add(EvolveExplorer().propose(asked) == EvolveExplorer(guided=False).propose(asked))
    assert counts == {True, False}
