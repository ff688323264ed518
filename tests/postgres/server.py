"""Debian's PostgreSQL and PgBouncer, started as an ordinary user in a temporary directory, for tests and benchmarks.

Both listen on the loopback interface only. The superuser of the database is `USER`, without a password unless one is
asked for.
"""

from __future__ import annotations

import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql

USER = "autotts"
"""The role that owns everything in the server."""
STARTING = 60.0
"""Seconds that a server may take to start; two were seen."""
_OWNERS = ("postgres", "nobody")
"""Accounts under which the servers run if this process is the superuser's: both refuse to run as root."""
# a commit reaches the operating system: it survives a kill of the server, and only a power failure would lose it
_SETTINGS = {
    "fsync": "off", "full_page_writes": "off", "listen_addresses": "127.0.0.1",
    "max_connections": "200", "shared_buffers": "32MB", "log_min_messages": "log", "autovacuum_naptime": "5s",
}  # fmt: skip


class NoPostgres(Exception):
    """This machine lacks PostgreSQL or PgBouncer."""


def binaries() -> Path:
    """Return the directory of the newest PostgreSQL that is installed.

    Raises:
        NoPostgres: there is none.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    raise NoPostgres("no PostgreSQL here: apt-get install postgresql")


class Daemon:
    """A server process that can be stopped, killed and started again with the same data.

    Args:
        command: its command line.
        home: its working directory, which it owns.
        ready: text in its log that tells that it accepts connections.
    """

    def __init__(self, command: Sequence[str], home: Path, ready: str) -> None:
        self.command, self.home, self._ready = list(command), home, ready
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """All that the server has written to its log."""
        return "".join(self._lines)

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        accepts = threading.Event()
        self._process = process = as_owner(self.command, self.home)

        def read() -> None:
            assert process.stderr is not None
            with process.stderr as lines:
                for line in lines:
                    self._lines.append(line)
                    if self._ready in line:
                        accepts.set()
            accepts.set()  # it has ended

        threading.Thread(target=read, daemon=True).start()
        assert accepts.wait(STARTING) and process.poll() is None, f"{self.command[0]} has ended:\n{self.log[-3000:]}"

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Send a signal, by default that of a fast shutdown, and wait for the end of the process and of its children.

        Args:
            how: the signal; SIGKILL is that of `kill -9`.
        """
        if self._process is None:
            return
        children = [*map(_descriptor, _children(self.pid))]
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        self._process.wait(STARTING)
        for child in children:
            if child is not None:  # backends of a killed server end by themselves, and hold its memory until then
                select.select([child], [], [], STARTING)
                os.close(child)
        self._process = None

    def kill(self) -> None:
        """Kill the process with SIGKILL, and wait until its children have ended too."""
        self.stop(signal.SIGKILL)


class PostgresServer(Daemon):
    """A PostgreSQL server. All data stay when it is stopped, killed and started again, also on the same port.

    Args:
        home: an empty directory that the owner of the server may write.
        password: password of `USER`; by default no connection needs one.
    """

    def __init__(self, home: Path, password: str = "") -> None:
        self.port, self.password = free_port(), password
        self.bin = binaries()
        secret = home / "password"
        secret.write_text(password)
        ask = ["--auth=scram-sha-256", f"--pwfile={secret}"] if password else ["--auth=trust"]
        initdb = [self.bin / "initdb", "-D", home / "data", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync", *ask]
        made = as_owner([*map(str, initdb)], home)
        out = made.communicate()[1]
        assert made.returncode == 0, out
        secret.unlink()
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(home)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        super().__init__(
            [str(self.bin / "postgres"), "-D", str(home / "data"), *options], home,
            "database system is ready to accept connections",
        )  # fmt: skip

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Open a connection that commits each statement."""
        return psycopg.connect(self.url(database), password=self.password or None, autocommit=True)

    def new_database(self) -> str:
        """Create an empty database, and return its name."""
        name = f"d{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, and the connections to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def backends(self, database: str) -> list[int]:
        """Return the process numbers of the connections to a database, the oldest first."""
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() ORDER BY backend_start"
        with self.connect() as connection:
            return [int(str(row[0])) for row in connection.execute(query, (database,))]

    def disconnect(self, database: str) -> int:
        """End all connections to a database, as an administrator or a firewall does, and return their number."""
        backends = self.backends(database)
        with self.connect() as connection:
            for pid in backends:
                connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        return len(backends)

    def kill_backend(self, pid: int) -> None:
        """Kill one backend with SIGKILL: the server then ends all connections, recovers, and accepts new ones."""
        if _parent(pid) == self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class PgBouncer(Daemon):
    """PgBouncer in front of a server, with transaction pooling.

    Args:
        server: the server.
        home: an empty directory that the owner of the process may write.
    """

    def __init__(self, server: PostgresServer, home: Path) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            raise NoPostgres("no PgBouncer here: apt-get install pgbouncer")
        self.server, self.port = server, free_port()
        (home / "users").write_text(f'"{USER}" "{server.password}"\n')
        (home / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={server.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = {'scram-sha-256' if server.password else 'trust'}\nauth_file = {home / 'users'}\n"
            "pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = 20\nserver_login_retry = 1\n"
        )
        super().__init__([program, str(home / "pgbouncer.ini")], home, "process up")

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database through PgBouncer, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"


_D = TypeVar("_D", bound=Daemon)


@contextmanager
def running_postgres(password: str = "") -> Iterator[PostgresServer]:
    """Start a new server, as a context manager; it is stopped at the end, and its data are removed.

    Args:
        password: password of `USER`; by default no connection needs one.

    Raises:
        NoPostgres: this machine has no PostgreSQL.
    """
    with _running(lambda home: PostgresServer(home, password)) as server:
        yield server


@contextmanager
def running_pgbouncer(server: PostgresServer) -> Iterator[PgBouncer]:
    """Start PgBouncer in front of a server, as a context manager.

    Raises:
        NoPostgres: this machine has no PgBouncer.
    """
    with _running(lambda home: PgBouncer(server, home)) as bouncer:
        yield bouncer


@contextmanager
def _running(made: Callable[[Path], _D]) -> Iterator[_D]:
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="autotts-postgres-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        if os.geteuid() == 0:
            os.chown(home, owner(), -1)
        daemon = made(home)
        stack.callback(daemon.stop)
        daemon.start()
        yield daemon


def owner() -> int:
    """Return the number of the account under which servers run: this one, unless it is the superuser's."""
    import pwd

    if os.geteuid() != 0:
        return os.geteuid()
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return next(known[name] for name in _OWNERS if name in known)


def as_owner(command: Sequence[str], home: Path) -> subprocess.Popen[str]:
    """Start a command as the owner of the servers, in a session of its own, with its messages in a pipe."""
    clean = {key: value for key, value in os.environ.items() if not re.match("PG|LC_|LANG", key)}
    root = os.geteuid() == 0
    return subprocess.Popen(
        command, cwd=home, env={**clean, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        user=owner() if root else None, extra_groups=[] if root else None,
    )  # fmt: skip


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _children(pid: int) -> list[int]:
    try:
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return []


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _descriptor(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends; None if it has ended."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
