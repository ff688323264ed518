"""Gives the graph and the checkpoints to a LangGraph server: see ``langgraph.json`` and docs/langgraph.md.

A server calls `graph` for every request. Requests for the drawing, the schemas or the states need only the shape of the
graph. Only a request that runs nodes opens a run directory, an explorer and a sandbox, and closes them at its end. This
is blocking work, so a separate thread does it: a server refuses blocking calls on its event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.constants import CONFIG_KEY_CHECKPOINTER

from autotts.envs import catalogue
from autotts.envs.errors import InputError
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError
from autotts.sandbox.choice import interpreter_of, open_sandbox

from ..archive.rebuild import rebuild
from ..archive.resolve import RUNS, workers
from ..archive.run_hold import working_on
from ..explorers.evolve.explorer import EvolveExplorer
from ..explorers.registry import check_requirements
from ..llm.failures import ExplorerError
from ..llm.prices import Prices
from ..records.events import RunStarted
from ..reports.run_report.page import page
from .assembly import assemble
from .graph import SIDE_BY_SIDE, DiscoveryGraph, build
from .nodes import Discovery, ExplorerFailed
from .thread_settings import Thread, ThreadSettings
from .watched_nodes import WatchedNodes

if TYPE_CHECKING:  # the server resolves this name
    from langgraph_sdk.runtime import ServerRuntime

THREADS = RUNS / "langgraph"
"""Directory of the threads: their checkpoints, their settings, and runs whose settings name no other directory."""


class RunFailed(ValueError):
    """An error that the client can fix. A server shows clients only the messages of built-in error types."""


@asynccontextmanager
async def checkpointer() -> AsyncIterator[AsyncSqliteSaver]:
    """Open the checkpoint database of all threads: checkpoints in a server's memory are lost when it is killed."""
    await asyncio.to_thread(THREADS.mkdir, parents=True, exist_ok=True)
    async with AsyncSqliteSaver.from_conn_string(str(THREADS / "checkpoints.sqlite")) as saver:
        yield saver


@asynccontextmanager
async def graph(config: RunnableConfig, runtime: ServerRuntime[Any]) -> AsyncIterator[DiscoveryGraph]:
    """Open the compiled graph, without a checkpointer: the server adds the one of `checkpointer`.

    Args:
        config: its ``configurable`` holds the id of the thread.
        runtime: says why the server needs the graph, and holds the settings (`ThreadSettings`).

    Raises:
        RunFailed: a setting is wrong, or the run, its explorer or its sandbox failed.
    """
    configurable = config.get("configurable", {})
    thread = Thread(THREADS / str(configurable.get("thread_id")))
    try:
        if runtime.access_context == "threads.update":  # edges may be asked for the next node, nodes are not run
            yield build(await asyncio.to_thread(_unopened, thread), settings=ThreadSettings)
        elif runtime.execution_runtime is None:  # nothing of it is called, so it needs nothing
            yield build(object.__new__(Discovery), settings=ThreadSettings)
        else:
            given = runtime.execution_runtime.context or {}
            opening = _opened(thread, given, await _has_state(configurable))
            discovery = await asyncio.to_thread(opening.__enter__)
            try:
                yield build(discovery, settings=ThreadSettings).with_config(max_concurrency=SIDE_BY_SIDE)
            finally:
                await asyncio.to_thread(opening.__exit__, None, None, None)
    except (InputError, SandboxError, ExplorerError, ExplorerFailed) as error:
        raise RunFailed(str(error)) from error
    except OSError as error:
        raise RunFailed(f"{error.filename or 'system'}: {error.strerror or error}") from error


async def _has_state(configurable: Mapping[str, Any]) -> bool:
    saver: BaseCheckpointSaver[Any] | None = configurable.get(CONFIG_KEY_CHECKPOINTER)
    if saver is None:
        return False
    latest: RunnableConfig = {"configurable": {"thread_id": configurable["thread_id"], "checkpoint_ns": ""}}
    return await saver.aget_tuple(latest) is not None


@contextmanager
def _opened(thread: Thread, given: Mapping[str, Any], has_state: bool) -> Iterator[Discovery]:
    settings = thread.settings(given)
    if has_state and thread.stored() is None and settings.run is None:
        raise InputError(
            f"thread {thread.home.name} has a state, but nothing says of which run (is it a copy of another thread?); "
            "set `run` to the directory of that run"
        )
    run = thread.open(settings)
    with working_on(run.home):
        prices = Prices()
        check_requirements(run.config, prices)
        run.archive.sweep()
        rebuild(run)
        parts = assemble(run, prices, catalogue.data_root())
        chosen, watched = parts.explorer, WatchedNodes()
        with (
            open_sandbox(run.config.sandbox, workers(None), interpreter="auto") as sandbox,
            closing(watched),
            closing(chosen),
        ):
            run.log(RunStarted(sandbox.name, interpreter_of(sandbox)))
            yield watched.of(
                Discovery(run, chosen, sandbox, watched.report, bool(settings.approve), parts.budget, page)
            )


def _unopened(thread: Thread) -> Discovery:
    return Discovery(thread.run(), EvolveExplorer(), ProcessSandbox())
