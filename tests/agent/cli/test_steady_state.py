"""`discover --steady-state`: a log that another run follows, and options that do not go together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import Run
from autotts.agent.cli.main import main
from autotts.agent.loop.checkpoints import fork, list_checkpoints
from autotts.envs.errors import InputError

from ..loop.test_graph import tree

SETTINGS = [
    "discover", "--env", "synthetic/small", "--generations", "2", "--population", "2", "--orders", "1", "--sandbox",
    "process", "--interpreter", "cpython", "--workers", "1", "--quiet", "--steady-state",
]  # fmt: skip


@pytest.mark.slow
def test_a_run_follows_the_events_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["env", "synthesize", "--quiet"]) == 0
    assert main([*SETTINGS, "--run", "first", "--candidates-at-once", "3"]) == 0
    log = "first/events.jsonl"
    assert main([*SETTINGS, "--run", "second", "--candidates-at-once", "2", "--replay-events", log]) == 0
    first, second = Run(Path("first")), Run(Path("second"))
    assert first.config.staleness == 16 and len(first.archive.ids()) == 6 + 4
    assert tree(first.archive) == tree(second.archive)
    assert "search" in {node for each in list_checkpoints(first) for node in each.next}
    with pytest.raises(InputError, match="steady state"):
        fork(first, 1, tmp_path / "fork", {})
    assert main(["resume", "first", "--generations", "3", "--quiet", "--workers", "1"]) == 0
    assert len(Run(Path("first")).archive.ids()) == 6 + 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--approve"], "--approve waits for you"),
        (["--max-calls-each", "3"], "no such barrier"),
        (["--replay-events", "missing.jsonl"], "cannot be read"),
        (["--share", "other"], "--share works between generations"),
    ],
)
def test_options_that_wait_are_refused(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SETTINGS, *options]) == 2
    assert re.search(re.escape(message), capsys.readouterr().err)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("option", ["--staleness", "--replay-events"])
def test_options_of_a_steady_state_need_one(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SETTINGS[:-1], option, "3"]) == 2
    assert "has no effect without --steady-state" in capsys.readouterr().err
