"""Coding agents that fail or attack."""

from __future__ import annotations

import json
import os
import select
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autotts.agent.explorers.coding_agent import headless
from autotts.agent.explorers.coding_agent.explorer import AgentCommand, CodingAgentExplorer
from autotts.agent.explorers.coding_agent.server import WorkspaceServer, WorkspaceSession
from autotts.agent.records.version import Cost

from .stage import BRIEF, FakeTools, Stage

pytestmark = pytest.mark.slow

# Failures


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("unchanged", "ended with code 0; nothing was submitted, and controller.py was not taken: this is the"),
        ("fails", "ended with code 7 (not logged in)"),
        ("garbage", "syntax: line 1"),
        ("no_file", "controller.py: Too many levels"),
        ("pipe", "controller.py is not a file"),
    ],
)
def test_failed_work_gives_no_proposal_and_reports_why(stage: Stage, act: str, why: str) -> None:
    assert stage.propose(act) == []
    assert len(stage.said) == 1 and why in stage.said[0]
    again = len(stage.tools.calls)
    assert stage.propose("good") == [] and stage.said[0] == stage.said[1]  # a failure is a final result, too
    assert len(stage.tools.calls) == again


def test_unsubmitted_controller_is_taken_from_the_file(stage: Stage) -> None:
    (proposal,) = stage.propose("hands_in_nothing")
    assert (proposal.rationale, proposal.parents, proposal.expects) == ("An idea.", ("g001-aaaa",), ())
    assert proposal.cost == Cost(calls=1)


def test_long_output_is_cut_in_the_middle(stage: Stage) -> None:
    assert len(stage.propose("flood")) == 1
    log = stage.log()
    assert len(log) < 3 << 20 and "are left out" in log and "the last line" in log


@pytest.mark.parametrize("act", ["hang", "forks"])
@pytest.mark.parametrize("hidden", [False, True])
def test_agent_and_children_are_killed_at_the_time_limit(stage: Stage, act: str, hidden: bool) -> None:
    if hidden and headless.hides():
        pytest.skip(headless.hides())

    def looked() -> None:
        if (stage.home / "controller.py").exists() and "mine" in (stage.home / "controller.py").read_text():
            stage.now = 1e6

    stage.tools.looked = looked
    (proposal,) = stage.command(act, [stage.root] if hidden else []).propose(BRIEF)
    assert 'name = "mine"' in proposal.source
    assert "time is over" in stage.log()


def test_orphaned_children_are_killed(stage: Stage) -> None:
    assert len(stage.propose("leaves_children")) == 1  # the fixture checks for them


def test_stopped_agent_is_asked_again(stage: Stage) -> None:
    command = stage.command("hang")
    stage.tools.looked = lambda: (stage.home / "autotts").exists() and command.close()
    with pytest.raises(KeyboardInterrupt):
        command.propose(BRIEF)
    stage.tools.looked = lambda: None
    assert len(stage.propose("unchanged")) == 1  # from the files of the stopped agent


def test_agent_dies_with_its_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    child = "import os, signal; open('pid', 'w').write(str(os.getpid())); signal.pause()"
    line = f"headless.run([sys.executable, '-c', {child!r}], pathlib.Path({str(tmp_path)!r}), {{}}, 600)"
    head = "import pathlib, sys; from autotts.agent.explorers.coding_agent import headless"
    parent = subprocess.Popen([sys.executable, "-c", f"{head}; {line}"])
    number = int((tmp_path / "pid").read_text())
    handle = os.pidfd_open(number)
    parent.kill()
    parent.wait(30)
    assert select.select([handle], [], [], 30)[0]
    os.close(handle)
    assert headless.marked(tmp_path) == []


def test_processes_of_a_killed_run_are_killed_first(stage: Stage) -> None:
    line = [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"]
    left = subprocess.Popen(line, env={headless.MARK: str(stage.home)}, stdout=subprocess.PIPE, start_new_session=True)
    assert left.stdout and left.stdout.readline() and headless.marked(stage.home) == [left.pid]
    stage.propose("unchanged")
    assert left.wait(30) == -9
    left.stdout.close()


def test_program_that_cannot_start_gives_a_result(stage: Stage) -> None:
    agent, home = AgentCommand(("/nonexistent/agent",)), stage.root / "workspaces"
    command = CodingAgentExplorer(agent, home, (), lambda bench: stage.tools, report=stage.said.append)
    assert command.propose(BRIEF) == [] and "nonexistent" in stage.said[0]


# Attacks


def test_only_the_first_submission_is_accepted(stage: Stage) -> None:
    (proposal,) = stage.propose("twice")
    assert "64**" in proposal.source


def test_garbage_on_the_socket_and_a_changed_client_are_harmless(stage: Stage) -> None:
    assert len(stage.propose("tampers")) == 1


def test_secrets_are_never_written(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdef-0123456789")
    assert stage.propose("secret", passed=("MY_API_KEY",)) == []
    assert "secret" in stage.said[0]
    beside = [path for path in stage.home.parent.iterdir() if path.is_file()]
    assert len(beside) == 3 and all(b"abcdef-0123456789" not in path.read_bytes() for path in beside)


def test_agent_gets_only_named_environment_variables(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdef-0123456789")
    monkeypatch.setenv("NAMED", "1")
    stage.propose("variables", passed=("NAMED", "NOT_SET"))
    seen = set(json.loads((stage.home / "seen.json").read_text()))
    assert {"NAMED", "PATH"} <= seen <= {"NAMED", "PATH", "HOME", "LANG", "TERM", "LC_CTYPE", headless.MARK}


def test_run_directory_is_hidden_from_the_agent(stage: Stage) -> None:
    if headless.hides():
        pytest.skip(headless.hides())
    stage.command("outside", [stage.root]).propose(BRIEF)
    assert json.loads((stage.home / "seen.json").read_text()) is False


def test_socket_is_only_accessible_to_its_user() -> None:
    with WorkspaceServer(WorkspaceSession(FakeTools(), 1)) as server:
        address = Path(server.address)
        assert stat.S_IMODE(address.stat().st_mode) == 0o600 and stat.S_IMODE(address.parent.stat().st_mode) == 0o700
        assert len(server.address) < 107
    assert not address.parent.exists()


def test_concurrent_clients_are_answered_one_after_another() -> None:
    inside, most = [0], [0]

    def looked() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1

    with WorkspaceServer(WorkspaceSession(FakeTools(looked), 1)) as server:
        replies = []

        def ask() -> None:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(server.address)
                connection.sendall(b'{"verb": "look", "name": "list_versions", "arguments": {}}\n')
                replies.append(json.loads(connection.makefile().read()))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(replies) == 12 and most == [1]
    assert all(reply == {"text": "list_versions said this", "error": False} for reply in replies)
