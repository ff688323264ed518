"""`autotts mcp`: a run whose explorer is a person's own agent, which starts this command as an MCP server."""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from envs.errors import InputError
from sandbox.backends.runner import WorkerSandbox

from ..archive import resolve
from ..archive.run_directory import Run, RunConfig
from ..explorers.mcp.server import serve
from ..explorers.mcp.session import ClientLeft, McpExplorer, McpSession, McpTask, host, last_round
from ..records.explorer import Brief

HOME = resolve.RUNS / "mcp"
"""Where the run is kept unless told otherwise: a client starts the same command again and again."""
_LOOK_AGAIN = 0.5
"""Seconds after which what waits for another process, or for the client, looks again."""


def mcp(args: argparse.Namespace) -> int:
    """Begin a run, or go on with it, and serve its tools on standard input and output until the client leaves."""
    home = Path(args.home) if args.home else HOME
    begun = Run(home) if (home / "config.json").exists() else None
    if begun is not None:
        _same(begun, args)
        if args.sandbox == "auto":  # the run's own, so that its archive is that of an undisturbed run
            args.sandbox = begun.config.sandbox
    with resolve.sandbox(args) as sandbox:
        run = begun or _create(home, args, sandbox)
        try:
            return _serve(run, sandbox)
        except (ClientLeft, KeyboardInterrupt) as ended:
            print(f"autotts: the client has left; go on with `autotts mcp --run {run.home}`", file=sys.stderr)
            return 0 if isinstance(ended, ClientLeft) else 130


def _same(run: Run, args: argparse.Namespace) -> None:
    """Refuse settings that are not the run's; those that are left out are.

    Raises:
        InputError: they are others.
    """
    if run.config.explorer != McpExplorer.name:
        raise InputError(f"{run.home} is a run of the explorer {run.config.explorer}; choose another --run")
    if args.generations not in (None, run.config.generations):
        raise InputError(f"{run.home} is a run of {run.config.generations} generations; choose another --run")
    if args.env:
        given = {env.name: env.hash for env in resolve.environments(args.env, args.data)}
        if given != run.config.environments:
            raise InputError(f"{run.home} is a run on other environments; choose another --run")


def _create(home: Path, args: argparse.Namespace, sandbox: WorkerSandbox) -> Run:
    environments = resolve.environments(args.env, args.data)
    config = RunConfig(
        explorer=McpExplorer.name,
        generations=10 if args.generations is None else args.generations,
        population=1,
        seed=args.seed,
        orders=args.orders,
        max_branches=args.max_branches,
        max_tokens=args.max_tokens,
        environments={env.name: env.hash for env in environments},
        sandbox=sandbox.name,
    )
    return Run.create(home, config, environments)


def _serve(run: Run, sandbox: WorkerSandbox) -> int:
    """Let the run go its way in this thread, and the client's session in another.

    Raises:
        Left: the client has left before the end.
    """
    from ..explorers.prompts.briefing import prompt
    from ..loop.nodes import Discovery
    from ..tools.toolbox import Toolbox, specifications

    def task(brief: Brief, step: str) -> McpTask:
        assert brief.bench is not None
        told = prompt(brief, step, run.config.ablations)
        return McpTask(told, last_round(run, brief), Toolbox(brief.bench), tuple(v.id for v in brief.parents[:1]))

    desk = McpSession(task)
    discovery = Discovery(run, McpExplorer(desk), sandbox, desk.report)
    session = threading.Thread(target=serve, args=(desk, specifications()), daemon=True)
    with _ending(desk):
        session.start()
        try:
            with _alone(run, desk):
                run.log("began", sandbox=sandbox.name)
                host(discovery, desk)
        except ClientLeft:
            raise
        except Exception as error:
            print(f"autotts: {error}", file=sys.stderr)
            _wait(session)
            raise
        _wait(session)
    return 0


def _wait(session: threading.Thread) -> None:
    """Wait until the client leaves; a signal that comes just before a wait is only seen after it."""
    while session.is_alive():
        session.join(_LOOK_AGAIN)


@contextmanager
def _ending(desk: McpSession) -> Iterator[None]:
    """Have signals wake whoever waits at the desk, and end this command as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        desk.leave()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(run: Run, desk: McpSession) -> Iterator[None]:
    """Wait until no other process serves the run: a client that was restarted may not have ended its last one yet.

    Raises:
        Left: the client has left before that.
    """
    with (run.home / "mcp.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                desk.say("another process serves this run, and has to end before")
                if desk.left(_LOOK_AGAIN):
                    raise ClientLeft from None
        yield
