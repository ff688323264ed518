"""Processor seconds of commands, of a running application, and of a PostgreSQL server behind them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK")
COMMAND = [sys.executable, "-m", "autotts"]


@dataclass(frozen=True, slots=True)
class Clock:
    """Prints the seconds of work: by the wall, of the processor in this process or in a command, and in the server.

    Args:
        server: process id of a PostgreSQL server; None without one.
    """

    server: int | None = None

    def title(self) -> None:
        """Print the heading."""
        print(f"{'seconds':44}{'wall':>7}{'processor':>11}{'server':>8}", flush=True)

    def timed(self, what: str, act: Callable[[], T]) -> T:
        """Time work of this process."""
        return self._measured(what, act, time.process_time)

    def command(self, what: str, words: Sequence[str]) -> None:
        """Time a command as a process of its own: the start of Python and the imports are included."""

        def act() -> None:
            subprocess.run([*COMMAND, *words], check=True, stdout=subprocess.DEVNULL)

        self._measured(what, act, lambda: sum(os.times()[2:4]))

    def application(self, words: Sequence[str], pages: Sequence[str]) -> None:
        """Time `autotts ui` as a process of its own, from its start to the printed link, and then its pages.

        Args:
            words: the words behind `autotts ui`.
            pages: paths that are asked for one after another.
        """
        words = [*COMMAND, "ui", *words, "--port", "0", "--sandbox", "process"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                used = lambda: own(process.pid)  # noqa: E731
                lines = iter(process.stdout)
                link = self._measured("autotts ui, to its link", lambda: next(x for x in lines if "http" in x), used)
                base, _, token = link.strip().partition("/?token=")
                for page in pages:
                    request = urllib.request.Request(base + page, headers={"Authorization": f"Bearer {token}"})
                    self._measured(f"its page {page}", lambda: urllib.request.urlopen(request).read(), used)  # noqa: B023
            finally:
                process.terminate()

    def _measured(self, what: str, act: Callable[[], T], used: Callable[[], float]) -> T:
        wall, before, served = time.perf_counter(), used(), whole(self.server)
        found = act()
        wall, before, served = time.perf_counter() - wall, used() - before, whole(self.server) - served
        print(f"{what:44}{wall:7.2f}{before:11.2f}{served:8.2f}", flush=True)
        return found


def own(pid: int) -> float:
    """Return the processor seconds of a process."""
    return sum(_times(pid)[:2])


def whole(pid: int | None) -> float:
    """Return the processor seconds of a process and of all its children, present and past; 0 for None."""
    if pid is None:
        return 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_times(pid)) + sum(own(int(child)) for child in children)


def _times(pid: int) -> list[float]:
    """Return the seconds of a process as user and system, and those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return [0.0] * 4
    return [int(field) / _TICKS for field in fields[11:15]]
