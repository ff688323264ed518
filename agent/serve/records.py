"""What a gateway writes about its episodes: a line of JSON for each in the log, and kept episodes in a directory."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autotts.envs.errors import InputError

from .parts import QuestionEpisode
from .served_answer import ServedAnswer


class EpisodeLog:
    """Writes one line of JSON for each request. It holds no text of a question or of an answer.

    Args:
        write: writes a line; None to write nothing.
        now: returns the time.
    """

    def __init__(
        self, write: Callable[[str], object] | None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._write, self._now = write, now

    def episode(self, answer: ServedAnswer, *, streamed: bool) -> None:
        """Write the line of an episode that has ended."""
        details = answer.details
        del details["answer"]
        usage = answer.usage
        self._line("episode", details | {"usage": usage, "streamed": streamed, "finish_reason": answer.finish_reason})

    def other(self, event: str, **fields: Any) -> None:
        """Write the line of a request without an episode: passed through, refused, or left by its client."""
        self._line(event, fields)

    def _line(self, event: str, fields: dict[str, Any]) -> None:
        if self._write is not None:
            time = self._now().isoformat(timespec="milliseconds")
            self._write(json.dumps({"time": time, "event": event} | fields, separators=(",", ":")))


class EpisodeKeeper:
    """Keeps episodes as lines of JSON that can be replayed, in ``DIR/episodes.jsonl``.

    Args:
        directory: the directory; it is made if it is missing.
        line: returns an episode as one line of JSON.
        share: the share of the episodes that is kept, from 0 to 1, drawn by the hash of their ids.

    Raises:
        InputError: the directory cannot be written.
    """

    def __init__(
        self, directory: Path, line: Callable[[QuestionEpisode, ServedAnswer], str], share: float = 1.0
    ) -> None:
        self.path, self._line, self._share = directory / "episodes.jsonl", line, share
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise InputError(f"--keep {directory}: {error.strerror or error}") from None

    def keeps(self, episode: str) -> bool:
        """Return whether the episode with this id is kept."""
        drawn = int.from_bytes(hashlib.sha256(episode.encode()).digest()[:7], "big")
        return drawn < self._share * (1 << 56)

    def keep(self, episode: QuestionEpisode, answer: ServedAnswer) -> None:
        """Append an episode that has ended."""
        line = self._line(episode, answer)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
