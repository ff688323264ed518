"""Features that all importers share: extras, mappings, options, and the detection of formats from any bytes."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs.answers.extraction import extraction
from autotts.envs.dotted_paths import find
from autotts.envs.errors import InputError
from autotts.envs.importing.detection import FORMATS, detect
from autotts.envs.importing.options import columns, lengths, question_pattern
from autotts.envs.importing.rows import parse_map

from .files import EVAL, LINE, harness, inspect_eval, inspect_json, jsonl, read
from .test_datasets import ROWS, parquet


def test_a_missing_extra_is_named_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "x.parquet", ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'pyarrow"):
        read(path)
    monkeypatch.setitem(sys.modules, "zipfile_zstd", None)
    path = inspect_eval_of_zstandard(tmp_path / "x.eval")

    def unknown(*_: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(zipfile.ZipFile, "open", unknown)
    with pytest.raises(InputError, match=r"pip install 'zipfile-zstd"):
        read(path)


def inspect_eval_of_zstandard(path: Path) -> Path:
    """Write a zip whose header says Zstandard; no Zstandard library is needed."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = 93
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", {"b.c": 1, "b": {"c": 2, "d": [3, {"e": 4}]}}),
        ("a.b.c", 1),
        ("a.b.d.0", 3),
        ("a.b.d.1.e", 4),
        ("a.b.d.*", [3, {"e": 4}]),
        ("a.b.d.*.e", [None, 4]),
        ("a.b.d.9", None),
        ("a.b.d.-1", None),
        ("a.b.d.99999999999999999999", None),
        ("a.x", None),
        ("a..b", None),
        ("x.y", None),
    ],
)
def test_a_path_finds_its_value_or_none(path: str, found: Any) -> None:
    assert find({"a": {"b.c": 1, "b": {"c": 2, "d": [3, {"e": 4}]}}}, path) == found


@given(st.text(alphabet="ab.*0", max_size=9))
def test_find_never_raises(path: str) -> None:
    find({"a": {"b": [{"a": 0}, [1]], "": {"": 2}}, "a.b": 3}, path)


@pytest.mark.parametrize("pair", ["x", "x=", "=x", "gold=x", "final_answer=a.*.b.*", "final_answer=a_*_*"])
def test_invalid_mappings_are_refused(pair: str) -> None:
    with pytest.raises(InputError, match="--map"):
        parse_map([pair])
    with pytest.raises(InputError, match="twice"):
        parse_map(["text=a", "text=b"])


ODD_LENGTHS = ["0", "4.5", "9" * 11, "chars/0", "chars/x", "chars/-1", "chars/0.0", "words/2", f"chars/{'9' * 400}"]


@pytest.mark.parametrize("text", ODD_LENGTHS)
def test_invalid_token_estimates_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--tokens"):
        lengths(text)


@pytest.mark.parametrize("text", ["(", "(a)(b)", "a{99999999999999}"])
def test_invalid_expressions_and_several_groups_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--extract"):
        extraction("--extract", text)


def test_lists_of_a_row_must_have_equal_lengths(tmp_path: Path) -> None:
    mapping = parse_map(["final_answer=a.*", "total_tokens=n.*"])
    lines = [
        LINE | {"a": a, "n": n}
        for a, n in ((["1", "2"], [3, 4]), (["1"], [3, 4]), ("1", [3]), ([], []), (["1"], ["x"]))
    ]
    _, report = read(jsonl(tmp_path / "x.jsonl", *lines), mapping=mapping)
    assert report.branches == 2 and {why: entry.places for why, entry in report.skipped.items()} == {
        "lists of different lengths: final_answer, total_tokens": ["line 2"],
        "final_answer: no list at a.*": ["line 3"],
        "an empty list of branches: final_answer, total_tokens": ["line 4"],
        "total_tokens must be a whole number, but is text": ["line 5 branch 0"],
    }


def test_unused_keys_are_named(tmp_path: Path) -> None:
    _, report = read(
        jsonl(tmp_path / "x.jsonl", LINE | {"probe_answer": ["1"], "deep": {"n": 3}}),
        mapping={"total_tokens": "deep.n"},
    )
    assert "unused keys: probe_answer" in report.notes


