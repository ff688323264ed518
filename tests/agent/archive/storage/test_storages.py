"""Both storages against the conformance suite, and what only one of them does."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from autotts.agent.archive.storage.directory import DirectoryStorage
from autotts.testing import ConformanceError, check_storage

psycopg = pytest.importorskip("psycopg")

from autotts.agent.archive.storage.postgres.address import DatabaseAddress  # noqa: E402
from autotts.agent.archive.storage.postgres.storage import PostgresStorage  # noqa: E402


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.slow
def test_directory_conforms(tmp_path: Path) -> None:
    home = tmp_path / "new"
    report = check_storage(partial(DirectoryStorage, home), kills=2, damage=lambda name: flip(home / name))
    assert "damage" in report.checks and not list(home.glob(".writing-*"))
    shutil.rmtree(home)


@pytest.mark.slow
def test_database_conforms(postgres_url: str) -> None:
    place = DatabaseAddress(postgres_url, "archive", "nämé 1")

    def damage(name: str) -> None:
        with psycopg.connect(postgres_url) as connection:  # what no program of ours may do
            connection.execute("ALTER TABLE autotts.blobs DISABLE TRIGGER immutable")
            connection.execute("ALTER TABLE autotts.blobs DROP CONSTRAINT content_has_its_hash")
            connection.execute(
                "UPDATE autotts.blobs SET data = set_byte(data, 500, 1) WHERE sha256 = (SELECT sha256 FROM "
                "autotts.version_files WHERE version = %s AND name = %s)", tuple(name.split("/"))
            )  # fmt: skip

    report = check_storage(partial(PostgresStorage, place), kills=2, damage=damage)
    assert "damage" in report.checks


@pytest.mark.slow
def test_database_conforms_behind_pgbouncer(pgbouncer: object, database: str) -> None:
    place = DatabaseAddress(pgbouncer.url(database), "run", "1")  # type: ignore[attr-defined]
    check_storage(partial(PostgresStorage, place), megabytes=1, kills=1)


class Forgetful(DirectoryStorage):
    """Says of every folder that it was added."""

    def add(self, *arguments: object, **named: object) -> bool:
        super().add(*arguments, **named)  # type: ignore[arg-type]
        return True


def test_check_says_what_a_storage_does_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConformanceError, match="folders: the same folder was added twice"):
        check_storage(partial(Forgetful, tmp_path / "new"), megabytes=0)
