"""Each criterion has one definition, which the findings and the episode search both call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autotts.agent.diagnosis import criteria
from autotts.agent.diagnosis.criteria import DiagnosedBatch, FaultCases
from autotts.agent.diagnosis.findings import KINDS, diagnose
from autotts.agent.population.measurement import Measurement
from autotts.agent.records.version import METRICS
from autotts.agent.tools.episode_search import EpisodeKind, select_episodes
from autotts.envs.episodes import grid

from ...environments import RandomController, environment, play

SEARCHED: dict[str, EpisodeKind] = {
    "stopped_early": "stopped_early", "pruned_right": "pruned_right", "hopeless": "hopeless",
    "idle_tokens": "most_wasted",
}  # fmt: skip
"""The kind of episodes to search for, by the kind of finding."""


def _measurement() -> Measurement:
    env = environment([["AAB", "AAB", "CCC"], ["CB", "CB", "AA"], ["A", "B", "B"]], None, ["B", "B", "B"])
    batch = grid([env], (0.0, 1.0), range(3))
    return Measurement.of(batch, play(RandomController, batch))


@pytest.mark.parametrize("kind", SEARCHED)
def test_findings_and_episode_search_call_the_same_criterion(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = _measurement()
    original: Callable[[DiagnosedBatch], FaultCases] = getattr(criteria, kind)
    batches = []

    def counted(batch: DiagnosedBatch) -> FaultCases:
        batches.append(batch)
        return original(batch)

    monkeypatch.setattr(criteria, kind, counted)
    diagnose(tried.scores, tried.logs)
    assert len(batches) == 1
    select_episodes(SEARCHED[kind], tried)
    assert len(batches) == 2 and batches[0].scores is batches[1].scores is tried.scores


def test_every_kind_of_finding_has_a_criterion_and_can_be_predicted() -> None:
    tried = _measurement()
    for kind in KINDS:
        cases = getattr(criteria, kind)(DiagnosedBatch(tried.scores, tried.logs))
        assert cases.shows.shape == cases.badness.shape == (len(tried.logs),) and cases.shows.dtype == np.bool_
    assert set(METRICS) - set(KINDS) == {"quality", "accuracy", "tokens", "latency"} and set(KINDS) < set(METRICS)
