"""The records of a generation's candidates on disk. A kill at any instant loses only the step in flight."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed

from ..archive.archive import unpack_logs
from ..archive.storage.paths import remove_tree
from ..archive.storage.stored_path import AnyPath
from ..records.candidate import CandidateRecord


class Staging:
    """A directory with one file for each candidate, its logs beside it, and one file for each answer of an explorer.

    Args:
        home: the directory, which need not exist.
    """

    def __init__(self, home: AnyPath) -> None:
        self.home = home

    def put(self, record: CandidateRecord) -> None:
        """Write a record in place of the candidate's earlier one."""
        write_sealed(self.home / f"{record.id}.json", record.model_dump_json().encode())

    def get(self, candidate: str) -> CandidateRecord | None:
        """Return the record of a candidate, or None if there is none.

        Raises:
            DamagedFile: the file is damaged.
        """
        path = self.home / f"{candidate}.json"
        try:
            return CandidateRecord.model_validate_json(read_sealed(path))
        except FileNotFoundError:
            return None
        except (ValidationError, DamagedFile):
            raise self._damaged(path) from None

    def put_logs(self, candidate: str, logs: bytes) -> None:
        """Write the packed logs of a candidate."""
        write_sealed(self.home / f"{candidate}.npz", logs)

    def logs(self, candidate: str) -> bytes | None:
        """Return the packed logs of a candidate, or None if there are none.

        Raises:
            DamagedFile: the file is damaged.
        """
        path = self.home / f"{candidate}.npz"
        if not path.exists():
            return None
        try:
            packed = read_sealed(path)
            unpack_logs(packed)
        except Exception:  # damaged bytes make the readers of zip and numpy raise any error
            raise self._damaged(path) from None
        return packed

    def put_ahead(self, candidate: str, kind: str, logs: bytes) -> None:
        """Write packed logs of a candidate whose turn has not come (`overlap.trial`).

        Args:
            candidate: its id.
            kind: a word for the order of the episodes; logs of another kind are other logs.
            logs: of the first episodes in this order.
        """
        write_sealed(self.home / f"{candidate}.{kind}.ahead", logs)

    def ahead(self, candidate: str, kind: str) -> bytes | None:
        """Return the logs that `put_ahead` wrote; None if there are none, or if they are damaged: they can be made
        again."""
        try:
            packed = read_sealed(self.home / f"{candidate}.{kind}.ahead")
            unpack_logs(packed)
        except Exception:  # damaged bytes make the readers of zip and numpy raise any error
            return None
        return packed

    def remove_ahead(self, candidate: str) -> None:
        """Remove what `put_ahead` wrote for a candidate."""
        for path in self.home.glob(f"{candidate}.*.ahead"):
            path.unlink(missing_ok=True)

    def _damaged(self, path: AnyPath) -> DamagedFile:
        """Return the error. Without records and checkpoint, a run starts from the archive, and makes them again."""
        run = self.home.parent
        return DamagedFile(f"{path}: damaged; remove {self.home} and {run / 'checkpoint.sqlite'}, and resume")

    def put_answer(self, place: str, records: Sequence[CandidateRecord]) -> None:
        """Write the proposals with which an explorer answered at one place of the search, so that it is asked once."""
        text = json.dumps([record.model_dump(mode="json") for record in records])
        write_sealed(self.home / f"{place}.answer", text.encode())

    def answer(self, place: str) -> list[CandidateRecord] | None:
        """Return the proposals with which an explorer answered at a place, or None if it has not answered.

        Raises:
            DamagedFile: the file is damaged.
        """
        path = self.home / f"{place}.answer"
        try:
            return [CandidateRecord.model_validate(item) for item in json.loads(read_sealed(path))]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, DamagedFile):
            raise DamagedFile(f"{path}: damaged; remove it, and resume") from None

    def remove(self, name: str) -> None:
        """Remove the record and the logs of a candidate, or the answer at one place of the search."""
        for path in (self.home / f"{name}.{kind}" for kind in ("json", "npz", "answer")):
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all files."""
        remove_tree(self.home)
