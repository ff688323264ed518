"""The explorer `command`: a small script plays the coding agent, well, badly, and with malice."""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.bench.submission import Submission
from agent.bench.tools import ToolResult
from agent.commands.attempt import attempt
from agent.explorers.base import Brief, LimitReached, Proposal
from agent.explorers.command import TEMPLATES, Agent, Command, cost_of
from agent.llm.ledger import Ledger, Limit, Limits
from agent.seeds import seed_source
from agent.versions import Cost, CurvePoint, Expectation, Finding, Version
from agent.workspace import directory as workspace
from agent.workspace import headless
from agent.workspace.client import ADDRESS
from agent.workspace.server import Desk, Server, read_notes
from envs.episodes import grid
from envs.errors import InputError
from envs.synthetic import default_environments
from sandbox import policy
from sandbox.evaluation import evaluate
from sandbox.process import ProcessSandbox

# The agent: does what its first argument names, in its working directory

AGENT = r'''
import json, os, signal, subprocess, sys

def auto(*arguments):
    done = subprocess.run(["./autotts", *arguments], capture_output=True, text=True)
    print("$", *arguments, "->", done.returncode, done.stdout, done.stderr)
    return done

def write(name, text):
    with open(name, "w") as file:
        file.write(text)

GOOD = """from envs import Controller, majority

class Mine(Controller):
    name = "mine"

    @staticmethod
    def schedule(beta):
        return {"width": round(64**beta)}

    def solve(self, question):
        width = min(self.params["width"], question.max_branches)
        return majority(question.run_many_to_end(question.branch_many(width)))
"""
NOTES = "---\nparents: %s\nexpects: tokens less\nexpects: accuracy same\n---\nRun fewer branches, since they agree.\n"

def notes():
    start = open("rationale.md").read().split("parents:")[1].split()[0]
    write("rationale.md", NOTES % start)

def good():
    assert "CONTRACT.md" in open("TASK.md").read() and sys.stdin.read() == ""
    assert auto("look").returncode == 0
    assert auto("look", "list_versions", "limit=5").returncode == 0
    assert auto("look", "nothing").returncode == 1
    write("controller.py", GOOD.replace("name =", "import os; name ="))
    broken = auto("try")
    assert broken.returncode == 1 and "line 4" in broken.stdout
    write("controller.py", GOOD)
    assert auto("try").returncode == 0
    assert "three dashes" not in auto("submit").stdout
    notes()
    assert auto("submit").returncode == 0
    print(json.dumps({"total_cost_usd": 0.25, "num_turns": 3,
                      "usage": {"input_tokens": 10, "cache_read_input_tokens": 30, "output_tokens": 7}}))

def hands_in_nothing():
    write("controller.py", GOOD)
    write("rationale.md", "---\nexpects: luck more\n---\nAn idea.")

def unchanged():
    pass

def fails():
    print("not logged in", file=sys.stderr)
    sys.exit(7)

def garbage():
    write("controller.py", "def (")
    sys.stdout.buffer.write(b"\xff\xfe\x00{]}\n")

def no_file():
    os.remove("controller.py")
    os.symlink("/etc/passwd", "controller.py")

def pipe():
    os.remove("controller.py")
    os.mkfifo("controller.py")

def flood():
    write("controller.py", GOOD)
    line = b"x" * 1000 + b"\n"
    for _ in range(20_000):
        sys.stdout.buffer.write(line)
        sys.stderr.buffer.write(line)
    print("the last line")

def hang():
    write("controller.py", GOOD)
    auto("look", "list_versions")
    signal.pause()

def forks():
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.pause()
            os._exit(0)
    write("controller.py", GOOD)
    auto("look", "list_versions")
    signal.pause()

def leaves_children():
    if os.fork() == 0:
        os.setsid()
        signal.pause()
    write("controller.py", GOOD)

def twice():
    write("controller.py", GOOD)
    notes()
    assert auto("submit").returncode == 0
    write("controller.py", GOOD.replace("64**", "32**"))
    assert auto("submit").returncode == 1

def tampers():
    import socket
    address = open(".autotts-socket").read().strip()
    for message in (b"", b"\n", b"\xff\xff\n", b"[]\n", b"{}\n", b'{"verb": "submit"}\n', b"[" * 100_000 + b"\n",
                    b'{"verb": "look", "name": "submit", "arguments": {}}\n', b"x" * (5 << 20),
                    b'{"verb": "look", "name": {}, "arguments": 3}\n', b'{"verb": "try", "source": "\\ud800"}\n'):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(address)
            try:
                s.sendall(message)
                s.shutdown(socket.SHUT_WR)
                s.recv(1 << 16)
            except OSError:
                pass
    os.remove("autotts")
    write("autotts", "#!/bin/sh\necho mine\n")
    write("TASK.md", "")
    os.remove(".autotts-socket")
    write("controller.py", GOOD)

def secret():
    write("controller.py", GOOD + "# " + os.environ["MY_API_KEY"])
    write("rationale.md", "The key is " + os.environ["MY_API_KEY"])
    print(os.environ["MY_API_KEY"])

def variables():
    write("seen.json", json.dumps(sorted(os.environ)))

def outside():
    write("seen.json", json.dumps(os.path.exists("../../environments")))

globals()[sys.argv[1]]()
'''

