"""`autotts mcp`: a discovery run whose explorer is the user's own agent; the agent starts it as an MCP server."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import config_file, options
from .environments import chosen_environments, tell_held_out
from .messages import warn
from .options import Commands, count, whole

if TYPE_CHECKING:
    from autotts.sandbox.base import Sandbox

    from ..archive.run_directory import Run
    from ..archive.storage.stored_path import AnyPath
    from ..explorers.mcp.session import McpSession, McpTask
    from ..records.explorer import Brief

DIRECTORY = "mcp"
"""Default run directory under ./runs: a client starts the same command again and again."""
GENERATIONS = 10
"""Default number of rounds."""
_POLL = 0.5
"""Seconds between two looks at another process, or at the client."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "mcp", mcp, "let your own agent search for controllers: an MCP server on standard input and output",
        "autotts mcp --env 'synthetic/*' --run runs/mcp", prints_data=True,
    )
    search = command.group(options.SEARCH)
    options.environments(command, "search set: ")
    search.add_argument(
        "--generations", type=count, metavar="N", help=f"rounds (default: {GENERATIONS}, or those of the existing run)"
    )
    search.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="seed of every random choice of the run (default: 0)"
    )
    search.add_argument(
        "--orders", type=count, default=4, metavar="N", help="branch orders of each evaluation (default: 4)"
    )
    options.holdout(command, "0.3, or that of the existing run")
    options.budget(command)
    command.group(options.OUTPUT).add_argument(
        "--run", metavar="RUN", help="run directory; continues the run if it exists (default: runs/mcp)"
    )
    options.workers(command)


def mcp(args: argparse.Namespace) -> int:
    """Begin or continue a run, and serve its tools on standard input and output until the client leaves."""
    from ..archive import resolve
    from ..archive.run_directory import Run
    from ..archive.storage.addresses import located
    from ..explorers.mcp.session import ClientLeft
    from ..explorers.registry import tell_code

    home = located(args.run, "run") if args.run else resolve.RUNS / DIRECTORY
    existing = Run(home) if (home / "config.json").exists() else None
    if existing is not None:
        _check_settings(existing, args)
        if args.sandbox == "auto":  # an interruption must not change the archive: keep the sandbox of the run
            args.sandbox = existing.config.sandbox
        tell_code(existing, args.sandbox)
    with resolve.sandbox(args) as sandbox:
        run = existing or _create(home, args, sandbox)
        try:
            return _serve(run, sandbox)
        except (ClientLeft, KeyboardInterrupt) as ended:
            warn(f"the client has left; go on with `autotts mcp --run {run.home}`")
            return 0 if isinstance(ended, ClientLeft) else 130


def _check_settings(run: Run, args: argparse.Namespace) -> None:
    """Compare the given settings with the settings of an existing run.

    Raises:
        InputError: they differ.
    """
    from autotts.envs.holdout import divide

    from ..archive import resolve
    from ..explorers.mcp.session import McpExplorer

    if run.config.explorer != McpExplorer.name:
        raise InputError(f"{run.home} is a run of the explorer {run.config.explorer}; choose another --run")
    if args.generations not in (None, run.config.generations):
        raise InputError(f"{run.home} is a run of {run.config.generations} generations; choose another --run")
    if args.holdout not in (None, run.config.holdout):
        raise InputError(f"{run.home} is a run with holdout {run.config.holdout:g}; choose another --run")
    if args.env:
        parts = divide(resolve.environments(args.env, args.data), run.config.holdout, run.config.seed)
        given = {env.name: env.hash for env in parts.searched}
        if given != run.config.environments:
            raise InputError(f"{run.home} is a run on other environments; choose another --run")


def _create(home: AnyPath, args: argparse.Namespace, sandbox: Sandbox) -> Run:
    from autotts.envs.holdout import divide
    from autotts.sandbox.choice import recorded_name

    from ..archive.run_directory import Run, RunConfig
    from ..archive.run_settings import record_settings
    from ..explorers.mcp.session import McpExplorer
    from ..explorers.registry import HOLDOUT

    if args.holdout is None:
        args.holdout = HOLDOUT
        args.sources["holdout"] = HOLDOUT, config_file.DEFAULT
    parts = divide(chosen_environments(args), args.holdout, args.seed)
    config = RunConfig(
        explorer=McpExplorer.name,
        generations=GENERATIONS if args.generations is None else args.generations,
        population=1,
        seed=args.seed,
        orders=args.orders,
        max_branches=args.max_branches,
        max_tokens=args.max_tokens,
        environments={env.name: env.hash for env in parts.searched},
        holdout=args.holdout,
        held_out={env.name: env.hash for env in parts.held_out},
        sandbox=recorded_name(args.sandbox, sandbox),
    )
    tell_held_out(config)
    run = Run.create(home, config, parts.searched, held_out=parts.held_out)
    record_settings(run, args.sources)
    return run


def _serve(run: Run, sandbox: Sandbox) -> int:
    """Run the discovery loop in this thread, and the client's session in another thread.

    Raises:
        ClientLeft: the client has left before the end.
    """
    from autotts.sandbox.choice import interpreter_of

    from ..explorers.mcp.server import serve
    from ..explorers.mcp.session import ClientLeft, McpExplorer, McpSession, McpTask, host, last_round
    from ..explorers.prompts.briefing import prompt
    from ..loop.graph import Discovery, discover
    from ..records.events import RunStarted
    from ..reports.run_report.page import page
    from ..tools.toolbox import Toolbox, specifications

    def task(brief: Brief, step: str) -> McpTask:
        assert brief.bench is not None
        text = prompt(brief, step, run.config.ablations)
        return McpTask(text, last_round(run, brief), Toolbox(brief.bench), tuple(v.id for v in brief.parents[:1]))

    session = McpSession(task)
    discovery = Discovery(run, McpExplorer(session), sandbox, session.report, render=page)
    server = threading.Thread(target=serve, args=(session, specifications()), daemon=True)
    with _signals_end(session):
        server.start()
        try:
            with _only_server(run, session):
                run.log(RunStarted(sandbox.name, interpreter_of(sandbox)))
                host(session, run, lambda: discover(discovery))
        except ClientLeft:
            raise
        except Exception as error:
            warn(str(error))
            _wait(server)
            raise
        _wait(server)
    return 0


def _wait(server: threading.Thread) -> None:
    """Wait until the client leaves, with short waits: Python handles a signal only between two waits."""
    while server.is_alive():
        server.join(_POLL)


@contextmanager
def _signals_end(session: McpSession) -> Iterator[None]:
    """Make SIGINT and SIGTERM wake all threads that wait for the session, and end this command as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        session.leave()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _only_server(run: Run, session: McpSession) -> Iterator[None]:
    """Wait until no other process serves the run: a restarted client may still be ending its last server.

    Raises:
        ClientLeft: the client has left before.
    """
    from ..archive.run_hold import RunIsLocked, working_on
    from ..explorers.mcp.session import ClientLeft

    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(working_on(run.home))
                break
            except RunIsLocked as busy:
                session.say(f"{busy}, which must end first")
                if session.left(_POLL):
                    raise ClientLeft from None
        yield