def test_formats_are_detected(tmp_path: Path) -> None:
    published = [{"question": "q", "gold_answer": "1", "probe_freq": 500, "each_branch": [[["1"], 600, "1"]]}]
    (tmp_path / "p.json").write_text(json.dumps(published, indent=1))
    (tmp_path / "i.json").write_text(json.dumps({"version": 2, "eval": EVAL, "samples": []}))
    found = {
        tmp_path / "p.json": "published",
        jsonl(tmp_path / "j.json", LINE): "jsonl",
        jsonl(tmp_path / "k.jsonl", b"nonsense"): "jsonl",
        jsonl(tmp_path / "l.json", harness(0, "1", ["x"], ["1"])): "lm-eval",
        inspect_json(tmp_path / "m.json", []): "inspect",
        tmp_path / "i.json": "inspect",
        inspect_eval(tmp_path / "n.eval", []): "inspect",
        jsonl(tmp_path / "o.parquet", b""): "hf",
        tmp_path: "hf",
    }
    assert {path: detect(path) for path in found} == found
    with pytest.raises(InputError, match="no such file"):
        detect(tmp_path / "missing")
    with pytest.raises(InputError, match="several formats"):
        read(tmp_path / "p.json", tmp_path / "k.jsonl")
    with pytest.raises(InputError, match="given twice"):
        read(tmp_path / "k.jsonl", tmp_path / "." / "k.jsonl")
    with pytest.raises(InputError, match="--scorer is for inspect"):
        read(tmp_path / "k.jsonl", scorer="x")
    with pytest.raises(InputError, match="--delta is 2147483648"):
        read(tmp_path / "k.jsonl", delta=2**31)
    with pytest.raises(InputError, match="takes no options"):
        read(tmp_path / "p.json", delta=3)


HEADS = [b"", b"{", b"[", b"PK\x03\x04", b"PAR1", b"ARROW1\x00\x00", b"\xff\xff\xff\xff", b'{"doc_id": 0, "doc": {}}\n']


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(HEADS),
    st.binary(max_size=200),
    st.sampled_from(["x", "x.json", "x.jsonl", "x.eval", "x.arrow", "x.parquet", "x.csv", "x.xlsx"]),
    st.sampled_from(["auto", *FORMATS]),
)
def test_any_bytes_are_imported_or_raise_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes, name: str, format: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(head + rest)
    try:
        env, report = read(path, format=format)
    except InputError as error:
        assert name in str(error)
    else:
        assert env is None and report.first()


def test_one_json_document_and_compressed_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"results": [LINE]}, indent=1))
    with pytest.raises(InputError, match="one JSON document, neither a list of objects nor one object a line"):
        detect(tmp_path / "x.json")
    for name in ("x.jsonl.gz", "x.csv.gz"):
        with pytest.raises(InputError, match="is compressed; unpack it"):
            detect(jsonl(tmp_path / name, b"\x1f\x8b\x08\x00"))
    assert detect(jsonl(tmp_path / "y.json", b"{damaged\n", LINE)) == "jsonl"


def test_more_than_one_percent_of_skipped_rows_or_branches_is_refused(tmp_path: Path) -> None:
    mapping = parse_map(["final_answer=a.*"])
    wide = LINE | {"a": ["1"] * 64}

    def refusal(*lines: Any, allow_skips: bool = False) -> str | None:
        _, report = read(jsonl(tmp_path / "x.jsonl", *lines), mapping=mapping)
        return report.refusal(strict=False, allow_skips=allow_skips)

    assert refusal(*[wide] * 99, LINE) is None
    found = refusal(*[wide] * 98, LINE, b"{\n")
    assert found == "2 of 100 rows would be skipped (--allow-skips takes the others)", "under 1% of the branches"
    assert refusal(*[wide] * 98, LINE, b"{\n", allow_skips=True) is None
    odd = LINE | {"a": ["1"] * 62 + [[], []]}
    assert refusal(*[odd] * 2) == "4 of 128 branches would be skipped (--allow-skips takes the others)"
    assert refusal(b"{\n", allow_skips=True) == "no branch is usable"


def test_options_without_effect_are_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x.jsonl", LINE)
    with pytest.raises(InputError, match="--tokens shared is for batch, but the format is jsonl"):
        read(path, lengths=lengths("shared"))
    with pytest.raises(InputError, match="--gold-columns names the columns of --gold, which is missing"):
        read(path, gold_columns=columns("a=b"))
    assert "no text for --extract (--map text=PATH" in read(path, extract=extraction("", "boxed"))[1].first()
    jsonl(path, {key: value for key, value in LINE.items() if key != "total_tokens"})
    assert "neither total_tokens nor a text for --tokens" in read(path, lengths=lengths("chars/4"))[1].first()
    env, _ = read(jsonl(path, LINE | {"gold_answer": 15}), extract_gold=extraction("", r"1(\d)"))
    assert env is not None and env.vocabulary[1] == "5"
    _, report = read(jsonl(path, LINE | {"gold_answer": True}), extract_gold=extraction("", "1"))
    assert "gold_answer must be text or a number" in report.first()
    for text in ("a", "=b", "a="):
        with pytest.raises(InputError, match="expected KEY=ANSWER"):
            columns(text)
    for text in ("(", "(a)(b)"):
        with pytest.raises(InputError, match="--question-id: "):
            question_pattern(text)
