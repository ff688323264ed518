"""The checkpoints of runs that a PostgreSQL server keeps.

LangGraph's own saver does the work. Connections come from a pool that checks them, because servers and proxies end idle
ones; no statement is prepared and none is in a pipeline, because a pooler such as PgBouncer gives the statements of a
client to several connections; and an operation whose connection breaks is done again. All of them may be: they add rows
by their keys, and a key that is there already keeps its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol

from ..archive.storage.postgres.server import DatabaseServer

_SETUP = 0x6C616E676772
"""Number of the lock under which one program at a time makes LangGraph's tables: the letters "langgr"."""
_VERSION = "SELECT max(v) FROM checkpoint_migrations"


class ServerSaver(PostgresSaver):
    """LangGraph's saver on the pool of a server, which survives lost connections.

    Args:
        server: the server.
        serde: reads and writes values.
    """

    def __init__(self, server: DatabaseServer, serde: SerializerProtocol) -> None:
        super().__init__(server.pool, serde=serde)  # its cursors ask for rows as dictionaries by themselves
        self.supports_pipeline = False
        self._server = server

    @classmethod
    def opened(cls, server: DatabaseServer, serde: SerializerProtocol) -> Self:
        """Return a saver whose tables are there and of the newest version.

        Raises:
            StorageUnavailable: the server does not answer.
            OSError: the user may not create tables.
        """
        saver = cls(server, serde)
        if server.retrying(saver._version) != len(cls.MIGRATIONS) - 1:
            server.retrying(saver._make_tables)
        return saver

    def _version(self) -> int | None:
        with self._cursor() as cursor:
            try:
                row = cursor.execute(_VERSION).fetchone()
            except psycopg.errors.UndefinedTable:
                return None
            return row["max"] if row else None

    def _make_tables(self) -> None:
        """Make the tables while no other program does: an index that two make at once fails in one of them."""
        with self._server.pool.connection() as connection, connection.transaction():
            # the lock of a transaction, for a pooler keeps no session; asked for again and again, for one who waits in
            # a statement would hold up the index that the other one makes
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            while not _one(connection, f"SELECT pg_try_advisory_xact_lock({_SETUP})"):
                connection.execute("SELECT pg_sleep(0.05)")
            self.setup()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, by default the latest of its thread."""
        found = super().get_tuple
        return self._server.retrying(lambda: found(config))

    def list(
        self, config: RunnableConfig | None, *, filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None, limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:  # fmt: skip
        """Yield checkpoints, the latest first."""
        listed = super().list
        yield from self._server.retrying(lambda: [*listed(config, filter=filter, before=before, limit=limit)])

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:  # fmt: skip
        """Store a checkpoint."""
        stored = super().put
        return self._server.retrying(lambda: stored(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store the writes of a task."""
        stored = super().put_writes
        self._server.retrying(lambda: stored(config, writes, task_id, task_path))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Drop the earlier checkpoints of threads."""
        pruned = super().prune
        self._server.retrying(lambda: pruned(thread_ids, strategy=strategy))


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
