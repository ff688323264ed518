"""Builds and finds the Docker image of the sandbox. A label holds the hash of all files that are built into it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, DockerException

from .. import wire
from ..base import SandboxError
from . import debian
from .root import NO_PYPY, has_pypy, root, root_hash

NAME = "autotts-sandbox"
BASE = "autotts-sandbox-base"
"""The base image that `bootstrap` makes."""
HASH_LABEL = "autotts.worker"
STAGE_LABEL = "autotts.stage"
BASE_LABEL = "autotts.base"
SUITE = "bookworm"
PYPY_NAME = "autotts-sandbox-pypy"
PYPY_LABEL = "autotts.pypy"
"""A label of the image of PyPy: the hash of its files."""

Report = Callable[[str], None]

_SANDBOX = Path(__file__).parents[1]


def worker_hash() -> str:
    """Return the hash of all files that go into the image. An image with another hash is out of date."""
    return hashlib.sha256(b"\0".join(data for _, data in sorted(_context().items()))).hexdigest()


def find(client: docker.DockerClient) -> str | None:
    """Return the id of an image that is up to date, or None."""
    images = client.images.list(filters={"label": f"{HASH_LABEL}={worker_hash()}"})
    return str(images[0].id) if images else None


def local_base(client: docker.DockerClient) -> str | None:
    """Return a base from which the image can be built without a download, or None."""
    old = client.images.list(filters={"label": HASH_LABEL})
    bases = (*(image.labels.get(BASE_LABEL) for image in old), BASE)
    return next((base for base in bases if base and client.images.list(name=base)), None)


def ensure(client: docker.DockerClient, report: Report) -> str:
    """Return the id of an image that is up to date. Build the image if its base is on this machine.

    Raises:
        SandboxError: there is no such image, and its base is not on this machine.
    """
    current = find(client)
    if current is not None:
        return current
    base = local_base(client)
    if base is not None:
        report(f"building the sandbox's image anew, from {base}")
        return build(client, base, lambda line: None)
    raise SandboxError("the Docker engine has no sandbox image: `autotts sandbox build` makes it, or with --bootstrap")


def build(client: docker.DockerClient, base: str | None, report: Report) -> str:
    """Build the image, remove the images that it replaces, and return its id.

    Args:
        client: a client of the engine.
        base: an image with Python; None for the default of Dockerfile.sandbox.
        report: called with a line for every step.

    Raises:
        SandboxError: the engine cannot build the image.
    """
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, data in _context().items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    context.seek(0)
    try:
        image, lines = client.images.build(
            fileobj=context, custom_context=True, dockerfile="Dockerfile.sandbox", tag=NAME, network_mode="none",
            buildargs={"BASE_IMAGE": base} if base else {}, rm=True, forcerm=True,
            labels={HASH_LABEL: worker_hash(), BASE_LABEL: base or ""},
        )  # fmt: skip
    except (BuildError, APIError) as error:
        reason = " ".join(str(getattr(error, "msg", None) or getattr(error, "explanation", None) or error).split())
        raise SandboxError(
            f"the image cannot be built: {reason[:300]}; where no base can be pulled, name one that is there with "
            "--base, or make one with `autotts sandbox build --bootstrap`"
        ) from error
    finally:
        _remove_stages(client)
    for line in lines:
        if isinstance(line, dict) and str(line.get("stream", "")).strip():
            report(str(line["stream"]).strip())
    for other in client.images.list(filters={"label": HASH_LABEL}):
        if other.id != image.id:
            _remove(client, str(other.id))
    return str(image.id)


def bootstrap(client: docker.DockerClient, report: Report) -> str:
    """Make a base from Debian packages, build the image from it, and return the id of the image.

    Raises:
        SandboxError: we do not run as root, debootstrap is missing, or no Debian mirror answers.
    """
    if os.geteuid() != 0:
        raise SandboxError("--bootstrap makes a Debian tree, for which it must be run by root")
    if shutil.which("debootstrap") is None:
        raise SandboxError("--bootstrap needs debootstrap; install it with `apt-get install debootstrap`")
    with tempfile.TemporaryDirectory(prefix="autotts-base-") as home:
        tree = Path(home) / "tree"
        report(f"fetching Python's Debian packages ({SUITE})")
        command = ["debootstrap", "--variant=minbase", "--include=python3-minimal,libpython3-stdlib", SUITE, str(tree)]
        done = subprocess.run([*command, *debian.mirror()], capture_output=True, text=True)
        if done.returncode != 0:
            output = [*done.stderr.splitlines(), *done.stdout.splitlines()] or ["no output"]
            raise SandboxError(f"debootstrap failed: {output[-1]}")
        report("importing them")
        with subprocess.Popen(["tar", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as tar:
            try:
                client.api.import_image(tar.stdout, repository=BASE, tag="latest")
            except DockerException as error:
                tar.kill()
                raise SandboxError(f"the base cannot be imported: {error}") from error
    return build(client, BASE, report)


def ensure_pypy(client: docker.DockerClient, report: Report) -> str:
    """Return the id of the image with PyPy's present root; import it if the engine has none.

    Raises:
        SandboxError: PyPy has not been built, or the engine cannot import its root.
    """
    if not has_pypy():
        raise SandboxError(NO_PYPY)
    place = root("pypy")
    label = f"{PYPY_LABEL}={root_hash(place)}"
    if images := client.images.list(filters={"label": label}):
        return str(images[0].id)
    report("importing PyPy's root into the Docker engine")
    changes = [f"LABEL {label}", "USER 65534:65534", "WORKDIR /", 'ENTRYPOINT ["/python3", "-I", "-S", "/worker.py"]']
    line = ["tar", "--owner=0", "--group=0", "--numeric-owner", "-C", str(place), "-c", "."]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as tar:
        try:
            client.api.import_image(tar.stdout, repository=PYPY_NAME, tag="latest", changes=changes)
        except DockerException as error:
            tar.kill()
            raise SandboxError(f"PyPy's root cannot be imported: {error}") from error
    new = client.images.list(filters={"label": label})
    for other in client.images.list(filters={"label": PYPY_LABEL}):
        if other.id not in {image.id for image in new}:
            _remove(client, str(other.id))
    if not new:
        raise SandboxError("the Docker engine has not kept the image of PyPy")
    return str(new[0].id)


def _context() -> dict[str, bytes]:
    """Return the files from which the image is built, by name."""
    files = (_SANDBOX / "Dockerfile.sandbox", _SANDBOX / "worker" / "shrink.py", _SANDBOX / "worker" / "worker.py")
    return {file.name: file.read_bytes() for file in files} | {"modules": "\n".join(wire.preloaded()).encode()}


def _remove_stages(client: docker.DockerClient) -> None:
    """Remove the images that the first stage of a build left."""
    for image in client.images.list(filters={"dangling": True, "label": STAGE_LABEL}):
        _remove(client, str(image.id))


def _remove(client: docker.DockerClient, image: str) -> None:
    try:
        client.images.remove(image, force=True)
    except APIError:
        return  # something still uses it
