"""Expressions: types, plain form, simplification, directions and text."""

from __future__ import annotations

import json
import math
import random

import pytest

from autotts.agent.explorers.evolve.formulas.expression import (
    FALSE,
    MOST_NODES,
    TRUE,
    Expression,
    L,
    N,
    S,
    apply,
    constant,
    replaced,
)
from autotts.agent.explorers.evolve.formulas.growth import Growth
from autotts.agent.explorers.evolve.formulas.polarity import directed, effects
from autotts.agent.explorers.evolve.formulas.program import DEFAULTS, Program, is_geometric, value_of
from autotts.agent.explorers.evolve.formulas.simplify import range_of, simplified
from autotts.agent.explorers.evolve.formulas.vocabulary import EPISODE, SCOPES, SLOTS
from autotts.agent.explorers.evolve.formulas.wording import Constants, Wording, formula, waiting

from .programs import SIGNALS, random_program

LEAD, FINISHED, DOUBT = (Expression(name, EPISODE[name].type) for name in ("lead", "finished", "doubt"))


def text_of(tree: Expression, scope: str = "episode") -> str:
    return Wording("stop", Constants(), SCOPES[scope]).of(tree)


def value(tree: Expression, scope: str, rng: random.Random) -> float:
    """Return the value of ``tree`` at beta = 0 for random values of its features; the same ``rng`` draws the same."""
    wording = Wording("stop", Constants(), SCOPES[scope])
    text = wording.of(tree)
    names = {name: _drawn(SCOPES[scope][name], rng) for name in sorted(SCOPES[scope])}
    names |= {
        name: _drawn(SCOPES[scope][node.op], random.Random(f"{rng.random()} {name}"))
        for name, node in wording.used.items()
        if node.name
    }
    names |= {name: names[node.op] for name, node in wording.used.items() if not node.name}
    return float(
        eval(
            text,
            {
                "p": {name: span[0] for name, span in wording.constants.spans.items()},
                "power": _power,
                "exp": math.exp,
                **names,
            },
        )
    )


def _drawn(feature: object, rng: random.Random) -> float:
    low, high = max(-5.0, feature.low), min(20.0, feature.high)  # type: ignore[attr-defined]
    return rng.uniform(low, high)


def _power(base: float, exponent: float) -> float:
    return min(1e9, max(0.001, base)) ** max(-8.0, min(8.0, exponent))


def test_operations_take_their_units_alone() -> None:
    assert apply("mul", constant(S, 2), LEAD).type == N
    with pytest.raises(ValueError, match="takes no"):
        apply("ge", LEAD, constant(L, 3))  # votes are no intervals
    with pytest.raises(ValueError, match="takes no"):
        apply("add", LEAD, DOUBT)


@pytest.mark.parametrize("seed", range(30))
def test_programs_round_trip_through_json(seed: int) -> None:
    program = random_program(seed)
    again = Program.from_json(json.loads(json.dumps(program.to_json())))
    assert (again, again.key) == (program, program.key)
    assert Program.make(program.formulas) == program, "a simplified program stays as it is"
    assert all(tree.size <= MOST_NODES for tree in program.formulas.values())


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"nowhere": ["true"]},
        {"stop": "true"},
        {"stop": ["lead"]},
        {"stop": ["ge", ["lead"], ["typical"]]},
        {"stop": ["ge", ["lead"], ["c", "N", 1, float("nan")]]},
        {"stop": ["ge", ["depth"], ["c", "L", 1, 2]]},
        {"weight": ["level", "confidence", 0, 0]},
        {"weight": ["average", ["c", "S", 1, 1], ["c", "S", 1, 1]]},
        {"most": ["finished"]},
    ],
)
def test_invalid_programs_are_refused(document: object) -> None:
    with pytest.raises(ValueError, match=r"program|formula|operation|constant"):
        Program.from_json(document)


@pytest.mark.parametrize("scope", ["episode", "branch", "ballot"])
def test_simplification_keeps_values_and_never_enlarges(scope: str) -> None:
    for seed in range(150):
        rng = random.Random(seed)
        growth = Growth(scope, (), rng)
        tree = growth.grow(rng.choice("BNS" if scope != "ballot" else "S"), 3)
        if any(node.op in ("average", "rise") for node in tree.walk()):
            continue
        small = simplified(tree, SCOPES[scope])
        assert small.size <= tree.size
        for draw in range(3):
            before, after = (value(each, scope, random.Random(f"{seed} {draw}")) for each in (tree, small))
            assert after == pytest.approx(before, rel=0.2, abs=0.2) or tree.type == "B", (
                tree.to_json(),
                small.to_json(),
            )