# What it works against


class FakeTools:
    """Tools without a workbench; ``looked`` is called whenever one is."""

    def __init__(self, looked: Any = lambda: None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.looked = looked
        self.submitted: Submission | None = None

    def specifications(self) -> Sequence[dict[str, Any]]:
        properties = {"limit": {"type": "integer"}, "order": {"type": "string"}}
        return [
            {"name": "list_versions", "description": "All versions.", "input_schema": {"properties": properties}},
            {"name": "find_episodes", "description": "Episodes.", "input_schema": {}},
            {"name": "read_trace", "description": "One episode.", "input_schema": {"required": ["version"]}},
            {"name": "findings", "description": "Faults.", "input_schema": {}},
            {"name": "try_candidate", "description": "Tries.", "input_schema": {}},
            {"name": "submit", "description": "Hands in.", "input_schema": {}},
        ]

    def call(self, name: str, arguments: str) -> ToolResult:
        given = json.loads(arguments)
        self.calls.append((name, given))
        self.looked()
        if name == "submit":
            expects = tuple(Expectation(**told) for told in given["expects"])
            self.submitted = Submission(given["source"], given["rationale"], tuple(given["parents"]), expects)
        if name == "find_episodes":
            return ToolResult(f"episode\ne1:q{len(given['kind'])}:b0.5:s1000 wrong\n")
        if name == "try_candidate" and "twin" in given["source"]:
            return ToolResult("not run: it is the same program as another")
        return ToolResult(f"{name} said this")


def version(name: str, seed: str, accuracy: float = 50.0) -> Version:
    curve = tuple(CurvePoint(beta, accuracy + 10 * beta, 1e4 * 10**beta, 5e3) for beta in (0.0, 0.5, 1.0))
    faults = (Finding("idle_tokens", 12, 0.1, 1000, "12 tokens were idle."),)
    return Version(name, seed_source(seed), curve, faults, {}, "An idea.", "predicted less tokens; seen -3%")


BRIEF = Brief(
    5, 3, 1, [version("g001-aaaa", "parallel_probe")],
    [version("early_stopping", "early_stopping"), version("g001-aaaa", "parallel_probe", 55.0)],
)  # fmt: skip


class Stage:
    """An explorer in a run directory, and what it said."""

    def __init__(self, root: Path) -> None:
        self.root = root / "run"
        self.script = root / "agent.py"
        self.script.write_text(AGENT)
        self.tools = FakeTools()
        self.said: list[str] = []
        self.now = 0.0
        (self.root / "environments").mkdir(parents=True)

    @property
    def home(self) -> Path:
        return self.root / "workspaces" / "g003-propose-0"

    def agent(self, act: str, **settings: Any) -> Agent:
        return Agent((sys.executable, str(self.script), act, "{task}"), **settings)

    def command(self, act: str, hide: Sequence[Path] = (), **settings: Any) -> Command:
        return Command(
            self.agent(act, **settings), self.root / "workspaces", hide, lambda bench: self.tools, lambda: self.now,
            self.said.append,
        )  # fmt: skip

    def propose(self, act: str, **settings: Any) -> list[Proposal]:
        return self.command(act, **settings).propose(BRIEF)

    def log(self) -> str:
        return self.home.with_name("g003-propose-0.log").read_text()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    assert headless.marked(made.home) == []


# Working well


def test_an_agent_looks_tries_mends_and_hands_in(stage: Stage) -> None:
    (proposal,) = stage.propose("good")
    assert 'name = "mine"' in proposal.source and proposal.rationale == "Run fewer branches, since they agree."
    assert proposal.parents == ("g001-aaaa",)
    assert proposal.expects == (Expectation("tokens", "less"), Expectation("accuracy", "same"))
    assert proposal.cost == Cost(0.25, 40, 30, 7, 3)
    assert proposal.author == "command" and re.fullmatch("workspace-[0-9a-f]{8}", proposal.prompts)
    assert "> try" in proposal.transcript and "> look list_versions" in proposal.transcript
    assert ("list_versions", {"limit": 5}) in stage.tools.calls
    tried = [given for name, given in stage.tools.calls if name == "try_candidate"]
    assert len(tried) == 1  # what the policy refuses is not evaluated
    assert stage.said == []


def test_what_is_done_is_not_done_again(stage: Stage) -> None:
    first = stage.propose("good")
    assert stage.propose("fails") == first
    stage.tools = FakeTools()
    other = Brief(6, 3, 1, BRIEF.parents, BRIEF.front)  # the same place, but another question
    assert stage.command("unchanged").propose(other) == []


def test_a_workspace_that_was_cut_off_is_gone_on_with(stage: Stage) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 12, 30)
    made.prepare("/nowhere")
    (stage.home / "controller.py").write_text(seed_source("early_stopping"))
    (stage.home / "autotts").write_text("broken")
    (proposal,) = stage.propose("unchanged")
    assert proposal.source == seed_source("early_stopping")
    assert "def main" in (stage.home / "autotts").read_text()


