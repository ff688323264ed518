"""Beliefs: estimates of true quality from per-question results, and their storage."""

from __future__ import annotations

import gc
import random
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.archive.archive import FIGURES, Archive, pack_logs, sha256
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.rebuild import rebuild
from autotts.agent.archive.run_directory import FIRST_SEARCH_ORDER, Run, RunConfig
from autotts.agent.population.measured import MeasuredVersions, measured
from autotts.agent.population.overfitting.beliefs import BeliefCache, optimism, with_beliefs
from autotts.agent.population.overfitting.question_results import QuestionResults
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.agent.records.complexity import Complexity
from autotts.envs.errors import DamagedFile
from autotts.envs.scoring import score
from autotts.envs.statistics import MEAN, Point
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.evaluation import evaluate

from .results import BETAS, question_results, simulate_versions

SIZES = [30, 30]
NAMES = ["world/0", "world/1"]


def card(name: str, generation: int, made: QuestionResults, parents: tuple[str, ...] = ()) -> Card:
    """Return the card of a version with the results ``made``."""
    points = tuple(
        Point(MEAN, beta, 100 * right.mean(), (0, 0), tokens.mean(), (0, 0), tokens.mean(), 240)
        for beta, right, tokens in zip(BETAS.tolist(), made.right, made.tokens, strict=True)
    )
    protocol = EvaluationProtocol(
        environments=dict.fromkeys(NAMES, "0"), betas=tuple(BETAS.tolist()), first_order=1000, orders=4, max_branches=4
    )
    return Card(
        id=name, name=name, generation=generation, explorer="evolve", parents=parents, sandbox="process", verdict="ok",
        source_sha256="0", protocol=protocol, curve=points, complexity=Complexity(constants=5, branches=0),
    )  # fmt: skip


def lineage(seed: int = 0, versions: int = 24) -> tuple[list[Card], dict[str, QuestionResults]]:
    """Return equally good versions: a hand-written one, a few without a parent, then children."""
    made = simulate_versions(seed, versions, SIZES).results
    made[0] = question_results(made[0].right, made[0].tokens / 4, SIZES, NAMES)  # frugal: it sets the budgets
    names = ["seed", *(f"g{1 + v // 8:03d}-{v}" for v in range(1, versions))]
    cards = [card(names[0], 0, made[0])]
    cards += [card(names[v], 1 + v // 8, made[v], (names[v - 8],) if v > 8 else ()) for v in range(1, versions)]
    return cards, dict(zip(names, made, strict=True))


def test_card_copy_shares_mean_curve_unless_curve_is_replaced() -> None:
    found = lineage()[0][1]
    assert found.mean_curve and found.model_copy(update={"outcome": "better"}).mean_curve is found.mean_curve
    assert found.model_copy(update={"curve": ()}).mean_curve == ()
    assert found.model_copy() == found and "mean_curve" not in found.model_dump()


def test_beliefs_remove_luck_and_keep_measured_curves() -> None:
    cards, made = lineage()
    found, at = with_beliefs(cards, made.get), population.budgets(cards)
    assert [c.id for c in found] == [c.id for c in cards]
    assert [c.mean_curve for c in found] == [c.mean_curve for c in cards]
    raw = np.array([population.quality(c, at) for c in found])
    merit = np.array([population.merit(c, at) for c in found])
    assert np.ptp(merit[1:]) < 0.7 * np.ptp(raw[1:])
    place = {c.id: v for v, c in enumerate(found)}
    for child in found[9:]:  # a child is shrunk towards its parent's belief
        v, p = place[child.id], place[child.parents[0]]
        assert child.belief is not None
        assert merit[v] == pytest.approx(merit[p] + child.belief.factor * (raw[v] - raw[p]), abs=0.02)
    assert merit[0] == pytest.approx(raw[0])  # hand-written versions were not selected by their results
    assert all(c.belief is not None and 0 < c.belief.factor <= 1 and c.belief.error >= 0 for c in found)
    assert "belief" not in found[0].model_dump() and Card.model_validate_json(found[0].model_dump_json()) == cards[0]


def test_beliefs_do_not_depend_on_the_order_of_the_cards() -> None:
    cards, made = lineage(3)
    forwards = {c.id: c for c in with_beliefs(cards, made.get)}
    backwards = {c.id: c for c in with_beliefs(cards[::-1], made.get)}
    assert forwards == backwards
    assert [c.id for c in population.ranked(cards)] == [c.id for c in population.ranked(cards[::-1])]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 5), st.sets(st.integers(0, 16)), st.randoms(use_true_random=False))
