"""Counts the times that a run died while it worked on one candidate, so that `resume` does not die of it for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.store import write_atomically
from autotts.sandbox.base import SandboxError
from autotts.sandbox.outcome import Verdict

from ..archive.storage.stored_path import AnyPath

MOST_DEATHS = 3
"""Deaths of a run in the work on one candidate after which the run passes the candidate over."""


class WorkCancelled(Exception):
    """The user, or a server, has ended the work: no fault of the candidate."""


_NOT_ITS_FAULT = (
    KeyboardInterrupt, SystemExit, GeneratorExit, WorkCancelled, SandboxError, InputError, DamagedFile, OSError,
)  # fmt: skip
"""Errors that say nothing about the candidate: the user, the sandbox, the disk, the files of the run."""


class Attempts:
    """A file beside the records of a run for each work on a candidate that has begun and not ended.

    A process that is killed, runs out of memory, or meets an error of ours leaves the file behind. Ctrl-C does not.

    Args:
        home: the directory of the files, which need not exist.
    """

    def __init__(self, home: AnyPath) -> None:
        self._home = home

    @contextmanager
    def of(self, candidate: str, work: str) -> Iterator[bool]:
        """Count an attempt at ``work`` on a candidate; the context is the attempt.

        Yields:
            Whether the work may be tried: the run has not died `MOST_DEATHS` times in it.
        """
        path = self._path(candidate, work)
        deaths = self._deaths(path)
        if deaths < MOST_DEATHS:
            write_atomically(path, b"%d\n" % (deaths + 1))
        try:
            yield deaths < MOST_DEATHS
        except _NOT_ITS_FAULT as error:
            if error.__cause__ is None or isinstance(error.__cause__, _NOT_ITS_FAULT):
                self._forget(path, deaths)
            raise  # a sandbox that failed because of an error of ours is such an error too
        self._forget(path, 0)

    def deaths(self, candidate: str, work: str) -> int:
        """Return how often the run has died in ``work`` on a candidate, alone or among others."""
        return self._deaths(self._path(candidate, work))

    def _path(self, candidate: str, work: str) -> AnyPath:
        return self._home / f"{candidate}.{work}.attempts"

    def _deaths(self, path: AnyPath) -> int:
        try:
            return int(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return 0

    def _forget(self, path: AnyPath, deaths: int) -> None:
        """Take back the count of this attempt."""
        if deaths:
            write_atomically(path, b"%d\n" % deaths)
            return
        path.unlink(missing_ok=True)
        with suppress(OSError):  # other files are there
            self._home.rmdir()


def passed_over(work: str) -> Verdict:
    """Return the verdict on a candidate in whose ``work`` the run died too often."""
    return Verdict(
        "crash",
        f"the process of the run was killed, or failed, {MOST_DEATHS} times in its {work}, so the run passed it over; "
        "`autotts discover --from` evaluates its source again",
    )
