"""Failures of Docker: an engine that the tests start is killed, its disk is filled, and its image is deleted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends import image as images
from autotts.sandbox.backends.docker import GROUP_LABEL, LABEL, DockerSandbox, sweep
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError, SandboxUnavailable
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate
from autotts.sandbox.outcome import Candidate

from ..conftest import without_docker

pytestmark = pytest.mark.docker

ENVIRONMENT = generate(next(iter(default_models().values())), "toy/model", questions=3, branches=12)
EPISODES = grid([ENVIRONMENT], [0.0, 0.7], range(40), max_branches=8)
CANDIDATE = Candidate("parallel_probe", baseline_source("parallel_probe"))


class Engine:
    """A separate Docker engine that keeps its data in a given directory, which may be a small disk."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.home}/socket"

    def start(self) -> None:
        """Start the engine, and wait until it listens."""
        # the process id of an earlier containerd may belong to a zombie, for which the engine would wait
        (self.home / "exec/containerd/containerd.pid").unlink(missing_ok=True)
        places = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        arguments = [word for option, name in places.items() for word in (option, str(self.home / name))]
        self.process = subprocess.Popen(
            ["dockerd", "--iptables=false", "--bridge=none", *arguments, "-H", self.url],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "API listen on" in line:
                threading.Thread(target=self.process.stderr.read, daemon=True).start()  # drain it
                return
        raise SandboxError(f"an engine did not start: {said[-3:]}")

    def end(self, how: signal.Signals) -> None:
        """Send the engine a signal, and wait for its end."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait()

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.url)


@pytest.fixture
def own_engine(
    image: str, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """A running engine with the image, for this test only; `sandbox.backends.docker` connects to it."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        without_docker("a second engine takes a superuser and dockerd")
    # the path of a socket has at most 107 characters
    found = Engine(Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()))
    disk = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(found.home)]
    subprocess.run(disk, check=True)
    try:
        found.start()
        saved = engine.images.get(image).save(named=True)
        with_image = found.client()
        with_image.images.load(b"".join(saved))
        with_image.close()
        monkeypatch.setenv("DOCKER_HOST", found.url)
        yield found
        found.end(signal.SIGTERM)
    finally:
        subprocess.run(["umount", "--lazy", str(found.home)], check=False)
        found.home.rmdir()


def once(action: Callable[[], None]) -> Callable[[int], None]:
    """Return a progress callback that calls ``action`` once, when the first episodes have finished."""
    left = [action]

    def progress(_: int) -> None:
        if left:
            left.pop()()

    return progress


def same(found: LoggedEvaluation) -> bool:
    """Return whether the logs equal those of an undisturbed evaluation."""
    expected = evaluate(CANDIDATE, EPISODES, ProcessSandbox())
    assert expected.logs is not None
    assert found.logs is not None, found.verdict
    ours, theirs = expected.logs.columns(), found.logs.columns()
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_after_a_killed_engine_returns_the_candidate_runs_again(own_engine: Engine, how: signal.Signals) -> None:
    said: list[str] = []
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:  # the engine misses one attempt
            own_engine.start()

    with DockerSandbox(2, notice=said.append, sleep=sleep) as sandbox:
        found = evaluate(CANDIDATE, EPISODES, sandbox, once(lambda: own_engine.end(how)))
        assert same(found)
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
        assert len(waited) >= 2 and all("trying again" in line for line in said)
    assert not own_engine.client().containers.list(all=True)


def test_an_engine_that_does_not_return_raises_a_one_line_error(own_engine: Engine) -> None:
    waited: list[float] = []
    with DockerSandbox(1, notice=lambda line: None, patience=0.0, sleep=waited.append) as sandbox:
        with pytest.raises(SandboxUnavailable, match="the Docker engine: ") as lost:
            evaluate(CANDIDATE, EPISODES, sandbox, once(lambda: own_engine.end(signal.SIGKILL)))
        assert "\n" not in str(lost.value)
        own_engine.start()


def test_a_deleted_image_is_rebuilt_or_the_error_says_how(own_engine: Engine) -> None:
    said: list[str] = []
    client = own_engine.client()
    (there,) = client.images.list(filters={"label": images.HASH_LABEL})
    with DockerSandbox(1, notice=said.append, patience=0.0, sleep=lambda seconds: None) as sandbox:
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
        sandbox._drain()
        client.images.remove(there.id, force=True)
        with pytest.raises(SandboxError, match=r"No such image|autotts sandbox build"):
            evaluate(CANDIDATE, EPISODES, sandbox)
    client.close()


def test_a_full_disk_is_retried(own_engine: Engine) -> None:
    said: list[str] = []
    filler = own_engine.home / "filler"

    def fill() -> None:
        with filler.open("wb") as file:
            try:
                while file.write(bytes(1 << 20)):
                    file.flush()
            except OSError:
                pass

    with DockerSandbox(1, notice=said.append, sleep=lambda seconds: filler.unlink(missing_ok=True)) as sandbox:
        sandbox._drain()
        fill()
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
    assert any("no space left on device" in line for line in said), said


def test_containers_of_dead_processes_are_removed_in_every_state(own_engine: Engine) -> None:
    client = own_engine.client()
    (there,) = client.images.list(filters={"label": images.HASH_LABEL})
    with DockerSandbox(1) as sandbox:
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
        mine = client.api.containers(all=True, filters={"label": LABEL})
        assert mine and all(GROUP_LABEL in found["Labels"] for found in mine)
        machine, boot, process, _ = mine[0]["Labels"][LABEL].rsplit(" ", 3)
        gone = {LABEL: f"{machine} {boot} {process} 1"}  # a process with the same id that started at another time
        client.api.create_container(there.id, labels=gone)
        client.api.start(client.api.create_container(there.id, labels=gone, stdin_open=True)["Id"])
        other = client.api.create_container(there.id, labels={LABEL: f"elsewhere {boot} {process} 1"})["Id"]
        assert sweep(client) == 2
        left = {found["Id"] for found in client.api.containers(all=True)}
        assert left == {found["Id"] for found in mine} | {other}
        client.api.remove_container(other)
    assert not client.api.containers(all=True)
    client.close()
