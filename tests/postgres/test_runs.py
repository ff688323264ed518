"""Runs on PostgreSQL: lost connections, restarts and kills change nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.index import ArchiveIndex
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_hold import RunIsLocked, running, working_on
from autotts.agent.archive.storage.addresses import located
from autotts.agent.archive.verify_run import check_run
from autotts.agent.cli.main import main
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.events import MigrantsChosen, RunFinished
from autotts.agent.reports.run_report.page import page
from autotts.envs import store
from autotts.sandbox.backends.process import ProcessSandbox

from ..agent.loop.test_graph import WORLD, Single, tree
from ..agent.loop.test_shared_archive import Other, Searching
from .driver import begin, contents
from .server import PgBouncer, PostgresServer, running_pgbouncer, running_postgres

pytestmark = pytest.mark.slow
KILLS = 6
"""Kills of each test with kills, at moments that a seed draws."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The archive and the report of the run in a directory, undisturbed."""
    run = begin(tmp_path_factory.mktemp("reference") / "run")
    discover(Discovery(run, Single(), ProcessSandbox(), render=page))
    return contents(run)


@pytest.fixture(scope="module")
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that the tests here may kill; the shared one shows that this machine has PostgreSQL."""
    with running_postgres() as server:
        yield server


def test_lost_connections_and_restarts_change_nothing(
    server: PostgresServer, pgbouncer: PgBouncer, reference: dict[str, bytes]
) -> None:
    database = server.new_database()

    class Disturbed(Discovery):
        def collect(self, state):  # type: ignore[no-untyped-def]
            assert server.disconnect(database), "idle connections, which the pool still holds"
            return super().collect(state)

        def evaluate(self, state):  # type: ignore[no-untyped-def]
            server.kill()
            threading.Thread(target=server.start).start()  # the work waits for it
            return super().evaluate(state)

        def diagnose(self, state):  # type: ignore[no-untyped-def]
            for backend in server.backends(database)[:1]:
                server.kill_backend(backend)
            return super().diagnose(state)

        def archive_generation(self, state):  # type: ignore[no-untyped-def]
            server.stop()
            server.start()
            return super().archive_generation(state)

    with running_pgbouncer(server) as bouncer:
        home = located(f"{bouncer.url(database)}/disturbed")
        with working_on(home):
            run = begin(home)
            discover(Disturbed(run, Single(), ProcessSandbox(), render=page))
        assert contents(run) == reference
        assert check_run(home).problems == ()
        assert len(run.events_of(RunFinished)) == 1
    with server.connect(database) as connection:
        left = dict(connection.execute("SELECT thread_id, count(*) FROM checkpoints GROUP BY thread_id").fetchall())
    assert left.pop("run/disturbed") <= 2, "old checkpoints are gone"
    assert left == {"generations of run/disturbed": 1 + run.config.generations}, "but one for each"


def test_kills_of_drivers_and_of_the_server_change_nothing(server: PostgresServer, reference: dict[str, bytes]) -> None:
    database, chance = server.new_database(), random.Random(19)
    home = located(f"{server.url(database)}/killed")
    kills, done = ["driver", "backend", "server"] * (KILLS // 3), False
    chance.shuffle(kills)
    while not done:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres.driver", str(home)], stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert process.stdout is not None
        until = chance.randrange(2, 12)
        for number, _ in enumerate(process.stdout, 1):
            if not kills or number != until:
                continue
            match kills.pop():
                case "driver":
                    os.kill(process.pid, signal.SIGKILL)
                case "backend":
                    for backend in server.backends(database)[:1]:
                        server.kill_backend(backend)
                case "server":
                    server.kill()
                    server.start()
            until += chance.randrange(2, 8)
        process.stdout.close()
        done = process.wait() == 0
        assert done or process.returncode == -signal.SIGKILL
    assert not kills
    assert running(home) is None
    assert contents(Run(home)) == reference
    assert check_run(home).problems == ()


def test_a_second_process_is_refused(postgres: PostgresServer, postgres_url: str) -> None:
    home = located(f"{postgres_url}/held")
    with working_on(home):
        begin(home)
        held = running(home)
        assert held is not None and held.process == os.getpid()
        found = subprocess.run(
            [sys.executable, "-m", "tests.postgres.driver", str(home)], capture_output=True, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert found.returncode == 1 and "RunIsLocked" in found.stderr and str(os.getpid()) in found.stderr
        with pytest.raises(RunIsLocked), working_on(home):
            pass
    assert running(home) is None


COMMANDS = (
    "status RUN", "status URL", "lineage RUN", "lineage --archive RUN", "show early_stopping --run RUN",
    "show RUN:early_stopping", "run verify RUN", "archive verify RUN --rescore", "archive reindex RUN", "history RUN",
    "trace early_stopping --run RUN --question 1 --sandbox process", "plot lineage --run RUN -o lineage.svg",
    "diff early_stopping self_consistency --run RUN",
    "evaluate RUN:early_stopping --env hidden/name --beta 1 --orders 1 --sandbox process --interpreter cpython",
    "archive export --run RUN -o b.zip early_stopping", "archive import b.zip --archive URL/two",
    "fork RUN --generation 1 --run URL/three --generations 2 --explorer evolve", "status URL/three",
)  # fmt: skip
REFUSED = {
    "status postgresql://someone:hidden-word@host/database/run": "leave the password out of the address",
    "status postgresql://127.0.0.1:1/database/run": "is the server there",
    "status URL/nothing": "no config.json",
    "lineage --archive URL/nothing": "no such archive",
    "show URL/one": "names no version",
}  # fmt: skip


def test_commands_take_addresses(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store.save(WORLD, tmp_path / "data" / "hidden" / "name.env.npz")
    home = located(f"{postgres_url}/one")
    with working_on(home):
        discover(Discovery(begin(home, generations=1), Single(), ProcessSandbox(), render=page))

    def called(command: str) -> int:
        words = [word.replace("RUN", str(home)).replace("URL", postgres_url) for word in command.split()]
        try:
            return main(words)
        except SystemExit as ended:
            return int(ended.code or 0)

    for command in COMMANDS:
        assert called(command) == 0, (command, capsys.readouterr().err)
    capsys.readouterr()
    assert called("history RUN --json -") == 0
    kept = json.loads(capsys.readouterr().out)["checkpoints"]
    assert [row["when"] for row in kept] == sorted((row["when"] for row in kept), reverse=True)
    assert kept[0]["next"] == [] and {row["generation"] for row in kept} == {1, 2}  # each ended, and the end
    for command, why in REFUSED.items():
        assert called(command) == 2, command
        told = capsys.readouterr().err.strip()
        assert why in told and "\n" not in told and "hidden-word" not in told, told


def test_application_shows_a_run_of_a_server(postgres_url: str) -> None:
    from fastapi.testclient import TestClient

    from autotts.agent.archive.reader import open_reader
    from autotts.agent.ui.app import create

    home = located(f"{postgres_url}/watched")
    with working_on(home):
        run = begin(home, generations=1)
        place = open_reader(str(home), None, None)
        seen: list[int] = []

        class Watched(Discovery):
            def archive_generation(self, state):  # type: ignore[no-untyped-def]
                done = super().archive_generation(state)
                seen.append(len(open_reader(str(home), None, None).view().rows))
                return done

        with TestClient(create(place, "process", lambda: True)) as client:
            assert client.get("/api/run").status_code == 200
            discover(Watched(run, Single(), ProcessSandbox(), render=page))
            found = json.loads(client.get("/api/run").text)
            shown = json.loads(client.get("/api/versions").text)
    assert seen == [6, 9]
    assert "finished" in json.dumps(found) and "early_stopping" in json.dumps(shown)


def test_runs_of_several_machines_share_an_archive(postgres_url: str, tmp_path: Path) -> None:
    pool = f"{postgres_url}/pool"
    runs = {
        "single": begin(located(f"{postgres_url}/one"), share=pool),
        "other": begin(tmp_path / "two", explorer="other", share=pool),
    }
    explorers = {"single": Single, "other": Other}
    working = [
        threading.Thread(target=lambda name=name: discover(Searching(runs[name], explorers[name](), ProcessSandbox())))
        for name in runs
    ]
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    shared = Archive(located(pool, "archive"))
    sources = [card.source_sha256 for card in shared.cards()]
    assert len(sources) == len(set(sources)) > len(runs["single"].archive.ids()), "one version for each source"
    assert shared.verify() == []
    again = begin(tmp_path / "again", explorer="other", share=pool)
    for event in runs["other"].events_of(MigrantsChosen):
        again.log(event)
    discover(Searching(again, Other(), ProcessSandbox()))
    assert tree(again.archive) == tree(runs["other"].archive)
    found = ArchiveIndex(shared.root).view()
    assert {row.explorer for row in found.rows} >= {"single", "other"}, "a page on any machine shows all"
