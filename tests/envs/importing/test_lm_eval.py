"""Samples of lm-evaluation-harness, valid and incomplete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError
from autotts.envs.importing.options import Lengths
from autotts.envs.importing.rows import parse_map

from .files import branches, harness, imported, jsonl, read


def test_responses_become_branches(tmp_path: Path) -> None:
    texts = ["I think 4.", "I think five.", "4"]
    path = jsonl(tmp_path / "samples_t.jsonl", harness(0, " 4 ", texts, [["4", "[invalid]", " 4"]]))
    env, report = read(path, lengths=Lengths(characters=4.0))
    assert env is not None and report.format == "lm-eval" and not report.count
    assert branches(env) == [("4", [("4", 3), (None, 4), ("4", 1)])] and env.questions == ("what is 0?",)
    assert any("estimates: chars/4" in note for note in report.notes)
    env, report = read(path)
    assert env is None and "--tokens estimates them" in report.first()


def test_lengths_can_be_mapped_from_any_key(tmp_path: Path) -> None:
    line = harness(0, "4", ["x", "y"], ["4", "5"], usage=[{"out": 10}, {"out": 20}])
    env = imported(jsonl(tmp_path / "s.jsonl", line), mapping=parse_map(["total_tokens=usage.*.out"]))
    assert branches(env) == [("4", [("4", 10), ("5", 20)])]


def test_the_verdict_of_the_harness_is_used_for_single_answers(tmp_path: Path) -> None:
    long = "as many as a square has corners"
    lines = [harness(0, long, [text], [text], exact_match=m) for text, m in (("4", 1.0), ("5", 0.0))]
    paths = [jsonl(tmp_path / f"s{i}.jsonl", line) for i, line in enumerate(lines)]
    env, report = read(*paths, lengths=Lengths(characters=1.0))
    assert env is not None and branches(env) == [(long, [(long, 1), ("5", 1)])]
    assert any("right by mark" in note for note in report.notes)


def test_answers_are_extracted_from_the_responses(tmp_path: Path) -> None:
    line = harness(0, "so it is #### 4", ["No 3. It is 4.", "It is five."], ["4"])
    env, report = read(jsonl(tmp_path / "s.jsonl", line), lengths=Lengths(characters=4.0))
    assert env is None and "--extract finds them" in report.first()
    env, report = read(
        tmp_path / "s.jsonl",
        lengths=Lengths(characters=4.0),
        extract=extraction("", r"\d"),
        extract_gold=extraction("", "#### (.+)"),
    )
    assert env is not None and branches(env) == [("4", [("4", 4), (None, 3)])]
    assert any("--extract finds" in note for note in report.notes)


def test_of_several_filters_the_one_that_finds_most_answers_is_taken(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "s.jsonl",
        *(harness(i, "4", ["x"], ["4"] if i else ["[invalid]"], "strict") for i in range(2)),
        *(harness(i, "4", ["x"], ["6"], "loose") for i in range(2)),
        *(harness(i, "4", ["x"], ["7"], "other") for i in range(2)),
    )
    env, report = read(path, lengths=Lengths(characters=4.0))
    assert env is not None and branches(env) == [("4", [("6", 1)]), ("4", [("6", 1)])] and not report.skipped
    chosen = "filter loose, which finds the most answers (strict 1, loose 2, other 2); --filter takes another"
    assert any(chosen in note for note in report.notes)
    path = jsonl(tmp_path / "s.jsonl", harness(0, "4", ["x"], ["4"], "strict"), harness(0, "4", ["x"], ["5"], "loose"))
    assert branches(imported(path, lengths=Lengths(characters=4.0), filter="loose")) == [("4", [("5", 1)])]
    with pytest.raises(InputError, match="no filter 'x'; there are strict, loose"):
        read(path, filter="x")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (harness(0, 1, [[-3.5, False], [-1.0, True]], [[-3.5, False]]), "a task of choices"),
        (harness(0, "1", ["x"], None), "no resps and filtered_resps"),
        (harness(0, None, ["x"], ["1"]), "no gold_answer"),
        (harness(0, "1", [], []), "an empty list of branches"),
        (harness(0, "1", ["x"], [{"a": 1}]), "final_answer must be text or a number"),
    ],
)
def test_samples_without_an_answer_are_skipped(tmp_path: Path, line: Any, why: str) -> None:
    env, report = read(jsonl(tmp_path / "s.jsonl", line), lengths=Lengths(characters=4.0))
    assert env is None and why in report.first()
