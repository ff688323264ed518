"""Holding a run or an archive in a database: a row that names the process, and that it renews while it lives.

A lock of a session would end with every lost connection, and PgBouncer does not keep sessions. A lease survives both,
and that of a killed process ends by itself: at once if the process was one of this machine, else when it expires. A
process that was stopped for so long that another has taken the lease over can write no more.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from autotts.envs.errors import InputError

from ...holder_file import RunningProcess
from ...run_lock import RunIsLocked
from .place import DatabasePlace

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")

LEASE = 30.0
"""Seconds after which a lease that nobody has renewed ends."""
_TAKE = """
    INSERT INTO autotts.holders (storage, token, process, expires)
    VALUES (%(storage)s, %(token)s, %(process)s, now() + %(lease)s * interval '1 second')
    ON CONFLICT (storage) DO UPDATE
    SET token = excluded.token, process = excluded.process, expires = excluded.expires
    WHERE holders.expires < now() OR holders.token = %(token)s OR holders.token = %(ended)s
"""
_RENEW = """
    UPDATE autotts.holders SET expires = now() + %s * interval '1 second' WHERE storage = %s AND token = %s
"""
_SEEN = "SELECT token, process, expires < now() FROM autotts.holders WHERE storage = %s"


@dataclass(frozen=True, slots=True)
class _Lease:
    """A lease of this process."""

    token: uuid.UUID
    process: RunningProcess
    ended: threading.Event = field(default_factory=threading.Event)


_held: dict[DatabasePlace, _Lease] = {}
"""The leases of this process."""
_guard = threading.Lock()


@contextmanager
def holding(storage: DatabasePlace) -> Iterator[None]:
    """Hold a storage, as a context manager (`Storage.hold`)."""
    lease = _Lease(uuid.uuid4(), RunningProcess.this())
    with _guard:
        if storage in _held:
            raise RunIsLocked(f"{storage.name} is being worked on by {_held[storage].process}")
        _take(storage, lease)
        _held[storage] = lease
    renewal = threading.Thread(target=_renew, args=(storage, lease), daemon=True, name="lease")
    renewal.start()
    try:
        yield
    finally:
        lease.ended.set()
        with _guard:
            del _held[storage]
        with suppress(InputError, OSError):  # the server is away: the lease will expire
            _give_back(storage, lease)


def _take(storage: DatabasePlace, lease: _Lease) -> None:
    number = storage.made()

    def work(connection: Connection[Any]) -> RunningProcess | None:
        row = connection.execute(_SEEN, (number,)).fetchone()
        other = _process(row[1]) if row else None
        asked = {
            "storage": number, "token": lease.token, "process": lease.process.text(), "lease": LEASE,
            "ended": row[0] if row and other is not None and other.gone else None,
        }  # fmt: skip
        if connection.execute(_TAKE, asked).rowcount:
            return None
        return holder_of(connection, number) or RunningProcess(0, "", "an unknown machine")

    if (busy := storage.server.run(work)) is not None:
        raise RunIsLocked(
            f"{storage.name} is being worked on by {busy}; if that process has ended, its hold ends within "
            f"{LEASE:.0f} seconds"
        )


def _give_back(storage: DatabasePlace, lease: _Lease) -> None:
    query, number = "DELETE FROM autotts.holders WHERE storage = %s AND token = %s", storage.made()
    storage.server.run(lambda connection: connection.execute(query, (number, lease.token)))


def _renew(storage: DatabasePlace, lease: _Lease) -> None:
    """Renew a lease until it is given back; `changed` tells if another process has taken it meanwhile."""
    number = storage.made()
    while not lease.ended.wait(LEASE / 3):
        with suppress(InputError, OSError):  # the server is away: perhaps the next time
            storage.server.run(lambda connection: connection.execute(_RENEW, (LEASE, number, lease.token)))


def changed(storage: DatabasePlace, work: Callable[[Connection[Any], int], T]) -> T:
    """Return the result of work that writes, given a connection and the number of the storage.

    Work of a process that held the storage and has lost it is refused; processes that never held it may write.

    Raises:
        RunIsLocked: another process has taken it over.
    """
    number = storage.made()

    def fenced(connection: Connection[Any]) -> T:
        _check_hold(connection, storage, number)
        return work(connection, number)

    return storage.server.run(fenced)


def _check_hold(connection: Connection[Any], storage: DatabasePlace, number: int) -> None:
    lease = _held.get(storage)
    if lease is None:
        return
    query = "SELECT 1 FROM autotts.holders WHERE storage = %s AND token = %s FOR SHARE"
    if connection.execute(query, (number, lease.token)).fetchone() is None:
        other = holder_of(connection, number) or "another process"
        raise RunIsLocked(f"{storage.name} was taken over by {other}, as this process did not answer for too long")


def holder_of(connection: Connection[Any], number: int) -> RunningProcess | None:
    """Return the process that holds a storage; None if none does, or if it has certainly ended."""
    row = connection.execute(_SEEN, (number,)).fetchone()
    process = _process(row[1]) if row and not row[2] else None
    return None if process is None or process.gone else process


def _process(data: bytes) -> RunningProcess:
    return RunningProcess.read(bytes(data)) or RunningProcess(0, "", "an unknown machine")
