"""`autotts ui`: the local web application (needs the extra `ui`)."""

from __future__ import annotations

import argparse
import ipaddress
import secrets
import socket
from contextlib import closing

from envs.errors import InputError

from ..archive.reader import open_reader


def ui(args: argparse.Namespace) -> int:
    """Serve the application until Ctrl-C."""
    try:
        import uvicorn

        from ..ui.app import create
        from ..ui.guard import AccessGuard
    except ImportError as error:
        raise InputError(f"the application needs {error.name}: pip install 'autotts[ui]'") from None
    place = open_reader(args.home, args.archive, args.data)
    with closing(_listening(args.host, args.port)) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        names = _names(args.host)
        app = create(place, args.sandbox, lambda: server.should_exit)
        server = uvicorn.Server(
            uvicorn.Config(
                AccessGuard(app, token, port, names),
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=3,
            )
        )
        view = place.view().ready()
        print(f"{len(view.rows):,} versions of {place.root}; Ctrl-C ends it")
        print(f"http://{names[0]}:{port}/?token={token}", flush=True)
        server.run(sockets=[listening])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen()  # the link is printed before the server runs: who follows it at once waits, and is not refused
    except (OSError, OverflowError) as error:
        found.close()
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {host}, port {port}: {why}; choose another --port") from None
    return found


def _names(host: str) -> tuple[str, ...]:
    """Return the names that the server answers to, the one for the link first."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return (host, "127.0.0.1") if host == "localhost" else (host,)
    local = ("127.0.0.1", "localhost", "[::1]")
    if address.is_unspecified:
        return (*local, socket.gethostname(), *_addresses())
    shown = f"[{host}]" if address.version == 6 else host
    return tuple(dict.fromkeys((shown, *local))) if address.is_loopback else (shown,)


def _addresses() -> list[str]:
    try:
        return sorted({info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)})  # type: ignore[misc]
    except OSError:
        return []
