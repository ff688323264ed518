"""What all tests share: which of them are slow, a Docker engine with the sandbox's image, and a PostgreSQL server.

Without an engine, or without PostgreSQL or PgBouncer, the tests that need one are skipped; AUTOTTS_REQUIRE_DOCKER=1
and AUTOTTS_REQUIRE_POSTGRES=1 make them fail instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import hypothesis
import pytest

from autotts.sandbox.backends.idle_workers import IdleWorkers
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.backends.workers import Worker
from autotts.sandbox.base import SandboxError

from .envs.live.vllm_server import vllm_server

if TYPE_CHECKING:
    import docker

    from .postgres.server import PgBouncer, PostgresServer

hypothesis.settings.register_profile("tests", deadline=None)  # no test depends on how fast the machine is
hypothesis.settings.load_profile("tests")

TESTS = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts a container, a browser or the installed command."""
    for item in items:
        if item.path.is_relative_to(TESTS / "e2e") or any(map(item.get_closest_marker, ("docker", "browser"))):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def idle_workers() -> Iterator[IdleWorkers]:
    """Plain processes that have served one run, and wait for another."""
    with IdleWorkers() as idle:
        yield idle


@pytest.fixture(autouse=True)
def silent_library() -> Iterator[None]:
    """Take back what a command has set up for its messages: the library is silent until a user sets logging up."""
    logger = logging.getLogger("autotts")
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture(scope="module", autouse=True)
def shared_workers(request: pytest.FixtureRequest, idle_workers: IdleWorkers) -> Iterator[None]:
    """Reuse the workers of plain processes, where no sandbox is tested: each run has a child process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.path.is_relative_to(TESTS / "sandbox") and request.path.name != "test_check_sandbox.py":
            _share(patch, idle_workers)
        yield


def _share(patch: pytest.MonkeyPatch, idle: IdleWorkers) -> None:
    take, give = ProcessSandbox.take, ProcessSandbox.give

    def taken(sandbox: ProcessSandbox) -> Worker:
        return idle.take(sandbox.start) if type(sandbox) is ProcessSandbox else take(sandbox)

    def given(sandbox: ProcessSandbox, worker: Worker) -> None:
        idle.give(worker) if type(sandbox) is ProcessSandbox else give(sandbox, worker)

    patch.setattr(ProcessSandbox, "take", taken)
    patch.setattr(ProcessSandbox, "give", given)


@pytest.fixture(scope="session")
def vllm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of vLLM's own server with the tiny model; it starts once, for the tests marked `vllm`."""
    with vllm_server(tmp_path_factory.mktemp("vllm")) as url:
        yield url


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other process of this machine is inside a block of this name."""
    with (Path(tempfile.gettempdir()) / f"autotts-tests-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file, or the end of this process, releases it
        yield


def without_docker(why: str) -> NoReturn:
    """Skip, or fail where an engine is required."""
    if os.environ.get("AUTOTTS_REQUIRE_DOCKER") == "1":
        pytest.fail(f"a Docker engine is required here: {why}")
    pytest.skip(f"no Docker: {why}")


def without_pypy(why: str) -> NoReturn:
    """Skip, or fail where PyPy is required."""
    if os.environ.get("AUTOTTS_REQUIRE_PYPY") == "1":
        pytest.fail(f"PyPy is required here: {why}")
    pytest.skip(f"no PyPy: {why}")


@pytest.fixture(scope="session")
def pypy() -> None:
    """PyPy, which is built if it is not there and is required."""
    from autotts.sandbox.backends.root import build_pypy, has_pypy

    with one_at_a_time("pypy"):
        if has_pypy():
            return
        if os.environ.get("AUTOTTS_REQUIRE_PYPY") != "1":
            without_pypy("`autotts sandbox build --interpreter pypy` builds it")
        try:
            build_pypy(print)
        except SandboxError as error:
            without_pypy(str(error))


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine."""
    from autotts.sandbox.backends.docker import connect

    try:
        client = connect()
    except SandboxError as error:
        without_docker(str(error))
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """The id of the sandbox's image, which is made if it is not there."""
    from autotts.sandbox.backends import image as images

    with one_at_a_time("image"):  # a build removes what is left of another
        try:
            return images.ensure(engine, print)
        except SandboxError:
            pass
        try:
            return images.bootstrap(engine, print)
        except SandboxError as error:
            without_docker(str(error))
            raise


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that tests share: they use databases of their own, and neither stop nor kill it."""
    with contextlib.ExitStack() as stack:
        yield _started(stack, "running_postgres")


@pytest.fixture(scope="session")
def pgbouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """PgBouncer with transaction pooling, in front of the shared server."""
    with contextlib.ExitStack() as stack:
        yield _started(stack, "running_pgbouncer", postgres)


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The name of an empty database of the shared server."""
    name = postgres.new_database()
    yield name
    postgres.drop_database(name)


@pytest.fixture
def postgres_url(postgres: PostgresServer, database: str) -> str:
    """The address of an empty database of the shared server."""
    return postgres.url(database)


def _started(stack: contextlib.ExitStack, name: str, *arguments: object) -> Any:
    try:
        from .postgres import server
    except ModuleNotFoundError as error:
        without_postgres(f"{error.name} is not installed")
    try:
        return stack.enter_context(getattr(server, name)(*arguments))
    except server.NoPostgres as error:
        without_postgres(str(error))


def without_postgres(why: str) -> NoReturn:
    """Skip, or fail where PostgreSQL is required."""
    if os.environ.get("AUTOTTS_REQUIRE_POSTGRES") == "1":
        pytest.fail(f"PostgreSQL is required here: {why}")
    pytest.skip(why)
