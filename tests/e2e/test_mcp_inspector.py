"""The real MCP inspector, on its command line, lists and calls every tool of `autotts mcp`.

Every command of the inspector starts a server of its own: all but the first go on with a run that another process left.
`make inspector` installs the inspector, and a Node.js that it supports, in the virtual environment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from autotts.agent.archive.run_directory import Run
from autotts.agent.tools.toolbox import specifications
from tests.stubs.scripts import controller

pytestmark = pytest.mark.node

MODULES = Path(sys.prefix) / "node" / "node_modules"
AUTOTTS = Path(sys.executable).with_name("autotts")
SETTINGS = (
    "--env", "synthetic/tiny", "synthetic/small", "--generations", "2", "--orders", "1", "--max-branches", "12",
    "--workers", "1", "--sandbox", "process",
)  # fmt: skip
ERAS = ("legacy", "modern")
"""Of the protocol: with a handshake (up to 2025-11-25), and without one."""
WRONG = 5
"""The inspector's exit code where a tool says that the call was wrong."""
EPISODE = re.compile(r"e\d+:q\d+:b[\d.]+:o\d+")


class Shown(NamedTuple):
    """What a command of the inspector prints, and how it ends."""

    result: dict[str, Any]
    errors: str
    code: int

    @property
    def text(self) -> str:
        """What a tool gave."""
        (block,) = self.result["content"]
        assert block["type"] == "text"
        assert self.result["isError"] == (self.code == WRONG) and self.code in (0, WRONG), self
        return str(block["text"])


Inspect = Callable[..., Shown]
"""Call with a method, a run directory, and more options of the inspector."""


