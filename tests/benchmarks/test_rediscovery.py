"""The environments and the rules of `benchmarks.rediscovery`."""

from __future__ import annotations

import pytest

from autotts.agent.explorers.evolve.formulas.program import DEFAULTS
from autotts.agent.explorers.evolve.formulas.translation import VOCABULARY, block
from benchmarks.rediscovery import RULES


@pytest.mark.parametrize("name", RULES)
def test_rule_is_held_by_its_version_alone(name: str) -> None:
    """Neither the defaults nor a building block that the search keeps holds the rule."""
    rule = RULES[name]
    assert rule.holds(rule.by_hand.formulas["stop"])
    assert not rule.holds(DEFAULTS["stop"])
    kept = (block(*each) for each in VOCABULARY if each not in rule.blocks)
    assert not any(rule.holds(formulas["stop"]) for formulas in kept if "stop" in formulas)


@pytest.mark.parametrize("name", RULES)
def test_environments_are_valid_and_differ_by_seed(name: str) -> None:
    first, again, other = (RULES[name].environment(seed) for seed in (0, 0, 1))
    first.check()
    assert first.hash == again.hash != other.hash
