"""What this machine offers: each part that AutoTTS can use, how it is, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from envs import catalogue
from envs.errors import InputError
from sandbox.backends import bubblewrap
from sandbox.base import SandboxError

_LEAST_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the machine."""

    name: str
    ok: bool
    state: str
    """How it is, in a few words."""
    mend: str = ""
    """The command that mends it; nothing if all is well."""
    needed: bool = False
    """Whether nothing runs without it."""


def examine(data: str | None = None) -> list[Part]:
    """Return all parts; ``data`` is the data root as the command line has it."""
    return [_python(), *_docker(), _bubblewrap(), _bootstrap(), _disk(), _data(data), _plots()]


def isolates(parts: list[Part]) -> bool:
    """Whether candidates that nobody has read can run here: in Docker with an image, or in bubblewrap."""
    state = {part.name: part.ok for part in parts}
    return state.get("sandbox image", False) or state["bubblewrap"]


def _python() -> Part:
    cores = len(os.sched_getaffinity(0))
    version = ".".join(map(str, sys.version_info[:3]))
    return Part("Python", True, f"{version}, {cores} core{'s' if cores > 1 else ''}", needed=True)


def _docker() -> Iterator[Part]:
    from sandbox.backends import image
    from sandbox.backends.docker import engine

    try:
        with engine() as client:
            told = client.info()
            names = sorted(told.get("Runtimes", {}))
            yield Part("Docker engine", True, f"{told.get('ServerVersion')}, runtimes {', '.join(names)}")
            if image.find(client):
                yield Part("sandbox image", True, "up to date")
            else:
                stale = image.base_at_hand(client)
                state = f"out of date or missing; the next run builds it from {stale}" if stale else "missing"
                yield Part("sandbox image", bool(stale), state, "autotts sandbox build   (or with --bootstrap)")
    except SandboxError as error:
        installed = shutil.which("dockerd") is not None
        mend = "systemctl start docker   (or run dockerd)" if installed else "apt-get install docker.io"
        yield Part("Docker engine", False, str(error).removeprefix("the Docker engine: "), mend)


def _bubblewrap() -> Part:
    why = bubblewrap.works()
    mend = "apt-get install bubblewrap"
    if shutil.which("bwrap") is not None:
        mend = "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"
    return Part("bubblewrap", not why, why or "works", mend if why else "")


def _bootstrap() -> Part:
    if shutil.which("debootstrap") is None:
        state = "not installed; makes an image where none can be pulled"
        return Part("debootstrap", False, state, "apt-get install debootstrap")
    state = "works" if os.geteuid() == 0 else "there, but `sandbox build --bootstrap` needs root"
    return Part("debootstrap", True, state)


def _disk() -> Part:
    free = shutil.disk_usage(Path.cwd()).free
    state = f"{free / 1e9:,.0f} GB free here"
    return Part("disk", free >= _LEAST_DISK, state, "" if free >= _LEAST_DISK else "make room, or run elsewhere")


def _data(data: str | None) -> Part:
    root = catalogue.data_root(data)
    try:
        names = catalogue.names(root)
    except (InputError, OSError) as error:
        return Part("recorded environments", False, str(error))
    if not names:
        return Part("recorded environments", True, f"none under {root}: the synthetic ones are used")
    return Part("recorded environments", True, f"{len(names)} under {root}")


def _plots() -> Part:
    if find_spec("matplotlib") is None:
        return Part("pictures", False, "`autotts plot` needs matplotlib", "pip install 'autotts[plot]'")
    return Part("pictures", True, "matplotlib is there")
