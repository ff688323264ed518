"""A discovery on three Ray nodes, parts of which are killed, leaves the archive of an undisturbed one."""

from __future__ import annotations

import pytest

from benchmarks.cluster_kills import drawn, main
from tests.ray_nodes import required_ray


def test_every_way_is_drawn_equally_often_at_growing_moments() -> None:
    moments = drawn(8, 30, ["a", "b", "c", "d"], seed=1)
    assert moments == drawn(8, 30, ["a", "b", "c", "d"], seed=1) != drawn(8, 30, ["a", "b", "c", "d"], seed=2)
    assert [at for at, _ in moments] == sorted(at for at, _ in moments)
    assert sorted(way for _, way in moments) == sorted("abcd" * 2)


@pytest.mark.slow
def test_a_disturbed_discovery_leaves_the_archive_of_an_undisturbed_one(capsys: pytest.CaptureFixture[str]) -> None:
    required_ray()
    assert main(["--kills", "4", "--generations", "1", "--directory"]) == 0
    assert "archives equal, verify 0" in capsys.readouterr().out
