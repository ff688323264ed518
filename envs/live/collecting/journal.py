"""The journal of a collection: one line for each finished request, so that none is asked for twice.

Lines are only appended, and synchronised to the disk in batches. Each carries a checksum. A last line that a killed
process left torn is dropped; every other damage is an error. One process at a time works on a journal.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from ...errors import DamagedFile, InputError
from ...seals import line_content, sealed_line
from ...store import naming_os_errors
from .records import CollectRecord, from_json, to_json

FILE = "journal.jsonl"
SUFFIX = ".collect"
"""The ending of a work directory."""
_FORMAT = 1
_BATCH = 64
"""Lines between two synchronisations: a power failure loses no more. A killed process loses none."""


class CollectJournal:
    """The journal in a work directory, which is made if it is missing.

    Args:
        home: the work directory.
        identity: what the branches depend on, by name: a journal of another identity is refused.
        restart: begin anew, and drop what the journal holds.

    Raises:
        InputError: the journal belongs to other arguments, or another process works on it.
        DamagedFile: its first line is damaged.
    """

    def __init__(self, home: Path, identity: Mapping[str, Any], *, restart: bool = False) -> None:
        self.path = home / FILE
        with naming_os_errors(self.path):
            home.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._unsynchronised = 0
        try:
            self._lock()
            if restart:
                os.ftruncate(self._descriptor, 0)
            self._drop_torn_line()
            self._begin(json.loads(json.dumps(dict(identity))))
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{self.path}: another process collects here") from None

    def _drop_torn_line(self) -> None:
        """Cut the file after its last line break."""
        end = os.fstat(self._descriptor).st_size
        while end:
            start = max(0, end - (1 << 16))
            at = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        os.ftruncate(self._descriptor, end)

    def _begin(self, identity: dict[str, Any]) -> None:
        first = next(self._lines(), None)
        if first is None:
            self._append(json.dumps({"kind": "collection", "format": _FORMAT, "identity": identity}))
            self.synchronise()
            return
        if first.get("format") != _FORMAT or not isinstance(before := first.get("identity"), dict):
            raise InputError(f"{self.path}: written by another version of this program; --restart begins anew")
        changed = [
            f"{name} was {_short(before.get(name))}, and is now {_short(identity.get(name))}"
            for name in {**before, **identity}
            if before.get(name) != identity.get(name)
        ]
        if changed:
            raise InputError(
                f"{self.path}: collected with other arguments ({'; '.join(changed[:3])}): give those again to go on, "
                "or --restart to begin anew"
            )

    def records(self) -> Iterator[CollectRecord]:
        """Yield what the journal holds, in order.

        Raises:
            DamagedFile: a line is damaged.
        """
        lines = self._lines()
        next(lines, None)
        for number, line in enumerate(lines, 2):
            try:
                yield from_json(line)
            except ValueError as error:
                raise self._damaged(number, str(error)) from None

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            for number, data in enumerate(file, 1):
                text = line_content(data.rstrip(b"\n").decode(errors="replace"))
                try:
                    found = None if text is None else json.loads(text)
                except ValueError:
                    found = None
                if not isinstance(found, dict):
                    raise self._damaged(number, "it does not match its checksum")
                yield found

    def _damaged(self, number: int, why: str) -> DamagedFile:
        return DamagedFile(f"{self.path}: line {number} is damaged ({why}); --restart begins anew")

    def append(self, record: CollectRecord) -> None:
        """Write a record. It survives the end of this process at once, and a power failure after the next batch."""
        self._append(to_json(record))

    def _append(self, document: str) -> None:
        with naming_os_errors(self.path):
            data = sealed_line(document).encode() + b"\n"
            while data:
                data = data[os.write(self._descriptor, data) :]
        self._unsynchronised += 1
        if self._unsynchronised >= _BATCH:
            self.synchronise()

    def synchronise(self) -> None:
        """Wait until all lines are on the disk."""
        with naming_os_errors(self.path):
            os.fsync(self._descriptor)
        self._unsynchronised = 0

    def discard(self) -> None:
        """Drop all lines: the next command begins anew."""
        os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Synchronise and close the file. May be called twice."""
        if self._descriptor >= 0:
            self.synchronise()
            os.close(self._descriptor)
            self._descriptor = -1


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
