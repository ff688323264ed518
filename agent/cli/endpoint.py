"""`autotts endpoint check`, `start` and `questions`: what a server can do, and the tiny model behind a real server."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import json_output, live_options, options
from .messages import notice, warn
from .options import Commands, add_command, count, whole

if TYPE_CHECKING:
    from autotts.envs.live.capabilities import EndpointReport

_MODEL, _QUESTIONS = "model", "questions"
_PORT = 8088


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = options.add_group(commands, "endpoint", "check the server of a model, or start one with the tiny model")
    _add_check(verbs)
    _add_start(verbs)
    _add_questions(verbs)


def _add_check(verbs: Commands) -> None:
    command = add_command(
        verbs, "check", check, "find out by asking what the server of a model can do",
        "autotts endpoint check --base-url http://127.0.0.1:8000/v1",
    )  # fmt: skip
    live_options.add_server(command)
    options.json_output(command)


def _add_start(verbs: Commands) -> None:
    command = add_command(
        verbs, "start", start, "serve the tiny model that ships, or another GGUF file, with llama.cpp until Ctrl-C",
        "autotts endpoint start --port 8088",
    )  # fmt: skip
    group = command.group(_MODEL)
    group.add_argument(
        "--port", type=int, default=_PORT, metavar="N",
        help=f"port to listen on; 0 takes a free one (default: {_PORT})",
    )  # fmt: skip
    group.add_argument(
        "--model-file", metavar="GGUF", help="another model, as llama.cpp loads it (default: the tiny one)"
    )
    group.add_argument(
        "--parallel", type=count, default=64, metavar="N", help="requests served at once; more wait (default: 64)"
    )
    group.add_argument(
        "--context", type=count, metavar="N", help="tokens of a prompt and its completion at most (default: 1024)"
    )
    group.add_argument("--threads", type=count, default=1, metavar="N", help="threads that compute (default: 1)")


def _add_questions(verbs: Commands) -> None:
    command = add_command(
        verbs,
        "questions",
        questions,
        "write questions that the tiny model can answer, with their gold answers",
        "autotts endpoint questions --count 30 --seed 1 --out questions.jsonl",
        prints_data=True,
    )
    group = command.group(_QUESTIONS)
    group.add_argument("--count", type=count, default=30, metavar="N", help="how many (default: 30)")
    group.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="other seeds give other questions (default: 0)"
    )
    group.add_argument("--out", metavar="FILE", help="file to write, a JSON object a line (default: standard output)")


def check(args: argparse.Namespace) -> int:
    """Print what a server can do; return exit code 1 if it stops answering."""
    import asyncio

    from autotts.envs.live.checking import EndpointCheck
    from autotts.envs.live.exchange import RequestLost

    async def ask(server: live_options.ServerAddress) -> EndpointReport:
        async with live_options.connected(args, server) as endpoint:
            return await EndpointCheck(endpoint).report()

    with live_options.chosen_servers(args) as servers:
        try:
            report = asyncio.run(ask(servers[0]))
        except RequestLost as lost:
            warn(str(lost))
            return 1
    _print_report(report)
    json_output.write(args, lambda: report)
    return 0


def _print_report(report: EndpointReport) -> None:
    from rich.table import Table
    from rich.text import Text

    from ..reports.console.terminal import console

    table = Table("ability", "found", "detail")
    for ability in report.abilities:
        table.add_row(*map(Text, (ability.name, ability.found, ability.detail)))
    console().print(table)
    level = {
        "full": "full: branches can be continued and probed, and carry signals",
        "continue": "continue: branches can be continued and probed, without signals",
        "width only": "width only: a step runs a branch to its end",
    }[report.level]
    version = f" {report.version}" if report.version else ""
    print(f"{report.base_url}, model {report.model}, server {report.server}{version}")
    print(f"level {level}")


def start(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return exit code 1 if the server ends by itself."""
    from autotts.envs.live.tiny import CONTEXT, GGUF
    from autotts.envs.live.tiny.server import TinyServer

    server = TinyServer(
        Path(args.model_file) if args.model_file else GGUF, parallel=args.parallel, context=args.context or CONTEXT,
        threads=args.threads, port=args.port,
    )  # fmt: skip
    with server:
        try:
            print(server.base_url, flush=True)  # from here on somebody may press Ctrl-C
            notice(f"model {server.model}; Ctrl-C ends the server")
            server.wait()
        except KeyboardInterrupt:
            return 0
    return 1


def questions(args: argparse.Namespace) -> int:
    """Write questions as lines that `autotts collect` reads."""
    from autotts.envs.live.tiny.questions import questions as make

    lines = "".join(
        json.dumps({"question": text, "gold_answer": gold}) + "\n" for text, gold in make(args.count, args.seed)
    )
    if args.out is None:
        print(lines, end="")
    else:
        Path(args.out).write_text(lines, encoding="utf-8")
        notice(f"{args.out} has {args.count} questions")
    return 0
