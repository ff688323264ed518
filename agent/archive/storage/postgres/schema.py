"""The version of the tables in a database: created and changed by Alembic, and refused if a newer program made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from .server import DatabaseServer

if TYPE_CHECKING:
    from psycopg import Connection

HEAD = "0001"
"""The newest version of the tables, as this program uses them."""
KNOWN = (HEAD,)
"""All versions that this program can change into the newest."""
_LOCK = 0x6175746F747473
"""Number of the lock under which one program at a time changes the tables: the letters of the name in hexadecimal."""


def schema_version(server: DatabaseServer) -> str | None:
    """Return the version of the tables; None if there are none.

    Raises:
        InputError: a newer program made them.
    """
    found = server.run(_read)
    if found is not None and found not in KNOWN:
        raise InputError(f"{server.address}: its tables are of a newer version ({found[:40]}): update this program")
    return found


def _read(connection: Connection[Any]) -> str | None:
    there = connection.execute("SELECT to_regclass('autotts.alembic_version')").fetchone()
    if there is None or there[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM autotts.alembic_version").fetchone()
    return str(row[0]) if row else None


def migrate(server: DatabaseServer) -> None:
    """Create the tables, or change them into their newest version; do nothing if they are.

    Raises:
        InputError: a newer program made them, or Alembic is missing.
        OSError: the user may not create tables.
    """
    if schema_version(server) != HEAD:
        server.retrying(lambda: _upgrade(server))


def _upgrade(server: DatabaseServer) -> None:
    try:
        from alembic import command
        from alembic.config import Config
        from sqlalchemy import create_engine
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.pool import NullPool
    except ImportError as missing:
        raise InputError(f"a new database needs {missing.name}: {install_command('postgres')}") from None
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    engine = create_engine(
        "postgresql+psycopg://", poolclass=NullPool,
        creator=lambda: psycopg.connect(server.address, prepare_threshold=None),
    )  # fmt: skip
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")  # released with the transaction
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS autotts")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from None
        raise
    finally:
        engine.dispose()
