"""Checks the steps of the tiny model, as a verifier: ``--verifier autotts.envs.live.tiny.verifier:score``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from .questions import MOVES, moved

_PASS = re.compile(r"(?:Start|Again) (\d+):([^.]*)(\.?)")
_STEP = re.compile(r"([a-z]+) (\d+)")
_WRONG = 0.5
"""Factor of the score for each wrong step."""


def score(question: str, text: str, finished: bool) -> float:
    """Return how sound the steps are that lead to the branch's present answer, in (0, 1].

    A thought makes passes over a walk. The program looks each step up, move by move, and does not look ahead. The
    score is that of the soundest pass that ends where most passes do, and half of it for each wrong step; of a branch
    within its first pass, of this pass. A thought without a step has the score of one wrong step.

    Args:
        question: not needed, as each pass names its start and its moves.
        text: what the model has written so far.
        finished: not needed either.
    """
    passes = list(_passes(text))
    whole = [(end, wrong) for end, wrong, ended in passes if ended]
    if not whole:
        return _WRONG ** passes[-1][1] if passes else _WRONG
    votes = Counter(end for end, _ in whole)
    lead = max(votes, key=votes.__getitem__)
    return float(_WRONG ** min(wrong for end, wrong in whole if end == lead))


def _passes(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield (place reached, wrong steps, whether it has ended) of each pass."""
    for start, steps, end in _PASS.findall(text):
        place, wrong = int(start), 0
        found = _STEP.findall(steps)
        if not end and found and steps.endswith(found[-1][1]):
            found = found[:-1]  # its number may go on
        for name, to in found:
            wrong += name not in MOVES or moved(name, place) != int(to)
            place = int(to)
        yield place, wrong, bool(end)
