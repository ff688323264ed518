"""JSONL: the round trip, the reasons for skipped lines, and odd or malicious files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import IllegalAction, store
from autotts.envs.contract.replay import ReplayQuestion
from autotts.envs.errors import InputError
from autotts.envs.importing import jsonl, published
from autotts.envs.importing.line import BranchLine
from autotts.envs.store import Environment

from ...environments import environment, random_environment, recording
from ..test_store import documents
from .files import LINE, branches, imported, read
from .files import jsonl as write

DOCS = Path(__file__).resolve().parents[3] / "docs"
SIGNAL = st.one_of(st.floats(width=32, allow_nan=False), st.sampled_from([float("nan"), float("inf"), float("-inf")]))


def text_of(env: Environment) -> Any:
    return json.loads(published.write(env))


@settings(max_examples=80, deadline=None)
@given(documents(), st.integers(0, 9), st.data())
def test_any_environment_survives_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, document: Any, probe_cost: int, data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("jsonl")
    (home / "in.json").write_text(json.dumps(document))
    env = published.read(home / "in.json", "a/b", probe_cost)
    names = data.draw(st.lists(st.sampled_from(["logprob", "score.2"]), unique=True))
    for name in names:
        column = data.draw(st.lists(SIGNAL, min_size=len(env.probe_answers), max_size=len(env.probe_answers)))
        env.signals[name] = np.array(column, np.float32)  # type: ignore[index]
    (home / "out.jsonl").write_text("".join(jsonl.write(env)))
    again = imported(home / "out.jsonl")
    assert text_of(again) == text_of(env)
    for name in names:
        np.testing.assert_array_equal(again.signals[name], env.signals[name])
    assert again.probe_cost == probe_cost and again.hash == env.hash


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_lines_affects_only_the_order_of_questions(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    home, random = tmp_path_factory.mktemp("order"), Random(seed)
    env = random_environment(random, questions=3, name="a/b")
    env.total_tokens[:] = np.maximum(env.total_tokens, env.delta * env.probes)  # no probe beyond the end
    lines = list(jsonl.write(env))
    random.shuffle(lines)
    (home / "out.jsonl").write_text("".join(lines))
    again = text_of(imported(home / "out.jsonl"))
    (home / "in.jsonl").write_text("".join(jsonl.write(env)))
    assert sorted(again, key=lambda q: q["question"]) == text_of(imported(home / "in.jsonl"))


ODD = [None, True, 1, -1, 1.5, 1e3, float("nan"), 2**40, "", "1", "ERR", [], ["1"], {}, {"a": [1]}]
PARTS = st.dictionaries(
    st.sampled_from([*BranchLine.model_fields, "other"]),
    st.sampled_from(ODD) | st.lists(st.sampled_from(ODD), max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        PARTS.map(lambda part: LINE | part) | st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"")), max_size=6
    )
)
def test_every_line_is_imported_or_reported_as_skipped(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("odd") / "x.jsonl"
    rows = [line + b"\n" if isinstance(line, bytes) else line for line in lines]
    write(path, b"\n", *rows)
    try:
        env, report = read(path)
    except InputError as error:
        assert "UTF-16" in str(error) or "compressed" in str(error)
        return
    blank = sum(isinstance(row, bytes) and not row.strip() for row in rows)
    assert report.branches + report.count == len(rows) - blank
    assert (env is None) == (report.branches == 0)


@pytest.mark.parametrize(
    ("lines", "why", "place"),
    [
        ([LINE | {"total_tokens": -3}], "total_tokens should be greater than or equal to 0", "line 2"),
        ([LINE | {"total_tokens": float("nan")}], "total_tokens must be a whole number, but is not finite", "line 2"),
        ([LINE | {"total_tokens": 12.5}], "total_tokens must be a whole number, but is a decimal number", "line 2"),
        ([LINE | {"total_tokens": True}], "total_tokens must be a whole number, but is true or false", "line 2"),
        ([LINE | {"total_tokens": None}], "no total_tokens (--map", "line 2"),
        ([LINE | {"final_answer": float("nan")}], "final_answer must be text or a number, but is not finite", "line 2"),
        ([{k: v for k, v in LINE.items() if k != "final_answer"}], "no final_answer", "line 2"),
        ([LINE | {"gold_answer": "ERR"}], "gold_answer is ERR, which means an absent answer", "line 2"),
        ([LINE | {"gold_answer": "2"}], "gold_answer differs from the question's earlier lines", "line 2"),
        ([LINE | {"question_id": 1}, LINE | {"question_id": 1, "question": "r"}], "question differs", "line 3"),
        ([LINE | {"branch": 1}, LINE | {"branch": 1}], "a branch that is there already", "line 3"),
        ([LINE | {"probe_answers": ["1"]}], "probe_answers without probe_freq", "line 2"),
        ([LINE | {"probe_freq": 50, "probe_answers": ["1"] * 19}], "probes beyond the end of the branch", "line 2"),
        ([LINE | {"probe_freq": 0}], "probe_freq should be greater than or equal to 1", "line 2"),
        ([LINE | {"probe_cost": 1}], "probe_cost differs", "line 2"),
        ([LINE | {"probe_freq": 5, "probe_answers": ["1"], "signals": {"s": []}}], "a signal has another", "line 2"),
        ([LINE | {"correct": True, "final_answer": None}], "marked right, but without an answer", "line 2"),
        ([LINE | {"correct": False}], "marked wrong, though it equals gold_answer", "line 2"),
        ([LINE | {"correct": c, "final_answer": "x"} for c in (True, False)], "marked right in one line", "line 3"),
        ([b"[1]\n"], "not a JSON object", "line 2"),
        ([b'{"a":\n'], "not JSON (Expecting value)", "line 2"),
        ([b'{"a": 1, "a": 2}\n'], "a key with two values", "line 2"),
        ([b'{"a": "\xff"}\n'], "not UTF-8", "line 2"),
        ([b"[" * 100_000 + b"\n"], "not JSON (a number or a nesting without end)", "line 2"),
        ([b'{"a": ' + b"9" * 5000 + b"}\n"], "not JSON (a number or a nesting without end)", "line 2"),
    ],
)
def test_skipped_lines_are_reported_with_reason_and_place(
    tmp_path: Path, lines: list[Any], why: str, place: str
) -> None:
    env, report = read(write(tmp_path / "x.jsonl", LINE, *lines))
    assert env is not None and report.branches == len(lines) and report.count == 1
    ((reason, entry),) = report.skipped.items()
    assert why in reason and entry.places == [place]


def test_a_line_that_is_too_long_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1 << 20)
    path = write(tmp_path / "x.jsonl", LINE, b'{"a": "' + b"x" * (5 << 20) + b'"}\n', LINE, b"y" * (2 << 20))
    _, report = read(path)
    assert report.branches == 2 and report.skipped["longer than 1 MiB"].places == ["line 2", "line 4"]


@pytest.mark.parametrize("head", [b"\xff\xfe{\x00", b"\xfe\xff\x00{", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd"])
def test_files_of_other_encodings_are_refused(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(InputError, match=r"UTF-16|compressed"):
        read(write(tmp_path / "x.jsonl", head))


def test_byte_order_marks_and_other_line_ends_are_accepted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl", b"\xef\xbb\xbf" + json.dumps(LINE).encode() + b"\r\n \n" + json.dumps(LINE).encode()
    )
    assert len(imported(path).final_answers) == 2


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_gives_no_environment(tmp_path: Path, content: bytes) -> None:
    env, report = read(write(tmp_path / "x.jsonl", content))
    assert env is None and report.first() == "there are no rows"


def test_without_probes_a_step_runs_a_branch_to_its_end(tmp_path: Path) -> None:
    env = imported(write(tmp_path / "x.jsonl", LINE, LINE | {"total_tokens": 1700.0, "final_answer": None}))
    assert env.delta == 1700 and not len(env.probe_answers)
    assert branches(env) == [("1", [("1", 900), (None, 1700)])]


def test_delta_adds_absent_probe_answers(tmp_path: Path) -> None:
    lengths = [0, 1, 500, 501, 1000, 1001]
    lines = [LINE | {"total_tokens": n} for n in lengths]
    env = imported(write(tmp_path / "x.jsonl", *lines, LINE | {"probe_answers": []}), delta=500)
    assert env.probes.tolist() == [0, 0, 0, 1, 1, 2, 0] and not env.probe_answers.any() and env.delta == 500
    _, report = read(write(tmp_path / "x.jsonl", LINE, LINE | {"total_tokens": 2**31 - 1}), delta=1)
    assert report.branches == 1 and "intervals of --delta" in report.first()


def test_a_controller_sees_a_branch_without_probes_as_one_interval(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", LINE | {"total_tokens": 1200})
    whole = ReplayQuestion(recording(imported(path), 0), [0], 1)
    assert whole.branch() == 0
    with pytest.raises(IllegalAction, match="nothing to probe"):
        whole.probe(0)
    assert whole.step(0) == ("1", True) and whole.tokens == whole.latency == 1200
    parts = ReplayQuestion(recording(imported(path, delta=500), 0), [0], 1)
    parts.branch()
    assert [parts.step(0) for _ in range(3)] == [(None, False), (None, False), ("1", True)] and parts.tokens == 1200


def test_answers_marked_right_become_the_gold_answer(tmp_path: Path) -> None:
    def notes(answer: str) -> str:
        half = LINE | {"gold_answer": "1/2", "probe_freq": 500, "probe_answers": [answer]}
        lines = [half | {"final_answer": text, "correct": right} for text, right in ((answer, True), ("2", False))]
        env, report = read(write(tmp_path / "x.jsonl", *lines, half | {"final_answer": "1/2"}))
        assert env is not None and branches(env) == [("1/2", [("1/2", 900), ("2", 900), ("1/2", 900)])]
        assert (env.probe_answers == env.gold[0]).all()
        return "\n".join(report.notes)

    assert "1 branch right by mark alone" in notes("so it is") and "several right answers" in notes("so it is")
    assert "mark" not in notes("0.5"), "which equals 1/2 as a number"


def test_numbers_are_accepted_as_answers(tmp_path: Path) -> None:
    lines = [LINE | {"gold_answer": 4, "final_answer": answer} for answer in (4, 4.0, "4", "4.0", 0.5)]
    found = [("4", 900), ("4", 900), ("4", 900), ("4.0", 900), ("0.5", 900)]
    assert branches(imported(write(tmp_path / "x.jsonl", *lines), answers="exact")) == [("4", found)]


def test_branch_numbers_give_the_order_and_texts_identify_questions(tmp_path: Path) -> None:
    lines = [LINE | {"branch": b, "total_tokens": b, "question": q} for q in "xy" for b in (2, 0, 1)]
    env = imported(write(tmp_path / "x.jsonl", *lines))
    assert env.total_tokens.tolist() == [0, 1, 2, 0, 1, 2] and env.questions == ("x", "y")


def test_the_documented_schema_equals_the_schema_of_the_code() -> None:
    written = json.loads((DOCS / "jsonl.schema.json").read_text())
    assert written == BranchLine.model_json_schema(), "autotts env schema > docs/jsonl.schema.json"


def test_the_documented_example_is_imported(tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (DOCS / "data.md").read_text(), re.S)
    env = imported(write(tmp_path / "x.jsonl", example.encode()))
    assert branches(env) == [("4", [("4", 1210), ("4", 1210)])] and env.probes.tolist() == [0, 2]


def test_written_lines_fit_the_schema() -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(BranchLine.model_json_schema())
    env = environment([["AB.", "."], ["A"]], [[1200, 40], [3]], ["A", "B"], probe_cost=3)
    env.signals["s"] = np.array([np.nan, 0.5], np.float32)  # type: ignore[index]
    for line in jsonl.write(env):
        validator.validate(json.loads(line))
    assert not validator.is_valid(LINE | {"total_tokens": -1}) and not validator.is_valid(LINE | {"gold_answer": []})


def test_numbers_beyond_the_limits_of_the_store_are_skipped(tmp_path: Path) -> None:
    env = imported(write(tmp_path / "x.jsonl", LINE | {"total_tokens": store.MAX_TOKENS}))
    store.save(env, tmp_path / "x.env.npz")
    assert store.load(tmp_path / "x.env.npz").hash == env.hash
    _, report = read(write(tmp_path / "y.jsonl", LINE | {"total_tokens": store.MAX_TOKENS + 1}))
    assert "total_tokens should be less than or equal" in report.first()


def test_a_list_of_objects_is_read_like_lines(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("\n" + json.dumps([LINE, LINE | {"total_tokens": 5}, 3], indent=1))
    env, report = read(tmp_path / "x.json")
    assert env is not None and env.total_tokens.tolist() == [900, 5] and report.format == "jsonl"
    assert report.skipped["not a JSON object"].places == ["item 2"]
    (tmp_path / "x.json").write_text("[{")
    with pytest.raises(InputError, match=r"x\.json: not JSON"):
        read(tmp_path / "x.json")
    (tmp_path / "x.jsonl").write_text(json.dumps([LINE]))
    assert "it is called .json" in read(tmp_path / "x.jsonl")[1].first()
