"""The desk at which an agent asks and hands in, and the command that it asks by."""

from __future__ import annotations

import argparse
import os
import subprocess

import pytest

from agent.cli.try_draft import attempt
from agent.explorers.coding_agent import directory as workspace
from agent.explorers.coding_agent.server import WorkspaceServer, WorkspaceSession, read_notes
from agent.records.version import Expectation
from envs.errors import InputError

from .stage import BRIEF, SOURCE, FakeTools, Stage


def test_tries_are_counted_but_not_those_that_cost_nothing() -> None:
    desk = WorkspaceSession(FakeTools(), 1)
    assert desk.attempt(SOURCE + "# a twin").error and desk.tries_left == 1
    assert not desk.attempt(SOURCE).error and desk.tries_left == 0
    assert "at no cost" in desk.attempt(SOURCE).text
    assert desk.attempt(SOURCE + "# another").error
    assert desk.answer(b'{"verb": "look", "name": "", "arguments": {}}').text.startswith("./autotts look list_versions")


def test_a_fault_of_the_tools_is_told_and_survived() -> None:
    def broken() -> None:
        raise RuntimeError("out of order")

    reply = WorkspaceSession(FakeTools(broken), 1).answer(b'{"verb": "look", "name": "list_versions", "arguments": {}}')
    assert reply.error and "out of order" in reply.text


def test_notes_are_read_and_what_is_wrong_with_them_is_said() -> None:
    notes = read_notes("---\nparents: a, b\nexpects: tokens less\nexpects: luck more\nnonsense\n---\n\nWhy.\n")
    assert (notes.rationale, notes.parents, notes.expects) == ("Why.", ("a", "b"), (Expectation("tokens", "less"),))
    assert len(notes.problems) == 2 and "luck" in notes.problems[0] and "nonsense" in notes.problems[1]
    assert read_notes("").rationale == "" and read_notes("only text").rationale == "only text"
    assert "second line" in read_notes("---\nexpects: tokens less").problems[0]


@pytest.mark.parametrize("notes", ["", "text", "---\nexpects: tokens less\n---\n"])
def test_a_submission_without_reason_or_prediction_is_not_taken(notes: str) -> None:
    desk = WorkspaceSession(FakeTools(), 1)
    assert desk.submit(SOURCE, read_notes(notes)).error and desk.submitted is None


# The installed command


def test_autotts_try_inside_a_workspace_goes_by_its_rules(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 1, 20)
    settings = argparse.Namespace(file="controller.py", home=None)
    with WorkspaceServer(WorkspaceSession(stage.tools, 1)) as server:
        made.prepare(server.address)
        monkeypatch.chdir(made.home)
        assert attempt(settings) == 0
        assert "tries left: 0" in capsys.readouterr().out
        (made.home / "controller.py").write_text(SOURCE)
        assert attempt(settings) == 1 and "no tries are left" in capsys.readouterr().out
        with pytest.raises(InputError, match="no such controller file"):
            attempt(argparse.Namespace(file="nothing.py", home=None))
    with pytest.raises(InputError, match="time is over"):
        attempt(settings)


def test_a_reader_that_has_seen_enough_is_no_error(stage: Stage) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 9, 20)
    with WorkspaceServer(WorkspaceSession(stage.tools, 1)) as server:
        made.prepare(server.address)
        gone, out = os.pipe()
        os.close(gone)  # as `head` does, only sooner
        done = subprocess.run([made.home / "autotts", "try"], cwd=made.home, stdout=out, stderr=subprocess.PIPE)
        os.close(out)
    assert done.returncode == 0 and done.stderr == b""
