"""Runs candidates in Docker containers: a new one for each worker of each run, never shared and never reused."""

from __future__ import annotations

import os
import platform
import secrets
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import tenacity
from docker.errors import DockerException
from requests.exceptions import RequestException

from .. import wire
from ..base import RESERVED, SandboxError, SandboxLimits, SandboxUnavailable, log_message
from ..outcome import Candidate, SandboxOutcome
from . import image as images
from .runner import WorkerSandbox
from .workers import ENVIRONMENT, READ, Worker

LABEL = "autotts.owner"
"""Label of every container: the process that started it (see `owner`)."""
GROUP_LABEL = "autotts.sandbox"
"""Label of every container: the sandbox of that process to which it belongs."""
PATIENCE = 600.0
"""Seconds to wait for an engine that does not answer."""

_TIMEOUT = 60
_HEAD = struct.Struct(">BxxxI")  # header of the engine before each piece of output: stream, bytes that follow
_RESULTS = 1
_SPARE_MEMORY = 128 << 20
_NO_SHARED_OBJECTS = {"kernel.shmmni": "0", "kernel.msgmni": "0", "kernel.sem": "0 0 0 0", "fs.mqueue.queues_max": "0"}

Notice = Callable[[str], None]


class DockerSandbox(WorkerSandbox):
    """A `sandbox.base.Sandbox` of containers without network, writable files, privileges or environment variables.

    Args:
        workers: the number of containers that share the episodes of a run.
        limits: the resources of each container.
        runtime: a runtime of the engine, such as ``runsc``; None for the engine's default.
        notice: called with messages for the user, for example while we wait for the engine; None prints them.
        patience: seconds to wait for an engine that does not answer.
        sleep: waits for a number of seconds.
        interpreter: ``cpython``, or ``pypy``.

    Raises:
        SandboxError: no engine answers, or there is no image and it cannot be built.
    """

    name = "docker"
    about = "a container each, no network, nothing to write to"

    def __init__(
        self,
        workers: int = 1,
        limits: SandboxLimits | None = None,
        runtime: str | None = None,
        notice: Notice | None = None,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        interpreter: str = "cpython",
    ) -> None:
        super().__init__(workers, limits, interpreter)
        self._runtime, self._notice, self._patience, self._sleep = runtime, notice or log_message, patience, sleep
        self._lock = threading.Lock()
        self._warm: deque[Future[_Container]] = deque()
        self._threads = ThreadPoolExecutor(workers + 1, "containers")
        self._closed = False
        self._group = secrets.token_hex(8)
        self._connect()

    def _connect(self) -> None:
        """Remove containers left by dead processes and by this sandbox, and find or build the image."""
        with engine() as client:
            sweep(client)
            self._sweep_own(client, {"status": ["exited", "dead"]})
            if self._runtime is not None and self._runtime not in client.info().get("Runtimes", {}):
                raise SandboxError(f"the Docker engine has no runtime named {self._runtime}")
            ensure = images.ensure_pypy if self.interpreter == "pypy" else images.ensure
            self._image = ensure(client, self._notice)

    def play(
        self, candidate: Candidate, batch: wire.SealedBatch, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.play`. If the engine does not answer, the candidate runs again and is not blamed."""
        counted = 0

        def count(n: int) -> None:
            nonlocal counted
            counted += n
            if progress is not None:
                progress(n)

        def again(state: tenacity.RetryCallState) -> None:
            nonlocal counted
            error = state.outcome.exception() if state.outcome else None
            self._notice(f"{error}; trying again for {self._patience:.0f} s")
            if progress is not None and counted:
                progress(-counted)
            counted = 0

        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(SandboxUnavailable),
            wait=tenacity.wait_exponential_jitter(1, 15),
            stop=tenacity.stop_after_delay(self._patience),
            before_sleep=again,
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    if self._idle_workers is not None:
                        self._idle_workers.clear()
                    self._drain()
                    self._connect()
                return super().play(candidate, batch, count)
        raise AssertionError("unreachable: tenacity returns or raises")

    def start(self) -> Worker:
        """See `WorkerSandbox.start`. The container was started in advance, and the next one starts in a thread."""
        with self._lock:
            if self._closed:
                raise SandboxError("the sandbox is closed")
            while len(self._warm) <= self.workers:
                self._warm.append(self._threads.submit(self._launch))
            first = self._warm.popleft()
        return _DockerWorker(first.result(), self._threads)

    def _launch(self) -> _Container:
        labels = {LABEL: owner(), GROUP_LABEL: self._group}
        # another runtime is a kernel of its own
        setup = wire.setup(strict=self._runtime is None, compiler=self.interpreter == "pypy")
        return _Container(self._image, labels, setup, _confinement(self.limits, self._runtime, self.interpreter))

    def _sweep_own(self, client: docker.DockerClient, states: dict[str, list[str]]) -> None:
        for container in client.api.containers(all=True, filters={"label": f"{GROUP_LABEL}={self._group}", **states}):
            _remove(client, container["Id"])

    def _drain(self) -> None:
        """Remove the containers that were started in advance."""
        with self._lock:
            waiting, self._warm = list(self._warm), deque()
        for future in waiting:
            if not future.cancel():
                with suppress(SandboxError):
                    future.result().remove()

    def close(self) -> None:
        """See `Sandbox.close`."""
        self._closed = True
        self._drain()
        self._threads.shutdown(wait=True)
        with suppress(SandboxError), engine() as client:  # a request that timed out may still have created one
            self._sweep_own(client, {})


class _Container:
    """A running container with `sandbox.worker.worker`, which has its setup message. For one thread at a time."""

    def __init__(self, image: str, labels: dict[str, str], setup: bytes, confinement: dict[str, Any]) -> None:
        self._client = connect()
        self.id = ""
        try:
            with engine_errors():
                api = self._client.api
                self.id = api.create_container(
                    image, stdin_open=True, user="65534:65534", network_disabled=True, labels=labels,
                    environment=ENVIRONMENT, hostname="sandbox",
                    stop_signal="SIGKILL",  # nothing in it needs time to stop
                    host_config=api.create_host_config(**confinement),
                )["Id"]  # fmt: skip
                stream = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                stream_io: Any = api.attach_socket(self.id, stream)
                self.socket: Any = stream_io._sock
                api.start(self.id)
                self.socket.settimeout(_TIMEOUT)
                self.socket.sendall(setup)
                self.socket.settimeout(0)
        except BaseException:
            self.remove()
            raise

    def state(self) -> dict[str, Any]:
        """Return the state of the container as the engine reports it, once the container has ended.

        Raises:
            SandboxUnavailable: the engine does not answer.
        """
        with engine_errors():
            self._client.api.wait(self.id, timeout=10)
            state: dict[str, Any] = self._client.api.inspect_container(self.id)["State"]
            return state

    def remove(self) -> None:
        """Kill and remove the container. If this fails now, a later `sweep` removes it."""
        if self.id:
            _remove(self._client, self.id)
        self._client.close()


def _confinement(limits: SandboxLimits, runtime: str | None, interpreter: str) -> dict[str, Any]:
    """Return the limits and rights of a container, under the names of the engine's HostConfig."""
    memory = limits.memory * limits.processes + _SPARE_MEMORY + RESERVED.get(interpreter, 0)
    return {
        "network_mode": "none",
        "ipc_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": 7 + limits.processes,
        "nano_cpus": 1_000_000_000,
        "tmpfs": {"/tmp": "size=1m,nr_inodes=64,noexec,nosuid,nodev,mode=0755"},
        "sysctls": _NO_SHARED_OBJECTS,
        "log_config": {"Type": "none"},
        "runtime": runtime,
    }


class _DockerWorker(Worker):
    """The host's end of the streams of a container."""

    def __init__(self, container: _Container, threads: ThreadPoolExecutor) -> None:
        self._container, self._threads = container, threads
        self._socket = container.socket
        self._buffer = bytearray()
        self._stopped = False

    def sources(self) -> Iterable[int]:
        """See `Worker.sources`."""
        return (self._socket.fileno(),)

    def sink(self) -> int:
        """See `Worker.sink`."""
        descriptor: int = self._socket.fileno()
        return descriptor

    def read(self, source: int) -> Iterable[tuple[bool, bytes]]:
        """See `Worker.read`."""
        try:
            data = self._socket.recv(READ)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            return [(True, b"")]
        self._buffer += data
        return list(self._taken())

    def _taken(self) -> Iterator[tuple[bool, bytes]]:
        at = 0
        while len(self._buffer) - at >= _HEAD.size:
            stream, size = _HEAD.unpack_from(self._buffer, at)
            end = at + _HEAD.size + size
            if end > len(self._buffer):
                break
            if size:
                yield stream == _RESULTS, bytes(self._buffer[at + _HEAD.size : end])
            at = end
        del self._buffer[:at]

    def write(self, data: memoryview) -> int:
        """See `Worker.write`."""
        sent: int = self._socket.send(data)
        return sent

    def ended(self) -> str:
        """See `Worker.ended`.

        Raises:
            SandboxUnavailable: the container was killed from outside.
        """
        state = self._container.state()
        if state.get("OOMKilled"):
            return "out of memory"
        if state.get("ExitCode") in (137, 143) or state.get("Error"):
            raise SandboxUnavailable(f"a container was killed from outside {state.get('Error', '')}".strip())
        return f"ended with code {state.get('ExitCode')}"

    def stop(self) -> None:
        """See `Worker.stop`. A thread asks the engine to remove the container, so that the caller need not wait."""
        if self._stopped:
            return
        self._stopped = True
        with suppress(OSError):
            self._socket.close()
        try:
            self._threads.submit(self._container.remove)
        except RuntimeError:  # the sandbox has been closed
            self._container.remove()


def connect() -> docker.DockerClient:
    """Return a new client of the engine, for one thread; the caller closes it.

    Raises:
        SandboxUnavailable: no engine answers.
    """
    with engine_errors():
        client: docker.DockerClient = docker.from_env(timeout=_TIMEOUT)
        if client.api.base_url.startswith("http+docker"):  # a socket of this machine: no proxy can be meant
            client.api.trust_env = False  # or each request reads all variables, which other threads may be changing
        return client


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """Return a context with a client of the engine, which is closed at its end.

    Raises:
        SandboxUnavailable: no engine answers, or it fails inside the context.
    """
    client = connect()
    try:
        with engine_errors():
            yield client
    finally:
        client.close()


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn each error of the engine inside the context into `SandboxUnavailable`."""
    try:
        yield
    except (DockerException, RequestException, OSError) as error:
        raise SandboxUnavailable(f"the Docker engine: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = str(getattr(error, "explanation", None) or error)
    if "Connection" in text or "connection" in text or "FileNotFoundError" in text:
        return "no answer"
    return " ".join(text.split())[:200]


def owner() -> str:
    """Return a unique name of this process: machine, boot, process id and start time."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    boot_id = boot.read_text().strip() if boot.exists() else "-"
    return f"{platform.node()} {boot_id} {os.getpid()} {_start_time(os.getpid())}"


def _start_time(process: int) -> str:
    """Return the start time of a process in ticks since the boot; empty if there is no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def sweep(client: docker.DockerClient) -> int:
    """Remove containers in any state whose owner on this machine has ended, and return how many were removed."""
    machine, boot, _, _ = owner().rsplit(" ", 3)
    swept = 0
    for container in client.api.containers(all=True, filters={"label": LABEL}):
        words = container["Labels"][LABEL].rsplit(" ", 3)
        if len(words) != 4 or words[0] != machine:
            continue
        if words[1] == boot and words[2].isdigit() and _start_time(int(words[2])) == words[3]:
            continue
        _remove(client, container["Id"])
        swept += 1
    return swept


def _remove(client: docker.DockerClient, container: str) -> None:
    with suppress(DockerException, RequestException, OSError):
        client.api.remove_container(container, v=True, force=True)
