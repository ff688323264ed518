"""Inspect logs, lm-evaluation-harness samples and data sets on disk, sound and otherwise."""

from __future__ import annotations

import json
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.errors import InputError
from envs.importing import inspect_logs
from envs.importing.detection import FORMATS, detect
from envs.importing.options import characters, pattern
from envs.importing.rows import find, parse_map
from tests.envs.importing.files import (
    EVAL,
    LINE,
    LONG,
    SAMPLES,
    SHORT,
    branches,
    harness,
    inspect_eval,
    inspect_json,
    jsonl,
    read,
    sample,
    taken,
)

EPOCHS = [
    ("4", [("4", 100), ("5", 110), (None, 120)]),
    ("7", [("7", 200), ("8", 210), ("7", 220)]),  # "seven" was marked right
]


# Inspect


def test_epochs_are_branches(tmp_path: Path) -> None:
    plain, report = read(inspect_json(tmp_path / "x.json", SAMPLES))
    assert plain is not None and report.format == "inspect" and not report.count
    assert branches(plain) == EPOCHS and plain.questions == (SHORT, LONG)
    packed = taken(inspect_eval(tmp_path / "x.eval", SAMPLES))
    assert sorted(branches(packed)) == EPOCHS
    mixed = inspect_eval(tmp_path / "y.eval", SAMPLES[::-1])
    assert taken(mixed).hash == packed.hash  # the order in which samples ended says nothing


def test_logs_packed_by_zstandard_are_read(tmp_path: Path) -> None:
    pytest.importorskip("zipfile_zstd")
    packed = inspect_eval(tmp_path / "x.eval", SAMPLES, 93)
    assert sorted(branches(taken(packed))) == EPOCHS


def test_a_log_is_not_taken_twice(tmp_path: Path) -> None:
    _, report = read(inspect_json(tmp_path / "x.json", SAMPLES), inspect_json(tmp_path / "y.json", SAMPLES))
    assert (report.branches, report.count) == (6, 6) and f"{tmp_path / 'y.json'} sample 0" in report.first()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"error": {"message": "time"}}, "the sample ended in an error"),
        ({"scores": {}}, "no score by match"),
        ({"scores": {"match": 3}}, "no score by match"),
        ({"model_usage": {}}, "no total_tokens"),
        ({"model_usage": {"grader/g": {"output_tokens": 1}, "other/o": {"output_tokens": 2}}}, "no total_tokens"),
        ({"model_usage": {"mock/m": {"output_tokens": -1}}}, "total_tokens should be greater"),
        ({"target": []}, "no gold_answer"),
    ],
)
def test_samples_that_tell_too_little_are_skipped(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    samples = [sample("a", 1, "4", "C", 9), sample("a", 2, "4", "C", 9, **more), "nothing"]
    env, report = read(inspect_json(tmp_path / "x.json", samples))
    assert env is not None and report.branches == 1
    assert why in report.first() and report.skipped["not an object"].places == ["sample 2"]


def test_a_graders_tokens_are_not_the_models(tmp_path: Path) -> None:
    usage = {"grader/g": {"output_tokens": 5000}, "mock/m": {"output_tokens": 70}}
    env = taken(inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, model_usage=usage)]))
    assert env.total_tokens.tolist() == [70]


def test_of_several_scorers_one_is_named(tmp_path: Path) -> None:
    two = {name: {"value": "C", "answer": name} for name in ("match", "choice")}
    path = inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, scores=two)])
    with pytest.raises(InputError, match=r"--scorer: match, choice"):
        read(path)
    _, report = read(path, scorer="choice")
    assert report.branches == 1
    env, report = read(path, scorer="nobody")
    assert env is None and "no score by nobody" in report.first()


def test_messages_are_a_question(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": [{"text": "attachment://26a6"}, 3]},
    ]
    env = taken(inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, input=messages)]))
    assert env.questions == (f"be good\n\n{LONG}",)