def test_columns_of_believed_versions_are_those_of_their_cards(seed: int, lost: set[int], rng: random.Random) -> None:
    cards, made = lineage(seed)
    rng.shuffle(cards)
    gone = {card.id for i, card in enumerate(cards) if i in lost}
    found = measured(with_beliefs(cards, lambda version: None if version in gone else made[version]))
    again = measured(with_beliefs(list(found)[1:], made.get))  # cards that had beliefs before
    for some in (found, found.by_age(), found.part(np.arange(len(found)) % 2 == 0), again):
        alone = MeasuredVersions(list(some))
        assert some.believed.values.tobytes() == alone.believed.values.tobytes()
        assert some.noise.tobytes() == alone.noise.tobytes() and (some.size == alone.size).all()
        assert [card.id for card in some.plain] == [card.id for card in some] and some[0] == alone[0]
    assert list(found) == [found[i] for i in range(len(found))] == found[:]
    assert list(population.gains(found).cards) == list(population.gains(list(found)).cards)


def test_versions_without_results_keep_their_measured_quality() -> None:
    cards, made = lineage()
    assert with_beliefs(cards, lambda version: None) == cards and with_beliefs([], made.get) == []
    assert optimism(cards, lambda version: None) is None
    part = with_beliefs(cards, lambda version: made[version] if version < "g002" or version == "seed" else None)
    assert [c.belief is not None for c in part] == [c.generation < 2 for c in cards]
    # results for other questions are not comparable
    other = question_results(made["seed"].right[:, :3], made["seed"].tokens[:, :3], [3])
    mixed = with_beliefs(cards, lambda v: other if v == "g003-16" else made[v])
    assert [c.id for c in mixed if not c.belief] == ["g003-16"]
    failed = cards[3].model_copy(update={"verdict": "timeout"})
    assert with_beliefs([*cards[:3], failed], made.get)[3].belief is None


def test_simpler_of_two_equal_versions_ranks_first() -> None:
    cards, made = lineage()
    best = population.ranked([c for c in with_beliefs(cards, made.get) if c.generation > 0])[0]
    twin = best.model_copy(update={"id": "g009-twin", "complexity": Complexity(constants=2, branches=0)})
    again = population.ranked(with_beliefs([*cards, twin], (made | {twin.id: made[best.id]}).get))
    assert [c.id for c in again if c.id in (best.id, twin.id)] == [twin.id, best.id]
    unknown = twin.model_copy(update={"complexity": None})
    again = population.ranked(with_beliefs([*cards, unknown], (made | {twin.id: made[best.id]}).get))
    assert [c.id for c in again if c.id in (best.id, twin.id)] == [best.id, twin.id]


def test_optimism_reports_the_chosen_version_and_a_positive_gap() -> None:
    cards, made = lineage()
    chosen, found = optimism(cards, made.get) or pytest.fail("optimism returned None")
    assert chosen.generation > 0 and found.optimism.value > 0
    assert found.searched.value == pytest.approx(population.quality(chosen, population.budgets(cards)))