def test_one_that_was_not_complete_is_made_anew(stage: Stage) -> None:
    stage.home.mkdir(parents=True)
    (stage.home / "controller.py").write_text("half")
    (stage.home / "history").symlink_to("/")
    assert stage.propose("unchanged") == []
    assert (stage.home / "controller.py").read_text() == seed_source("parallel_probe")
    assert "given" in stage.said[0]


def test_the_same_brief_makes_the_same_workspace(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        made = workspace.Workspace(tmp_path / name, BRIEF, "refine", FakeTools(), 12, 30)
        made.prepare("/somewhere")
        files = (path for path in made.home.rglob("*") if path.is_file())
        texts.append({path.relative_to(made.home).as_posix(): path.read_bytes() for path in files})
    assert texts[0] == texts[1]
    wanted = {"TASK.md", "CONTRACT.md", "history/g001-aaaa.py", "history/INDEX.txt", "examples/parallel_probe.py"}
    assert wanted < texts[0].keys()
    assert any(name.startswith("traces/") for name in texts[0])


# Working badly


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("unchanged", "ended with code 0; nothing was handed in, and controller.py was not taken: this is the"),
        ("fails", "ended with code 7 (not logged in)"),
        ("garbage", "syntax: line 1"),
        ("no_file", "controller.py: Too many levels"),
        ("pipe", "controller.py is not a file"),
    ],
)
def test_nothing_comes_of_it_and_it_is_said_why(stage: Stage, act: str, why: str) -> None:
    assert stage.propose(act) == []
    assert len(stage.said) == 1 and why in stage.said[0]
    again = len(stage.tools.calls)
    assert stage.propose("good") == [] and stage.said[0] == stage.said[1]  # a failure has happened, too
    assert len(stage.tools.calls) == again