def test_simplification_leaves_out_what_never_matters() -> None:
    features = SCOPES["episode"]
    always = apply("ge", FINISHED, constant(N, -1))
    assert simplified(always, features) == TRUE
    assert simplified(apply("not", always), features) == FALSE
    rule = apply("ge", LEAD, constant(N, 2))
    assert simplified(apply("and", always, apply("and", rule, rule)), features) == rule
    twice = apply("mul", constant(S, 2), apply("mul", constant(S, 3), LEAD))
    assert simplified(twice, features) == apply("mul", constant(S, 6), LEAD)
    assert simplified(apply("and", rule, always), features) == simplified(apply("and", always, rule), features)


def test_ranges_bound_values() -> None:
    assert range_of(apply("div", FINISHED, apply("add", FINISHED, constant(N, 2))), EPISODE) == (0, 1)
    assert range_of(apply("mul", constant(S, -2, 3), DOUBT), EPISODE) == (-2, 3)


def test_constants_turn_with_beta_where_their_effect_is_known() -> None:
    stop = apply("ge", LEAD, apply("mul", constant(S, 8, 2), FINISHED))
    kept = Program.make({"stop": apply("ge", LEAD, apply("mul", constant(S, 2, 8), FINISHED))})
    turned = Program.make({"stop": stop}).formulas["stop"]
    assert kept.formulas["stop"].args[1].args[0].span == (2, 8), "more beta asks for a larger lead"
    assert turned.args[1].args[0].span == (4, 4)
    assert list(effects(stop, EPISODE)) == [(3, -1)]
    unknown = apply("ge", LEAD, apply("mul", constant(S, 2, 1), apply("sub", FINISHED, LEAD)))
    assert directed(unknown, -1, EPISODE) == unknown


@pytest.mark.parametrize("span", [(1.0, 16.0), (0.2, 0.01), (-1.0, 2.0), (2.0, 2.5), (3.0, 3.0)])
def test_constants_are_monotone_in_beta(span: tuple[float, float]) -> None:
    values = [eval(formula(span, False), {"beta": step / 20}) for step in range(21)]
    assert values == pytest.approx([value_of(span, step / 20) for step in range(21)], rel=1e-3)
    assert values == sorted(values, reverse=span[0] > span[1])
    assert (values[0], values[-1]) == (pytest.approx(span[0]), pytest.approx(span[1], rel=1e-3))
    assert is_geometric((1.0, 16.0)) and not is_geometric((-1.0, 2.0))


def test_text_has_parentheses_only_where_needed() -> None:
    two, three = constant(N, 2), constant(N, 3)
    total = apply("sub", LEAD, apply("sub", FINISHED, two))
    assert text_of(total) == 'lead - (finished - p["stop_lead"])'
    either = apply(
        "or", apply("ge", LEAD, two), apply("and", apply("ge", FINISHED, three), apply("ge", LEAD, FINISHED))
    )
    assert text_of(either) == 'lead >= p["stop_lead"] or (finished >= p["stop_finished"] and lead >= finished)'


def test_conditions_on_time_say_when_they_may_hold() -> None:
    branch = SCOPES["branch"]
    long = apply("ge", Expression("depth", L), apply("mul", constant(S, 2), Expression("typical", L)))
    few = apply("ge", Expression("finished", N), constant(N, 3))
    wording = Wording("prune", Constants(), branch)
    assert waiting(long, wording) == 'p["prune_depth"] * typical - depth'
    assert waiting(apply("and", few, long), wording) == (
        'p["prune_depth"] * typical - depth if finished >= p["prune_finished"] else inf'
    )
    level = Expression("mean", S, (), (0.0, 1.0), "confidence")
    low = apply("ge", constant(S, -1), level)
    assert waiting(apply("or", long, low), wording) == (
        'min(p["prune_depth"] * typical - depth, 0 if confidence_mean <= p["prune_confidence_mean"] else 1)'
    )


def test_replacing_a_node_keeps_the_others() -> None:
    tree = apply("and", apply("ge", LEAD, constant(N, 2)), apply("ge", FINISHED, constant(N, 3)))
    nodes = list(tree.walk())
    for index, node in enumerate(nodes):
        assert replaced(tree, index, node) == tree
    assert replaced(tree, 3, constant(N, 9)).args[0].args == (LEAD, constant(N, 9))


def test_defaults_are_simple_and_fit_their_slots() -> None:
    assert set(DEFAULTS) == set(SLOTS)
    plain = Program.make({})
    assert plain.to_json() == {}
    assert plain.formulas == DEFAULTS
    assert [signal.name for signal in SIGNALS] and not plain.signals
