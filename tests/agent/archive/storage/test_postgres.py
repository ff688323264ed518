"""What only a database does: versions of its tables, leases that end, and work that is done twice."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

psycopg = pytest.importorskip("psycopg")
pytest.importorskip("alembic")

from alembic.config import Config  # noqa: E402
from alembic.script import ScriptDirectory  # noqa: E402

from autotts.agent.archive.run_lock import RunIsLocked  # noqa: E402
from autotts.agent.archive.storage.postgres import schema  # noqa: E402
from autotts.agent.archive.storage.postgres.address import DatabaseAddress  # noqa: E402
from autotts.agent.archive.storage.postgres.server import DatabaseServer  # noqa: E402
from autotts.agent.archive.storage.postgres.storage import PostgresStorage  # noqa: E402
from autotts.agent.archive.storage.protocol import StorageUnavailable  # noqa: E402
from autotts.envs.errors import InputError  # noqa: E402


@pytest.fixture
def storage(postgres_url: str) -> PostgresStorage:
    return PostgresStorage(DatabaseAddress(postgres_url, "run", "1"))


def test_program_knows_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == schema.HEAD
    assert {each.revision for each in script.walk_revisions()} == set(schema.KNOWN)


def test_database_of_a_newer_program_is_refused_in_one_line(storage: PostgresStorage) -> None:
    assert not storage.exists()
    storage.write("a", b"1")
    with psycopg.connect(storage.address.server) as connection:
        connection.execute("UPDATE autotts.alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match="newer version") as refused:
        PostgresStorage(DatabaseAddress(storage.address.server, "run", "2")).exists()
    assert "\n" not in str(refused.value)


def test_lease_that_was_taken_over_stops_the_writes_of_the_first_holder(storage: PostgresStorage) -> None:
    with pytest.raises(RunIsLocked, match="taken over"), storage.hold():
        storage.write("a", b"first")
        with psycopg.connect(storage.address.server) as connection:  # as another machine does, after 30 silent seconds
            connection.execute("UPDATE autotts.holders SET token = %s, process = %s", (uuid.uuid4(), b"{}"))
        storage.write("a", b"second")
    assert storage.read("a") == b"first"


def test_lease_that_nobody_renews_ends(storage: PostgresStorage) -> None:
    storage.write("a", b"")
    take = "INSERT INTO autotts.holders SELECT id, %s, '{}', now() + %s * interval '1 second' FROM autotts.storages"
    with psycopg.connect(storage.address.server, autocommit=True) as connection:
        connection.execute(take, (uuid.uuid4(), 30))
        with pytest.raises(RunIsLocked, match="within 30 seconds"), storage.hold():
            pass
        connection.execute("UPDATE autotts.holders SET expires = now() - interval '1 second'")
    assert storage.holder() is None
    with storage.hold():
        holder = storage.holder()
        assert holder is not None and holder.process == os.getpid()


def test_work_whose_answer_was_lost_is_done_once(storage: PostgresStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write("a", b"")
    once, failed = DatabaseServer._once, list[int]()

    def lost(self: DatabaseServer, work: object) -> object:
        found = once(self, work)  # type: ignore[arg-type, var-annotated]
        if not failed:
            failed.append(1)
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return found

    monkeypatch.setattr(DatabaseServer, "_once", lost)
    storage.append("log", b"line\n")
    assert failed and storage.read("log") == b"line\n"


def test_server_that_is_not_there_is_told_in_one_line() -> None:
    gone = PostgresStorage(DatabaseAddress("postgresql://127.0.0.1:1/d", "run", "1"))
    with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1/d: .*refused") as told:
        gone.exists()
    assert "\n" not in str(told.value)