def test_a_log_is_read_where_it_lies_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_logs, "MOST_SAMPLE", 100_000)
    path = inspect_eval(tmp_path / "x.eval", SAMPLES[:1])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.json", "{}")
        archive.writestr("samples/../../evil_epoch_1.json", json.dumps(sample("a", 3, "5", "I", 9)))
        archive.writestr("samples/bomb_epoch_1.json", b" " * (5 << 20))
        archive.writestr("samples/none_epoch_1.json", b"\x00\xff")
    _, report = read(path)
    assert report.branches == 2 and report.count == 2 and "longer than 0 MiB" in report.skipped
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93])
def test_a_bomb_is_taken_apart_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    if method == 93:
        pytest.importorskip("zipfile_zstd")
    monkeypatch.setattr(inspect_logs, "MOST_SAMPLE", 1 << 20)
    path = inspect_eval(tmp_path / "x.eval", SAMPLES, method)
    with zipfile.ZipFile(path, "a", method) as archive, archive.open("samples/b_epoch_1.json", "w") as file:
        for _ in range(64):
            file.write(b" " * (1 << 20))
    tracemalloc.start()
    _, report = read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.branches == 6 and report.skipped["longer than 1 MiB"].count == 1
    assert most < 200 << 20


def test_a_log_of_nothing_but_rubbish_is_given_up(tmp_path: Path) -> None:
    path = inspect_eval(tmp_path / "x.eval", SAMPLES)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(200):
            archive.writestr(f"samples/b_epoch_{number + 20}.json", "{")
    with pytest.raises(InputError, match=r"more than 100 samples cannot be read, .* not JSON"):
        read(path)


