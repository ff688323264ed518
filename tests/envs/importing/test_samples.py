"""Files that other tools wrote (`make_samples.py`): right figures, or a refusal that says what mends it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError
from autotts.envs.importing.options import Lengths, question_pattern
from autotts.envs.importing.rows import parse_map
from autotts.envs.store import Environment

from .files import read
from .make_samples import QUESTIONS, SAMPLES, tokens

NUMBER, BOXED = extraction("--extract", "number"), extraction("--extract", "boxed")
CHARS = Lengths(characters=4)
LISTS = parse_map(["question=problem", "gold_answer=answer", "text=generations.*", "total_tokens=lengths.*"])
COLUMNS = parse_map(["question=Problem", "gold_answer=Solution", "final_answer=Answer *", "total_tokens=Tokens *"])
LENGTHS = [tokens(q, b) for q in range(len(QUESTIONS)) for b in range(4)]


def right(env: Environment) -> list[int]:
    """Return the number of right branches of each question."""
    equal = env.final_answers == np.repeat(env.gold, np.diff(env.branch_offsets))
    return [int(equal[env.branches(q)].sum()) for q in range(len(env))]


def samples(pattern: str) -> list[Path]:
    found = sorted(SAMPLES.glob(pattern))
    assert found
    return found


def imported(pattern: str, absent: int = 1, **options: Any) -> tuple[Environment, str]:
    """Import samples; check that nothing is skipped and how many answers are absent; return the notes too."""
    env, report = read(*samples(pattern), **options)
    assert env is not None and not report.skipped and not report.warnings, report.lines()
    assert int((env.final_answers == 0).sum()) == absent and env.questions == tuple(one[0] for one in QUESTIONS)
    return env, "\n".join(report.notes)


ALL = [3, 2, 3, 2, 1]
"""The right branches of each question of `QUESTIONS`."""


@pytest.mark.parametrize(
    ("pattern", "options"),
    [
        ("inspect/match.eval", {}),
        ("inspect/two.eval", {"scorer": "match"}),
        ("inspect/includes.eval", {"extract": NUMBER}),
        ("datasets/saved", {"mapping": LISTS, "extract": BOXED, "split": "train"}),
        ("datasets/rows.parquet", {"mapping": LISTS, "extract": BOXED}),
        ("datasets/rows.jsonl", {"mapping": LISTS, "extract": BOXED}),
        ("datasets/list.json", {"mapping": LISTS, "extract": BOXED}),
        ("spreadsheets/rows.csv", {}),
        ("spreadsheets/semicolons.csv", {}),
        ("spreadsheets/columns.csv", {"mapping": COLUMNS}),
        ("spreadsheets/two-sheets.xlsx", {"sheet": "rows"}),
        ("spreadsheets/two-sheets.xlsx", {"sheet": "columns", "mapping": COLUMNS}),
    ],
)
def test_every_shape_gives_the_same_figures(pattern: str, options: dict[str, Any]) -> None:
    if pattern.startswith("inspect"):
        pytest.importorskip("zipfile_zstd")
    if pattern.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    if pattern.endswith(("saved", "parquet")):
        pytest.importorskip("pyarrow")
    env, _ = imported(pattern, **options)
    assert right(env) == ALL and sorted(env.total_tokens.tolist()) == sorted(LENGTHS)


def test_samples_of_two_filters_are_taken_once() -> None:
    env, notes = imported("lm-eval/run*/samples*.jsonl", absent=0, lengths=CHARS)
    assert right(env) == [2, 1, 2, 1, 0] and env.branch_offsets.tolist() == [0, 2, 4, 6, 8, 10]
    assert "filter flexible-extract, which finds the most answers (strict-match 5, flexible-extract 10)" in notes
    assert "what follows ####" in notes and "lengths of 10 branches are estimates" in notes
    env, notes = imported("lm-eval/run*/samples*.jsonl", absent=5, lengths=CHARS, filter="strict-match")
    assert right(env) == [1, 1, 1, 1, 0] and "answers of the filter" not in notes
    extract, gold = extraction("", "#### (-?[0-9.,]+)"), extraction("", "#### (.*)")
    env, _ = imported("lm-eval/run*/samples*.jsonl", absent=5, lengths=CHARS, extract=extract, extract_gold=gold)
    assert right(env) == [1, 1, 1, 1, 0]
    with pytest.raises(InputError, match="no filter 'x'; there are strict-match, flexible-extract"):
        read(*samples("lm-eval/run*/samples*.jsonl"), filter="x")
    env_or_none, report = read(*samples("lm-eval/run1/samples*.jsonl"))
    assert env_or_none is None and "no total_tokens" in report.first() and "--tokens estimates them" in report.first()


def test_repeats_are_found_by_the_filter_of_the_results_beside_them(tmp_path: Path) -> None:
    env, notes = imported("lm-eval/repeats/samples*.jsonl", absent=6, lengths=CHARS)
    assert right(env) == [2, 2, 2, 2, 1] and "filter score-first" in notes  # the fourth lacks the mark of the filter
    env, _ = imported("lm-eval/repeats/samples*.jsonl", lengths=CHARS, extract=NUMBER)
    assert right(env) == ALL
    (path,) = samples("lm-eval/repeats/samples*.jsonl")
    alone, report = read(Path(shutil.copy(path, tmp_path)), lengths=CHARS)
    assert alone is None and "keeps fewer answers than there are responses (--extract" in report.first()
    (results,) = samples("lm-eval/repeats/results*.json")
    for damaged in ("{", "[]", '{"configs": {"toy_gsm8k": {"filter_list": [{"filter": [{"function": "regex"}]}, 3]}}}'):
        (tmp_path / results.name).write_text(damaged)
        assert read(tmp_path / path.name, lengths=CHARS)[0] is None


def test_whole_texts_and_several_scorers_of_inspect_are_refused() -> None:
    pytest.importorskip("zipfile_zstd")
    with pytest.raises(InputError, match=r"20 of 20 answers are the whole texts.*--extract number"):
        read(*samples("inspect/includes.eval"))
    with pytest.raises(InputError, match="name one by --scorer: match, includes"):
        read(*samples("inspect/two.eval"))
    env, _ = read(*samples("inspect/choice.eval"))
    assert env is not None and right(env) == [3] and env.vocabulary[1:] == ("B", "A")


def test_batch_outputs_are_joined_with_questions_and_gold_answers() -> None:
    batches = SAMPLES / "batches"
    joined: dict[str, Any] = {
        "extract": NUMBER, "requests": batches / "requests.jsonl", "gold": batches / "gold.jsonl",
    }  # fmt: skip
    env, notes = imported("batches/openai.jsonl", **joined)
    assert right(env) == ALL and env.total_tokens.tolist() == LENGTHS and "joined by question" in notes
    env, notes = imported("batches/openai-n2.jsonl", lengths=Lengths(shared=True), **joined)
    assert right(env) == ALL and sum(env.total_tokens.tolist()) == sum(LENGTHS)
    assert "lengths of 20 branches are shares of their response's tokens" in notes
    _, report = read(*samples("batches/openai-n2.jsonl"), **joined)
    assert report.count == 10 and "--tokens shared" in report.first()
    _, report = read(*samples("batches/openai-failed.jsonl"), **joined)
    assert report.branches == 19 and report.first() == "the request failed (line 1)"
    assert "1 of 20 rows would be skipped" in str(report.refusal(strict=False, allow_skips=False))
    assert report.refusal(strict=False, allow_skips=True) is None
    ids = question_pattern(r"(q\d+)-s\d+")
    found, report = read(*samples("batches/openai.jsonl"), extract=NUMBER, gold=batches / "gold.csv", question_id=ids)
    assert found is not None and right(found) == ALL and found.questions[0] == "q0" and not report.skipped
    found, _ = read(*samples("batches/vllm.jsonl"), extract=NUMBER, gold=batches / "gold.csv")
    assert found is not None and right(found) == ALL and found.total_tokens.tolist() == LENGTHS


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "no gold_answer (--map says where it is, --gold joins a table of gold answers)"),
        ({"gold": "gold.csv"}, "the id is not in --gold (--question-id takes the part of an id"),
        ({"gold": "gold.jsonl"}, "no question by which --gold is joined (--requests gives the questions"),
        ({"gold": "gold.jsonl", "requests": "requests.jsonl"}, "no final_answer (--extract finds it in the text"),
        ({"gold": "gold.csv", "question_id": question_pattern("x")}, "--question-id finds nothing"),
    ],
)
def test_what_a_batch_lacks_is_named(options: dict[str, Any], why: str) -> None:
    files = {name: SAMPLES / "batches" / value for name, value in options.items() if isinstance(value, str)}
    _, report = read(*samples("batches/openai.jsonl"), **options | files)
    assert not report.branches and why in report.first()


def test_tables_that_cannot_complete_a_batch_are_refused() -> None:
    batches = SAMPLES / "batches"
    for options, why in (
        ({"gold": batches / "requests.jsonl"}, "--gold-columns KEY=ANSWER; there are custom_id, method, url, body"),
        ({"requests": batches / "openai.jsonl"}, "line 1: not a request with a custom_id"),
        ({"gold": SAMPLES / "inspect/match.eval"}, "expected JSONL, CSV, .xlsx or Parquet"),
        ({"gold": batches / "gold.csv", "gold_columns": ("id", "x")}, "line 2: no x"),
        ({"gold": batches / "none"}, "no such file"),
    ):
        with pytest.raises(InputError, match=why):
            read(*samples("batches/openai.jsonl"), **options)
    _, report = read(*samples("batches/requests.jsonl"))
    assert "a request, not a response" in report.first()


def test_what_a_spreadsheet_changed_is_refused() -> None:
    pytest.importorskip("openpyxl")
    env, report = read(*samples("spreadsheets/odd-cells.xlsx"))
    assert env is not None and env.vocabulary[1:] == ("50%", "TRUE") and env.total_tokens.tolist() == [1234, 14]
    assert {why.split(" (")[0]: entry.places for why, entry in report.skipped.items()} == {
        "final_answer is a date, as which spreadsheets read 1/2: format the column as text": ["row 2"],
        "final_answer is a formula without a value: open and save the workbook, or save it as CSV": ["row 4"],
        "final_answer is an error of the spreadsheet": ["row 5"],
    }
    for options, why in (({}, "several sheets; name one by --sheet: rows, columns"), ({"sheet": "x"}, "no sheet 'x'")):
        with pytest.raises(InputError, match=why):
            read(*samples("spreadsheets/two-sheets.xlsx"), **options)
    _, report = read(*samples("spreadsheets/columns.csv"))
    assert "no gold_answer (--map" in report.first() and "unused keys: Problem, Solution, Answer 1" in report.notes[-1]
    _, report = read(*samples("datasets/rows.csv"), mapping=LISTS, extract=BOXED)
    assert "no list at generations.* (a cell holds no list: take Parquet or JSONL" in report.first()


def test_a_damaged_sample_of_a_compressed_log_is_skipped(tmp_path: Path) -> None:
    pytest.importorskip("zipfile_zstd")
    data = bytearray((SAMPLES / "inspect/match.eval").read_bytes())
    start = data.index(b"samples/q0_epoch_1.json")
    data[start + 80 : start + 120] = b"x" * 40
    (tmp_path / "x.eval").write_bytes(data)
    env, report = read(tmp_path / "x.eval")
    assert env is not None and report.branches == 19 and "damaged, or encrypted" in report.first()
