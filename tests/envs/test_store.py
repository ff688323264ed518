"""The store's round trip, its refusals, and the votes."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import confidence, leader, majority, published, store, weighted_majority
from envs.errors import Damaged, InputError

WORDS = st.sampled_from(["ERR", "1", "2", "\\frac{1}{2}", "ü", "", "\ud800"])
BRANCH = st.tuples(st.lists(WORDS, max_size=5), st.integers(0, 3000), WORDS).map(list)


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    delta = draw(st.integers(1, 1000))
    questions = draw(st.lists(st.lists(BRANCH, min_size=1, max_size=4), min_size=1, max_size=4))
    return [
        {
            "question": f"q{i}",
            "gold_answer": draw(st.sampled_from(["1", "2", "7"])),
            "probe_freq": delta,
            "final_answers_trace": [branch[2] for branch in branches],
            "each_branch": branches,
        }
        for i, branches in enumerate(questions)
    ]


@settings(max_examples=80, deadline=None)
@given(documents())
def test_json_to_file_to_json(tmp_path_factory: pytest.TempPathFactory, document: list[dict[str, Any]]) -> None:
    home = tmp_path_factory.mktemp("store")
    (home / "in.json").write_text(json.dumps(document))
    env = published.read(home / "in.json", "a/b")
    store.save(env, home / "out.env.npz")
    again = store.load(home / "out.env.npz")
    assert again.hash == env.hash
    assert json.loads(published.write(again)) == document
    before = (home / "out.env.npz").read_bytes()
    store.save(again, home / "out.env.npz")
    assert (home / "out.env.npz").read_bytes() == before


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_damage_goes_unseen(tmp_path_factory: pytest.TempPathFactory, at: int, value: int) -> None:
    home = tmp_path_factory.mktemp("damage")
    question = {"question": "q", "gold_answer": "1", "probe_freq": 500, "each_branch": [[["1", "2"], 1200, "1"]]}
    (home / "in.json").write_text(json.dumps([question]))
    env = published.read(home / "in.json", "a/b")
    store.save(env, home / "x.env.npz")
    data = bytearray((home / "x.env.npz").read_bytes())
    data[at % len(data)] = value
    (home / "x.env.npz").write_bytes(data)
    with contextlib.suppress(Damaged, InputError):
        assert store.load(home / "x.env.npz").hash == env.hash


ANSWERS = st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=12)


@given(ANSWERS)
def test_majority_is_the_first_of_the_most_frequent(answers: list[str | None]) -> None:
    counts = Counter(answers)
    best = [a for a in answers if counts[a] == max(counts.values())]
    assert majority(answers) == (best[0] if best else None)
    assert weighted_majority((answer, 1.0) for answer in answers) == majority(answers)
    winner, first, second = leader(answers)
    ordered = [*sorted(counts.values(), reverse=True), 0, 0]
    assert (winner, first, second) == (majority(answers), ordered[0], ordered[1])


@given(st.integers(0, 60), st.integers(0, 60))
def test_confidence_is_a_chance_that_grows_with_the_lead(first: int, second: int) -> None:
    assert 0 <= confidence(first, second) <= 1
    less, more = confidence(first, second), confidence(first + 1, second)
    assert more > less or (more == less and not 1e-9 < less < 1 - 1e-9)  # where a float can tell them apart
    assert confidence(first, second) + confidence(second, first) == pytest.approx(1)