def test_what_an_extra_reads_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "x.parquet", ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'autotts\[parquet\]'"):
        read(path)
    monkeypatch.setitem(sys.modules, "zipfile_zstd", None)
    path = inspect_eval_of_zstandard(tmp_path / "x.eval")

    def unknown(*_: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(zipfile.ZipFile, "open", unknown)
    with pytest.raises(InputError, match=r"pip install 'autotts\[inspect\]'"):
        read(path)


def inspect_eval_of_zstandard(path: Path) -> Path:
    """Write a zip whose header says Zstandard, without anything that could pack it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = 93
    path.write_bytes(data)
    return path


def test_any_format_may_be_mapped(tmp_path: Path) -> None:
    path = inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, metadata={"n": 33})])
    assert taken(path, mapping=parse_map(["total_tokens=metadata.n"])).total_tokens.tolist() == [33]


def test_a_promise_in_the_directory_of_a_zip_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_logs, "MOST_SAMPLE", 2000)
    path = inspect_eval(tmp_path / "x.eval", [sample("a", 1, "4", "C", 9, junk="x" * 50_000), SAMPLES[2]])
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.infolist()[1].file_size
    path.write_bytes(data.replace(struct.pack("<I", size), struct.pack("<I", 10)))
    _, report = read(path)
    assert (report.branches, report.count) == (1, 1)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_log_ends_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    home = tmp_path_factory.mktemp("damage")
    path = inspect_eval(
        home / "x.eval", SAMPLES, data.draw(st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]))
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)) | st.just(len(content)))])
    try:
        _, report = read(path)
    except InputError as error:
        assert str(path) in str(error)
    else:
        assert report.branches + report.count <= 6


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"version": 2, "eval": 3, "samples": []}', "no `eval`"),
        ('{"version": 2, "eval": {}}', "without samples"),
        ('{\n"version": 2, "eval": {', "not JSON"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=why):
        read(tmp_path / "x.json", format="inspect")
    (tmp_path / "x.eval").write_text(content)
    with pytest.raises(InputError, match=r"x\.eval"):
        read(tmp_path / "x.eval")


def test_a_log_that_is_still_being_written_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.eval", "w") as archive:
        archive.writestr("_journal/start.json", "{}")
    with pytest.raises(InputError, match="still running"):
        read(tmp_path / "x.eval")


# lm-evaluation-harness


def test_responses_are_branches(tmp_path: Path) -> None:
    texts = ["I think 4.", "I think five.", "4"]
    path = jsonl(tmp_path / "samples_t.jsonl", harness(0, " 4 ", texts, [["4", "[invalid]", " 4"]]))
    env, report = read(path, characters=4.0)
    assert env is not None and report.format == "lm-eval" and not report.count
    assert branches(env) == [("4", [("4", 3), (None, 4), ("4", 1)])] and env.questions == ("what is 0?",)
    assert any("estimates: chars/4" in note for note in report.notes)
    env, report = read(path)
    assert env is None and "--tokens estimates them" in report.first()


def test_lengths_may_lie_anywhere(tmp_path: Path) -> None:
    line = harness(0, "4", ["x", "y"], ["4", "5"], usage=[{"out": 10}, {"out": 20}])
    env = taken(jsonl(tmp_path / "s.jsonl", line), mapping=parse_map(["total_tokens=usage.*.out"]))
    assert branches(env) == [("4", [("4", 10), ("5", 20)])]


def test_the_harness_judges_single_answers(tmp_path: Path) -> None:
    long = "9 - 5 = 4\n#### 4"
    lines = [harness(0, long, [text], [text], exact_match=m) for text, m in (("4", 1.0), ("5", 0.0))]
    env, report = read(*(jsonl(tmp_path / f"s{i}.jsonl", line) for i, line in enumerate(lines)), characters=1.0)
    assert env is not None and branches(env) == [(long, [(long, 1), ("5", 1)])]
    assert any("right by their mark" in note for note in report.notes)


def test_answers_are_found_in_the_responses(tmp_path: Path) -> None:
    line = harness(0, "so it is #### 4", ["No 3. It is 4.", "It is five."], ["4"])
    env, report = read(jsonl(tmp_path / "s.jsonl", line), characters=4.0)
    assert env is None and "--extract finds them" in report.first()
    env, report = read(
        tmp_path / "s.jsonl", characters=4.0, extract=pattern("", r"\d"), extract_gold=pattern("", "#### (.+)")
    )
    assert env is not None and branches(env) == [("4", [("4", 4), (None, 3)])]
    assert any("--extract finds" in note for note in report.notes)


def test_of_several_filters_one_is_named(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "s.jsonl", harness(0, "4", ["x"], ["4"], "strict"), harness(0, "4", ["x"], ["5"], "loose"))
    with pytest.raises(InputError, match="--filter: strict, loose"):
        read(path, characters=4.0)
    assert branches(taken(path, characters=4.0, filter="loose")) == [("4", [("5", 1)])]
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
    env, report = read(jsonl(tmp_path / "s.jsonl", line), characters=4.0)
    assert env is None and why in report.first()


# Data sets

ROWS = [{"problem": f"p{i}", "answer": i, "runs": [{"a": str(i), "n": 10}, {"a": None, "n": 20 + i}]} for i in range(5)]
MAP = parse_map(["question=problem", "gold_answer=answer", "final_answer=runs.*.a", "total_tokens=runs.*.n"])
FOUND = [(str(i), [(str(i), 10), (None, 20 + i)]) for i in range(5)]


def saved(home: Path, rows: list[Any], shards: int = 1, form: str = "stream") -> Path:
    """Write ``rows`` as `Dataset.save_to_disk` does."""
    pyarrow = pytest.importorskip("pyarrow")
    home.mkdir(parents=True)
    names = [f"data-{i:05}-of-{shards:05}.arrow" for i in range(shards)]
    for i, name in enumerate(names):
        table = pyarrow.Table.from_pylist(rows[i * len(rows) // shards : (i + 1) * len(rows) // shards])
        new = pyarrow.ipc.new_stream if form == "stream" else pyarrow.ipc.new_file
        with new(str(home / name), table.schema) as writer:
            writer.write_table(table)
    (home / "dataset_info.json").write_text("{}")
    (home / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return home


def parquet(path: Path, rows: list[Any]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_data_sets_on_disk(tmp_path: Path) -> None:
    for path in (
        saved(tmp_path / "one", ROWS),
        saved(tmp_path / "two", ROWS, 2),
        saved(tmp_path / "file", ROWS, form=""),
    ):
        assert branches(taken(path, mapping=MAP)) == FOUND
        assert branches(taken(path / sorted(p.name for p in path.iterdir())[0], mapping=MAP))[0] == FOUND[0]
    assert branches(taken(parquet(tmp_path / "x.parquet", ROWS), mapping=MAP)) == FOUND


def test_of_several_splits_one_is_named(tmp_path: Path) -> None:
    saved(tmp_path / "d/train", ROWS)
    saved(tmp_path / "d/test", ROWS[:1])
    (tmp_path / "d/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        parquet(tmp_path / "p/data" / f"{name}.parquet", ROWS[:1] if name[:4] == "test" else ROWS)
    for path in (tmp_path / "d", tmp_path / "p"):
        with pytest.raises(InputError, match="several splits; name one by --split: "):
            read(path, mapping=MAP)
        with pytest.raises(InputError, match=r"no split 'dev'; there are: (test, train|train, test)$"):
            read(path, mapping=MAP, split="dev")
        assert branches(taken(path, mapping=MAP, split="test")) == FOUND[:1]


def test_a_split_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    one = parquet(tmp_path / "one/rows.parquet", ROWS)
    for path in (one, one.parent, saved(tmp_path / "saved", ROWS)):
        with pytest.raises(InputError, match=r"there are no splits, so no 'dev'; leave out --split$"):
            read(path, mapping=MAP, split="dev")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/dataset_dict.json").write_text('{"splits": []}')
    with pytest.raises(InputError, match=r"there are no splits$"):
        read(tmp_path / "empty", format="hf", mapping=MAP)
    parquet(tmp_path / "one/test.parquet", ROWS[:1])
    with pytest.raises(InputError, match=r"name one by --split: '' \(files of no split\), test$"):
        read(one.parent, mapping=MAP)
    assert branches(taken(one.parent, mapping=MAP, split="")) == FOUND
    train = saved(tmp_path / "train", ROWS)
    state = json.loads((train / "state.json").read_text())
    (train / "state.json").write_text(json.dumps({**state, "_split": "train"}))
    with pytest.raises(InputError, match=r"no split 'dev'; there are: train$"):
        read(train, mapping=MAP, split="dev")
    (shard,) = train.glob("*.arrow")
    for path in (train, shard):
        assert branches(taken(path, mapping=MAP, split="train")) == FOUND
        with pytest.raises(InputError, match=r"no split 'test'; there are: train$"):
            read(path, mapping=MAP, split="test")


@pytest.mark.parametrize("name", ["../secret.arrow", "/etc/passwd", "", "..", "a\\b", "not-there.arrow"])
def test_a_data_set_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "d", ROWS)
    saved(tmp_path / "other", ROWS)
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(InputError, match=r"outside itself|is missing"):
        read(path, mapping=MAP)


@pytest.mark.parametrize("cut", [0, 5, 100, -50])
def test_damaged_tables_are_refused(tmp_path: Path, cut: int) -> None:
    for file in (parquet(tmp_path / "x.parquet", ROWS), saved(tmp_path / "d", ROWS) / "data-00000-of-00001.arrow"):
        file.write_bytes(file.read_bytes()[:cut])
        try:
            env, _ = read(file, mapping=MAP)
        except InputError as error:
            assert file.name in str(error)
        else:
            assert env is None  # an empty stream of batches


def test_an_empty_directory_is_no_data_set(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match="no data set"):
        read(tmp_path)
    (tmp_path / "state.json").write_text('{"_data_files": [], "_indices_files": [{"filename": "x"}]}')
    with pytest.raises(InputError, match="flatten_indices"):
        read(tmp_path)


# Names, options, detection


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
def test_a_path_leads_to_a_value_or_to_none(path: str, found: Any) -> None:
    assert find({"a": {"b.c": 1, "b": {"c": 2, "d": [3, {"e": 4}]}}}, path) == found


@given(st.text(alphabet="ab.*0", max_size=9))
def test_no_path_fails(path: str) -> None:
    find({"a": {"b": [{"a": 0}, [1]], "": {"": 2}}, "a.b": 3}, path)


@pytest.mark.parametrize("pair", ["x", "x=", "=x", "gold=x", "final_answer=a.*.b.*"])
def test_a_mapping_that_says_nothing_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="--map"):
        parse_map([pair])
    with pytest.raises(InputError, match="twice"):
        parse_map(["text=a", "text=b"])


@pytest.mark.parametrize("text", ["4", "chars/0", "chars/x", "chars/-1", "chars/0.0", "words/2", "chars/" + "9" * 400])
def test_an_estimate_is_a_number_of_characters(text: str) -> None:
    with pytest.raises(InputError, match="--tokens"):
        characters(text)


@pytest.mark.parametrize("text", ["(", "(a)(b)", "a{99999999999999}"])
def test_an_expression_has_one_answer(text: str) -> None:
    with pytest.raises(InputError, match="--extract"):
        pattern("--extract", text)


def test_lists_of_a_row_agree(tmp_path: Path) -> None:
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


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    _, report = read(
        jsonl(tmp_path / "x.jsonl", LINE | {"probe_answer": ["1"], "deep": {"n": 3}}),
        mapping={"total_tokens": "deep.n"},
    )
    assert "left alone: probe_answer" in report.notes


def test_formats_are_told_apart(tmp_path: Path) -> None:
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
    with pytest.raises(InputError, match="says all by itself"):
        read(tmp_path / "p.json", delta=3)


HEADS = [b"", b"{", b"[", b"PK\x03\x04", b"PAR1", b"ARROW1\x00\x00", b"\xff\xff\xff\xff", b'{"doc_id": 0, "doc": {}}\n']


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(HEADS),
    st.binary(max_size=200),
    st.sampled_from(["x", "x.json", "x.jsonl", "x.eval", "x.arrow", "x.parquet"]),
    st.sampled_from(["auto", *FORMATS]),
)
def test_no_bytes_end_in_anything_but_a_line(
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
