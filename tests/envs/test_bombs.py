"""Small files that declare a lot: environments, action logs and results cost little memory before they are refused."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from autotts.envs import store
from autotts.envs.bounded_zip import BoundedZip, TooLarge
from autotts.envs.errors import InputError

from ..environments import environment

TINY = environment([["AAB", "AB"], ["B"]], None, ["A", "B"])

MEASURED = """
import resource, sys
from pathlib import Path
from autotts.envs import store
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    store.load(Path(sys.argv[1]))
except Exception as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def npy(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def rewritten(path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Path:
    """Write the members of a zip again, changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in change(members).items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    store.save(TINY, tmp_path / "e.env.npz")
    return tmp_path / "e.env.npz"


def bomb(members: dict[str, bytes]) -> dict[str, bytes]:
    """400 million probe answers, consistent with each other, in about 400 kB."""
    probes = np.full(6200, 65535, np.uint16)
    cells = int(probes.sum(dtype=np.int64))
    wide = {"probe_answers.npy": npy(np.zeros(cells, np.uint8)), "probe_offsets.npy": npy(probes)}
    short = {f"{name}.npy": npy(np.zeros(6200, np.uint8)) for name in ("final_answers", "total_tokens")}
    return members | wide | short


@pytest.mark.slow
def test_bomb_of_consistent_columns_costs_little_memory(saved: Path) -> None:
    path = rewritten(saved, bomb)
    assert path.stat().st_size < 450_000
    found = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    message, megabytes = found.stdout.rsplit("\n", 2)[:2]
    assert "MB are allowed" in message or "bytes, more than" in message
    assert int(megabytes) < 50


def test_limit_is_named_and_can_be_raised(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_ALWAYS", 10)
    monkeypatch.setattr(store, "_EXPANSION", 0)
    with pytest.raises(InputError, match="set AUTOTTS_ENVIRONMENT_MB"):
        store.load(saved)
    monkeypatch.setenv(store.LIMIT_VARIABLE, "100")
    assert store.load(saved).hash == TINY.hash


@pytest.mark.parametrize("name", ["gold", "branch_offsets", "probe_offsets", "total_tokens"])
def test_column_of_another_length_is_refused_before_it_is_unpacked(
    saved: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewritten(saved, lambda members: members | {f"{name}.npy": npy(np.zeros(3_000_000, np.uint8))})

    def never(*_: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr(BoundedZip, "column", never)
    with pytest.raises(InputError, match=rf"{name} has 3,000,000 entries"):
        store.load(saved)


HEADS = {
    "more than there is": npy(np.zeros(4, np.uint8)).replace(b"(4,)", b"(9,)"),
    "two axes": npy(np.zeros((2, 2), np.uint8)),
    "objects": npy(np.zeros(4, np.uint8)).replace(b"'|u1'", b"'|O' "),
    "text": npy(np.array(["a" * 4])),
    "another format": b"\x93NUMPY\x09\x00" + bytes(100),
    "nothing": b"",
}


@pytest.mark.parametrize("name", HEADS)
def test_array_whose_header_is_not_that_of_a_column_is_refused(name: str, saved: Path) -> None:
    rewritten(saved, lambda members: members | {"probe_answers.npy": HEADS[name]})
    with pytest.raises(InputError):
        store.load(saved)


def test_zip_that_declares_more_than_is_allowed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1000))
        archive.writestr("b", bytes(1001))
    with pytest.raises(TooLarge, match="2,001 bytes"):
        BoundedZip(path, 2000)
    with BoundedZip(path, 2001) as archive, pytest.raises(TooLarge):
        archive.content("b", 1000)


def test_entry_that_holds_more_than_it_declares_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1 << 20))
    data = path.read_bytes().replace((1 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with BoundedZip(path, 2000) as archive, pytest.raises((ValueError, zipfile.BadZipFile)):
        archive.content("a")