def test_what_was_not_handed_in_is_taken_from_the_file(stage: Stage) -> None:
    (proposal,) = stage.propose("hands_in_nothing")
    assert (proposal.rationale, proposal.parents, proposal.expects) == ("An idea.", ("g001-aaaa",), ())
    assert proposal.cost == Cost(calls=1)


def test_a_flood_of_output_is_cut_and_its_end_is_kept(stage: Stage) -> None:
    assert len(stage.propose("flood")) == 1
    log = stage.log()
    assert len(log) < 3 << 20 and "are left out" in log and "the last line" in log


@pytest.mark.parametrize("act", ["hang", "forks"])
@pytest.mark.parametrize("hidden", [False, True])
def test_it_is_killed_with_all_its_children_when_its_time_is_over(stage: Stage, act: str, hidden: bool) -> None:
    if hidden and headless.hides():
        pytest.skip(headless.hides())

    def looked() -> None:
        if (stage.home / "controller.py").exists() and "mine" in (stage.home / "controller.py").read_text():
            stage.now = 1e6

    stage.tools.looked = looked
    (proposal,) = stage.command(act, [stage.root] if hidden else []).propose(BRIEF)
    assert 'name = "mine"' in proposal.source
    assert "time is over" in stage.log()


def test_children_that_it_leaves_behind_are_ended(stage: Stage) -> None:
    assert len(stage.propose("leaves_children")) == 1  # the fixture looks for them


def test_it_can_be_stopped_and_is_asked_again(stage: Stage) -> None:
    command = stage.command("hang")
    stage.tools.looked = lambda: (stage.home / "autotts").exists() and command.close()
    with pytest.raises(KeyboardInterrupt):
        command.propose(BRIEF)
    stage.tools.looked = lambda: None
    assert len(stage.propose("unchanged")) == 1  # from the files that it left


def test_it_dies_with_the_run_that_started_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    child = "import os, signal; open('pid', 'w').write(str(os.getpid())); signal.pause()"
    line = f"headless.run([sys.executable, '-c', {child!r}], pathlib.Path({str(tmp_path)!r}), {{}}, 600)"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import pathlib, sys; from agent.workspace import headless; {line}"]
    )
    number = int((tmp_path / "pid").read_text())
    handle = os.pidfd_open(number)
    parent.kill()
    parent.wait(30)
    assert select.select([handle], [], [], 30)[0]
    os.close(handle)
    assert headless.marked(tmp_path) == []


