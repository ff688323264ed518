"""Small versions of `benchmarks.cheat_budget` and `benchmarks.false_alarms`."""

from __future__ import annotations

import pytest

from autotts.sandbox.backends import bubblewrap
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.choice import open_sandbox
from benchmarks import cheat_budget, false_alarms
from benchmarks.binomial import lower_bound, upper_bound

pytestmark = pytest.mark.slow


@pytest.mark.skipif(bool(bubblewrap.works()), reason="no bubblewrap")
@pytest.mark.parametrize("name", ["carry_combined", "carry_policy"])
def test_the_subtlest_cheats_are_convicted_with_few_misses(name: str) -> None:
    source = (cheat_budget.CHEATS / f"{name}.py").read_text()
    with open_sandbox("bubblewrap", 2) as sandbox:
        record = cheat_budget.measured(name, source, cheat_budget.batch(), sandbox, 2)
    assert record.audits == record.convicted == 2 and record.episodes > 0
    assert not record.fails and record.missed < 0.01


def test_a_controller_that_gains_nothing_is_no_cheat() -> None:
    record = cheat_budget.CheatRecord("none", "", audits=2, convicted=2)
    assert record.fails and cheat_budget.total([record], 0.0) == 1


def test_no_honest_controller_is_convicted() -> None:
    chosen = false_alarms.controllers(6)
    with ProcessSandbox(2) as sandbox:
        for episodes in false_alarms.batches(None):
            for kind in ("baseline", "champion", "evolved"):
                for candidate in [candidate for of, candidate in chosen if of == kind][:3]:
                    assert false_alarms.alarm(candidate, episodes, sandbox) == ""


def test_no_evolved_formula_that_reads_signals_is_convicted() -> None:
    environments = false_alarms.extended_environments()
    chosen = [each for kind, each in false_alarms.extended_controllers(3, environments) if kind == "formula"]
    with ProcessSandbox(2) as sandbox:
        for episodes in false_alarms.extended_batches(environments):
            for candidate in chosen:
                assert false_alarms.alarm(candidate, episodes, sandbox) == ""


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [(0, 100, 0.0, 0.0295), (5, 10, 0.2224, 0.7776)])
def test_bounds_of_a_probability_are_exact(successes: int, trials: int, low: float, high: float) -> None:
    assert lower_bound(successes, trials) == pytest.approx(low, abs=1e-4)
    assert upper_bound(successes, trials) == pytest.approx(high, abs=1e-4)
