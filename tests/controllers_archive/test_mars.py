"""MARS acts and answers as its statement says, its fits are optimal, and its promise holds where q is true."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from .literal import Paper, plurality
from .literal_mars import Fit, gradient, mars, rule
from .worlds import controller, module, opened, play, random_world

NAMES = ["sc_mars", "sc_mars_cal", "dco_mars"]


@pytest.mark.parametrize("name", NAMES)
def test_mars_acts_and_answers_as_its_statement_says(name: str) -> None:
    early = 0
    for number in range(60):
        chance = Random(number)
        signals = ["lowest_group", "group", "branch_token_confidence"][: chance.choice((2, 3))]
        world = random_world(chance, signals, branches=chance.choice((10, 24, 40)), depth=chance.choice((3, 12)))
        for row in world.signals["lowest_group"]:  # the lowest so far, which is there once there is one
            lows = [20.0 if low is None else low for low in row]
            row[:] = [min(lows[: t + 1]) for t in range(len(lows))]
        kind, order, beta = controller(name), number, chance.choice((0.6, 0.8, 1))
        played = play(kind, world, beta, order)
        paper = Paper(world, opened(world, kind, order), [], 64)
        answer = mars(paper, min(round(64**beta), len(world.answers)), name == "sc_mars_cal", name == "dco_mars")
        assert (played.answer, played.depths, played.tokens) == (answer, paper.depth, paper.tokens), number
        ends = [len(world.answers[b]) for b in paper.opened]
        early += played.depths != ends
    assert early > 5


@pytest.mark.parametrize("name", NAMES)
def test_the_fits_are_the_optimum(name: str) -> None:
    program = module(name)
    for number in range(30):
        chance = np.random.default_rng(number)
        traces = []
        for _ in range(16):
            trace, answer = program.Trace(), "A"
            for _ in range(size := int(chance.integers(2, 20))):
                answer = chance.choice(["A", "B", "C"]) if chance.random() < 0.3 else answer
                trace.see(answer, False, float(chance.normal()))
            trace.ended = size > 0
            traces.append(trace)
        found = program.Switching(traces)
        longest = max(len(trace.rows) for trace in traces)
        shown = [(trace.at(t), trace.answers[-1]) for trace in traces for t in range(1, longest + 1)]
        rows, y = np.array([row for (_, row), _ in shown]), np.array([float(a != end) for (a, _), end in shown])
        own = Fit(rows, y)
        x = own.scaled(rows)
        assert np.allclose(found.weights, own.first, rtol=0, atol=1e-9)
        assert np.abs(gradient(x, y, 0.01, np.array(found.weights))).max() < 1e-9
        assert np.allclose(found.platt, own.platt, rtol=0, atol=1e-7)  # its rows follow from the first weights
        assert np.abs(gradient(own.second(x), y, 0.0, np.array(found.platt))).max() < 1e-7
        assert np.allclose([found.chance(list(row)) for row in rows], own.q(rows), rtol=0, atol=1e-9)


def test_separable_rows_end_the_fit_and_part_the_rows() -> None:
    program = module("sc_mars")
    rows, labels = [[1.0, float(x)] for x in range(-4, 4)], [0.0] * 4 + [1.0] * 4
    weights = program.logistic(rows, labels, 0.0)
    chances = [program.sigmoid(program.dot(weights, row)) for row in rows]
    assert max(chances[:4]) < 1e-6 and min(chances[4:]) > 1 - 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_with_true_chances_the_answer_of_a_stop_is_that_of_the_full_vote(name: str) -> None:
    program, stops = module(name), 0
    gamma = (1.0,) if name == "sc_mars_cal" else ()
    for number in range(4000):
        chance = Random(number)
        now = [chance.choice("AAAABC.") for _ in range(chance.randint(1, 30))]
        final = [a if chance.random() < chance.choice((0.7, 0.95)) else chance.choice("ABCDE.") for a in now]
        shown = [(None if a == "." else a, float(a != b)) for a, b in zip(now, final, strict=True)]
        found = program.stop(shown, *gamma)
        assert found == rule([a for a, _ in shown], [q for _, q in shown], 1.0)
        if found is not None:
            stops += 1
            counts = {k: final.count(k) for k in {*final} - {"."}}
            assert all(counts.get(found, 0) > votes for k, votes in counts.items() if k != found)
            assert counts.get(found, 0) > 0 and plurality(b if b != "." else None for b in final) == found
    assert stops > 500


def test_gamma_shrinks_the_worst_case_and_never_below_a_half() -> None:
    program = module("sc_mars_cal")

    def traces(columns: list[str]) -> list[object]:
        made = []
        for column in columns:
            trace = program.Trace()
            for t, answer in enumerate(column, 1):
                trace.see(answer, t == len(column), 1.0)
            made.append(trace)
        return made

    assert program.calibrated(traces(["AAA"] * 16)) == 0.5  # 0 + 1/4, at least 0.5
    assert program.calibrated(traces(["AAA"] * 3)) == 1.0  # too few
    assert program.calibrated(traces(["AB"] * 9 + ["AA"] * 7)) == 1.0  # a smaller factor would have stopped with A