def _run(home: Path) -> Run:
    """Return a run whose archive holds two versions, with logs."""
    environments = default_environments(questions=4, branches=8)[:2]
    config = RunConfig(
        environments={env.name: env.hash for env in environments}, betas=(0.0, 1.0), orders=2, max_branches=8
    )
    run = Run.create(home, config, environments)
    episodes = run.episodes(environments, FIRST_SEARCH_ORDER)
    for name in baseline_names()[:2]:
        result = evaluate(baseline_source(name), episodes)
        assert result.logs is not None and result.scores is not None
        run.archive.add(
            Card(
                id=name, name=name, generation=0, explorer="baseline",
                source_sha256=sha256(baseline_source(name).encode()),
                sandbox="process", verdict="ok", protocol=config.protocol(), curve=tuple(result.curve),
            ),
            baseline_source(name), pack_logs(result.logs),
        )  # fmt: skip
        run.archive.put_figures(name, QuestionResults.of(score(episodes, result.logs)))
    return run


def test_question_results_are_rebuilt_from_the_logs(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    files = sorted((run.archive.root / FIGURES).iterdir())
    before = [file.read_bytes() for file in files]
    assert len(before) == 2 and run.archive.verify() == [] and rebuild(Run(run.home)) == 0
    files[0].unlink()
    files[1].write_bytes(before[1][:-40])  # damaged
    fresh = Run(run.home)
    assert [c.belief for c in fresh.archive.cards_with_beliefs()] == [None, None]
    assert rebuild(fresh) == 2 and [file.read_bytes() for file in files] == before
    assert all(c.belief for c in fresh.archive.cards_with_beliefs())
    assert fresh.archive.reindex() == 2 and all(row.noise for row in fresh.archive.index())


def test_logs_of_other_episodes_count_as_damage(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    name = run.archive.ids()[0]
    short = run.archive.logs(name).part(0, 5)
    (run.archive.root / name / "logs.npz").write_bytes(pack_logs(short))
    (run.archive.root / FIGURES / f"{name}.npz").unlink()
    with pytest.raises(DamagedFile, match=f"{name} has logs that no controller can have made"):
        rebuild(Run(run.home))


def test_cached_contributions_are_not_read_again() -> None:
    cards, made = lineage()
    kept = BeliefCache()
    first, asked = list(with_beliefs(cards, made.get, kept)), list[str]()
    assert list(with_beliefs(cards, asked.append, kept)) == first and asked == []  # type: ignore[arg-type]
    assert kept.contributions.keys() == made.keys() == kept.qualities.keys()
    kept.forget("seed")
    assert list(with_beliefs(cards, made.get, kept)) == first
    # other budgets invalidate the cache: here a hand-written controller spends twice as much
    dearer = tuple(replace(point, mean_tokens=2 * point.mean_tokens) for point in cards[0].curve)
    seed = cards[0].model_copy(update={"curve": dearer})
    again = list(with_beliefs([seed, *cards[1:]], made.get, kept))
    assert again == list(with_beliefs([seed, *cards[1:]], made.get)) and again[1:] != first[1:]


def test_archive_keeps_under_20_kb_in_memory_per_version() -> None:
    archive = Archive(Path(__file__).parents[4] / "controllers_archive" / "discovered" / "evolve")
    ids = archive.ids()
    fresh = Archive(archive.root)
    fresh.card(ids[-1])
    gc.collect()
    tracemalloc.start()
    try:
        lean = fresh.cards()
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] / len(ids)
    finally:
        tracemalloc.stop()
    assert held < 20_000
    for version, card in zip(ids, lean, strict=True):
        whole = archive.card(version)
        assert card.mean_curve == whole.mean_curve and not hasattr(card, "curve")
        assert card.model_copy(update={"curve": whole.curve}) == whole
    assert lean[0].protocol is lean[-1].protocol


def test_archive_keeps_beliefs_out_of_its_cards(tmp_path: Path) -> None:
    run = _run(tmp_path / "run")
    assert all(c.belief is None for c in run.archive.cards())
    first, second = run.archive.cards_with_beliefs(), run.archive.cards_with_beliefs()
    assert list(first) == list(second) == list(run.archive.with_beliefs(run.archive.cards()))
    assert run.archive.cards_with_beliefs(-1) == []
    assert Archive(run.archive.root).figures("nothing") is None
