"""A run directory may come from somebody else: only `resume` runs code that it names, and says so."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ormsgpack
import pytest

from autotts.agent.archive.archive import CARD, Archive
from autotts.agent.archive.run_directory import Run
from autotts.agent.cli.main import main
from autotts.agent.explorers.registry import tell_code
from autotts.agent.loop.graph import checkpoints
from autotts.envs.errors import DamagedFile

from .test_graph import begin

CALL_WITH_ONE_ARGUMENT = 0
"""The type of LangGraph's MessagePack extension that calls a function: module, name, argument."""


def test_a_checkpoint_calls_no_function(tmp_path: Path) -> None:
    made = tmp_path / "made"
    call = ormsgpack.packb(("os", "mkdir", str(made)))
    poisoned = ormsgpack.packb({"pending": ormsgpack.Ext(CALL_WITH_ONE_ARGUMENT, call)})
    run: Any = SimpleNamespace(home=tmp_path, checkpoint=tmp_path / "checkpoint.sqlite")
    with checkpoints(run) as saver:
        saver.serde.loads_typed(("msgpack", poisoned))
    assert not made.exists()


def _change(run: Run, **settings: object) -> Run:
    path = run.home / "config.json"
    document = json.loads(path.read_text())
    document.pop("checksum", None)  # whoever gives a run away can write a right one
    path.write_text(json.dumps(document | settings))
    return Run(run.home)


def test_status_names_the_code_of_a_run_and_runs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.py").write_text("open('imported', 'w')")
    run = begin(tmp_path / "run")
    (run.home / "tracker.json").write_text('{"tracker": "theirs:T", "id": "1"}')
    run = _change(run, explorer="theirs:E\x1b]52;", sandbox="theirs:S")
    for command in ("status", "history"):
        assert main([command, str(run.home)]) == 0
    output = capsys.readouterr().out
    assert "resume runs  the explorer theirs:E" in output and "the sandbox theirs:S; the tracker theirs:T" in output
    assert "\x1b" not in output
    assert not (tmp_path / "imported").exists()


def test_resume_tells_what_runs_outside_of_the_sandbox(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "autotts")
    run = begin(tmp_path / "run")
    tell_code(_change(run, explorer="evolve", sandbox="docker"))
    assert not caplog.messages
    tell_code(_change(run, explorer="command", command="sh -c date", agent_variables=["MY_KEY"], sandbox="process"))
    (told,) = caplog.messages
    assert "the coding agent `sh -c date`, which gets MY_KEY; candidates, in a plain process" in told
    tell_code(_change(run, explorer="evolve"), "docker")
    assert len(caplog.messages) == 1


def test_a_card_that_names_another_folder_is_damaged(tmp_path: Path) -> None:
    """`fork` makes folders that are called by the ids of cards."""
    run = begin(tmp_path / "run")
    version = _one_version(run)
    path = run.archive.root / version / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id": "../../elsewhere"}))
    with pytest.raises(DamagedFile, match="elsewhere"):
        Archive(run.archive.root).cards()


def _one_version(run: Run) -> str:
    from autotts.agent.loop.graph import discover
    from autotts.agent.loop.nodes import Discovery
    from autotts.sandbox.backends.process import ProcessSandbox

    from .test_graph import Single

    with ProcessSandbox(1) as sandbox:
        discover(Discovery(run, Single(), sandbox))
    return run.archive.ids()[0]
