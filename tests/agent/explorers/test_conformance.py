"""Our own explorers pass the check that others run on theirs."""

from __future__ import annotations

import pytest

from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.explorers.mixture import MixtureExplorer
from autotts.agent.records.explorer import Explorer
from autotts.testing import check_explorer

from ...autotts.test_discovery import Widths


@pytest.mark.slow
@pytest.mark.parametrize("explorer", [EvolveExplorer(), MixtureExplorer([EvolveExplorer(), Widths()])])
def test_our_explorers_conform(explorer: Explorer) -> None:
    assert check_explorer(explorer).verdicts["ok"]
