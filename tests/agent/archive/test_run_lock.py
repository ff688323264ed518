"""One process at a time works on a run, and a killed one leaves no stale lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import autotts
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.run_lock import LOCK, RunIsLocked, running, working_on
from autotts.agent.cli.main import main

from .finished_run import finished_run

HOLDS = """
import os, sys, time
from pathlib import Path
from autotts.agent.archive.run_lock import working_on
with working_on(Path(sys.argv[1])):
    child = os.fork()  # as an explorer of the user may do; it outlives a kill of its parent
    if child:
        print(child, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a process that works on ``home``, and yield it with the id of its child."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_second_process_is_refused_and_a_killed_one_leaves_the_run_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = finished_run(tmp_path / "run").home
    with another_process(home) as (process, child):
        busy = f"{home} is being worked on by process {process.pid} since "
        for line in (["resume", str(home)], ["discover", "--run", str(home), "--env", "synthetic/tiny"]):
            assert main([*line, "--sandbox", "process"]) == 2
            assert capsys.readouterr().err.startswith(f"autotts: {busy}")
        with pytest.raises(RunIsLocked, match=busy):
            autotts.resume(home)
        assert main(["status", str(home)]) == 0
        text = capsys.readouterr().out
        assert f"running (process {process.pid} since" in text and "autotts resume" not in text
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.kill(child, 0)  # it is alive, and does not hold the lock
        assert running(home) is None
        with working_on(home):
            pass
    assert main(["status", str(home)]) == 0
    assert "not finished" in capsys.readouterr().out


def test_second_thread_is_refused_and_looking_does_not_release_the_lock(tmp_path: Path) -> None:
    home = finished_run(tmp_path / "run").home
    with working_on(home):
        assert running(home) is not None
        look = "import sys; from pathlib import Path; from autotts.agent.archive.run_lock import running; "
        look += "print(running(Path(sys.argv[1])).process)"
        seen = subprocess.run([sys.executable, "-c", look, str(home)], capture_output=True, text=True, check=True)
        assert int(seen.stdout) == os.getpid()
        with pytest.raises(RunIsLocked, match=r"\(this one\)"), working_on(home):
            pass
    assert running(home) is None and (home / LOCK).is_file()
    assert Archive(home / "archive").verify() == []


def test_lock_of_a_run_that_never_began_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ValueError), working_on(tmp_path / "new"):
        raise ValueError
    assert not (tmp_path / "new").exists()


def test_looking_at_a_run_on_a_read_only_medium_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = finished_run(tmp_path / "run").home
    assert running(home) is None and not (home / LOCK).exists()
    assert main(["status", str(home)]) == 0 and not (home / LOCK).exists()
    with working_on(home):
        pass
    (home / LOCK).chmod(0o444)
    home.chmod(0o555)
    try:
        assert main(["status", str(home)]) == 0
        assert main(["archive", "verify", str(home)]) == 0
    finally:
        home.chmod(0o755)
