"""Checks the output and the files of `autotts env import`, `export` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs import store
from autotts.envs.importing.line import BranchLine

from ..envs.importing.files import LINE, SAMPLES, inspect_eval, jsonl


def run(home: Path, *arguments: object) -> int:
    return main(["env", *map(str, arguments), "--data", str(home / "data")])


def test_import_prints_taken_and_skipped_branches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = jsonl(
        tmp_path / "x.jsonl", LINE, b"{\n", LINE | {"total_tokens": -1}, LINE, *[LINE | {"total_tokens": -1}] * 9
    )
    report = tmp_path / "report.json"
    assert run(tmp_path, "import", path, "--name", "a/b", "--json", report) == 2
    error = capsys.readouterr().err
    assert "1 of 13 rows would be skipped (--allow-skips takes the others)" in error and error.count("\n") == 1
    assert not (tmp_path / "data").exists()
    assert run(tmp_path, "import", path, "--name", "a/b", "--json", report, "--allow-skips") == 0
    out = capsys.readouterr().out
    assert "a/b: 1 question, 2 branches" in out and "skipped 11:" in out
    assert "10  total_tokens should be greater than or equal to 0 (line 3, line 5, line 6, line 7, line 8, ...)" in out
    found = json.loads(report.read_text())
    assert (found["questions"], found["branches"], found["format"]) == (1, 2, "jsonl")
    assert [entry["count"] for entry in found["skipped"]] == [10, 1] and found["skipped"][1]["places"] == ["line 2"]
    assert found["hash"] == store.load(tmp_path / "data/a/b.env.npz").hash


def test_import_strict_writes_nothing_if_a_branch_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = jsonl(tmp_path / "x.jsonl", LINE, b"{\n")
    assert run(tmp_path, "import", path, "--name", "a/b", "--strict", "--json", tmp_path / "r.json") == 2
    shown = capsys.readouterr()
    assert "--strict" in shown.err and "line 2" in shown.err and shown.err.count("\n") == 1
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["branches"] == 1 and not found["hash"], "there is no file of this hash"
    assert not (tmp_path / "data").exists()
    assert run(tmp_path, "import", jsonl(path, LINE), "--name", "a/b", "--strict") == 0


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"{}", b'{"a": NaN}', b"null", b"{" * 9999])
def test_import_writes_nothing_if_no_branch_is_usable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    for name in ("x.jsonl", "x.json", "x.eval", "x.parquet"):
        path = jsonl(tmp_path / name, content)
        assert run(tmp_path, "import", path, "--name", "a/b") == 2
        error = capsys.readouterr().err
        assert error.startswith("autotts: ") and name in error and error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_exported_jsonl_is_the_same_environment_after_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [LINE | {"probe_freq": 500, "probe_answers": ["1"], "question": q, "probe_cost": 2} for q in "abb"]
    assert run(tmp_path, "import", jsonl(tmp_path / "x.jsonl", *lines), "--name", "a/b") == 0
    assert run(tmp_path, "export", "a/b", "--format", "jsonl", "-o", tmp_path / "y.jsonl") == 0
    assert run(tmp_path, "import", tmp_path / "y.jsonl", "--name", "a/c", "--strict") == 0
    assert len({store.load(tmp_path / f"data/a/{name}.env.npz").hash for name in "bc"}) == 1
    capsys.readouterr()
    assert run(tmp_path, "export", "a/b", "--format", "jsonl") == 0
    assert capsys.readouterr().out == (tmp_path / "y.jsonl").read_text()


def test_import_options_set_the_fields_they_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"q": "2+2", "gold": "#### 4", "out": [{"t": "it is 4"}, {"t": "or 5, no, 4"}]}
    arguments = ["--map", "question=q", "--map", "gold_answer=gold", "--map", "text=out.*.t"]
    arguments += ["--tokens", "chars/2", "--extract", r"\d", "--extract-gold", "#### (.*)", "--delta", "2"]
    assert run(tmp_path, "import", jsonl(tmp_path / "x.jsonl", row), "--name", "a/b", *arguments) == 0
    out = capsys.readouterr().out
    assert "estimates: chars/2" in out and "--extract finds" in out and "--delta" in out
    env = store.load(tmp_path / "data/a/b.env.npz")
    assert (
        env.total_tokens.tolist() == [4, 6] and env.final_answers.tolist() == [1, 1] and env.probes.tolist() == [1, 2]
    )
    assert (
        run(tmp_path, "import", inspect_eval(tmp_path / "x.eval", SAMPLES), "--name", "a/c", "--scorer", "match") == 0
    )
    assert "6 branches" in capsys.readouterr().out


def test_env_schema_prints_the_json_schema_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == BranchLine.model_json_schema()
