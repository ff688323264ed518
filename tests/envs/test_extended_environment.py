"""Final signals, verifier scores and forks: in files, as JSONL, in parts of the questions, and the checks on them."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import store
from autotts.envs.environment import EXTENDED_FORMAT, FORMAT, ROOT, Environment
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.holdout import part_of_questions
from autotts.envs.importing import jsonl, published
from autotts.envs.signals import STANDARD, comes_with

from ..environments import environment, random_environment
from .extended import extended_environment
from .importing.files import branches, imported, read
from .importing.files import jsonl as write

FURTHER = ("verifier", "final_verifier", "verify_cost", "parents", "fork_depths", "fork_rule")


def same(one: Environment, other: Environment) -> None:
    assert one.meta() == other.meta()
    for name, column in one.columns().items():
        np.testing.assert_array_equal(column, other.columns()[name], name)
    assert one.hash == other.hash


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_all_parts_survive_a_file_and_jsonl(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    home = tmp_path_factory.mktemp("extended")
    env = extended_environment(Random(seed), name="a/b")
    store.save(env, home / "a.env.npz")
    same(env, store.load(home / "a.env.npz"))
    (home / "a.jsonl").write_text("".join(jsonl.write(env)))
    again = imported(home / "a.jsonl")  # numbers its answers in another order
    assert list(jsonl.write(again)) == list(jsonl.write(env))
    (home / "b.jsonl").write_text("".join(jsonl.write(again)))
    same(again, imported(home / "b.jsonl"))


def test_large_environments_are_mapped_with_all_their_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("autotts.envs.column_cache.MAPPED_FROM", 1)
    env = extended_environment(Random(1))
    store.save(env, tmp_path / "a.env.npz")
    for _ in range(2):
        again = store.load(tmp_path / "a.env.npz")
        assert isinstance(again.final_signals["only_final"].base, np.memmap)
        same(env, again)


def test_only_environments_with_new_parts_have_the_new_format(tmp_path: Path) -> None:
    """Earlier versions refuse a format that they do not know, in one line, before they read anything else."""
    plain, rich = random_environment(Random(3)), extended_environment(Random(3))
    signals = {"x": np.zeros(len(plain.probe_answers), np.float32)}
    for env, format in ((plain, FORMAT), (replace(plain, signals=signals), FORMAT), (rich, EXTENDED_FORMAT)):
        store.save(env, tmp_path / "a.env.npz")
        with zipfile.ZipFile(tmp_path / "a.env.npz") as archive:
            meta = json.loads(archive.read("meta.json"))
        assert meta["format"] == format
        assert ("fork_rule" in meta) == (format == EXTENDED_FORMAT)


def rewritten(path: Path, **changes: Any) -> None:
    """Change the description of an environment in its file."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["meta.json"] = json.dumps(json.loads(files["meta.json"]) | changes, sort_keys=True).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 3}, "format 3, but this version reads formats 1 and 2"),
        ({"format": FORMAT}, "does not match its hash"),
        ({"verify_cost": None}, "does not match its hash"),
        ({"fork_rule": None}, "does not match its hash"),
        ({"fork_rule": "any"}, "hash"),
        ({"final_signals": ["confidence", "none"]}, "none"),
        ({"final_signals": [str(n) for n in range(99)]}, "101 signals"),
        ({"verify_cost": "x"}, "not a readable"),
    ],
)
def test_files_that_describe_other_parts_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    store.save(extended_environment(Random(3)), tmp_path / "a.env.npz")
    rewritten(tmp_path / "a.env.npz", **changes)
    with pytest.raises((InputError, DamagedFile), match=words):
        store.load(tmp_path / "a.env.npz")


