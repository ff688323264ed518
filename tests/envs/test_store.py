"""The round trip through the store, the input that it refuses, and the functions for voting."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import catalogue, confidence, leader, majority, store, weighted_majority
from autotts.envs.episodes import grid
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.importing import published
from autotts.envs.summary import summarize

WORDS = st.sampled_from(["ERR", "1", "2", "\\frac{1}{2}", "ü", "", "\ud800"])
BRANCH = st.tuples(st.lists(WORDS, max_size=5), st.integers(0, 3000), WORDS).map(list)


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    delta = draw(st.integers(1, 1000))
    questions = draw(st.lists(st.lists(BRANCH, min_size=1, max_size=4), min_size=1, max_size=4))
    for branch in (branch for branches in questions for branch in branches):
        branch[1] = max(branch[1], delta * (len(branch[0]) - 1) + 1 if branch[0] else 0)  # no probe beyond the end
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
def test_published_json_survives_a_round_trip_through_the_store(
    tmp_path_factory: pytest.TempPathFactory, document: list[dict[str, Any]]
) -> None:
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
def test_damaged_files_are_detected(tmp_path_factory: pytest.TempPathFactory, at: int, value: int) -> None:
    home = tmp_path_factory.mktemp("damage")
    question = {"question": "q", "gold_answer": "1", "probe_freq": 500, "each_branch": [[["1", "2"], 1200, "1"]]}
    (home / "in.json").write_text(json.dumps([question]))
    env = published.read(home / "in.json", "a/b")
    store.save(env, home / "x.env.npz")
    data = bytearray((home / "x.env.npz").read_bytes())
    data[at % len(data)] = value
    (home / "x.env.npz").write_bytes(data)
    with contextlib.suppress(DamagedFile, InputError):
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
def test_confidence_is_a_probability_that_grows_with_the_lead(first: int, second: int) -> None:
    assert 0 <= confidence(first, second) <= 1
    less, more = confidence(first, second), confidence(first + 1, second)
    assert more > less or (more == less and not 1e-9 < less < 1 - 1e-9)  # equal only where floats cannot differ
    assert confidence(first, second) + confidence(second, first) == pytest.approx(1)


QUESTION = {"question": "q", "gold_answer": "1", "probe_freq": 500, "each_branch": [[["1", "2"], 1200, "1"]]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps([QUESTION | {"probe_freq": 2**31}]), "probe_freq"),
        (json.dumps([QUESTION | {"probe_freq": 10**30}]), "probe_freq"),
        (json.dumps([QUESTION | {"each_branch": [[["1"], 10**30, "1"]]}]), "total_tokens"),
        (json.dumps([QUESTION | {"each_branch": [[["1"] * 5, 2000, "1"]]}]), "5 probes every 500 tokens, but a length"),
        (json.dumps([QUESTION | {"each_branch": [[["1"] * 65536, 1, "1"]]}]), "65536 probes"),
        (json.dumps([QUESTION]).replace('"gold_answer"', '"gold_answer": "2", "gold_answer"'), "two values"),
        (json.dumps([QUESTION | {"each_branch": [[[{"a": "b" * 9999}], 5, "1"]]}]), "an answer is"),
    ],
)
def test_values_too_large_or_given_twice_are_refused_in_a_short_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "in.json").write_text(text)
    with pytest.raises(InputError, match=words) as refused:
        published.read(tmp_path / "in.json", "a/b")
    assert len(str(refused.value)) < 300 + len(str(tmp_path))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_zip_members_raise_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The checksums match the damaged members here, so that our own readers see the damage."""
    home = tmp_path_factory.mktemp("parts")
    (home / "in.json").write_text(json.dumps([QUESTION]))
    env = published.read(home / "in.json", "a/b")
    store.save(env, home / "x.env.npz")
    with zipfile.ZipFile(home / "x.env.npz") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    part = bytearray(parts[name])
    part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    odd = [bytes(part), b"[" * 100_000, b"[]", b"\x93NUMPY\x01\x00\x10\x00{'shape': (9**99"]
    with zipfile.ZipFile(home / "x.env.npz", "w") as archive:
        for other, content in parts.items():
            archive.writestr(other, content if other != name else data.draw(st.sampled_from(odd)))
    with contextlib.suppress(InputError):
        assert store.load(home / "x.env.npz").hash == env.hash


@pytest.mark.parametrize("name", ["mean", "../a", "a/../b", "/a", "-a", ".a", "a//b", "a b", "a\n", ""])
def test_unsafe_or_reserved_environment_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="environment name"):
        catalogue.path_of(tmp_path, name)


def test_files_with_invalid_names_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps([QUESTION]))
    store.save(published.read(tmp_path / "in.json", "a/b"), catalogue.path_of(tmp_path, "a/b"))
    (tmp_path / "a b.env.npz").write_bytes(b"")
    assert [env.name for env in catalogue.find(tmp_path, ["*"])] == ["a/b"]


@pytest.mark.parametrize(
    ("settings_of", "words"),
    [
        ({"orders": range(10**30)}, "episodes"),
        ({"orders": [-1]}, "order is -1"),
        ({"orders": [2**63]}, "order is"),
        ({"betas": [float("nan")]}, "beta is nan"),
        ({"max_branches": 0}, "max_branches"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_invalid_grids_are_refused(tmp_path: Path, settings_of: dict[str, Any], words: str) -> None:
    (tmp_path / "in.json").write_text(json.dumps([QUESTION]))
    env = published.read(tmp_path / "in.json", "a/b")
    with pytest.raises(InputError, match=words):
        grid([env], **settings_of)
    assert grid([env], [0.5], [0], max_branches=10**20).opened.shape == (1, 1)


@settings(max_examples=40, deadline=None)
@given(documents())
def test_a_branch_has_settled_once_its_answer_stays_the_final_one(
    tmp_path_factory: pytest.TempPathFactory, document: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("settled") / "in.json"
    path.write_text(json.dumps(document))
    expected = []
    for probes, _, final in (branch for question in document for branch in question["each_branch"]):
        same = [all(answer == final for answer in probes[k:]) for k in range(len(probes))]
        first = same.index(True) + 1 if True in same else len(probes) + 1
        expected.append(min(1.0, first / max(1, len(probes))))
    found = summarize(published.read(path, "a/b")).settled
    assert found == pytest.approx((np.median(expected), np.percentile(expected, 90)))
