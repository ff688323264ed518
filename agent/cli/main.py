"""The command `autotts`: assembles the parser, calls the chosen command, and maps errors to exit codes.

Each command module imports numpy, pydantic and the rest of the project only when its command runs: `autotts --help`
must be quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from autotts.envs.errors import DamagedFile, InputError

from ..reports.console.plain_stream import neutral_output
from . import (
    archive,
    ask,
    cluster,
    collect,
    completion,
    config_file,
    discover,
    docs,
    endpoint,
    env,
    evaluate,
    fidelity,
    history,
    inspect,
    json_output,
    mcp,
    messages,
    plot,
    replay,
    resume,
    run,
    sandbox,
    serve,
    status,
    try_draft,
    ui,
)
from .allocator import return_freed_memory
from .command_parser import GENERAL, CommandParser

_COMMANDS = (
    env,
    collect,
    evaluate,
    replay,
    discover,
    try_draft,
    resume,
    history,
    status,
    inspect,
    plot,
    ui,
    ask,
    serve,
    fidelity,
    archive,
    run,
    endpoint,
    sandbox,
    cluster,
    mcp,
    docs,
    completion,
)
"""The modules of the commands, in the order of `autotts --help`."""
_FAILURES = {"SandboxError", "ExplorerFailed", "ExplorerError", "CandidateFailed", "RequestLost"}
"""Errors that end a command with exit code 1, by name: their modules are not loaded for every command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file name may hold any bytes
    with neutral_output():
        return _run(words)


def _run(words: list[str]) -> int:
    """Run one command, and turn each error that a user can mend into one line."""
    try:
        args = _parse(words)
        return_freed_memory()
        with json_output.standard_output(args):
            return int(args.function(args))
    except DamagedFile as error:
        return _complain(error, 1)
    except InputError as error:
        return _complain(error, 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except MemoryError:
        return _complain("out of memory: use fewer --orders, environments or --workers", 1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left: Python must not print a second error at exit
        return 1
    except OSError as error:
        return _complain(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    except Exception as error:
        if {kind.__name__ for kind in type(error).__mro__} & _FAILURES:
            return _complain(error, 1)
        raise


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line, and take what it leaves out from the file of settings.

    Raises:
        InputError: the file of settings is wrong.
    """
    top = parser()
    command, file = config_file.apply(top, words)
    args = top.parse_args(words)
    messages.set_up(args)
    used = file.finish(command, args) if file else []
    args.parser = top
    args.sources = config_file.sources(command, args, file)
    if file and used:
        messages.notice(f"settings from {file.path}: {', '.join(used)}")
    return args


def _complain(error: object, code: int) -> int:
    print(messages.problem(str(error)), file=sys.stderr)
    return code


def parser() -> CommandParser:
    """Return the parser of the whole command line."""
    top = CommandParser(
        prog="autotts", description="Discover how a language model should spend its tokens at inference time.",
        epilog="`autotts COMMAND --help` lists the options of a command, with an example.",
    )  # fmt: skip
    top.group(GENERAL).add_argument(
        "--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="print the version and exit"
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=CommandParser)
    for command in _COMMANDS:
        command.add_parser(commands)
    return top


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib import metadata

        print(f"autotts {metadata.version('autotts-discovery')}, Python {sys.version.split()[0]}")
        parser.exit()
