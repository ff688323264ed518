"""Large environments are mapped from the cache of columns: the same content, whatever happens to the cache."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from autotts.envs import column_cache, store
from autotts.envs.errors import DamagedFile
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments

SMALL = default_environments(questions=2, branches=3)
ENV = SMALL[0]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(column_cache, "MAPPED_FROM", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(column_cache.LIMIT_VARIABLE, raising=False)
    tmp_path.chmod(0o700)
    store.save(ENV, tmp_path / "a.env.npz")
    return tmp_path


def folders(home: Path) -> list[Path]:
    return sorted((home / "cache" / "autotts" / "columns").glob("*"))


def is_mapped(column: npt.NDArray[Any]) -> bool:
    base: object = column
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


def same(env: Environment) -> bool:
    env.check()
    return env.hash == ENV.hash and bool(np.array_equal(env.probe_answers, ENV.probe_answers))


def test_large_environment_is_mapped_read_only_and_equals_the_one_in_memory(home: Path) -> None:
    first, again = (store.load(home / "a.env.npz") for _ in range(2))
    assert same(first) and same(again) and is_mapped(first.probe_answers) and is_mapped(again.total_tokens)
    assert not again.probe_answers.flags.writeable
    assert len(folders(home)) == 1
    store.save(again, home / "b.env.npz")
    assert (home / "b.env.npz").read_bytes() == (home / "a.env.npz").read_bytes()


def test_small_environment_leaves_no_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_cache, "MAPPED_FROM", 1 << 20)
    env = store.load(home / "a.env.npz")
    assert same(env) and not is_mapped(env.probe_answers) and folders(home) == []


def test_signals_are_mapped_under_any_name(home: Path) -> None:
    from dataclasses import replace

    signals = {"a/../b": np.arange(len(ENV.probe_answers), dtype=np.float32)}
    store.save(replace(ENV, signals=signals), home / "signals.env.npz")
    for _ in range(2):
        read = store.load(home / "signals.env.npz").signals["a/../b"]
        assert np.array_equal(read, signals["a/../b"])
    assert is_mapped(read)


@pytest.mark.parametrize("damage", ["changed", "cut", "removed", "another"])
def test_damaged_cache_is_noticed_and_made_again(damage: str, home: Path) -> None:
    store.load(home / "a.env.npz")
    (folder,) = folders(home)
    column = folder / "probe_answers.npy"
    data = bytearray(column.read_bytes())
    data[-1] ^= 1
    if damage == "removed":
        column.unlink()
    elif damage == "another":
        column.write_bytes((folder / "gold.npy").read_bytes())
    else:
        column.write_bytes(data if damage == "changed" else data[:-40])
    assert same(store.load(home / "a.env.npz"))
    again = store.load(home / "a.env.npz")
    assert same(again) and is_mapped(again.probe_answers)


def test_damaged_environment_file_is_refused_though_its_columns_were_kept(home: Path) -> None:
    path = home / "a.env.npz"
    store.load(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFile):
        store.load(path)


@pytest.mark.parametrize("reason", ["switched off", "no directory", "open to others"])
def test_without_a_cache_environments_are_read_into_memory(
    reason: str, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if reason == "switched off":
        monkeypatch.setenv(column_cache.LIMIT_VARIABLE, "0")
    elif reason == "no directory":
        (home / "cache").write_text("a file")
    else:
        (home / "cache").mkdir()
        (home / "cache").chmod(0o777)
    env = store.load(home / "a.env.npz")
    assert same(env) and not is_mapped(env.probe_answers)
    assert ("read into memory" in caplog.text) == (reason != "switched off")


def test_cache_is_bounded_and_keeps_what_was_used_last(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, env in zip("abc", SMALL, strict=False):
        store.save(env, home / f"{name}.env.npz")
    kept = []
    for name, time in (("a", 1), ("b", 2)):
        before = set(folders(home))
        kept.append(store.load(home / f"{name}.env.npz"))
        (new,) = set(folders(home)) - before
        os.utime(new, (time, time))
    oldest = min(folders(home), key=lambda folder: folder.stat().st_mtime)
    two = sum(file.stat().st_size for folder in folders(home) for file in folder.iterdir())
    monkeypatch.setattr(column_cache, "_MOST_BYTES", two)
    store.load(home / "c.env.npz")
    assert oldest not in folders(home) and 1 <= len(folders(home)) <= 2
    assert same(kept[0])  # its files have no name any more, and are still readable
    monkeypatch.setenv(column_cache.LIMIT_VARIABLE, "1")
    assert column_cache._most_bytes() == 1 << 20


def test_two_processes_may_write_the_same_columns(home: Path) -> None:
    column = np.arange(4, dtype=np.int32)
    assert all(column_cache.keep("k", [("gold", column)]) for _ in range(2))
    read = column_cache.mapped("k", {"gold": 4})
    assert read is not None and np.array_equal(read["gold"], column)
    assert [folder.name for folder in folders(home)] == ["k"]
