"""The real `langgraph dev` with the `langgraph.json` of this repository, driven by the real client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from autotts.agent.archive.run_directory import Run
from autotts.agent.loop.graph import build
from autotts.agent.loop.nodes import DISAPPROVED, Discovery
from autotts.agent.records.events import CandidateEvaluated, RunFinished

pytestmark = pytest.mark.langgraph
ROOT = Path(__file__).parents[2]
SMALL = {"environments": ["synthetic/tiny"], "generations": 1, "population": 2, "sandbox": "process"}
PATIENCE = 120
"""Seconds after which a server that has not begun to answer is given up."""


def autotts(*arguments: object, cwd: Path) -> None:
    command = Path(sys.executable).with_name("autotts")
    subprocess.run([command, *map(str, arguments)], cwd=cwd, check=True, capture_output=True, timeout=300)


def command() -> Path:
    """Return the installed `langgraph`; skip without it, or fail where it is required."""
    places = (Path(sys.executable).parent, ROOT / ".venv-langgraph/bin")
    for place in places:
        if (place / "langgraph").exists():
            return place / "langgraph"
    why = "no langgraph command: make langgraph"
    if os.environ.get("AUTOTTS_REQUIRE_LANGGRAPH") == "1":
        pytest.fail(why)
    pytest.skip(why)


class Server:
    """A `langgraph dev` in a directory of its own, which it keeps when it is started again."""

    def __init__(self, home: Path) -> None:
        self.home, self.log = home, home / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.client: SyncLangGraphClient = get_sync_client(url=f"http://127.0.0.1:{self.port}", api_key=None)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        arguments = ["dev", "--no-browser", "--host", "127.0.0.1", "--port", str(self.port)]
        others = ("LANGCHAIN_", "LANGGRAPH_", "LANGSMITH_", "AUTOTTS_")
        mine = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        quiet = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "AUTOTTS_DATA": str(self.home / "data")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [command(), *arguments, "--config", str(ROOT / "langgraph.json")],
                cwd=self.home, env=mine | quiet, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        try:
            unreachable = retry_if_exception_type(httpx.TransportError)
            for attempt in Retrying(retry=unreachable, wait=wait_fixed(0.2), stop=stop_after_delay(PATIENCE)):
                with attempt:
                    assert self._process.poll() is None, "it has ended"
                    httpx.get(f"http://127.0.0.1:{self.port}/ok").raise_for_status()
        except (RetryError, AssertionError):
            self.kill()
            pytest.fail(self.log.read_text())

    def kill(self) -> None:
        """Kill it and its workers at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def begin(self) -> str:
        """Return the id of a new thread."""
        return str(self.client.threads.create()["thread_id"])

    def stream(self, thread: str, **call: Any) -> list[tuple[str, Any]]:
        """Run the graph, and return the nodes that were told of, and their updates."""
        found: list[tuple[str, Any]] = []
        for part in self.client.runs.stream(thread, "discovery", stream_mode="updates", **call):
            assert part.event != "error", part.data
            if part.event == "updates":
                found += part.data.items()
        return found

    def until_evaluation(self, thread: str) -> str:
        """Begin a discovery, leave it at work after the first candidate, and return the id of the call."""
        call = {"input": {}, "context": SMALL, "stream_mode": "custom", "on_disconnect": "continue"}
        for part in self.client.runs.stream(thread, "discovery", **call):  # type: ignore[call-overload]
            if part.event == "metadata":
                run = str(part.data["run_id"])
            elif part.data["event"] == "candidate":
                break
        return run

    def go_on(self, thread: str) -> None:
        """Go on with a thread, unless the server has begun to do so by itself."""
        for call in self.client.runs.list(thread):
            self.client.runs.join(thread, call["run_id"])
        if self.client.threads.get_state(thread)["next"]:
            self.stream(thread, input=None)
        assert self.client.threads.get_state(thread)["next"] == []

    def refused(self, thread: str, **call: Any) -> str:
        """Run the graph, and return the message with which it fails."""
        (error,) = [part.data for part in self.client.runs.stream(thread, "discovery", **call) if part.event == "error"]
        assert error["error"] == "RunFailed", error
        return str(error["message"])

    def run(self, thread: str) -> Run:
        """Return the run of a thread, where none was named."""
        return Run(self.home / "runs/langgraph" / thread)


