"""Several explorers in one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.explorers.mixture import MixtureExplorer
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.explorer import Brief
from autotts.agent.records.version import Credit
from autotts.sandbox.backends.process import ProcessSandbox

from ..loop.test_graph import Single, begin


def test_a_mixture_goes_where_a_dollar_does_most() -> None:
    class Named(Single):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    one, two = Named("one"), Named("two")
    mixture = MixtureExplorer([one, two])
    empty = Brief(seed=1, generation=1, count=1, parents=[], front=[])
    for slot in range(40):
        mixture.propose(replace(empty, slot=slot))
    assert min(len(one.briefs), len(two.briefs)) > 10, "nothing is known of either"
    one.briefs.clear()
    two.briefs.clear()
    known = replace(empty, credits={"one": Credit(10, 2.0, 1.0, 8.0, 4.0), "two": Credit(10, 0.1, 1.5, 8.0, 2.0)})
    for slot in range(40):
        (proposal,) = mixture.propose(replace(known, slot=slot))
        assert proposal.author in ("one", "two")
    assert len(one.briefs) > 3 * len(two.briefs) and two.briefs
    again = [mixture.propose(replace(known, slot=slot))[0].author for slot in range(9)]
    assert again == [mixture.propose(replace(known, slot=slot))[0].author for slot in range(9)]


def test_a_mixture_runs_evolve_beside_others(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", explorer="mixture", mixture=("evolve", "single"), population=6)
    discover(Discovery(run, MixtureExplorer([EvolveExplorer(), Single()]), ProcessSandbox()))
    authors = {card.explorer for card in run.archive.cards()}
    assert {"evolve", "single", "baseline"} <= authors