def without_inspector(why: str) -> NoReturn:
    """Skip, or fail where the inspector is required."""
    if os.environ.get("AUTOTTS_REQUIRE_INSPECTOR") == "1":
        pytest.fail(f"the MCP inspector is required here: {why}")
    pytest.skip(f"no MCP inspector: {why}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with four small synthetic environments under its data root."""
    home = tmp_path_factory.mktemp("inspected")
    made = subprocess.run(
        [AUTOTTS, "env", "synthesize", "--questions", "3", "--branches", "12"], cwd=home, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return home


@pytest.fixture(scope="module")
def inspect(home: Path) -> Inspect:
    """The inspector: each call of this starts it, and it starts `autotts mcp`."""
    pytest.importorskip("mcp")
    launcher = MODULES / ".bin" / "mcp-inspector"
    shipped = next(MODULES.glob("node-*/bin/node"), None)
    node = str(shipped) if shipped else shutil.which("node")
    if not launcher.exists() or node is None:
        without_inspector("`make inspector` installs it")

    def run(method: str, directory: str, *options: str) -> Shown:
        server = (AUTOTTS, "mcp", "--run", directory, *SETTINGS)
        asked = ("--method", method, "--format", "json", "--connect-timeout", "0", *options)
        done = subprocess.run(
            list(map(str, (node, launcher, "--cli", *server, *asked))),
            cwd=home, env={**os.environ, "HOME": str(home)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Shown(json.loads(done.stdout)["result"] if done.stdout else {}, done.stderr, done.returncode)

    return run


class Agent:
    """Calls tools through the inspector, as a person would who types one command after the other."""

    def __init__(self, inspect: Inspect, directory: str) -> None:
        self.inspect, self.directory = inspect, directory
        self.called: list[str] = []

    def call(self, tool: str, **arguments: Any) -> Shown:
        self.called.append(tool)
        given = ("--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        return self.inspect("tools/call", self.directory, *given)

    def said(self, tool: str, **arguments: Any) -> str:
        """Return what a tool gives, which must not be an error."""
        shown = self.call(tool, **arguments)
        assert shown.code == 0, shown
        return shown.text

    def wrong(self, tool: str, **arguments: Any) -> str:
        """Return what a tool says is wrong."""
        shown = self.call(tool, **arguments)
        assert shown.code == WRONG, shown
        return shown.text

    def opened(self) -> str:
        """Return the next task; on a slow machine a call may end before there is one."""
        for _ in range(10):
            told = self.said("task")
            if not told.startswith("No task yet"):
                return told
        pytest.fail(told)

    def handed_in(self, which: int) -> None:
        told = self.said(
            "submit", source=controller(which), rationale="Stops once the lead is safe.",
            expects=[{"metric": "tokens", "direction": "less"}],
        )  # fmt: skip
        assert told.startswith("accepted")


@pytest.mark.parametrize("era", ERAS)
def test_inspector_lists_our_tools_and_finds_no_fault_in_their_schemas(inspect: Inspect, era: str) -> None:
    shown = inspect("tools/list", "listed", "--strict", "--protocol-era", era)
    assert shown.code == 0, shown.errors
    notices = ("autotts: ", "environments: ", "held out: ", "as the settings of ")
    assert all(line.startswith(notices) for line in shown.errors.splitlines()), shown.errors
    task, *tools = shown.result["tools"]
    assert task["name"] == "task" and task["inputSchema"]["properties"].keys() == {"rules"}
    listed = [{**one, "input_schema": one["inputSchema"]} for one in tools]
    assert [{key: one[key] for key in ("name", "description", "input_schema")} for one in listed] == specifications()
    hints = {one["name"]: one["annotations"] for one in (task, *tools)}
    assert [name for name, told in hints.items() if not told["readOnlyHint"]] == ["submit"]
    assert not hints["submit"]["destructiveHint"] and not any(told["openWorldHint"] for told in hints.values())


@pytest.mark.parametrize("era", ERAS)
def test_inspector_is_told_what_the_server_is_and_how_to_use_it(inspect: Inspect, era: str) -> None:
    told = inspect("initialize", "listed", "--protocol-era", era).result
    assert told["serverInfo"]["name"] == "autotts" and told["serverInfo"]["version"] == version("autotts-discovery")
    assert "Call `task`" in told["instructions"] and "tools" in told["capabilities"]


def test_inspector_calls_every_tool_of_a_run_until_the_run_is_over(inspect: Inspect, home: Path) -> None:
    agent = Agent(inspect, "whole")
    task = agent.opened()
    parent = re.search(r"build on is \*\*(\S+)\*\*", task)
    assert parent and task.startswith("Round 1 of 2.")
    assert parent[1] in agent.said("list_versions", limit=30)
    assert "(Controller)" in agent.said("read_source", version=parent[1])
    assert parent[1] in agent.said("scaling_curve", versions=[parent[1], "self_consistency"])
    assert agent.said("compare", first="self_consistency", second="parallel_probe").startswith("self_consistency -> ")
    assert agent.said("findings", version=parent[1]).startswith(f"{parent[1]}, on ")
    episode = EPISODE.search(agent.said("find_episodes", version=parent[1], kind="most_tokens"))
    assert episode
    assert episode[0] in agent.said("read_trace", version=parent[1], episode=episode[0])
    assert agent.said("try_candidate", source=controller(501)).startswith("try-1: ran on ")
    agent.handed_in(1007)
    assert {"task", *(told["name"] for told in specifications())} == set(agent.called)

    second = agent.opened()
    assert second.startswith("Round 2 of 2.\nThe last round made g001-") and "predicted against" in second
    agent.handed_in(1014)
    assert agent.opened().startswith("The run is over. The best is ")
    assert agent.wrong("list_versions").startswith("The run is over.")
    cards = [card for card in Run(home / "whole").archive.cards() if card.generation > 0]
    assert [(card.generation, card.verdict, card.data["client"]) for card in cards] == [
        (1, "ok", "inspector-cli"), (2, "ok", "inspector-cli"),
    ]  # fmt: skip


def test_inspector_shows_in_words_what_is_wrong_with_a_call(inspect: Inspect) -> None:
    agent = Agent(inspect, "listed")
    agent.opened()
    assert agent.wrong("compare", first="self_consistency") == "compare: second: this argument is required"
    assert agent.wrong("findings", version="try-1").startswith("findings: no draft try-1: drafts are kept until ")
    assert agent.wrong("read_source", version="nobody") == "read_source: no version 'nobody': see list_versions"
    assert agent.wrong("submit", source="import os", rationale="Bad.").startswith("submit: rejected: policy: line 1: ")
    assert agent.wrong("task", rule=True) == "task takes no arguments but rules, which is true or false"
    assert "Tool 'rm_rf' not found" in agent.call("rm_rf").errors