def tree(run: Run) -> dict[str, bytes]:
    files = (path for path in run.archive.root.rglob("*") if path.is_file() and path.name != "index.sqlite")
    return {path.relative_to(run.archive.root).as_posix(): path.read_bytes() for path in files}


def nodes(updates: list[tuple[str, Any]]) -> list[str]:
    return [node for node, _ in updates]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("langgraph")
    autotts("env", "synthesize", "--questions", 3, "--branches", 8, "--data", home / "data", cwd=home)
    server = Server(home)
    server.start()
    try:
        with closing(server.client):
            yield server
    finally:
        server.kill()
    assert "BlockingError" not in server.log.read_text()


def test_the_graph_is_drawn_and_nothing_is_created(server: Server) -> None:
    before = {*(server.home / "runs").rglob("*")}
    (assistant,) = server.client.assistants.search()
    drawn = server.client.assistants.get_graph(assistant["assistant_id"])
    expected = build(object.__new__(Discovery)).get_graph().to_json()
    assert [node["id"] for node in drawn["nodes"]] == [node["id"] for node in expected["nodes"]]
    edges = [{(edge["source"], edge["target"]) for edge in graph["edges"]} for graph in (drawn, expected)]
    assert edges[0] == edges[1]
    schemas = server.client.assistants.get_schemas(assistant["assistant_id"])
    assert schemas["input_schema"]["properties"] == {}
    assert {"generation", "pending", "stopped"} <= schemas["state_schema"]["properties"].keys()
    assert {"run", "approve", *SMALL} <= schemas["context_schema"]["properties"].keys()
    assert {*(server.home / "runs").rglob("*")} == before


def test_a_killed_server_goes_on_at_the_approval(server: Server) -> None:
    thread = server.begin()
    updates = server.stream(thread, input={}, config={"configurable": {**SMALL, "approve": True}})
    assert nodes(updates)[0] != "__interrupt__" == nodes(updates)[-1]
    (candidate,) = updates[-1][1][0]["value"]["candidates"]
    assert candidate["id"].startswith("g001-") and "class" in candidate["source"] and candidate["rationale"]

    server.kill()
    server.start()
    server.client.threads.create(thread_id=thread, graph_id="discovery", if_exists="do_nothing")  # forgotten by a kill
    state = server.client.threads.get_state(thread)
    assert state["next"] == ["approve"] and state["values"]["pending"] == [candidate["id"]]
    for wrong in ("yes", True, ["g001-none"]):  # an answer that makes no sense is asked for again
        ((node, (asked,)),) = server.stream(thread, command={"resume": wrong})
        assert node == "__interrupt__" and "list of ids" in asked["value"]["error"]
    updates = server.stream(thread, command={"resume": [candidate["id"]]})  # the settings are those of the thread
    assert nodes(updates)[-1] == "__interrupt__" and updates[0][0] == "approve"
    (other,) = updates[-1][1][0]["value"]["candidates"]
    updates = server.stream(thread, command={"resume": []})
    assert server.client.threads.get_state(thread)["next"] == []
    run = server.run(thread)
    assert run.archive.card(candidate["id"]).verdict != DISAPPROVED
    assert run.archive.card(other["id"]).verdict == DISAPPROVED
    assert isinstance(run.events()[-1].event, RunFinished)


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    """A thread whose run is finished."""
    thread = server.begin()
    assert server.stream(thread, input={}, context=SMALL)
    return thread


