"""A run whose explorer comes through MCP: the SDK's own client, in this process and over standard input and output."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

import anyio
from mcp import Client

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.mcp.server import server
from autotts.agent.explorers.mcp.session import ClientLeft, McpExplorer, McpSession, McpTask, host, last_round
from autotts.agent.loop.graph import Discovery, discover
from autotts.agent.records.events import CandidateEvaluated, EpisodesRun, GenerationStarted
from autotts.agent.tools.toolbox import Toolbox, specifications
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError

from ....stubs.conversations import NAMES
from ....stubs.scripts import controller
from ...tools.test_environment_parts import SURE, trees

WORLDS = default_environments(questions=3, branches=12)[:2]


@dataclass
class HostedRun:
    """A run, and the session of its explorer."""

    run: Run
    mcp_session: McpSession
    discovery: Discovery
    error: Exception | None = None


def made(home: Path, generations: int = 3, worlds: Sequence[Environment] = WORLDS) -> Run:
    config = RunConfig(
        explorer="mcp", generations=generations, population=1, orders=1, betas=(0.0, 0.5, 1.0), max_branches=12,
        environments={world.name: world.hash for world in worlds},
    )  # fmt: skip
    return Run.create(home, config, worlds)


@contextmanager
def running(run: Run, patience: float = 60.0) -> Iterator[HostedRun]:
    """Run a discovery in a thread until the block ends, when its client leaves."""
    from autotts.agent.explorers.prompts.briefing import prompt

    def task(brief: Any, step: str) -> McpTask:
        parents = tuple(version.id for version in brief.parents[:1])
        return McpTask(prompt(brief, step), last_round(run, brief), Toolbox(brief.bench), parents)

    mcp_session = McpSession(task, patience)
    with ProcessSandbox(1) as sandbox:
        hosted = HostedRun(run, mcp_session, Discovery(run, McpExplorer(mcp_session), sandbox, mcp_session.report))

        def go() -> None:
            try:
                host(mcp_session, hosted.run, lambda: discover(hosted.discovery))
            except Exception as error:
                hosted.error = error

        thread = threading.Thread(target=go)
        thread.start()
        try:
            yield hosted
        finally:
            mcp_session.leave()
            thread.join()


async def said(client: Client, name: str, **arguments: Any) -> str:
    """Return what a tool gives, which must not be an error."""
    result = await client.call_tool(name, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    assert not result.is_error, text
    return str(text)


async def wrong(client: Client, name: str, **arguments: Any) -> str:
    """Return what a tool says is wrong."""
    result = await client.call_tool(name, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    assert result.is_error, text
    return str(text)


async def opened(client: Client, **arguments: Any) -> str:
    """Return the next task."""
    answer = "No task yet"
    while answer.startswith("No task yet"):
        answer = await said(client, "task", **arguments)
    return answer


def number(task: str) -> int:
    found = re.search(r"Round (\d+) of", task)
    assert found, task[:500]
    return int(found[1])


async def handed_in(client: Client, which: int) -> None:
    """Submit a controller that is known by a number."""
    answer = await said(
        client, "submit", source=controller(1000 + 7 * which),
        rationale=f"Number {which}: stops once the lead is safe",
        expects=[{"metric": "tokens", "direction": "less"}],
    )  # fmt: skip
    assert answer.startswith("accepted") and "task" in answer


async def one_round(client: Client) -> int:
    """Do a round with every tool there is, and return its number."""
    task = await opened(client)
    which = number(task)
    parent = re.search(r"build on is \*\*(\S+)\*\*", task)
    assert parent
    assert parent[1] in await said(client, "list_versions", limit=30)
    assert "class" in await said(client, "read_source", version=parent[1])
    await said(client, "scaling_curve", versions=[parent[1]])
    await said(client, "compare", first="self_consistency", second="parallel_probe")
    await said(client, "findings", version=parent[1])
    found = re.search(r"e\d+:q\d+:b[\d.]+:o\d+", await said(client, "find_episodes", version=parent[1], kind="right"))
    assert found
    await said(client, "read_trace", version=parent[1], episode=found[0])
    assert "try-1" in await said(client, "try_candidate", source=controller(500 + which))
    assert "the session" not in await wrong(client, "submit", source="import os", rationale="Bad.")
    await handed_in(client, which)
    return which


async def three_rounds(client: Client) -> str:
    assert [await one_round(client) for _ in range(3)] == [1, 2, 3]
    return await opened(client)


@asynccontextmanager
async def session(hosted: HostedRun, mode: str) -> AsyncIterator[Client]:
    async with Client(server(hosted.mcp_session, specifications()), mode=mode) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_client_completes_three_rounds_with_all_tools(tmp_path: Path, mode: str) -> None:
    run = made(tmp_path / "run")

    async def play(hosted: HostedRun) -> None:
        async with session(hosted, mode) as client:
            listed = (await client.list_tools()).tools
            assert [tool.name for tool in listed] == ["task", *NAMES]
            assert all(tool.description and tool.input_schema["type"] == "object" for tool in listed)
            hints = {tool.name: tool.annotations for tool in listed if tool.annotations}
            assert [name for name, hint in hints.items() if not hint.read_only_hint] == ["submit"]
            assert hints["submit"].destructive_hint is False and len(hints) == len(listed)
            assert "task" in (client.instructions or "")
            over = await three_rounds(client)
            assert over.startswith("The run is over. The best is ")
            assert "over" in await wrong(client, "list_versions")

    with running(run) as hosted:
        anyio.run(play, hosted)
    assert hosted.error is None
    cards = [card for card in run.archive.cards() if card.generation > 0]
    assert [(card.generation, card.explorer, card.verdict) for card in cards] == [(g, "mcp", "ok") for g in (1, 2, 3)]
    assert all(card.parents and card.expects and card.outcome and card.prompts for card in cards)
    transcript = run.archive.transcript(cards[0].id)
    assert "## call of list_versions" in transcript and "## error of submit" in transcript
    assert not any(world.name in transcript for world in WORLDS)


def test_rules_are_sent_once_and_each_task_holds_the_result_of_the_last_round(tmp_path: Path) -> None:
    async def play(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            first = await opened(client)
            again, rules = await said(client, "task"), await said(client, "task", rules=True)
            assert len(again) < len(first) == len(rules) and first.endswith(again[-500:])
            assert "# Goal" in first and "# Goal" not in again
            assert not any(world.name in first for world in WORLDS)
            await handed_in(client, 1)
            second = await opened(client)
            assert number(second) == 2 and re.search(r"The last round made g001-\w+: quality \d", second)
            assert "predicted" in second
            assert "no arguments but rules" in await wrong(client, "task", rule=1)

    with running(made(tmp_path / "run")) as hosted:
        anyio.run(play, hosted)
    assert isinstance(hosted.error, ClientLeft)


def test_mistakes_of_the_client_are_tool_errors(tmp_path: Path) -> None:
    async def play(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            await opened(client)
            assert "there are" in await wrong(client, "rm_rf")
            assert "version" in await wrong(client, "findings")
            assert "no version" in await wrong(client, "findings", version="nobody")
            assert "policy" in await wrong(client, "submit", source="import os", rationale="Bad.")
            assert "rationale" in await wrong(client, "submit", source=controller(3), rationale=" ")
            assert "65,536" in await wrong(client, "submit", source="x" * 1_000_000, rationale="Big.")
            seed = await said(client, "read_source", version="self_consistency")
            assert "same program" in await wrong(client, "submit", source=seed, rationale="Again.")

    with running(made(tmp_path / "run")) as hosted:
        anyio.run(play, hosted)


def test_sandbox_failure_is_not_blamed_on_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise SandboxError("no more processes")

    async def play(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            await opened(client)
            with monkeypatch.context() as patched:
                patched.setattr("autotts.agent.tools.workbench.evaluate", failing)
                assert "not yours" in await wrong(client, "try_candidate", source=controller(3))
            assert "try-1" in await said(client, "try_candidate", source=controller(3))

    with running(made(tmp_path / "run")) as hosted:
        anyio.run(play, hosted)


def test_client_learns_that_the_run_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            await opened(client)
            monkeypatch.setattr("autotts.agent.loop.staging.Staging.put_answer", broken)
            assert "has ended" in await wrong(client, "submit", source=controller(3), rationale="Fine.")
            assert "has failed (OSError)" in await wrong(client, "task")

    def broken(*_: object) -> None:
        raise OSError("disk full")

    with running(made(tmp_path / "run")) as hosted:
        anyio.run(play, hosted)
    assert isinstance(hosted.error, OSError)


def test_session_works_on_after_a_cancelled_call(tmp_path: Path) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    async def play(hosted: HostedRun) -> None:
        async with session(hosted, "legacy") as client:
            await opened(client)
            slow = hosted.mcp_session._task
            assert slow is not None
            call = slow.tools.call

            def slowly(name: str, arguments: Any) -> Any:
                waiting.set()
                go_on.wait()
                return call(name, arguments)

            slow.tools.call = slowly  # type: ignore[method-assign]
            async with anyio.create_task_group() as group:
                group.start_soon(said, client, "list_versions")
                await anyio.to_thread.run_sync(waiting.wait)
                group.cancel_scope.cancel()
            slow.tools.call = call  # type: ignore[method-assign]
            assert number(await said(client, "task")) == 1  # which waits for no tool
            go_on.set()
            await one_round(client)

    with running(made(tmp_path / "run")) as hosted:
        anyio.run(play, hosted)


def test_early_call_returns_the_reason_for_waiting(tmp_path: Path) -> None:
    mcp_session = McpSession(lambda brief, step: pytest.fail("nobody asks"), patience=0.0)
    assert mcp_session.call("task", {}).text == "No task yet: the run is being opened. Call `task` again."
    mcp_session.report(GenerationStarted(0, 3))
    mcp_session.report(CandidateEvaluated("a", 2, 9, "ok", "", 0.1, 5, 0))
    early = mcp_session.call("findings", {"version": "x"})
    assert early.error and "2 of 9 hand-written controllers" in early.text
    mcp_session.leave()
    assert mcp_session.left() and mcp_session.call("task", {}).error
    with pytest.raises(ClientLeft):
        mcp_session.report(EpisodesRun(1))


def tree(run: Run) -> dict[str, bytes]:
    left_out = ("index.sqlite", "transcript")
    files = [
        path for path in (run.home / "archive").rglob("*") if path.is_file() and not path.name.startswith(left_out)
    ]
    return {path.relative_to(run.home).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
def test_client_that_returns_gets_the_same_task(tmp_path: Path) -> None:
    async def leave_early(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            assert await one_round(client) == 1
            assert number(await opened(client)) == 2
            await said(client, "try_candidate", source=controller(77))

    async def leave_while_it_is_tried(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            assert await one_round(client) == 2

    async def stay(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            assert await one_round(client) == 3
            assert "over" in await opened(client)

    async def whole(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            await three_rounds(client)

    run = made(tmp_path / "run")
    for play in (leave_early, leave_while_it_is_tried):
        with running(run) as hosted:
            anyio.run(play, hosted)
        assert isinstance(hosted.error, ClientLeft)
    with running(Run(run.home)) as hosted:
        anyio.run(stay, hosted)
    assert hosted.error is None
    undisturbed = made(tmp_path / "undisturbed")
    with running(undisturbed) as hosted:
        anyio.run(whole, hosted)
    assert tree(run) == tree(undisturbed)


@pytest.mark.slow
def test_client_learns_of_signals_and_submits_a_controller_that_uses_them(tmp_path: Path) -> None:
    async def play(hosted: HostedRun) -> None:
        async with session(hosted, "auto") as client:
            first = await opened(client)
            assert "# More than answers" in first and "`confidence`: mean log-probability" in first
            assert "# More than answers" not in await said(client, "task"), "the rules are sent once"
            lacking = SURE.replace('"confidence",)', '"confidence", "sureness")')
            tried = await said(client, "try_candidate", source=lacking)
            assert tried.startswith("not run: rejected: needs: it needs the signal sureness, which e1 does not have")
            assert "rejected: needs" in await wrong(client, "submit", source=lacking, rationale="Surer.")
            assert (await said(client, "try_candidate", source=SURE)).startswith("try-1: ran on ")
            found = re.search(r"e1:q\S+", await said(client, "find_episodes", version="try-1", kind="most_tokens"))
            assert found and ", confidence " in await said(client, "read_trace", version="try-1", episode=found[0])
            expected = [{"metric": "accuracy", "direction": "more"}]
            await said(client, "submit", source=SURE, rationale="The surest is right more often.", expects=expected)
            assert re.search(r"The last round made g001-\w+: quality \d", await opened(client))

    run = made(tmp_path / "run", worlds=[trees("trees/one", 5)])
    with running(run) as hosted:
        anyio.run(play, hosted)
    assert [card.verdict for card in run.archive.cards() if card.generation == 1] == ["ok"]
