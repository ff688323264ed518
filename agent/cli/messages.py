"""Messages for the user on standard error, through Python's `logging`.

The logger ``autotts`` carries notices (level INFO), warnings and errors, and with `--verbose` the steps of the program
(DEBUG). Only the command shows them: in a library they go where the caller's logging sends them, by default nowhere.
"""

from __future__ import annotations

import argparse
import logging
import sys

LOGGER = logging.getLogger("autotts")


class _StandardError(logging.Handler):
    """Prints each message on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = " ".join(record.getMessage().split()) if record.levelno >= logging.WARNING else record.getMessage()
            prefix = "autotts: " if record.levelno >= logging.WARNING else ""
            if record.levelno <= logging.DEBUG:
                prefix = f"{record.name}: "
            print(prefix + text, file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def set_up(args: argparse.Namespace) -> None:
    """Show the messages that the user wants: `--quiet` leaves out notices, `--verbose` adds the steps."""
    for handler in [handler for handler in LOGGER.handlers if isinstance(handler, _StandardError)]:
        LOGGER.removeHandler(handler)
    LOGGER.addHandler(_StandardError())
    quiet, verbose = getattr(args, "quiet", False), getattr(args, "verbose", False)
    LOGGER.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)


def notice(text: str) -> None:
    """Tell the user how the command does its work; `--quiet` leaves it out."""
    LOGGER.info("%s", text)


def warn(text: str) -> None:
    """Tell the user about a problem that does not end the command."""
    LOGGER.warning("%s", text)


def shows_progress() -> bool:
    """Return whether a progress bar is shown: on a terminal, without `--quiet`."""
    return sys.stderr.isatty() and LOGGER.isEnabledFor(logging.INFO)
