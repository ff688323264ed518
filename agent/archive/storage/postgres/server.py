"""The connections to a database: a pool that is checked, and work that is done again when the server comes back.

Nothing here needs a session to stay: no prepared statements, no session locks, no settings of a session. So a PgBouncer
may stand between, and the server may be killed at any time.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from ..protocol import StorageUnavailable

try:
    import psycopg
    from psycopg import conninfo
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ImportError as missing:
    raise InputError(f"a database needs {missing.name}: {install_command('postgres')}") from None

if TYPE_CHECKING:
    from psycopg import Connection

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds in which a server that was there may come back."""
_MOST_CONNECTIONS = 8
"""Of one process."""
_CONNECTING = 10
"""Seconds that a connection may take."""
_LOST = ("08", "40", "57P", "53300", "25006")
"""Beginnings of the codes of errors after which the same work may succeed: connection lost, a conflict of transactions,
the server shuts down or starts, too many connections, a standby that is becoming the primary server."""

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # the errors that reach the user say the same in one line


class DatabaseServer:
    """A PostgreSQL database, and the pool of this process's connections to it. Safe to use from several threads.

    Args:
        address: the address of the database, without a password; what it leaves out comes from the environment.
    """

    _known: dict[tuple[int, str], DatabaseServer] = {}  # noqa: RUF012  by process and address: no fork shares sockets
    _guard = threading.Lock()

    def __init__(self, address: str) -> None:
        self.address = address
        self.patience = PATIENCE
        self._pool: ConnectionPool[Connection[Any]] | None = None
        self._opening = threading.Lock()

    @classmethod
    def at(cls, address: str) -> DatabaseServer:
        """Return the server of an address; all that is kept in one database shares its pool."""
        with cls._guard:
            return cls._known.setdefault((os.getpid(), address), cls(address))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of each connection."""
        return {"autocommit": True, "prepare_threshold": None, "connect_timeout": _CONNECTING}

    @property
    def pool(self) -> ConnectionPool[Connection[Any]]:
        """The pool; it is opened when it is first asked for.

        Raises:
            StorageUnavailable: the server does not answer, or refuses us.
        """
        with self._opening:
            if self._pool is None:
                self._look()
                atexit.register(self.close)
                self._pool = ConnectionPool(
                    self.address, min_size=0, max_size=_MOST_CONNECTIONS, timeout=_CONNECTING, open=True,
                    max_idle=60.0, kwargs=self.settings, check=ConnectionPool.check_connection, name="autotts",
                )  # fmt: skip
            return self._pool

    def _look(self) -> None:
        """Connect once, so that a wrong address is told at once and in the server's words."""
        try:
            with psycopg.connect(self.address, **self.settings) as connection:
                encoding = connection.info.parameter_status("server_encoding")
        except psycopg.OperationalError as error:
            raise self._unavailable(error) from None
        except (psycopg.Error, ValueError) as error:
            raise InputError(f"{self.address}: {_first_line(error)}") from None
        if encoding != "UTF8":
            raise InputError(f"{self.address}: its encoding is {encoding}; create a database with the encoding UTF8")

    def run(self, work: Callable[[Connection[Any]], T]) -> T:
        """Return the result of ``work`` in one transaction; work is done again if the connection is lost.

        A commit may have happened although its answer was lost: work that is done twice must do the same as once.

        Raises:
            StorageUnavailable: the server has not come back in time.
            OSError: it has no space left, or the user lacks a right.
        """
        return self.retrying(lambda: self._once(work))

    def retrying(self, call: Callable[[], T]) -> T:
        """Return the result of ``call``, which is made again if a connection is lost (see `run`)."""
        waits = wait_random_exponential(multiplier=0.05, max=2.0)
        stop = stop_after_delay(self.patience)
        try:
            return Retrying(retry=retry_if_exception(is_lost), wait=waits, stop=stop, reraise=True, before_sleep=_told)(
                call
            )
        except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory) as error:
            raise OSError(errno.ENOSPC, _first_line(error), self.address) from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise OSError(errno.EACCES, _first_line(error), self.address) from None
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
            raise self._unavailable(error) from None

    def _once(self, work: Callable[[Connection[Any]], T]) -> T:
        with self.pool.connection() as connection, connection.transaction():
            return work(connection)

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        return StorageUnavailable(f"{self.address}: {_first_line(error)}; is the server there, and may you connect?")

    def close(self) -> None:
        """Close the pool; it is opened again when it is needed."""
        with self._opening:
            if self._pool is not None:
                self._pool.close()
                self._pool = None


def is_lost(error: BaseException) -> bool:
    """Return whether an error says that the connection was lost, so that the same work may succeed later."""
    if isinstance(error, (psycopg.InterfaceError, PoolTimeout, PoolClosed)):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_LOST)


def is_address_valid(address: str) -> bool:
    """Return whether PostgreSQL's own library understands an address."""
    try:
        conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        return False
    return True


def _told(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log = logging.getLogger("autotts")
    (log.warning if state.attempt_number == 4 else log.debug)(
        "the database does not answer (%s): trying again", _first_line(error) if error else ""
    )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
