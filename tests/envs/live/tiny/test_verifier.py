"""The program that checks the tiny model's steps: sound thoughts score 1, and scores tell right from wrong ends."""

from __future__ import annotations

from random import Random

import numpy as np

from autotts.envs.live.tiny.questions import walk
from autotts.envs.live.tiny.teacher import Faults, Teacher
from autotts.envs.live.tiny.verifier import score
from autotts.envs.separation import ranks_above

NONE = Faults(0.0, 0.0, 0.0, 0, 0.0, 0, 0.0)


def test_a_thought_without_faults_is_sound_wherever_it_is_cut() -> None:
    source = Random(1)
    for _ in range(20):
        asked = walk(source)
        text = "".join(Teacher(NONE).think(asked, source).pieces)
        start = text.index(":") + 8
        assert all(score(asked.text, text[:end], False) == 1 for end in range(start, len(text)))


def test_each_wrong_step_halves_the_score() -> None:
    assert score("", "Start 3: next 4, back 3, skip 5", False) == 1
    assert score("", "Start 3: next 4, back 9, skip 11, hop 1", False) == 0.5
    assert score("", "Start 3: next 5, back 9, skip 11, ", False) == 0.25
    assert score("", "Start 3: next 5. So 5 x1, lead 5 x1.\nAgain 3: next 4, ", False) == 0.5
    assert score("", "Start 3: next 5. So 5 x1, lead 5 x1.\nAgain 3: next 4. So 4 x1, lead 5 x1.", False) == 0.5
    assert score("", "nothing", True) == 0.5 and score("", "Start 3: fly 4. ", True) == 0.5


def test_scores_tell_right_from_wrong_thoughts() -> None:
    source, teacher = Random(2), Teacher(Faults())
    scores, right = [], []
    for _ in range(300):
        asked = walk(source)
        thought = teacher.think(asked, source)
        scores.append(score(asked.text, "".join(thought.pieces), True))
        right.append(thought.implied[-1] == asked.end)
    told = ranks_above(np.array(scores, np.float32), np.array(right), np.zeros(len(right), np.int64))
    assert told is not None and told > 0.9
