"""The checkpoints of a run: a SQLite database in its directory, or tables of the server that keeps the run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from autotts.envs.errors import DamagedFile

from ..archive.checkpoint_seals import SETUP, check_checkpoint, seal_file, seal_new_rows, unseal_file
from ..archive.run_directory import Run

if TYPE_CHECKING:
    from ..archive.storage.postgres.storage import PostgresStorage

THREAD, OLD_THREAD = "discovery", "run"
"""The LangGraph thread of the checkpoints in a run directory, and the one that version 0.1 used."""


def thread_of(run: Run) -> str:
    """Return the LangGraph thread of a run: the runs of a server share its tables."""
    storage = _on_server(run)
    return THREAD if storage is None else storage.key


def _on_server(run: Run) -> PostgresStorage | None:
    """Return the storage of a run on a server; None for a run in a directory."""
    if isinstance(run.home, Path):
        return None
    from ..archive.storage.postgres.storage import PostgresStorage

    assert isinstance(run.home.storage, PostgresStorage)
    return run.home.storage


@contextmanager
def checkpoints(run: Run, writing: bool = True) -> Iterator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints of a run, as a context manager.

    They may come from somebody else. LangGraph would import and call any function that they name, unless only certain
    types are allowed; the state has no type beside those that are always safe.

    Args:
        run: the run.
        writing: whether checkpoints are written, by the only process that works on the run.

    Raises:
        DamagedFile: the database is damaged, or cannot be read or written.
        StorageUnavailable: the server that keeps the run does not answer.
    """
    serde = JsonPlusSerializer(allowed_msgpack_modules=())
    if (storage := _on_server(run)) is not None:
        from .server_saver import ServerSaver

        yield ServerSaver.opened(storage.server, serde)
        return
    assert isinstance(run.checkpoint, Path)
    with _in_file(run.checkpoint, serde, writing) as saver:
        yield saver


def generations_of(run: Run) -> str | None:
    """Return the LangGraph thread with one checkpoint for each generation of a run on a server; None elsewhere."""
    storage = _on_server(run)
    return None if storage is None else f"generations of {storage.key}"


def forget_earlier(run: Run, saver: BaseCheckpointSaver[Any]) -> None:
    """Keep one checkpoint of the generation that has ended, and drop the others, on a server that keeps many runs.

    The file of a run directory keeps all of them, for `autotts history`.
    """
    if (kept := generations_of(run)) is None:
        return
    last = saver.get_tuple({"configurable": {"thread_id": thread_of(run)}})
    if last is not None:
        place: RunnableConfig = {"configurable": {"thread_id": kept, "checkpoint_ns": ""}}
        saver.put(place, last.checkpoint, last.metadata, last.checkpoint["channel_versions"])
    saver.prune([thread_of(run)])


@contextmanager
def _in_file(path: Path, serde: JsonPlusSerializer, writing: bool) -> Iterator[SqliteSaver]:
    check_checkpoint(path)
    if writing:
        unseal_file(path)
    try:
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            yield (_SealingSaver if writing else SqliteSaver)(connection, serde=serde)
    except sqlite3.OperationalError as error:
        raise DamagedFile(f"{path}: cannot be written or read ({error}); repair it, and resume") from None
    except sqlite3.DatabaseError as error:
        raise DamagedFile(f"{path}: damaged ({error}); remove it, and resume: the archive is kept") from None
    finally:
        if writing:
            seal_file(path)


class _SealingSaver(SqliteSaver):
    """Writes a checksum beside each row (`agent.archive.checkpoint_seals`)."""

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:  # fmt: skip
        """Store a checkpoint and its checksum."""
        stored = super().put(config, checkpoint, metadata, new_versions)
        self._seal()
        return stored

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store the writes of a task and their checksums."""
        super().put_writes(config, writes, task_id, task_path)
        self._seal()

    def _seal(self) -> None:
        with self.cursor() as cursor:
            cursor.execute(SETUP)
            seal_new_rows(cursor)
