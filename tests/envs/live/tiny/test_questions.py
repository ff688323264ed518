"""The questions of the tiny model: gold answers are right by another way to compute them, and a seed gives the same."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from autotts.envs.live.tiny.questions import LONGEST, MOVES, PLACES, SHORTEST, Walk, moved, questions, walk
from autotts.envs.live.tiny.teacher import Faults, Teacher, misremembered

RING = list(range(13))
MEANINGS: dict[str, Callable[[int], int]] = {
    **{name: (lambda x, n=n: RING[(RING.index(x) + n) % 13]) for name, n in (  # type: ignore[misc]
        ("next", 1), ("back", -1), ("skip", 2), ("hop", 3), ("jump", 4), ("leap", 5), ("turn", 6), ("drop", -3),
    )},
    "double": lambda x: (x + x) % 13,
    "triple": lambda x: (x + x + x) % 13,
    "fourfold": lambda x: (x << 2) % 13,
    "fivefold": lambda x: ((x << 2) + x) % 13,
    "halve": lambda x: next(y for y in RING if (y + y) % 13 == x),
    "negate": lambda x: next(y for y in RING if (y + x) % 13 == 0),
    "mirror": lambda x: RING[::-1][x],
    "twist": lambda x: (x + x + 1) % 13,
}  # fmt: skip


def solved(text: str) -> str:
    """Solve a question from its text alone."""
    found = re.fullmatch(r"Ring of 13, start at (\d+): ([a-z, ]+)\. Where do you end\?", text)
    assert found
    place = int(found[1])
    for name in found[2].split(", "):
        place = MEANINGS[name](place)
    return str(place)


@given(st.integers(1, 40), st.integers(0, 10**9))
def test_gold_is_right_and_questions_differ(count: int, seed: int) -> None:
    found = questions(count, seed)
    assert len(found) == len(dict(found)) == count
    assert all(gold == solved(text) for text, gold in found)
    assert found == questions(count, seed) and found != questions(count, seed + 1)
    assert questions(count + 1, seed)[:count] == found


def test_every_move_means_one_place_for_each_place() -> None:
    assert set(MEANINGS) == set(MOVES)
    for name, meaning in MEANINGS.items():
        ends = [moved(name, place) for place in range(PLACES)]
        assert ends == [meaning(place) for place in range(PLACES)] and sorted(ends) == RING


def test_questions_of_a_seed_stay_as_they_are() -> None:
    drawn = hashlib.sha256(repr(questions(100, 1)).encode()).hexdigest()
    assert drawn == "75c3e3e6d8e76cd043cef239e04705e7eb918f881e16f443c3b3634d893d4b26"


@given(st.integers(0, 10**6))
def test_walks_have_different_moves(seed: int) -> None:
    drawn = walk(random.Random(seed))
    assert SHORTEST <= len(drawn.moves) == len(set(drawn.moves)) <= LONGEST


@given(st.integers(0, 10**6))
def test_teacher_without_faults_is_right_and_with_faults_implies_the_commonest_pass(seed: int) -> None:
    source = random.Random(seed)
    drawn = walk(source)
    right = Teacher(Faults().scaled(0.0)).think(drawn, source)
    assert right.implied[-1] == drawn.end and right.pieces.count(f" {drawn.end} x2.") <= 1
    thought = Teacher(Faults()).think(drawn, source)
    text = "".join(thought.pieces)
    ends = [int(end) for end in re.findall(r"So (\d+) x", text)]
    assert ends.count(thought.implied[-1]) == max(map(ends.count, ends))
    assert [int(n) for n in re.findall(r"So \d+ x(\d+)", text)] == [ends[: i + 1].count(e) for i, e in enumerate(ends)]
    assert text.startswith(f"Start {drawn.start}: {drawn.moves[0]} ") and len(thought.pieces) == len(thought.implied)


def test_misremembered_pairs_are_wrong_and_the_same_for_every_branch() -> None:
    found = misremembered(Faults())
    assert len(found) == Faults().doubts + Faults().false_beliefs and found == misremembered(Faults())
    assert all(end != moved(*pair) for pair, (end, _) in found.items())


def test_walk_states_its_end() -> None:
    assert Walk(5, ("double", "hop", "negate")).end == 0