def test_a_part_of_the_questions_has_their_numbers_and_forks(tmp_path: Path) -> None:
    env = extended_environment(Random(5), questions=4)
    part = part_of_questions(env, np.array([1, 3]))
    part.check()
    assert env.parents is not None and part.parents is not None and part.verifier is not None
    assert env.verifier is not None and env.final_verifier is not None and part.final_verifier is not None
    for mine, theirs in ((0, 1), (1, 3)):
        own, other = slice(*_ends(part, mine)), slice(*_ends(env, theirs))
        np.testing.assert_array_equal(part.parents[own], env.parents[other])
        np.testing.assert_array_equal(part.final_verifier[own], env.final_verifier[other])
        np.testing.assert_array_equal(part.final_signals["only_final"][own], env.final_signals["only_final"][other])
        cells = [slice(int(e.probe_offsets[s.start]), int(e.probe_offsets[s.stop])) for e, s in
                 ((part, own), (env, other))]  # fmt: skip
        np.testing.assert_array_equal(part.verifier[cells[0]], env.verifier[cells[1]])


def _ends(env: Environment, question: int) -> tuple[int, int]:
    branches = env.branches(question)
    return branches.start, branches.stop


def tree() -> Environment:
    """Return one question with the branches AAB, its fork AB. at depth 1, and ABA, a fork of that at depth 2."""
    made = environment([["AAB", "AB.", "ABA"]], None, ["A"])
    zeros = np.zeros(len(made.probe_answers), np.float32)
    return replace(
        made, parents=np.array([ROOT, 0, 1], np.int32), fork_depths=np.array([0, 1, 2], np.int32),
        signals={"x": zeros.copy()}, verifier=zeros.copy(), final_verifier=np.zeros(3, np.float32),
    )  # fmt: skip


def test_the_branches_of_the_tree_agree() -> None:
    tree().check()
    assert tree().is_root.tolist() == [True, False, False]
    assert environment([["A"]], None, ["A"]).is_root.tolist() == [True]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parents": [ROOT, 1, 1]}, "no earlier branch"),
        ({"parents": [ROOT, 2, 1]}, "no earlier branch"),
        ({"parents": [ROOT, -2, 1]}, "no earlier branch"),
        ({"parents": [ROOT, 0]}, "do not match the branches"),
        ({"parents": None}, "fork depths alone"),
        ({"parents": [ROOT, ROOT, 1]}, "no fork has a fork depth"),
        ({"fork_depths": [0, 1, 1]}, "not beyond that of its parent"),
        ({"fork_depths": [0, 0, 2]}, "not beyond that of its parent"),
        ({"fork_depths": [0, 1, 3]}, "beyond the probes"),
        ({"fork_depths": [0, 2, 3]}, "beyond the probes|other answers"),
        ({"fork_rule": "any"}, "fork rule is not recorded or nearest"),
        ({"parents": None, "fork_depths": None, "fork_rule": "nearest"}, "fork rule without forks"),
        ({"verifier": None}, "of finished branches alone"),
        ({"final_verifier": [0, 0]}, "final verifier scores do not match"),
        ({"verifier": [0]}, "verifier scores do not match"),
        ({"verify_cost": -1}, "verify cost"),
        ({"verifier": None, "final_verifier": None, "verify_cost": 1}, "without a verifier"),
        ({"verifier": [0, 0, 1, 0, 0, 0]}, "another verifier than its parent"),
        ({"final_signals": {"x": np.zeros(2, np.float32)}}, "final signal does not match"),
        ({"signals": {"y": np.array([0, 0, 1, 0, 0, 0], np.float32)}}, "another y than its parent"),
    ],
)
def test_parts_that_do_not_agree_are_refused(changes: dict[str, Any], words: str) -> None:
    kinds = {"parents": np.int32, "fork_depths": np.int32, "verifier": np.float32, "final_verifier": np.float32}
    made = {key: np.array(value, kinds[key]) if isinstance(value, list) else value for key, value in changes.items()}
    with pytest.raises(InputError, match=words):
        replace(tree(), **made).check()


LINE = {"question_id": "q", "gold_answer": "A", "probe_freq": 10}


