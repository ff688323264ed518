"""Fixtures that need a Docker engine: a skip without one, a failure where AUTOTTS_REQUIRE_DOCKER=1 asks for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

from sandbox.base import SandboxError

if TYPE_CHECKING:
    import docker


def without_docker(why: str) -> NoReturn:
    """Skip, or fail where an engine is required."""
    if os.environ.get("AUTOTTS_REQUIRE_DOCKER") == "1":
        pytest.fail(f"a Docker engine is required here: {why}")
    pytest.skip(f"no Docker: {why}")


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine."""
    from sandbox.backends.docker import connect

    try:
        client = connect()
    except SandboxError as error:
        without_docker(str(error))
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """The id of the sandbox's image, which is made if it is not there."""
    from sandbox.backends import image as images

    try:
        return images.ensure(engine, print)
    except SandboxError:
        pass
    try:
        return images.bootstrap(engine, print)
    except SandboxError as error:
        without_docker(str(error))
        raise
