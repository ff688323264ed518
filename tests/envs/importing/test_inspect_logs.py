"""Inspect logs, valid and damaged."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs.errors import InputError
from autotts.envs.importing import inspect_logs
from autotts.envs.importing.rows import parse_map

from .files import LONG, SAMPLES, SHORT, branches, imported, inspect_eval, inspect_json, read, sample

EPOCHS = [
    ("4", [("4", 100), ("5", 110), (None, 120)]),
    ("7", [("7", 200), ("8", 210), ("7", 220)]),  # "seven" was marked right
]


def test_epochs_become_branches(tmp_path: Path) -> None:
    plain, report = read(inspect_json(tmp_path / "x.json", SAMPLES))
    assert plain is not None and report.format == "inspect" and not report.count
    assert branches(plain) == EPOCHS and plain.questions == (SHORT, LONG)
    packed = imported(inspect_eval(tmp_path / "x.eval", SAMPLES))
    assert sorted(branches(packed)) == EPOCHS
    mixed = inspect_eval(tmp_path / "y.eval", SAMPLES[::-1])
    assert imported(mixed).hash == packed.hash  # the order in which samples ended has no effect


def test_logs_compressed_with_zstandard_are_read(tmp_path: Path) -> None:
    pytest.importorskip("zipfile_zstd")
    packed = inspect_eval(tmp_path / "x.eval", SAMPLES, 93)
    assert sorted(branches(imported(packed))) == EPOCHS


def test_the_same_log_cannot_be_imported_twice(tmp_path: Path) -> None:
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
def test_incomplete_samples_are_skipped(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    samples = [sample("a", 1, "4", "C", 9), sample("a", 2, "4", "C", 9, **more), "nothing"]
    env, report = read(inspect_json(tmp_path / "x.json", samples))
    assert env is not None and report.branches == 1
    assert why in report.first() and report.skipped["not an object"].places == ["sample 2"]


def test_tokens_of_a_grader_model_are_not_counted(tmp_path: Path) -> None:
    usage = {"grader/g": {"output_tokens": 5000}, "mock/m": {"output_tokens": 70}}
    env = imported(inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, model_usage=usage)]))
    assert env.total_tokens.tolist() == [70]


def test_with_several_scorers_the_user_must_name_one(tmp_path: Path) -> None:
    two = {name: {"value": "C", "answer": name} for name in ("match", "choice")}
    path = inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, scores=two)])
    with pytest.raises(InputError, match=r"--scorer: match, choice"):
        read(path)
    _, report = read(path, scorer="choice")
    assert report.branches == 1
    env, report = read(path, scorer="nobody")
    assert env is None and "no score by nobody" in report.first()


def test_messages_are_joined_into_the_question(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "be good"},
        {"role": "user", "content": [{"text": "attachment://26a6"}, 3]},
    ]
    env = imported(inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, input=messages)]))
    assert env.questions == (f"be good\n\n{LONG}",)


def test_a_log_is_read_without_unpacking_it_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_logs, "MAX_SAMPLE_BYTES", 100_000)
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
def test_a_zip_bomb_is_read_in_small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    if method == 93:
        pytest.importorskip("zipfile_zstd")
    monkeypatch.setattr(inspect_logs, "MAX_SAMPLE_BYTES", 1 << 20)
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


def test_a_log_with_too_many_unreadable_samples_is_refused(tmp_path: Path) -> None:
    path = inspect_eval(tmp_path / "x.eval", SAMPLES)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(200):
            archive.writestr(f"samples/b_epoch_{number + 20}.json", "{")
    with pytest.raises(InputError, match=r"more than 100 samples cannot be read, .* not JSON"):
        read(path)


def test_a_mapping_applies_to_any_format(tmp_path: Path) -> None:
    path = inspect_json(tmp_path / "x.json", [sample("a", 1, "4", "C", 9, metadata={"n": 33})])
    assert imported(path, mapping=parse_map(["total_tokens=metadata.n"])).total_tokens.tolist() == [33]


def test_sizes_in_the_zip_directory_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_logs, "MAX_SAMPLE_BYTES", 2000)
    path = inspect_eval(tmp_path / "x.eval", [sample("a", 1, "4", "C", 9, junk="x" * 50_000), SAMPLES[2]])
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.infolist()[1].file_size
    path.write_bytes(data.replace(struct.pack("<I", size), struct.pack("<I", 10)))
    _, report = read(path)
    assert (report.branches, report.count) == (1, 1)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_log_is_imported_or_raises_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
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
def test_files_that_are_not_logs_are_refused(tmp_path: Path, content: str, why: str) -> None:
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
