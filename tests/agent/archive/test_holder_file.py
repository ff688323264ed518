"""The lock on a file system without locks, and on another machine's: it names its holder, and is taken over."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.holder_file import HOLDER, RunningProcess, take
from autotts.agent.archive.run_lock import LOCK, RunIsLocked, running, working_on
from autotts.agent.cli.main import main
from autotts.envs.seals import sealed

from .finished_run import finished_run


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has no locks."""
    monkeypatch.setattr(fcntl, "lockf", refusing(request.param))
    monkeypatch.setattr(fcntl, "fcntl", refusing(request.param))


def written(path: Path, holder: RunningProcess) -> None:
    path.write_bytes(holder.text())


@pytest.mark.usefixtures("no_locks")
def test_file_takes_the_place_of_the_lock_where_there_are_none(tmp_path: Path) -> None:
    home = finished_run(tmp_path / "run").home
    with working_on(home):
        found = RunningProcess.read((home / HOLDER).read_bytes())
        assert found == RunningProcess.this() or (found and found.process == os.getpid())
        with pytest.raises(RunIsLocked, match=r"by process \d+ \(this one\)"), working_on(home):
            pass
    assert not (home / HOLDER).exists() and running(home) is None


@pytest.mark.usefixtures("no_locks")
def test_living_holder_is_named_and_a_dead_one_replaced(tmp_path: Path) -> None:
    home = finished_run(tmp_path / "run").home
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    fields = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()
    mine = RunningProcess.this()
    written(home / HOLDER, replace(mine, process=other.pid, started=fields[19], since="14:02"))
    named = f"process {other.pid} since 14:02 on {socket.gethostname()}"
    with pytest.raises(RunIsLocked, match=named), working_on(home):
        pass
    other.kill()
    other.wait()
    with working_on(home):
        assert str(running(home)).startswith(f"process {os.getpid()}")
    written(home / HOLDER, replace(mine, started="1"))  # its number belongs to another process now
    with working_on(home):
        pass
    written(home / HOLDER, replace(mine, boot="an earlier one"))
    with working_on(home):
        pass


@pytest.mark.usefixtures("no_locks")
def test_holder_on_another_machine_is_never_replaced(tmp_path: Path) -> None:
    home = finished_run(tmp_path / "run").home
    written(home / HOLDER, replace(RunningProcess.this(), host="node7", boot="theirs"))
    told = rf"process {os.getpid()} since .* on node7; if that process has ended, remove .*{HOLDER}"
    with pytest.raises(RunIsLocked, match=told), working_on(home):
        pass
    (home / HOLDER).write_text("")
    with pytest.raises(RunIsLocked, match="unknown machine"), working_on(home):
        pass


def test_quicker_process_keeps_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, mine = tmp_path / HOLDER, RunningProcess.this()
    written(path, replace(mine, boot="an earlier one"))
    quicker = replace(mine, host="node7")
    real = os.rename

    def rename(source: Path, target: Path) -> None:
        written(source, quicker)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    assert take(path, mine) is not None
    assert RunningProcess.read(path.read_bytes()) == quicker


def test_error_of_the_file_system_is_not_taken_for_a_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "lockf", refusing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"), working_on(tmp_path / "run"):
        pass


def test_lock_names_the_machine_that_its_text_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = finished_run(tmp_path / "run").home
    with working_on(home):
        assert json.loads((home / LOCK).read_bytes())["host"] == socket.gethostname()
    text = json.dumps({"process": 7, "since": "14:02", "host": "node7", "boot": "b", "started": "1"})
    (home / LOCK).write_bytes(sealed("lock.json", text.encode()))
    monkeypatch.setattr(fcntl, "lockf", refusing(errno.EAGAIN))
    with pytest.raises(RunIsLocked, match="being worked on by"), working_on(home):
        pass
    assert str(RunningProcess.read((home / LOCK).read_bytes())) == "process 7 since 14:02 on node7"


def test_commands_that_write_an_archive_are_refused_while_somebody_works_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = finished_run(tmp_path / "run").home
    (tmp_path / "bundle.zip").write_bytes(b"")
    with working_on(home), working_on(tmp_path / "alone"), working_on(tmp_path / "fork"):
        assert main(["archive", "reindex", str(home)]) == 2
        assert main(["archive", "verify", str(home), "--rescore"]) == 2
        assert main(["archive", "import", str(tmp_path / "bundle.zip"), "--archive", str(tmp_path / "alone")]) == 2
        assert main(["fork", str(home), "--generation", "1", "--run", str(tmp_path / "fork")]) == 2
        assert capsys.readouterr().err.count("is being worked on by process") == 4
        assert main(["archive", "verify", str(home)]) == 0
    assert Archive(home / "archive").verify() == []
