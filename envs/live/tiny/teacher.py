"""Writes the thoughts that the tiny model learns from: several passes over a walk, with slips, and a tally.

A thought makes passes over the walk until one end leads the tally clearly. Errors are of four kinds, so that branches
of a question are often wrong, are more often right by vote, and are sometimes all wrong:

- slips: a step leads anywhere, more often in the first, quick pass;
- habits: a branch that slipped tends to repeat its slip in later passes;
- doubts: a few (move, place) pairs are often misremembered by every branch, in the same way;
- false beliefs: two pairs are misremembered mostly, so that hardly any branch solves a question that meets one.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from .questions import MOVES, PLACES, Walk, moved


@dataclass(frozen=True, slots=True)
class Faults:
    """How often the teacher errs. All are probabilities, except numbers of pairs."""

    first_slip: float = 0.18
    """Of a step of the first pass."""
    slip: float = 0.08
    """Of a step of a later pass."""
    habit: float = 0.35
    """That a later pass repeats what the branch did before at the same move from the same place."""
    doubts: int = 8
    doubt: float = 0.35
    false_beliefs: int = 2
    false_belief: float = 0.60

    def scaled(self, share: float) -> Faults:
        """Return faults that are rarer by the factor ``share``."""
        return Faults(
            self.first_slip * share, self.slip * share, self.habit, self.doubts, self.doubt * share,
            self.false_beliefs, self.false_belief * share,
        )  # fmt: skip


STOPS = {1: 0.0, 2: 0.25, 3: 0.7}
"""The probability of stopping after a pass, by the number of passes that gave the leading end; 1 from 4 on."""
MOST_PASSES = 9


@dataclass(slots=True)
class Thought:
    """The text of a thought in pieces, and the answer that it implies after each piece.

    A thought that is cut after piece i implies ``implied[i]``: the leading end of the passes so far, and in the first
    pass the place reached.
    """

    pieces: list[str] = field(default_factory=list)
    implied: list[int] = field(default_factory=list)

    def write(self, piece: str, implied: int) -> None:
        """Append a piece."""
        self.pieces.append(piece)
        self.implied.append(implied)


class Teacher:
    """Writes thoughts.

    Args:
        faults: how often it errs.
        most_passes: passes of a thought at most.
    """

    def __init__(self, faults: Faults, most_passes: int = MOST_PASSES) -> None:
        self.faults = faults
        self.most_passes = most_passes
        self._misremembered = misremembered(faults)

    def think(self, walk: Walk, source: random.Random) -> Thought:
        """Return a thought about ``walk``; all random numbers come from ``source``."""
        thought = Thought()
        tally: Counter[int] = Counter()
        habits: dict[tuple[str, int], int] = {}
        leader = walk.start
        for number in range(self.most_passes):
            place = walk.start
            thought.write(f"\nAgain {place}:" if number else f"Start {place}:", leader)
            slip = self.faults.slip if number else self.faults.first_slip
            for at, name in enumerate(walk.moves):
                place = self._step(name, place, slip, habits, source)
                thought.write(("," if at else "") + f" {name}", leader)
                leader = leader if number else place
                thought.write(f" {place}", leader)
            tally[place] += 1
            if tally[place] > tally[leader]:
                leader = place
            thought.write(f". So {place} x{tally[place]}, lead", leader)
            thought.write(f" {leader} x{tally[leader]}.", leader)
            if source.random() < STOPS.get(tally[leader], 1.0):
                break
        return thought

    def _step(
        self, name: str, place: int, slip: float, habits: dict[tuple[str, int], int], source: random.Random
    ) -> int:
        """Return the place to which the teacher believes that the move leads."""
        key = (name, place)
        believed, probability = self._misremembered.get(key, (0, 0.0))
        found = believed if source.random() < probability else moved(name, place)
        if source.random() < slip:
            found = source.randrange(PLACES)
        if key in habits and source.random() < self.faults.habit:
            found = habits[key]
        habits[key] = found
        return found


def misremembered(faults: Faults) -> dict[tuple[str, int], tuple[int, float]]:
    """Return the pairs (move, place) that are misremembered, with the wrong end and its probability."""
    source = random.Random("what the tiny model misremembers")
    pairs = source.sample(
        [(name, place) for name in MOVES for place in range(PLACES)], faults.doubts + faults.false_beliefs
    )
    return {
        pair: (
            (moved(*pair) + source.randrange(1, PLACES)) % PLACES,
            faults.doubt if number < faults.doubts else faults.false_belief,
        )
        for number, pair in enumerate(pairs)
    }
