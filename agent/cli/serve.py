"""`autotts serve`: an OpenAI-compatible gateway that answers by a controller (needs the extra `serve`)."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import sys
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from . import live_options, options, verifier_options
from .messages import notice, warn
from .options import Commands, amount, count, whole

if TYPE_CHECKING:
    import socket

    from autotts.sandbox.outcome import Candidate

    from ..serve.gateway import Gateway
    from ..serve.gateway_guard import ApiKeys
    from ..serve.settings import GatewaySettings
    from .live_options import ServerAddress

SERVING, LIMITS = "serving", "limits"
"""Titles of the groups of options."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "serve", serve, "answer OpenAI-compatible requests by a controller in front of a model",
        "autotts serve balanced --base-url http://127.0.0.1:8000/v1 --beta 0.5",
        "autotts serve runs/1:balanced --base-url http://127.0.0.1:8000/v1 --api-keys-env GATEWAY_KEYS --keep kept",
    )  # fmt: skip
    command.add_argument("id", metavar="CONTROLLER", help="a version, a baseline, a champion, or a path")
    command.group(options.EPISODES).add_argument(
        "--beta",
        type=live_options.probability,
        default=0.5,
        metavar="B",
        help="value of beta, unless a request names one (default: 0.5)",
    )
    live_options.add_server(command)
    live_options.add_sampling(command, seed=False)
    live_options.add_branches(command)
    live_options.add_answers(command)
    verifier_options.add_verifier(command, verifier_options.CHARGED)
    verifier_options.add_alternatives(command)
    _serving(command.group(SERVING))
    _limits(command.group(LIMITS))
    options.run_or_archive(command)
    options.workers(command)
    _records(command.group(options.OUTPUT))


def _serving(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    group.add_argument(
        "--port", type=int, default=8322, metavar="N", help="port to listen on; 0 takes a free one (default: 8322)"
    )
    group.add_argument("--served-name", metavar="NAME", help="name of the model for clients (default: its own)")
    keys = group.add_mutually_exclusive_group()
    keys.add_argument(
        "--api-keys-env", type=live_options.variable, metavar="NAME",
        help="environment variable with the keys of clients, separated by commas (default: no key is needed)",
    )  # fmt: skip
    keys.add_argument("--api-keys", metavar="FILE", help="file with the keys of clients, one a line")


def _limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--questions", type=count, default=64, metavar="N", help="questions that are answered at a time (default: 64)"
    )
    group.add_argument(
        "--queue", type=whole, default=128, metavar="N",
        help="questions that wait for their turn at most; more are refused with 429 (default: 128)",
    )  # fmt: skip
    group.add_argument(
        "--deadline", type=live_options.seconds, default=600.0, metavar="SECONDS",
        help="time of a request at most; then the vote so far is the answer (default: 600)",
    )  # fmt: skip
    group.add_argument(
        "--request-bytes",
        type=count,
        default=1 << 20,
        metavar="N",
        help="bytes of a request at most (default: 1048576)",
    )
    group.add_argument(
        "--messages", type=count, default=256, metavar="N", help="messages of a request at most (default: 256)"
    )
    group.add_argument(
        "--drain-seconds", type=amount, default=60.0, metavar="SECONDS",
        help="time that running requests have after SIGTERM or Ctrl-C (default: 60)",
    )  # fmt: skip


def _records(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--log", choices=("stderr", "stdout", "none"), default="stderr", metavar="WHERE",
        help="where a line of JSON for each request goes: stderr, stdout or none (default: stderr)",
    )  # fmt: skip
    group.add_argument(
        "--keep", metavar="DIR", help="keep episodes in DIR/episodes.jsonl, so that they can be replayed"
    )
    group.add_argument(
        "--keep-share",
        type=live_options.probability,
        default=1.0,
        metavar="SHARE",
        help="share of the episodes that is kept (default: 1)",
    )


def serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        from ..serve import server as _  # noqa: F401
    except ImportError as error:
        raise InputError(f"the gateway needs {error.name}: {install_command('serve')}") from None
    from autotts.sandbox.choice import check_name

    from ..archive.names import find_controller
    from .listening import listen

    def find() -> Candidate:
        return find_controller(args.id, args.run, args.archive).candidate

    keys = _keys(args)
    if not len(keys) and not _loopback(args.host):
        warn(f"--host {args.host} without --api-keys-env or --api-keys: everybody who reaches this address may ask")
    check_name(args.sandbox)
    live_options.check_interpreter(args)
    candidate = find()
    args.seed = None
    with live_options.chosen_servers(args) as servers, closing(listen(args.host, args.port)) as listening:
        asyncio.run(_run(args, servers[0], keys, candidate, listening))
    return 0


