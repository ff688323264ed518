"""Which run a command means that names none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import newest_home
from autotts.envs.errors import InputError


def test_newest_run_has_the_highest_number_or_else_the_latest_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run under"):
        newest_home(tmp_path)
    (tmp_path / "notes").mkdir()
    for place, name in enumerate(("later", "demo", "9", "10")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
        os.utime(tmp_path / name / "config.json", (0, 100 - place))
        assert newest_home(tmp_path).name == ("later", "later", "9", "10")[place]
