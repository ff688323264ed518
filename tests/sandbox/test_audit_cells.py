"""The quick ways in which an audit fills cells, draws codes and packs questions give what the plain ways give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.sandbox.audit.cells import CellSources, decoy_codes, pieces_of_cells, pieces_of_starts
from autotts.sandbox.audit.codes import CodeDrawing
from autotts.sandbox.sealing import INVENTED, PackedQuestions, columns_of


def rows(chance: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first cells of ``count`` rows, and how many cells of each are recorded ones."""
    sizes = chance.integers(1, 9, count)
    return np.concatenate(([0], np.cumsum(sizes))), (chance.random(count) * (sizes + 1)).astype(np.int64)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 40))
def test_pieces_of_starts_are_those_of_their_cells(seed: int, count: int) -> None:
    at, known = rows(np.random.default_rng(seed), count)
    depth = np.arange(at[-1]) - np.repeat(at[:-1], np.diff(at))
    one, other = pieces_of_starts(at, known), pieces_of_cells(at, depth < np.repeat(known, np.diff(at)))
    assert one.at.tolist() == other.at.tolist() and one.row.tolist() == other.row.tolist()
    assert one.shown.tolist() == other.shown.tolist()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 40))
def test_cells_have_the_codes_of_their_sources(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    at, known = rows(chance, count)
    episodes, width, cells = 3, 12, chance.integers(0, 12, 60).astype(np.uint16)
    donor = chance.integers(0, 52, count)
    sources = CellSources(
        at,
        chance.integers(0, episodes, count),
        chance.integers(0, 50, count),
        donor,
        donor + chance.integers(0, 8, count),
    )
    table = chance.integers(0, 1000, (episodes, 2, width)).astype(np.uint16)
    found = decoy_codes(sources, pieces_of_starts(at, known), cells, table)
    expected = []
    for r in range(count):
        for depth in range(int(at[r + 1] - at[r])):
            true = depth < known[r]
            cell = sources.real[r] + depth if true else min(int(donor[r]) + depth, int(sources.last[r]))
            expected.append(table[sources.episode[r], int(true), cells[cell]])
    assert found.tolist() == [int(code) for code in expected]


@pytest.mark.parametrize(("width", "episodes"), [(5, 1), (11, 40), (211, 90), (211, 150), (2053, 3)])
def test_codes_are_a_number_times_the_answer_and_another_one(width: int, episodes: int) -> None:
    chance, again = np.random.default_rng(3), np.random.default_rng(3)
    pairs = chance.integers(1, width + 1, (episodes, 2))
    again.integers(1, width + 1, (episodes, 2))
    drawn = CodeDrawing(width).draw(pairs, chance)
    kind_of = np.where(drawn.renamed, 0, np.where((drawn.exchanged > 0).any(axis=1), 2, 1))
    (a, b), (c, d) = (
        [again.integers(least, width, (episodes, 1), np.int32) for least in (1, 0)] for _ in range(2)
    )  # fmt: skip
    for e in range(episodes):
        true = [0, *((int(a[e, 0]) * k + int(b[e, 0])) % width + 1 for k in range(width))]
        decoys = [0, *((int(c[e, 0]) * k + int(d[e, 0])) % width + 1 for k in range(width))]
        assert drawn.names[e].tolist() == true and sorted(true) == list(range(width + 1))
        if kind_of[e]:
            decoys = list(true)
        if kind_of[e] == 2:
            one, other = pairs[e].tolist()
            decoys[one], decoys[other] = true[other], true[one]
        assert drawn.table[e, 0].tolist() == decoys
    assert set(kind_of.tolist()) == {0, 1, 2} or episodes < 40


def packed() -> PackedQuestions:
    """Return three questions, of two, one and three branches."""
    chance = np.random.default_rng(0)
    lengths = np.array([3, 1, 4, 2, 2, 5], np.uint32)
    branches = np.array([0, 2, 3, 6])
    codes = np.stack([np.concatenate(([0], 1 + chance.permutation(9))) for _ in range(3)]).astype(np.uint16)
    return PackedQuestions(
        cells=chance.integers(0, 10, 17).astype(np.uint16),
        lengths=lengths,
        totals=lengths * np.uint32(500),
        branches=branches,
        ends=np.concatenate(([0], np.cumsum(lengths)))[branches],
        deltas=np.array([500, 500, 400]),
        probe_costs=np.array([0, 3, 0]),
        codes=codes,
        answers=np.array([[-1, 4, 7, INVENTED], [-1, 3, 2, 9]], np.int32),
        owner=np.array([1, 0, 1]),
    )


@pytest.mark.parametrize(("first", "stop"), [(0, 3), (1, 3), (0, 1), (1, 2)])
def test_packed_columns_are_those_of_their_questions(first: int, stop: int) -> None:
    questions = packed()
    one, other = questions.columns(first, stop), columns_of(questions[first:stop])
    assert list(one) == list(other)
    for name, column in one.items():
        assert column.dtype == other[name].dtype and column.tolist() == other[name].tolist(), name
    assert questions.sizes().tolist() == [sealed.nbytes for sealed in questions]


def test_a_packed_code_has_one_meaning() -> None:
    questions = packed()
    for i, sealed in enumerate(questions):
        assert [questions.answer(i, code) for code in range(10)] == sealed.meaning.tolist()
        assert sealed.meaning[0] == -1 and (sealed.meaning == INVENTED).sum() >= 6
        assert questions.lengths_of(i).tolist() == sealed.lengths.tolist()
