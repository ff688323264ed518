"""The sandbox's image: built from Dockerfile.sandbox, and known by the hash of all that is built into it."""

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

from ..base import SandboxError

NAME = "autotts-sandbox"
BASE = "autotts-sandbox-base"
"""The base that `bootstrap` makes."""
HASH_LABEL = "autotts.worker"
STAGE_LABEL = "autotts.stage"
BASE_LABEL = "autotts.base"
SUITE = "bookworm"

Report = Callable[[str], None]

_SANDBOX = Path(__file__).parents[1]


def worker_hash() -> str:
    """Return the hash of everything that goes into the image: an image with another one is out of date."""
    return hashlib.sha256(b"\0".join(data for _, data in sorted(_context().items()))).hexdigest()


def find(client: docker.DockerClient) -> str | None:
    """Return the id of an image that is up to date, or None."""
    found = client.images.list(filters={"label": f"{HASH_LABEL}={worker_hash()}"})
    return str(found[0].id) if found else None


def local_base(client: docker.DockerClient) -> str | None:
    """Return an image that the sandbox's image can be built from without pulling anything, or None."""
    old = client.images.list(filters={"label": HASH_LABEL})
    bases = (*(image.labels.get(BASE_LABEL) for image in old), BASE)
    return next((base for base in bases if base and client.images.list(name=base)), None)


def ensure(client: docker.DockerClient, report: Report) -> str:
    """Return the id of an image that is up to date; build it where its base is at hand.

    Raises:
        SandboxError: there is none, and its base is not at hand.
    """
    found = find(client)
    if found is not None:
        return found
    base = local_base(client)
    if base is not None:
        report(f"building the sandbox's image anew, from {base}")
        return build(client, base, lambda line: None)
    raise SandboxError("the Docker engine has no sandbox image: `autotts sandbox build` makes it, or with --bootstrap")


def build(client: docker.DockerClient, base: str | None, report: Report) -> str:
    """Build the image, remove those that it replaces, and return its id.

    Args:
        client: of the engine.
        base: an image with Python; the default of Dockerfile.sandbox if None.
        report: told of every step.

    Raises:
        SandboxError: the engine cannot build it.
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
    """Make a base from Debian packages, build the image from it, and return the image's id.

    Raises:
        SandboxError: it takes a superuser, debootstrap, and a Debian mirror.
    """
    if os.geteuid() != 0:
        raise SandboxError("--bootstrap makes a Debian tree, for which it must be run by root")
    if shutil.which("debootstrap") is None:
        raise SandboxError("--bootstrap needs debootstrap; `apt-get install debootstrap` mends that")
    with tempfile.TemporaryDirectory(prefix="autotts-base-") as home:
        tree = Path(home) / "tree"
        report(f"fetching Python's Debian packages ({SUITE})")
        command = ["debootstrap", "--variant=minbase", "--include=python3-minimal,libpython3-stdlib", SUITE, str(tree)]
        done = subprocess.run([*command, *_mirror()], capture_output=True, text=True)
        if done.returncode != 0:
            said = [*done.stderr.splitlines(), *done.stdout.splitlines()] or ["it says nothing"]
            raise SandboxError(f"debootstrap failed: {said[-1]}")
        report("importing them")
        with subprocess.Popen(["tar", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE) as tar:
            try:
                client.api.import_image(tar.stdout, repository=BASE, tag="latest")
            except DockerException as error:
                tar.kill()
                raise SandboxError(f"the base cannot be imported: {error}") from error
    return build(client, BASE, report)


def _context() -> dict[str, bytes]:
    """Return the files that the image is built from, by name."""
    dockerfile = next(path for path in (_SANDBOX.parent, _SANDBOX) if (path / "Dockerfile.sandbox").exists())
    files = (dockerfile / "Dockerfile.sandbox", _SANDBOX / "worker" / "shrink.py", _SANDBOX / "worker" / "worker.py")
    return {file.name: file.read_bytes() for file in files}


def _mirror() -> list[str]:
    """Return the mirror that this machine's own packages come from, if it says so."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Release: {SUITE}", "Created-By: Packages"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return []
    return done.stdout.split()[:1]


def _remove_stages(client: docker.DockerClient) -> None:
    """Remove what the first stage of a build left."""
    for image in client.images.list(filters={"dangling": True, "label": STAGE_LABEL}):
        _remove(client, str(image.id))


def _remove(client: docker.DockerClient, image: str) -> None:
    try:
        client.images.remove(image, force=True)
    except APIError:
        return  # something still uses it
