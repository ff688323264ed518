"""Docker's own failures: an engine of the test's own is killed, filled up, and robbed of its image."""

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

from agent.archive.baselines import baseline_source
from envs.episodes import grid
from envs.synthetic.model import default_models, generate
from sandbox.backends import image as images
from sandbox.backends.docker import GROUP_LABEL, LABEL, DockerSandbox, sweep
from sandbox.backends.process import ProcessSandbox
from sandbox.base import SandboxError, SandboxUnavailable
from sandbox.evaluation import Evaluation, evaluate
from sandbox.outcome import Candidate

from ..conftest import without_docker

pytestmark = pytest.mark.docker

WORLD = generate(next(iter(default_models().values())), "toy/model", questions=3, branches=12)
EPISODES = grid([WORLD], [0.0, 0.7], range(40), max_branches=8)
CANDIDATE = Candidate("parallel_probe", baseline_source("parallel_probe"))


class Engine:
    """A Docker engine of its own, in a directory that may be a small disk."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.home}/socket"

    def start(self) -> None:
        """Start it, and wait until it says that it listens."""
        # the pid of a containerd that was killed along with it may belong to a zombie, which it would wait for
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
                threading.Thread(target=self.process.stderr.read, daemon=True).start()  # or it would wait for us
                return
        raise SandboxError(f"an engine did not start: {said[-3:]}")

    def end(self, how: signal.Signals) -> None:
        """Send it a signal, and wait for its end."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait()

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.url)


@pytest.fixture
def own(
    image: str, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """A running engine of the test's own that has the image, to which `sandbox.backends.docker` connects."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        without_docker("a second engine takes a superuser and dockerd")
    # a socket's path may have 107 characters
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
    """Return a progress callback that does something the first time that episodes have come back."""
    left = [action]

    def progress(_: int) -> None:
        if left:
            left.pop()()

    return progress


def same(found: Evaluation) -> bool:
    """Whether the evaluation is what an undisturbed one is."""
    expected = evaluate(CANDIDATE, EPISODES, ProcessSandbox())
    assert expected.logs is not None
    assert found.logs is not None, found.verdict
    ours, theirs = expected.logs.columns(), found.logs.columns()
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_engine_is_waited_for_and_the_candidate_run_again(own: Engine, how: signal.Signals) -> None:
    said: list[str] = []
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:  # it stays away for one more attempt
            own.start()

    with DockerSandbox(2, notice=said.append, sleep=sleep) as sandbox:
        found = evaluate(CANDIDATE, EPISODES, sandbox, once(lambda: own.end(how)))
        assert same(found)
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
        assert len(waited) >= 2 and all("trying again" in line for line in said)
    assert not own.client().containers.list(all=True)


def test_an_engine_that_stays_away_is_given_up_with_one_line(own: Engine) -> None:
    waited: list[float] = []
    with DockerSandbox(1, notice=lambda line: None, patience=0.0, sleep=waited.append) as sandbox:
        with pytest.raises(SandboxUnavailable, match="the Docker engine: ") as lost:
            evaluate(CANDIDATE, EPISODES, sandbox, once(lambda: own.end(signal.SIGKILL)))
        assert "\n" not in str(lost.value)
        own.start()


def test_a_deleted_image_is_built_again_or_asked_for(own: Engine) -> None:
    said: list[str] = []
    client = own.client()
    (there,) = client.images.list(filters={"label": images.HASH_LABEL})
    with DockerSandbox(1, notice=said.append, patience=0.0, sleep=lambda seconds: None) as sandbox:
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
        sandbox._drain()
        client.images.remove(there.id, force=True)
        with pytest.raises(SandboxError, match=r"No such image|autotts sandbox build"):
            evaluate(CANDIDATE, EPISODES, sandbox)
    client.close()


def test_a_full_disk_is_waited_for(own: Engine) -> None:
    said: list[str] = []
    filler = own.home / "filler"

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


def test_what_a_dead_process_left_is_swept_in_every_state(own: Engine) -> None:
    client = own.client()
    (there,) = client.images.list(filters={"label": images.HASH_LABEL})
    with DockerSandbox(1) as sandbox:
        assert same(evaluate(CANDIDATE, EPISODES, sandbox))
        mine = client.api.containers(all=True, filters={"label": LABEL})
        assert mine and all(GROUP_LABEL in found["Labels"] for found in mine)
        machine, boot, process, _ = mine[0]["Labels"][LABEL].rsplit(" ", 3)
        gone = {LABEL: f"{machine} {boot} {process} 1"}  # a process of that number that began at another time
        client.api.create_container(there.id, labels=gone)
        client.api.start(client.api.create_container(there.id, labels=gone, stdin_open=True)["Id"])
        other = client.api.create_container(there.id, labels={LABEL: f"elsewhere {boot} {process} 1"})["Id"]
        assert sweep(client) == 2
        left = {found["Id"] for found in client.api.containers(all=True)}
        assert left == {found["Id"] for found in mine} | {other}
        client.api.remove_container(other)
    assert not client.api.containers(all=True)
    client.close()
