"""Fixtures of the explorer `command`: a script that plays the coding agent, fake tools, and a run directory."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autotts.agent.archive.baselines import baseline_source
from autotts.agent.explorers.coding_agent.explorer import AgentCommand, CodingAgentExplorer
from autotts.agent.records.explorer import Brief, Proposal
from autotts.agent.records.version import BriefVersion, CurvePoint, Expectation, Finding
from autotts.agent.tools.submission import Submission
from autotts.agent.tools.toolbox import ToolResult

# The agent: runs the function that its first argument names, in its working directory

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

# Tools and briefs


class FakeTools:
    """Tools without a workbench; ``looked`` is called with every tool call."""

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
            expects = tuple(Expectation(**expected) for expected in given["expects"])
            self.submitted = Submission(given["source"], given["rationale"], tuple(given["parents"]), expects)
        if name == "find_episodes":
            return ToolResult("a table of episodes\n", episodes=(f"e1:q{len(given['kind'])}:b0.5:o1000",))
        if name == "try_candidate":
            if "too many" in given["source"]:
                return ToolResult("too many drafts", error=True)
            known, fails = "twin" in given["source"], "fails" in given["source"]
            return ToolResult("try_candidate said this", status="not_run" if known else "failed" if fails else "ran")
        return ToolResult(f"{name} said this")


def version(name: str, seed: str, accuracy: float = 50.0) -> BriefVersion:
    curve = tuple(CurvePoint(beta, accuracy + 10 * beta, 1e4 * 10**beta, 5e3) for beta in (0.0, 0.5, 1.0))
    faults = (Finding("idle_tokens", 12, 0.1, 1000, "12 tokens were idle."),)
    return BriefVersion(name, baseline_source(seed), curve, faults, {}, "An idea.", "predicted less tokens; seen -3%")


BRIEF = Brief(
    5, 3, 1, [version("g001-aaaa", "parallel_probe")],
    [version("early_stopping", "early_stopping"), version("g001-aaaa", "parallel_probe", 55.0)],
)  # fmt: skip


class Stage:
    """An explorer in a run directory, and its reports."""

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

    def agent(self, act: str, **settings: Any) -> AgentCommand:
        return AgentCommand((sys.executable, str(self.script), act, "{task}"), **settings)

    def command(self, act: str, hide: Sequence[Path] = (), **settings: Any) -> CodingAgentExplorer:
        return CodingAgentExplorer(
            self.agent(act, **settings), self.root / "workspaces", hide, lambda bench: self.tools, lambda: self.now,
            self.said.append,
        )  # fmt: skip

    def propose(self, act: str, **settings: Any) -> list[Proposal]:
        return self.command(act, **settings).propose(BRIEF)

    def log(self) -> str:
        return self.home.with_name("g003-propose-0.log").read_text()


GOOD = re.search(r'GOOD = """(.*?)"""', AGENT, re.DOTALL)
assert GOOD
SOURCE = GOOD[1]
