"""The server of a workspace, and its client command."""

from __future__ import annotations

import argparse
import os
import subprocess

import pytest

from autotts.agent.cli.try_draft import attempt
from autotts.agent.explorers.coding_agent import directory as workspace
from autotts.agent.explorers.coding_agent.server import WorkspaceServer, WorkspaceSession, read_notes
from autotts.agent.records.version import Expectation
from autotts.envs.errors import InputError

from .stage import BRIEF, SOURCE, FakeTools, Stage


def test_only_evaluated_tries_are_counted() -> None:
    session = WorkspaceSession(FakeTools(), 1)
    assert session.attempt(SOURCE + "# a twin").error and session.tries_left == 1
    assert not session.attempt(SOURCE).error and session.tries_left == 0
    assert "not counted" in session.attempt(SOURCE).text
    assert session.attempt(SOURCE + "# another").error
    assert session.answer(b'{"verb": "look", "name": "", "arguments": {}}').text.startswith(
        "./autotts look list_versions"
    )


def test_session_reads_the_status_of_a_try_and_not_its_text() -> None:
    session = WorkspaceSession(FakeTools(), 5)
    outcomes = []
    for note in ("# runs", "# fails", "# a twin", "# too many"):
        outcomes.append((session.attempt(SOURCE + note).error, session.tries_left))
    assert outcomes == [(False, 4), (True, 3), (True, 3), (True, 3)]


def test_fault_of_a_tool_is_reported_and_survived() -> None:
    def broken() -> None:
        raise RuntimeError("out of order")

    reply = WorkspaceSession(FakeTools(broken), 1).answer(b'{"verb": "look", "name": "list_versions", "arguments": {}}')
    assert reply.error and "out of order" in reply.text


def test_read_notes_parses_the_header_and_reports_problems() -> None:
    notes = read_notes("---\nparents: a, b\nexpects: tokens less\nexpects: luck more\nnonsense\n---\n\nWhy.\n")
    assert (notes.rationale, notes.parents, notes.expects) == ("Why.", ("a", "b"), (Expectation("tokens", "less"),))
    assert len(notes.problems) == 2 and "luck" in notes.problems[0] and "nonsense" in notes.problems[1]
    assert read_notes("").rationale == "" and read_notes("only text").rationale == "only text"
    assert "second line" in read_notes("---\nexpects: tokens less").problems[0]


@pytest.mark.parametrize("notes", ["", "text", "---\nexpects: tokens less\n---\n"])
def test_submission_without_rationale_or_prediction_is_refused(notes: str) -> None:
    session = WorkspaceSession(FakeTools(), 1)
    assert session.submit(SOURCE, read_notes(notes)).error and session.submitted is None


# The installed command


def test_installed_autotts_try_uses_the_workspace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 1, 20)
    settings = argparse.Namespace(file="controller.py", run=None, json=None)
    with WorkspaceServer(WorkspaceSession(stage.tools, 1)) as server:
        made.prepare(server.address)
        monkeypatch.chdir(made.home)
        assert attempt(settings) == 0
        assert "tries left: 0" in capsys.readouterr().out
        (made.home / "controller.py").write_text(SOURCE)
        assert attempt(settings) == 1 and "no tries are left" in capsys.readouterr().out
        with pytest.raises(InputError, match="no such controller file"):
            attempt(argparse.Namespace(file="nothing.py", run=None, json=None))
    with pytest.raises(InputError, match="time is over"):
        attempt(settings)


def test_closed_pipe_is_no_error(stage: Stage) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 9, 20)
    with WorkspaceServer(WorkspaceSession(stage.tools, 1)) as server:
        made.prepare(server.address)
        gone, out = os.pipe()
        os.close(gone)  # as `head` does, but earlier
        done = subprocess.run([made.home / "autotts", "try"], cwd=made.home, stdout=out, stderr=subprocess.PIPE)
        os.close(out)
    assert done.returncode == 0 and done.stderr == b""
