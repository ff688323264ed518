"""The way out for all text of the command: nothing that others wrote can control the terminal.

Standard output and standard error are wrapped while a command runs, so `print`, messages, errors and libraries all
write `neutral` text. Colours and cursor movements of our own go through a `TerminalConsole`, which neutralises what it
draws instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, cast

from autotts.envs.plain_text import neutral


class PlainStream:
    """A text stream that neutralises everything that is written to it.

    Args:
        raw: the stream to write to. Binary data written to its ``buffer`` are for programs, and pass unchanged.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write ``text``, and return its length."""
        self.raw.write(neutral(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write all ``lines``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


@contextmanager
def neutral_output() -> Iterator[None]:
    """Make standard output and standard error neutral in the context, and tracebacks in the rest of this process."""
    before = sys.stdout, sys.stderr
    sys.excepthook = _print_traceback
    sys.stdout, sys.stderr = (cast(TextIO, PlainStream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    import traceback

    sys.stderr.write(neutral("".join(traceback.format_exception(kind, error, trace))))
