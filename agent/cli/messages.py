"""Messages for the user, through Python's `logging`.

The logger ``autotts`` carries notices (level INFO), warnings and errors, and with `--verbose` the steps of the program
(DEBUG). Only the command shows them: in a library they go where the caller's logging sends them, by default nowhere.
Notices are printed on standard output beside the results, or on standard error where standard output holds data alone.
"""

from __future__ import annotations

import argparse
import logging
import sys

from autotts.envs.plain_text import listing, plain

from .json_output import ALONE

LOGGER = logging.getLogger("autotts")


def problem(message: str) -> str:
    """Return an error or a warning as one line, without characters that control the terminal."""
    return f"autotts: {plain(' '.join(message.split()))}"


class _Terminal(logging.Handler):
    """Prints each message; of those of one kind that a command repeats (``once`` in the record) the first."""

    def __init__(self, notices_on_error: bool) -> None:
        super().__init__()
        self._notices_on_error = notices_on_error
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message: a problem in one line that begins with the name of the program."""
        if (kind := getattr(record, "once", "")) in self._shown:
            return
        if kind:
            self._shown.add(kind)
        try:
            text, stream = record.getMessage(), sys.stderr
            if record.levelno >= logging.WARNING:
                text = problem(text)
            elif record.levelno < logging.INFO:
                text = f"{record.name}: {text}"
            elif not self._notices_on_error:
                stream = sys.stdout
            print(listing(text), file=stream, flush=True)
        except Exception:
            self.handleError(record)


def set_up(args: argparse.Namespace) -> None:
    """Show the messages that the user wants: `--quiet` leaves out notices, `--verbose` adds the steps."""
    for handler in [handler for handler in LOGGER.handlers if isinstance(handler, _Terminal)]:
        LOGGER.removeHandler(handler)
    LOGGER.addHandler(_Terminal(args.prints_data or getattr(args, "json", None) == ALONE))
    LOGGER.setLevel(logging.DEBUG if args.verbose else logging.WARNING if args.quiet else logging.INFO)


def notice(text: str) -> None:
    """Tell the user how the command does its work; `--quiet` leaves it out."""
    LOGGER.info("%s", text)


def tell_progress(text: str) -> None:
    """Tell the user, on standard error, how far a long command is; `--quiet` leaves it out."""
    if LOGGER.isEnabledFor(logging.INFO):
        print(listing(text), file=sys.stderr)


def warn(text: str) -> None:
    """Tell the user about a problem that does not end the command."""
    LOGGER.warning("%s", text)
