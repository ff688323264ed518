"""Keeps the action logs of a run while they arrive: checked one by one, compact, and under a budget of memory.

The contract bounds the log of an episode. A branch with D steps to its end gives at most 2 D entries: one opens it,
each interval gives one, and each interval but the last may be probed once (a probe that shows nothing new is not in
the log). A run or a prune takes the place of an interval. A record has at least one entry. A verifier and forks allow
more (see `envs.episodes.entries_of`).
"""

from __future__ import annotations

import struct
import threading
from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Logs, entries_of

from .outcome import Verdict

LARGEST_LOG = 1 << 23
"""The largest log of one episode in bytes, whatever the contract allows."""
RUN_BYTES = 1 << 27
"""Bytes that the logs of one run may take together."""
EPISODE_BYTES = 1 << 12
"""Bytes that the logs of a larger run may take for each episode, on average."""

_COUNT = struct.Struct("<I")
_HEAD, _RECORD, _INDEX = _COUNT.size, 5, 2  # bytes: the number of records, one record, one index


class BadFrame(Exception):
    """A worker sent bytes that are not a valid frame.

    Attributes:
        verdict: the verdict on the candidate.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def largest_log(
    lengths: npt.NDArray[np.uint32], max_branches: int, verifier: bool = False, forks: int = 0
) -> int:
    """Return the bytes of the longest log that a controller can write on a question.

    Args:
        lengths: (N,) steps to the end of each branch.
        max_branches: the branches that may be opened: the longest ones, for this bound.
        verifier: see `envs.episodes.entries_of`.
        forks: the same.
    """
    steps = int(lengths.sum() if max_branches >= len(lengths) else np.sort(lengths)[-max_branches:].sum())
    return _bytes_of(entries_of(steps, verifier, forks))


def largest_log_of(steps: int) -> int:
    """Return the bytes of the longest log of a controller that may make so many steps, without verifier and forks."""
    return _bytes_of(2 * steps)


def _bytes_of(entries: int) -> int:
    return min(LARGEST_LOG, _HEAD + entries * (_RECORD + _INDEX))


def largest_run(episodes: int) -> int:
    """Return the bytes that the logs of a run of ``episodes`` may take together."""
    return max(RUN_BYTES, EPISODE_BYTES * episodes)


def too_much(most: int) -> Verdict:
    """Return the verdict on a candidate whose logs take more than ``most`` bytes."""
    message = f"its action logs take more than {most >> 20} MiB; branches that are stepped together (step_many)"
    return Verdict("output", f"{message} share a record")


class LogBudget:
    """The memory that the logs of all workers of a run may take together.

    Args:
        episodes: the number of episodes of the run.
    """

    def __init__(self, episodes: int) -> None:
        self.most = largest_run(episodes)
        self._used, self._lock = 0, threading.Lock()

    def take(self, size: int) -> None:
        """Count ``size`` more bytes.

        Raises:
            BadFrame: the budget does not have them.
        """
        with self._lock:
            self._used += size
            if self._used > self.most:
                raise BadFrame(too_much(self.most))


class KeptLogs:
    """The logs of some episodes as columns, in the order in which they arrived.

    Args:
        budget: the memory for the logs of the run.
    """

    def __init__(self, budget: LogBudget) -> None:
        self._budget = budget
        self._verbs, self._repeats, self._counts, self._indices = (bytearray() for _ in range(4))
        self._answers, self._records, self._entries = array("i"), array("q"), array("q")

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, answer: int, log: bytes) -> None:
        """Keep the answer and the packed log of the next episode (see `ActionLog.pack`).

        Raises:
            BadFrame: the log is cut short, or there is no memory for it.
        """
        size = len(log)
        n = _COUNT.unpack_from(log)[0] if size >= _HEAD else size
        if size < _HEAD + _RECORD * n or (size - n) % _INDEX:
            raise BadFrame(Verdict("protocol", "a log that is cut short"))
        self._budget.take(size)
        repeats, counts, indices = _HEAD + n, _HEAD + 3 * n, _HEAD + _RECORD * n
        self._verbs += log[_HEAD:repeats]
        self._repeats += log[repeats:counts]
        self._counts += log[counts:indices]
        self._indices += log[indices:]
        self._answers.append(answer)
        self._records.append(n)
        self._entries.append((size - indices) // _INDEX)

    def logs(self) -> Logs:
        """Return the logs; the columns are not copied.

        Raises:
            BadFrame: the counts of a log do not match its indices. The episode is a number in the order of arrival.
        """
        logs = Logs(
            answer=np.frombuffer(self._answers, np.int32),
            record_offsets=np.concatenate(([0], np.cumsum(np.frombuffer(self._records, np.int64)))),
            verbs=np.frombuffer(self._verbs, np.uint8),
            repeats=np.frombuffer(self._repeats, np.uint16),
            counts=np.frombuffer(self._counts, np.uint16),
            indices=np.frombuffer(self._indices, np.uint16),
        )
        sums = logs.index_offsets[logs.record_offsets]
        wrong = np.flatnonzero(np.diff(sums) != np.frombuffer(self._entries, np.int64))
        if len(wrong):
            raise BadFrame(Verdict("protocol", "a log whose counts do not match", int(wrong[0])))
        return logs


def logs_in_order(parts: Sequence[tuple[npt.NDArray[np.int64], KeptLogs]]) -> Logs:
    """Return the logs of all episodes of a run, in the order of the run.

    Args:
        parts: for each worker, the indices of its episodes in the order in which it played them, and their logs.

    Raises:
        BadFrame: the counts of a log do not match its indices.
    """
    done: list[Logs] = []
    wrong: list[Verdict] = []
    for indices, kept in parts:
        try:
            done.append(kept.logs())
        except BadFrame as bad:
            wrong.append(Verdict(bad.verdict.kind, bad.verdict.message, int(indices[bad.verdict.episode or 0])))
    if wrong:
        raise BadFrame(min(wrong, key=lambda verdict: verdict.episode or 0))
    order = np.concatenate([indices for indices, _ in parts])
    logs = done[0] if len(done) == 1 else Logs.joined(done)
    return logs if (np.diff(order) == 1).all() else logs.take(np.argsort(order))