def test_what_a_killed_run_left_behind_is_ended_first(stage: Stage) -> None:
    line = [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"]
    left = subprocess.Popen(line, env={headless.MARK: str(stage.home)}, stdout=subprocess.PIPE, start_new_session=True)
    assert left.stdout and left.stdout.readline() and headless.marked(stage.home) == [left.pid]
    stage.propose("unchanged")
    assert left.wait(30) == -9
    left.stdout.close()


def test_a_program_that_cannot_be_started_is_no_crash(stage: Stage) -> None:
    agent, home = Agent(("/nonexistent/agent",)), stage.root / "workspaces"
    command = Command(agent, home, (), lambda bench: stage.tools, report=stage.said.append)
    assert command.propose(BRIEF) == [] and "nonexistent" in stage.said[0]


# Malice


def test_only_the_first_submission_counts(stage: Stage) -> None:
    (proposal,) = stage.propose("twice")
    assert "64**" in proposal.source


def test_garbage_on_the_socket_and_a_changed_client_do_no_harm(stage: Stage) -> None:
    assert len(stage.propose("tampers")) == 1


def test_secrets_are_written_nowhere(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdef-0123456789")
    assert stage.propose("secret", passed=("MY_API_KEY",)) == []
    assert "secret" in stage.said[0]
    beside = [path for path in stage.home.parent.iterdir() if path.is_file()]
    assert len(beside) == 3 and all(b"abcdef-0123456789" not in path.read_bytes() for path in beside)


def test_it_gets_few_variables(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdef-0123456789")
    monkeypatch.setenv("NAMED", "1")
    stage.propose("variables", passed=("NAMED", "NOT_SET"))
    seen = set(json.loads((stage.home / "seen.json").read_text()))
    assert {"NAMED", "PATH"} <= seen <= {"NAMED", "PATH", "HOME", "LANG", "TERM", "LC_CTYPE", headless.MARK}


def test_the_run_is_hidden_from_it(stage: Stage) -> None:
    if headless.hides():
        pytest.skip(headless.hides())
    stage.command("outside", [stage.root]).propose(BRIEF)
    assert json.loads((stage.home / "seen.json").read_text()) is False


def test_the_socket_is_for_its_user_alone() -> None:
    with Server(Desk(FakeTools(), 1)) as server:
        address = Path(server.address)
        assert stat.S_IMODE(address.stat().st_mode) == 0o600 and stat.S_IMODE(address.parent.stat().st_mode) == 0o700
        assert len(server.address) < 107
    assert not address.parent.exists()


def test_many_clients_at_once_are_answered_one_after_another() -> None:
    inside, most = [0], [0]

    def looked() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1

    with Server(Desk(FakeTools(looked), 1)) as server:
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


# The desk


GOOD = re.search(r'GOOD = """(.*?)"""', AGENT, re.DOTALL)
assert GOOD
SOURCE = GOOD[1]


def test_tries_are_counted_but_not_those_that_cost_nothing() -> None:
    desk = Desk(FakeTools(), 1)
    assert desk.attempt(SOURCE + "# a twin").error and desk.tries_left == 1
    assert not desk.attempt(SOURCE).error and desk.tries_left == 0
    assert "at no cost" in desk.attempt(SOURCE).text
    assert desk.attempt(SOURCE + "# another").error
    assert desk.answer(b'{"verb": "look", "name": "", "arguments": {}}').text.startswith("./autotts look list_versions")


def test_a_fault_of_the_tools_is_told_and_survived() -> None:
    def broken() -> None:
        raise RuntimeError("out of order")

    reply = Desk(FakeTools(broken), 1).answer(b'{"verb": "look", "name": "list_versions", "arguments": {}}')
    assert reply.error and "out of order" in reply.text


def test_notes_are_read_and_what_is_wrong_with_them_is_said() -> None:
    notes = read_notes("---\nparents: a, b\nexpects: tokens less\nexpects: luck more\nnonsense\n---\n\nWhy.\n")
    assert (notes.rationale, notes.parents, notes.expects) == ("Why.", ("a", "b"), (Expectation("tokens", "less"),))
    assert len(notes.problems) == 2 and "luck" in notes.problems[0] and "nonsense" in notes.problems[1]
    assert read_notes("").rationale == "" and read_notes("only text").rationale == "only text"
    assert "second line" in read_notes("---\nexpects: tokens less").problems[0]


@pytest.mark.parametrize("notes", ["", "text", "---\nexpects: tokens less\n---\n"])
def test_a_submission_without_reason_or_prediction_is_not_taken(notes: str) -> None:
    desk = Desk(FakeTools(), 1)
    assert desk.submit(SOURCE, read_notes(notes)).error and desk.submitted is None


# Settings


def test_agents_by_name_and_by_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/bin/{name}")
    for name in TEMPLATES:
        told = Agent.make(name, "some-model").told("do it")
        assert any("do it" in part for part in told) and "some-model" in told
        assert not any("{" in part for part in told)
    assert Agent.make("my-agent --do '{task}' -v").told("a b; c") == ["my-agent", "--do", "a b; c", "-v"]


@pytest.mark.parametrize(
    ("cli", "settings"),
    [("", {}), ("sh -c true", {}), ("no-such-agent {task}", {}), ("sh '{task}", {}), ("sh {task}", {"minutes": 0}),
     ("sh {task}", {"tries": 0}), ("sh {task}", {"minutes": float("nan")})],
)  # fmt: skip
def test_what_is_no_agent_is_refused_in_one_line(cli: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Agent.make(cli, **settings)


@pytest.mark.parametrize(
    ("output", "cost"),
    [
        ("", Cost(calls=1)),
        ("[]\n3\n{}", Cost(calls=1)),
        ('x\n{"total_cost_usd": 1.5}\nbye', Cost(1.5, calls=1)),
        ('{"total_cost_usd": NaN, "usage": 3}', Cost(calls=1)),
        ('{"total_cost_usd": -1, "num_turns": "many"}', Cost(calls=1)),
        ("[" * 100_000, Cost(calls=1)),
    ],
)
def test_costs_are_read_where_they_are_told(output: str, cost: Cost) -> None:
    assert cost_of(output) == cost


# The installed command


def test_autotts_try_inside_a_workspace_goes_by_its_rules(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 1, 20)
    settings = argparse.Namespace(file="controller.py", home=None)
    with Server(Desk(stage.tools, 1)) as server:
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
    with Server(Desk(stage.tools, 1)) as server:
        made.prepare(server.address)
        gone, out = os.pipe()
        os.close(gone)  # as `head` does, only sooner
        done = subprocess.run([made.home / "autotts", "try"], cwd=made.home, stdout=out, stderr=subprocess.PIPE)
        os.close(out)
    assert done.returncode == 0 and done.stderr == b""


# Limits


def test_agents_in_flight_do_not_overrun_a_limit_on_dollars(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, guard, flying, most = Ledger(Limits(run=Limit(dollars=1.0))), threading.Condition(), set[str](), [0]
    asked = Command(stage.agent("good"), stage.root / "workspaces", (), lambda bench: stage.tools, ledger=ledger)

    def work(self: Command, made: workspace.Workspace, tools: Any) -> workspace.Result:
        with guard:
            flying.add(made.name)
            most[0] = max(most[0], len(flying))
            assert ledger.spent().dollars or len(flying) == 1, "of the first it is not known what it may cost"
            # goes on until those that may work beside it do
            guard.notify_all()
            guard.wait_for(lambda: ledger.spent().calls != 1 or most[0] == 2, 20)
            flying.discard(made.name)
        return workspace.Result(key=made.key, source="x", rationale="y", cost=Cost(0.4, calls=1))

    def one(slot: int) -> str:
        try:
            return "proposed" if asked.propose(replace(BRIEF, slot=slot)) else "nothing"
        except LimitReached as limit:
            return str(limit)

    monkeypatch.setattr(Command, "_run", work)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(one, range(6)))
    assert found.count("proposed") == 3 and most == [2], "0.4 spent, two in flight: 1.2, and that is over"
    assert found.count("the run has spent $1.2000 of at most $1") == 3


# The texts


def test_the_example_of_the_contract_keeps_it() -> None:
    example = re.search(r"```python\n(.*?)```", (workspace.PROMPTS / "CONTRACT.md").read_text(), re.DOTALL)
    assert example and policy.check(example[1]).ok
    episodes = grid(default_environments()[:1], [0.0, 0.5, 1.0], [0])
    found = evaluate(example[1], episodes, ProcessSandbox())
    assert found.verdict.ok
    tokens = [point.mean_tokens for point in found.curve]
    assert tokens == sorted(tokens)


def test_the_task_names_what_there_is(stage: Stage) -> None:
    made = workspace.Workspace(stage.root / "workspaces", BRIEF, "propose", stage.tools, 9, 20)
    made.prepare("/nowhere")
    told = (made.home / "TASK.md").read_text()
    assert "**9 tries and 20 minutes.**" in told and "wide step" in told and "`g001-aaaa`" in told and "$" not in told
    for name in re.findall(r"`([A-Za-z./]+(?:\.md|\.py|\.txt|/))`", told):
        assert (made.home / name).exists(), name
    assert (made.home / ADDRESS).read_text() == "/nowhere\n"
    done = subprocess.run([made.home / "autotts", "try"], cwd=made.home, capture_output=True, text=True)
    assert done.returncode == 1 and "time is over" in done.stderr and "Traceback" not in done.stderr
