"""The settings of a run, with the place that each came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_settings import FILE, describe_settings, read_settings, record_settings
from autotts.envs.errors import DamagedFile


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "config.json").write_text(json.dumps({"environments": {"a/b": "0"}, "generations": 3}))
    return Run(tmp_path)


def test_settings_are_those_with_which_the_run_began(run: Run) -> None:
    first = {
        "seed": (0, "default"), "env": (["a/*", "b"], "command line"), "orders": (6, "autotts.toml"),
        "model": (None, "default"), "json": ("-", "command line"),
    }  # fmt: skip
    record_settings(run, first)
    record_settings(run, {"seed": (9, "command line")})
    assert list(describe_settings(read_settings(run))) == [
        "command line: env a/* b", "autotts.toml: orders 6", "default: seed 0"
    ]  # fmt: skip


def test_run_that_no_command_began_has_settings_without_sources(run: Run) -> None:
    (line,) = describe_settings(read_settings(run))
    assert "generations 3" in line and "a/b" not in line
    assert "explorer_by_name" not in line and "{}" not in line


def test_damaged_file_is_named(run: Run) -> None:
    (run.home / FILE).write_text("[1]")
    with pytest.raises(DamagedFile, match=FILE):
        read_settings(run)
