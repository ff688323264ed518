"""Which run a command means that names none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import newest_home
from autotts.envs.errors import InputError


def test_newest_run_is_the_one_that_began_last_whatever_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run under"):
        newest_home(tmp_path)
    (tmp_path / "notes").mkdir()
    for name, began in (("later", 100), ("10", 90), ("demo", 110), ("9", 105)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
        os.utime(tmp_path / name / "config.json", (0, began))
    assert newest_home(tmp_path).name == "demo"
    (tmp_path / "10" / "events.jsonl").write_text('{"time": 120.5, "event": "process"}\n')  # copied, with its log
    assert newest_home(tmp_path).name == "10"
