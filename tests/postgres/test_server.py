"""Tests of the PostgreSQL server that the tests start."""

from __future__ import annotations

import psycopg
import pytest

from .server import PgBouncer, PostgresServer, running_postgres

pytestmark = pytest.mark.slow


def test_data_survive_kills_of_the_server_and_of_its_backends(postgres: PostgresServer) -> None:
    with running_postgres() as server:  # its own: other tests have connections to the shared one
        with server.connect() as connection:
            connection.execute("CREATE TABLE kept (number int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        server.kill()
        server.start()
        with server.connect() as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
            server.kill_backend(connection.info.backend_pid)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")


def test_pgbouncer_gives_statements_of_one_client_to_several_connections(pgbouncer: PgBouncer, database: str) -> None:
    url = pgbouncer.url(database)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as one:
        first = one.execute("SELECT pg_backend_pid()").fetchone()
        with psycopg.connect(url, prepare_threshold=None) as other:  # holds a connection until its transaction ends
            assert other.execute("SELECT pg_backend_pid()").fetchone() == first
            assert one.execute("SELECT pg_backend_pid()").fetchone() != first
