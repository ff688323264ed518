"""`autotts mcp` as a process, over standard input and output."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from autotts.agent.archive.run_directory import Run
from autotts.agent.cli.mcp import mcp
from autotts.envs import store
from autotts.envs.catalogue import path_of
from autotts.envs.errors import InputError

from .test_session import WORLDS, made, one_round, opened

pytestmark = pytest.mark.slow

def arguments(home: Path, **more: Any) -> dict[str, Any]:
    given = {
        "run": str(home / "run"), "env": None, "generations": 3, "seed": 0, "orders": 1, "max_branches": 12,
        "max_tokens": None, "holdout": None, "data": str(home / "data"), "workers": 1, "sandbox": "process",
        "runtime": None, "sources": {},
    }  # fmt: skip
    return given | more


def command(home: Path) -> list[str]:
    return [
        sys.executable, "-m", "autotts", "mcp", "--run", str(home / "run"), "--data", str(home / "data"),
        "--env", "*", "--generations", "3", "--orders", "1", "--max-branches", "12", "--workers", "1",
        "--sandbox", "process",
    ]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a data root."""
    for world in WORLDS:
        store.save(world, path_of(tmp_path / "data", world.name))
    return tmp_path


def test_two_clients_complete_three_rounds_of_one_process(home: Path) -> None:
    program, *rest = command(home)
    transport = StdioServerParameters(command=program, args=rest, cwd=Path(__file__).parents[4])

    async def play(rounds: list[int]) -> None:
        with (home / "errors.txt").open("a") as errors:
            async with Client(stdio_client(transport, errlog=errors), mode="auto") as client:
                for expected in rounds:
                    assert await one_round(client) == expected
                if 3 in rounds:
                    assert "over" in await opened(client)

    anyio.run(play, [1])
    anyio.run(play, [2, 3])
    cards = [card for card in Run(home / "run").archive.cards() if card.generation > 0]
    assert [card.generation for card in cards] == [1, 2, 3] and all(card.ok for card in cards)
    assert cards[0].data["client"]
    said = (home / "errors.txt").read_text()
    assert "Traceback" not in said and "go on with `autotts mcp --run" in said


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, None])
def test_process_ends_at_once_and_says_how_to_resume(home: Path, end: signal.Signals | None) -> None:
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    ask = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "task", "arguments": {}}}
    lines = [json.dumps(one) for one in (hello, {"jsonrpc": "2.0", "method": "notifications/initialized"}, ask)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command(home), stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert {answer["id"] for answer in answers} == {1, 2}
        if end is None:
            process.stdin.close()
        else:
            process.send_signal(end)
        assert process.wait(60) == (130 if end else 0)
        stderr = process.stderr.read()
        assert "go on with `autotts mcp --run" in stderr and "Traceback" not in stderr, stderr
        assert process.stdout.read() == ""


def test_settings_that_differ_from_the_run_are_refused(home: Path) -> None:
    run = made(home / "run")
    for more, words in (
        ({"generations": 7}, "3 generations"),
        ({"env": [WORLDS[0].name]}, "other environments"),
    ):
        with pytest.raises(InputError, match=words):
            mcp(argparse.Namespace(**arguments(home, **more)))
    config = run.config.model_copy(update={"explorer": "evolve"})
    (run.home / "config.json").write_text(config.model_dump_json())
    with pytest.raises(InputError, match="explorer evolve"):
        mcp(argparse.Namespace(**arguments(home)))


def test_missing_sdk_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "autotts.agent.explorers.mcp.server")
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    with pytest.raises(InputError, match=r"pip install 'mcp"):
        importlib.import_module("autotts.agent.explorers.mcp.server")
