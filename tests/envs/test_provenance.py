"""The provenance of an environment: it survives the file, is bounded, and is not a part of the hash."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.cli.main import main
from autotts.envs import provenance, store
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.synthetic.model import default_models, generate

GIVEN = {"server": "llama.cpp", "probe suffix": "\n</think>\n\n\x1b[31m", "model": "tiny"}


@pytest.fixture
def environment() -> store.Environment:
    return generate(default_models()["synthetic/small"], "a/b", 3, 4, seed=0)


def test_provenance_survives_the_file_and_is_not_in_the_hash(environment: store.Environment, tmp_path: Path) -> None:
    file = tmp_path / "a.env.npz"
    made = replace(environment, provenance=GIVEN)
    store.save(made, file)
    assert list(store.load(file).provenance.items()) == list(GIVEN.items())
    assert made.hash == environment.hash


def test_file_without_provenance_is_the_same_as_before(environment: store.Environment, tmp_path: Path) -> None:
    store.save(environment, tmp_path / "a.env.npz")
    with zipfile.ZipFile(tmp_path / "a.env.npz") as archive:
        assert "provenance" not in json.loads(archive.read("header.json"))
    assert store.load(tmp_path / "a.env.npz").provenance == {}


@pytest.mark.parametrize(
    "part",
    [
        {"pairs": [["a", "b"]], "sha256": "0" * 64},
        {"pairs": [["a", 1]], "sha256": ""},
        {"pairs": [["a", "b"], ["a", "c"]], "sha256": ""},
        {"pairs": [[str(n), ""] for n in range(101)], "sha256": ""},
        {"pairs": [["a", "b" * (64 << 10)]], "sha256": ""},
        {"pairs": "ab"},
        ["a"],
    ],
)  # fmt: skip
def test_wrong_provenance_is_a_damaged_file(part: Any, environment: store.Environment, tmp_path: Path) -> None:
    whole, changed = tmp_path / "a.env.npz", tmp_path / "b.env.npz"
    store.save(environment, whole)
    with zipfile.ZipFile(whole) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "header.json":
                data = json.dumps({**json.loads(data), "provenance": part}).encode()
            after.writestr(name, data)
    with pytest.raises(DamagedFile):
        store.load(changed)


def test_too_long_provenance_is_refused_before_it_is_written(environment: store.Environment, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="64 KiB"):
        store.save(replace(environment, provenance={"a": "b" * provenance.MOST_BYTES}), tmp_path / "a.env.npz")
    assert list(tmp_path.iterdir()) == []


def test_env_show_prints_provenance_without_control_characters(
    environment: store.Environment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.save(replace(environment, provenance=GIVEN), tmp_path / "a" / "b.env.npz")
    assert main(["env", "show", "a/b", "--data", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "server         llama.cpp" in printed and "\\n</think>\\n\\n\\x1b[31m" in printed
    assert main(["env", "show", "a/b", "--data", str(tmp_path), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["provenance"] == GIVEN
