"""The simulated search on many nodes: a small one, with the policy that runs."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.scheduling import LEAST, MODES, RECORDED, Work, heavy_tailed, recorded, simulate
from benchmarks.simulated_cluster import Troubles

NODES, GENERATIONS = 16, 2
PLAIN = Troubles(straggling=0.0, between_failures=1e12)


@pytest.mark.parametrize("mode", MODES)
def test_sixteen_candidates_a_node_keep_the_nodes_busy(mode: str) -> None:
    chance, count = Random(0), 16 * NODES * GENERATIONS
    for work in (chance.choices(recorded(RECORDED), k=count), heavy_tailed(recorded(RECORDED), count, chance)):
        assert simulate(mode, NODES, work, GENERATIONS, 0, Troubles()).efficiency >= LEAST


@pytest.mark.parametrize("mode", MODES)
def test_all_work_is_done_once_however_often_nodes_fail(mode: str) -> None:
    work = [Work(1_000, 10.0)] * 64
    sound, broken = (
        simulate(mode, 4, work, 2, 1, troubles)
        for troubles in (PLAIN, Troubles(straggling=0.0, between_failures=60.0, detection=5.0, repair=20.0))
    )
    assert sound.failures == 0 and sound.useful == pytest.approx(sound.efficiency)
    assert broken.failures > 5 and broken.useful < broken.efficiency <= 1
    assert broken.useful * broken.seconds == pytest.approx(sound.useful * sound.seconds, rel=0.1)
    assert simulate(mode, 4, work, 2, 1, PLAIN) == sound, "the seed decides everything"


def test_a_steady_state_has_no_barrier() -> None:
    work = [Work(1_000, 10.0)] * 7 + [Work(20, 300.0)] + [Work(1_000, 10.0)] * 56  # its few episodes are one share
    slow = {mode: simulate(mode, 8, work * 2, 4, 0, PLAIN).seconds for mode in MODES}
    assert slow["steady state"] < 0.95 * slow["generations"]
