"""The cut of a run into shares, and the second copies of late shares."""

from __future__ import annotations

import pytest

from autotts.sandbox.share_schedule import LEAST, LEAST_LATE, MOST, Pace, Paces, ShareBoard, share_size


@pytest.mark.parametrize(
    ("episodes", "slots", "runs", "size"),
    [(10, 1, 1, LEAST), (10**6, 1, 1, MOST), (3_000, 10, 1, 100), (3_000, 10, 10, MOST), (3_000, 10, 99, MOST)],
)
def test_shares_are_smaller_the_more_slots_a_run_has(episodes: int, slots: int, runs: int, size: int) -> None:
    assert share_size(episodes, slots, runs) == size


def test_shares_of_a_slow_candidate_are_small() -> None:
    pace = Pace()
    assert pace.each == 0 and share_size(3_000, 4, 4, pace.each) == MOST
    pace.add(50, 0.5)
    assert share_size(3_000, 4, 4, pace.each) == 100
    pace.add(50, 99.5)
    assert share_size(3_000, 4, 4, pace.each) == 1


def test_the_pace_of_a_candidate_is_found_by_its_source() -> None:
    paces = Paces()
    paces.of("a").add(1, 2.0)
    assert paces.of("b").each == 0 and paces.of("a").each == 2
    for number in range(2_000):
        paces.of(str(number))
    assert paces.of("a").each == 0, "only the latest are kept"


def test_a_late_share_gets_one_copy_and_counts_once() -> None:
    board = ShareBoard(4)
    for share in range(4):
        board.submitted(share, 0.0)
    assert board.late(100.0, 9) == [], "nothing has ended, so nothing is known about the time of a share"
    assert board.ended(0, 1.0) and board.ended(1, 1.0)
    assert board.late(LEAST_LATE, 9) == []
    assert board.late(4.0, 9) == [2, 3] and board.late(4.0, 1) == [2] and board.late(4.0, 0) == []
    board.submitted(2, 4.0)
    assert board.late(99.0, 9) == [3]
    assert board.ended(2, 5.0) and not board.ended(2, 6.0)
    board.needless([3])
    assert not board.open and board.late(99.0, 9) == []
