"""The surrogate model: its predictions, its choices, and its use by the explorer `evolve`."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.explorers.evolve import explorer as evolve
from autotts.agent.explorers.evolve.explorer import EvolveExplorer, vary
from autotts.agent.explorers.evolve.genome import STARTS, Genome
from autotts.agent.explorers.evolve.surrogate import Surrogate, surrogate
from autotts.agent.records.version import CurvePoint

from .test_evolve import PARENTS, brief, random_genome

START = STARTS["few at a time, long ones given up"]


def true_quality(genome: Genome) -> float:
    """Return an artificial quality that depends on one block and one constant."""
    return 60 + 2 * (genome.blocks["vote"] == "everyone") + genome.spans["most"][1] / 64


def random_genomes(count: int, seed: int) -> list[Genome]:
    """Return distinct genomes, each a few moves away from a start."""
    rng, genomes = random.Random(seed), {}
    while len(genomes) < count:
        genome = START
        for _ in range(3):
            genome = vary(genome, rng)[0]
        genomes[genome.key] = genome
    return list(genomes.values())


def fitted(count: int = 80, seed: int = 0) -> Surrogate:
    genomes = random_genomes(count, seed)
    return Surrogate(genomes, [true_quality(genome) for genome in genomes])


def test_posterior_fits_measurements_and_predicts_others() -> None:
    correlations = []
    for seed in range(6):
        seen, others = random_genomes(80, seed), random_genomes(60, seed + 100)
        guess = fitted(seed=seed)
        means, covariances = guess.believed(seen)
        assert np.abs(means - [true_quality(genome) for genome in seen]).mean() < 0.2
        guessed, unsure = guess.believed(others)
        correlations.append(np.corrcoef(guessed, [true_quality(genome) for genome in others])[0, 1])
        assert np.diag(unsure).mean() > 2 * np.diag(covariances).mean()
    assert np.mean(correlations) > 0.85


def test_choose_prefers_promising_drafts_without_repetition() -> None:
    pool = random_genomes(100, 2)
    indices = fitted().choose(pool, 10, random.Random(0))
    assert len(set(indices)) == 10
    assert (
        np.mean([true_quality(pool[index]) for index in indices])
        > np.mean([true_quality(genome) for genome in pool]) + 1
    )
    assert indices == fitted().choose(pool, 10, random.Random(0))
    assert sorted(fitted().choose(pool[:4], 10, random.Random(0))) == [0, 1, 2, 3]


def test_no_model_after_few_measurements() -> None:
    known = [(genome, true_quality(genome)) for genome in random_genomes(8, 0)]
    assert surrogate(known[:7]) is None
    assert surrogate(known) is not None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 200), min_size=8, max_size=40), st.lists(st.floats(0, 100), min_size=40, max_size=40))
def test_model_accepts_any_genomes_and_qualities(seeds: list[int], qualities: list[float]) -> None:
    genomes = [random_genome(seed) for seed in seeds]  # possibly with duplicates
    guess = Surrogate(genomes, qualities[: len(genomes)])
    means, covariances = guess.believed(genomes)
    assert np.isfinite(means).all()
    assert np.linalg.eigvalsh(covariances).min() > -1e-6
    assert len(set(guess.choose(genomes, 5, random.Random(0)))) == 5


def bench(genomes: list[Genome], ok: bool = True) -> Any:
    """Return a workbench whose history has measured genomes and a version without a genome."""
    cards = [
        SimpleNamespace(
            ok=ok, data={"genome": genome.to_json()}, mean_curve=[CurvePoint(0.0, true_quality(genome), 1.0, 1.0)]
        )
        for genome in genomes
    ]
    seed = SimpleNamespace(ok=True, data={}, mean_curve=[CurvePoint(0.0, 99.0, 1.0, 1.0)])
    ran = [card for card in [*cards, seed] if card.ok]
    scored = list(zip([card.data for card in ran], population.qualities(ran, np.ones(1)).tolist(), strict=True))
    return SimpleNamespace(scored_versions=lambda: scored)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["propose", "refine"])
def test_model_chooses_half_of_the_proposals(step: str) -> None:
    known, gains = random_genomes(60, 0), []
    keys = {genome.key for genome in known}
    for seed in range(6):
        asked = replace(brief(*PARENTS, count=12, seed=seed), bench=bench(known))
        guided = getattr(EvolveExplorer(), step)(asked)
        assert guided == getattr(EvolveExplorer(), step)(asked)
        assert len({proposal.source for proposal in guided}) == 12
        plain = getattr(EvolveExplorer(guided=False), step)(asked)
        assert guided[:6] == plain[:6]
        chosen, others = ([Genome.from_json(p.data["genome"]) for p in proposals[6:]] for proposals in (guided, plain))
        assert not keys & {genome.key for genome in chosen}
        gains.append(np.mean([*map(true_quality, chosen)]) - np.mean([*map(true_quality, others)]))
    assert np.mean(gains) > 0


def test_slots_of_a_step_share_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    monkeypatch.setattr(evolve, "surrogate", lambda known: fitted.append(len(known)) or surrogate(known))
    explorer = EvolveExplorer()
    for count in (20, 20, 21):  # each brief has its own history
        explorer.propose(replace(brief(*PARENTS, count=2), slot=count, bench=bench(random_genomes(count, 0))))
    assert fitted == [20, 21]


def test_failed_versions_are_not_used_by_the_model() -> None:
    asked = brief(*PARENTS, count=6)
    assert EvolveExplorer().propose(
        replace(asked, bench=bench(random_genomes(20, 0), ok=False))
    ) == EvolveExplorer().propose(asked)


def test_model_sometimes_chooses_a_single_proposal() -> None:
    known, counts = bench(random_genomes(20, 0)), set()
    for seed in range(12):
        asked = replace(brief(*PARENTS, count=1, seed=seed), bench=known)
        counts.add(EvolveExplorer().propose(asked) == EvolveExplorer(guided=False).propose(asked))
    assert counts == {True, False}
