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

from . import (
    archive,
    discover,
    docs,
    env,
    evaluate,
    history,
    inspect,
    mcp,
    plot,
    replay,
    resume,
    sandbox,
    status,
    try_draft,
    ui,
)
from .allocator import return_freed_memory

_COMMANDS = (
    env,
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
    archive,
    sandbox,
    mcp,
    docs,
)
"""The modules of the commands, in the order of `autotts --help`."""
_FAILURES = {"SandboxError", "ExplorerFailed", "ExplorerError", "CandidateFailed"}
"""Errors that end a command with exit code 1, by name: their modules are not loaded for every command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    args = parser().parse_args(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file name may hold any bytes
    return_freed_memory()
    try:
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


def _complain(error: object, code: int) -> int:
    print(f"autotts: {' '.join(str(error).split())}", file=sys.stderr)
    return code


class _OneLineErrorParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print in one line what is wrong with the command line, and exit with code 2."""
        self.exit(2, f"autotts: {' '.join(message.split())}; see `{self.prog} --help`\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _OneLineErrorParser(
        prog="autotts", description="Discover how a language model should spend its tokens at inference time."
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return top