def lines(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [LINE | {"total_tokens": 10 * len(row["probe_answers"]) + 5, "final_answer": "A"} | row for row in rows]


ROOT_LINE = {"branch": "r", "probe_answers": ["A", "B", "A"]}
CHILD = {"branch": "c", "probe_answers": ["A", "B", "B"], "parent_branch": "r", "fork_depth": 2}


def test_parents_may_stand_behind_their_forks_and_forks_go_to_the_branch_that_they_leave(tmp_path: Path) -> None:
    grandchild = {"branch": "g", "probe_answers": ["A", "C"], "parent_branch": "c", "fork_depth": 1}
    env = imported(write(tmp_path / "in.jsonl", *lines(grandchild, CHILD, ROOT_LINE)))
    assert env.parents is not None and env.fork_depths is not None
    assert env.parents.tolist() == [ROOT, 0, 0]
    assert sorted(env.fork_depths.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parent_branch": "x"}, "parent of a fork is not there"),
        ({"parent_branch": "c"}, "parent of a fork is not there"),
        ({"fork_depth": 3}, "differs from its parent"),
        ({"probe_answers": ["A"], "fork_depth": 2}, "beyond the probes"),
        ({"probe_answers": ["B", "B", "B"]}, "differs from its parent"),
        ({"signals": {"x": [1, 2, 3]}}, "differs from its parent"),
        ({"verifier_scores": [1, 2, 3]}, "differs from its parent"),
        ({"verifier_scores": [1]}, "verifier_scores has another length"),
        ({"fork_depth": None}, "without fork_depth"),
        ({"parent_branch": None}, "fork_depth alone"),
        ({"fork_depth": 0}, "fork_depth should be"),
        ({"fork_rule": "any"}, "fork_rule should be"),
    ],
)
def test_forks_that_do_not_fit_are_skipped_with_a_reason(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    env, report = read(write(tmp_path / "in.jsonl", *lines(ROOT_LINE, CHILD | change)))
    assert env is not None and len(env.final_answers) == 1
    (reason,) = report.skipped
    assert words in reason


def test_values_that_must_be_the_same_in_all_lines(tmp_path: Path) -> None:
    one, two = lines(ROOT_LINE | {"verify_cost": 3, "fork_rule": "nearest"}, ROOT_LINE | {"branch": "s"})
    env, report = read(write(tmp_path / "in.jsonl", *[one, two, one | {"branch": "t", "verify_cost": 4}]))
    assert env is not None and "verify_cost differs from earlier lines" in report.skipped
    assert (env.verify_cost, env.fork_rule) == (3, "nearest")
    assert env.verifier is not None and np.isnan(env.verifier).all()
    _, report = read(write(tmp_path / "in.jsonl", *[one, one | {"branch": "t", "fork_rule": "recorded"}]))
    assert "fork_rule differs from earlier lines" in report.skipped


def test_forks_are_brought_to_a_coarser_interval_with_their_branches(tmp_path: Path) -> None:
    long = {"branch": "r", "probe_answers": list("AABBAA"), "verifier_scores": [1, 2, 3, 4, 5, 6]}
    fork = {"branch": "c", "probe_answers": list("AABBCC"), "parent_branch": "r", "fork_depth": 4}
    odd = {"branch": "o", "probe_answers": list("AABCCC"), "parent_branch": "r", "fork_depth": 3}
    scores = {"verifier_scores": [1, 2, 3, 4, 9, 9]}
    env, report = read(write(tmp_path / "in.jsonl", *lines(long, fork | scores, odd | scores)), delta=20)
    assert env is not None and env.fork_depths is not None and env.verifier is not None
    assert env.fork_depths.tolist() == [0, 2] and env.verifier.tolist() == [2, 4, 6, 2, 4, 9]
    assert "a fork between two intervals" in report.skipped
    assert branches(env)


def test_forks_are_never_written_as_branches_of_their_own() -> None:
    with pytest.raises(InputError, match="forks, which the published JSON cannot hold: write --format jsonl"):
        published.write(tree())


def test_the_page_of_signals_defines_each_as_the_code_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (\w+) \| (.*?) \| (.*?) \|$", page, re.M)
    assert rows == [(s.name, s.unit, s.comes_with, s.higher_is, s.definition) for s in STANDARD.values()]


def test_standard_signals_come_with_what_their_names_say() -> None:
    assert all(signal.name == name and signal.comes_with == comes_with(name) for name, signal in STANDARD.items())
    assert comes_with("answer_mine") == "probe" and comes_with("mine") == "interval"