async def _run(
    args: argparse.Namespace, address: ServerAddress, keys: ApiKeys, candidate: Candidate, listening: socket.socket
) -> None:
    """Connect to the model, start the workers, and serve."""
    from ..archive.names import find_controller
    from ..serve.server import GatewayServer

    async with AsyncExitStack() as stack:
        gateway = await _gateway(args, address, candidate, stack)
        await gateway.controllers.take_over(candidate)
        server = GatewayServer(gateway, keys, lambda: find_controller(args.id, args.run, args.archive).candidate)
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        now = gateway.controllers.now
        notice(f"{now.name} ({now.hash[:12]}) at beta {args.beta:g} in front of {gateway.source.model}; Ctrl-C ends it")
        print(f"http://{shown}:{port}/v1", flush=True)
        await server.serve(sockets=[listening])


async def _gateway(
    args: argparse.Namespace, address: ServerAddress, candidate: Candidate, stack: AsyncExitStack
) -> Gateway:
    """Return the gateway; ``stack`` closes it."""
    from autotts.envs.live.connecting import connect
    from autotts.sandbox.live.workers import LiveWorkers

    from ..serve.gateway import Gateway
    from ..serve.live_source import LiveSource, kept_line
    from ..serve.pass_through import PassThrough
    from ..serve.records import EpisodeKeeper, EpisodeLog
    from ..serve.tracing import export_spans

    streams = {"stderr": sys.stderr, "stdout": sys.stdout, "none": None}
    stream = streams[args.log]
    log = EpisodeLog(None if stream is None else lambda line: print(line, file=stream, flush=True))
    keeper = EpisodeKeeper(Path(args.keep), kept_line, args.keep_share) if args.keep else None
    endpoint = await connect(
        address.base_url, address.model, address.api_key, timeout=args.timeout, concurrency=args.concurrency,
        alternatives=verifier_options.alternatives(args, candidate),
    )  # fmt: skip
    stack.push_async_callback(endpoint.close)
    verifier = verifier_options.chosen_verifier(args)
    verifier_options.check_needs(candidate, endpoint, verifier)
    source = LiveSource(
        endpoint,
        live_options.answer_reader(args, endpoint.model),
        live_options.live_settings(args, endpoint.model, endpoint.context),
        verifier,
    )
    export_spans()
    workers = args.workers or os.cpu_count() or 1

    def open_workers(candidate: Candidate) -> LiveWorkers:
        each = -(-args.questions // workers)
        return LiveWorkers.open(candidate, args.sandbox, workers, each, runtime=args.runtime)

    passing = PassThrough(address.base_url, address.api_key)
    gateway = Gateway(source, open_workers, passing, _settings(args), log, keeper)
    stack.push_async_callback(gateway.close)
    return gateway


def _settings(args: argparse.Namespace) -> GatewaySettings:
    from ..serve.settings import GatewaySettings

    return GatewaySettings(
        beta=args.beta,
        questions=args.questions,
        queue=args.queue,
        deadline=args.deadline,
        request_bytes=args.request_bytes,
        messages=args.messages,
        drain_seconds=args.drain_seconds,
        served_name=args.served_name,
    )


def _keys(args: argparse.Namespace) -> ApiKeys:
    """Return the keys of clients.

    Raises:
        InputError: there are none where the user says they are.
    """
    from ..serve.gateway_guard import ApiKeys

    if args.api_keys_env:
        where, text = f"--api-keys-env {args.api_keys_env}", os.environ.get(args.api_keys_env, "").replace(",", "\n")
    elif args.api_keys:
        where = f"--api-keys {args.api_keys}"
        try:
            text = Path(args.api_keys).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{where}: {getattr(error, 'strerror', None) or 'not a text file'}") from None
    else:
        return ApiKeys()
    keys = [key for line in text.splitlines() if (key := line.strip())]
    if not keys:
        raise InputError(f"{where}: there is no key")
    return ApiKeys(keys)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
