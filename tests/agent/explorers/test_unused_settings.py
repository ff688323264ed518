"""An option that the chosen explorer does not use is refused before a run is made."""

from __future__ import annotations

from pathlib import Path

import pytest

import autotts
from autotts.agent.cli.main import main
from autotts.agent.explorers.unused_settings import USED_BY
from autotts.envs.errors import InputError

VALUES = {"prices": "prices.json", "model": "gpt-4o", "command": "claude", "pass-env": "KEY", "mixture": "evolve"}


@pytest.mark.parametrize("option", USED_BY)
def test_options_of_other_explorers_are_refused(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["discover", "--env", "synthetic/tiny", f"--{option}", VALUES.get(option, "1")]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"autotts: --{option} has no effect with the explorer evolve")
    assert complaint.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_option_of_the_file_of_settings_is_told_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "autotts.toml").write_text('[discover]\nmodel = "gpt-4o"\n')
    command = ["discover", "--env", "synthetic/tiny", "--sandbox", "process", "--workers", "1"]
    small = ["--generations", "1", "--population", "1", "--orders", "1", "--max-branches", "4"]
    assert main([*command, *small]) == 0
    assert "model in autotts.toml has no effect with the explorer evolve" in capsys.readouterr().out


def test_arguments_of_other_explorers_are_refused_in_python(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^model has no effect with the explorer evolve"):
        autotts.discover("synthetic/tiny", run=tmp_path / "run", model="gpt-4o")
    assert not (tmp_path / "run").exists()
