"""Data sets on disk, valid and damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotts.envs.errors import InputError
from autotts.envs.importing.rows import parse_map

from .files import branches, imported, read

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


def test_data_sets_are_read_from_disk_in_every_form(tmp_path: Path) -> None:
    for path in (
        saved(tmp_path / "one", ROWS),
        saved(tmp_path / "two", ROWS, 2),
        saved(tmp_path / "file", ROWS, form=""),
    ):
        assert branches(imported(path, mapping=MAP)) == FOUND
        assert branches(imported(path / sorted(p.name for p in path.iterdir())[0], mapping=MAP))[0] == FOUND[0]
    assert branches(imported(parquet(tmp_path / "x.parquet", ROWS), mapping=MAP)) == FOUND


def test_with_several_splits_the_user_must_name_one(tmp_path: Path) -> None:
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
        assert branches(imported(path, mapping=MAP, split="test")) == FOUND[:1]


def test_the_error_for_a_missing_split_lists_the_existing_ones(tmp_path: Path) -> None:
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
    assert branches(imported(one.parent, mapping=MAP, split="")) == FOUND
    train = saved(tmp_path / "train", ROWS)
    state = json.loads((train / "state.json").read_text())
    (train / "state.json").write_text(json.dumps({**state, "_split": "train"}))
    with pytest.raises(InputError, match=r"no split 'dev'; there are: train$"):
        read(train, mapping=MAP, split="dev")
    (shard,) = train.glob("*.arrow")
    for path in (train, shard):
        assert branches(imported(path, mapping=MAP, split="train")) == FOUND
        with pytest.raises(InputError, match=r"no split 'test'; there are: train$"):
            read(path, mapping=MAP, split="test")


@pytest.mark.parametrize("name", ["../secret.arrow", "/etc/passwd", "", "..", "a\\b", "not-there.arrow"])
def test_a_data_set_cannot_name_files_outside_its_directory(tmp_path: Path, name: str) -> None:
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


def test_an_empty_directory_is_refused_as_a_data_set(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match="no data set"):
        read(tmp_path)
    (tmp_path / "state.json").write_text('{"_data_files": [], "_indices_files": [{"filename": "x"}]}')
    with pytest.raises(InputError, match="flatten_indices"):
        read(tmp_path)