def test_a_thread_goes_on_from_an_earlier_checkpoint(server: Server, finished: str) -> None:
    before = tree(server.run(finished))
    history = server.client.threads.get_history(finished, limit=100)
    early = [state for state in history if set(state["next"]) == {"ask"}][-1]
    assert early["values"]["generation"] == 1
    checkpoint = early["checkpoint"]["checkpoint_id"]
    updates = server.stream(finished, input=None, checkpoint_id=checkpoint)
    assert nodes(updates)[0] == "ask" and "archive" in nodes(updates)
    assert server.client.threads.get_state(finished)["next"] == []
    assert tree(server.run(finished)) == before, "the archive is only added to, and the same work has the same ids"


def test_a_server_that_is_killed_in_a_node_loses_nothing(server: Server, finished: str) -> None:
    thread = server.begin()
    server.until_evaluation(thread)
    server.kill()
    server.start()
    server.client.threads.create(thread_id=thread, graph_id="discovery", if_exists="do_nothing")
    server.go_on(thread)
    assert tree(server.run(thread)) == tree(server.run(finished))


def test_a_call_that_is_cancelled_stops_and_can_go_on(server: Server, finished: str) -> None:
    thread = server.begin()
    server.client.runs.cancel(thread, server.until_evaluation(thread), wait=True)
    assert server.client.threads.get_state(thread)["next"]
    server.stream(thread, input=None)
    run = server.run(thread)
    assert tree(run) == tree(server.run(finished))
    evaluated = [e.event.id for e in run.events() if isinstance(e.event, CandidateEvaluated)]
    assert len(evaluated) == len(set(evaluated)), "nothing goes on behind the back of the next call"


def test_a_finished_run_does_not_begin_again(server: Server, finished: str) -> None:
    before = tree(server.run(finished))
    assert len(server.stream(finished, input={})) == 1
    assert tree(server.run(finished)) == before


def test_a_run_of_the_command_is_opened(server: Server) -> None:
    settings = ("--generations", 1, "--population", 2, "--orders", 1, "--sandbox", "process", "--data", "data")
    autotts("discover", "--env", "synthetic/tiny", "--run", "runs/1", *settings, cwd=server.home)
    run = Run(server.home / "runs/1")
    before = tree(run)
    thread = server.begin()
    updates = server.stream(thread, input={}, context={"run": "runs/1"})
    assert nodes(updates).count("archive") == 2 and tree(run) == before
    assert "other population" in server.refused(server.begin(), input={}, context={"run": "runs/1", "population": 9})


def test_events_are_streamed(server: Server) -> None:
    parts = server.client.runs.stream(server.begin(), "discovery", input={}, context=SMALL, stream_mode="custom")
    events = [part.data for part in parts if part.event == "custom"]
    assert [event["event"] for event in events][-1] == "finished"
    assert {event["verdict"] for event in events if event["event"] == "candidate"} >= {"ok"}


def test_what_is_wrong_is_said_to_the_client(server: Server, finished: str) -> None:
    assert "generaions" in server.refused(server.begin(), input={}, context={"generaions": 3})
    assert "population" in server.refused(server.begin(), input={}, context={"population": 0})
    assert "no/such" in server.refused(server.begin(), input={}, context={"environments": ["no/such"]})
    assert "began with generations 1" in server.refused(finished, input={}, context={"generations": 2})
    copy = server.client.threads.copy(finished)
    thread = str(copy["thread_id"]) if copy else max(t["thread_id"] for t in server.client.threads.search())
    assert "set `run`" in server.refused(thread, input={})
    again = {"run": f"runs/langgraph/{finished}"}
    assert len(server.stream(thread, input={}, context=again)) == 1


def test_a_state_can_be_changed(server: Server, finished: str) -> None:
    server.client.threads.update_state(finished, {"generation": 1}, as_node="archive")
    assert server.client.threads.get_state(finished)["values"]["generation"] == 1
    before = tree(server.run(finished))
    assert "archive" in nodes(server.stream(finished, input=None))
    assert tree(server.run(finished)) == before
