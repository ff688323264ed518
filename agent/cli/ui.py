"""`autotts ui`: serves the local web application (needs the extra `ui`)."""

from __future__ import annotations

import argparse
from contextlib import closing

from autotts.envs.counting import counted
from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from . import options
from .options import Commands


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(commands, "ui", ui, "look at a run or an archive in the browser", "autotts ui runs/1")
    group = command.group(options.OUTPUT)
    group.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)"
    )
    group.add_argument(
        "--port", type=int, default=8321, metavar="N", help="port to listen on; 0 takes a free one (default: 8321)"
    )
    options.data_root(command)
    options.run_or_archive(command, argument=True)
    command.group(options.SANDBOX).add_argument(
        "--sandbox",
        choices=options.SANDBOXES,
        default="auto",
        metavar="NAME",
        help=f"where the application replays episodes: {', '.join(options.SANDBOXES)} (default: auto)",
    )


def ui(args: argparse.Namespace) -> int:
    """Serve the application until Ctrl-C."""
    try:
        from ..ui.app import create
        from ..ui.guard import AccessGuard
        from ..web.server import BoundedServer
    except ImportError as error:
        raise InputError(f"the application needs {error.name}: {install_command('ui')}") from None
    import secrets

    from ..archive.reader import open_reader
    from ..archive.shipped import archive_name
    from .listening import host_names, listen

    try:
        place = open_reader(args.run, args.archive, args.data)
    except InputError as error:
        if args.run or args.archive:
            raise
        raise InputError(f"{error}; `autotts ui --archive shipped:explorer` shows a run that ships") from None
    with closing(listen(args.host, args.port)) as listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        names = host_names(args.host)
        app = create(place, args.sandbox, lambda: server.should_exit)
        server = BoundedServer(AccessGuard(app, token, port, names))
        view = place.view().ready()
        print(f"{counted(view.overview.versions, 'version')} of {archive_name(place.root)}; Ctrl-C ends it")
        print(f"http://{names[0]}:{port}/?token={token}", flush=True)
        server.run(sockets=[listening])
    return 0
