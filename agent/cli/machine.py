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
class MachineCheck:
    """One part of the machine."""

    name: str
    ok: bool
    state: str
    """How it is, in a few words."""
    mend: str = ""
    """The command that mends it; nothing if all is well."""
    needed: bool = False
    """Whether nothing runs without it."""


def check_machine(data: str | None = None) -> list[MachineCheck]:
    """Return all parts; ``data`` is the data root as the command line has it."""
    return [_python(), *_docker(), _bubblewrap(), _bootstrap(), _disk(), _data(data), _plots()]


def isolates(parts: list[MachineCheck]) -> bool:
    """Whether candidates that nobody has read can run here: in Docker with an image, or in bubblewrap."""
    state = {part.name: part.ok for part in parts}
    return state.get("sandbox image", False) or state["bubblewrap"]


def _python() -> MachineCheck:
    cores = len(os.sched_getaffinity(0))
    version = ".".join(map(str, sys.version_info[:3]))
    return MachineCheck("Python", True, f"{version}, {cores} core{'s' if cores > 1 else ''}", needed=True)


def _docker() -> Iterator[MachineCheck]:
    from sandbox.backends import image
    from sandbox.backends.docker import engine

    try:
        with engine() as client:
            told = client.info()
            names = sorted(told.get("Runtimes", {}))
            yield MachineCheck("Docker engine", True, f"{told.get('ServerVersion')}, runtimes {', '.join(names)}")
            if image.find(client):
                yield MachineCheck("sandbox image", True, "up to date")
            else:
                stale = image.local_base(client)
                state = f"out of date or missing; the next run builds it from {stale}" if stale else "missing"
                yield MachineCheck("sandbox image", bool(stale), state, "autotts sandbox build   (or with --bootstrap)")
    except SandboxError as error:
        installed = shutil.which("dockerd") is not None
        mend = "systemctl start docker   (or run dockerd)" if installed else "apt-get install docker.io"
        yield MachineCheck("Docker engine", False, str(error).removeprefix("the Docker engine: "), mend)


def _bubblewrap() -> MachineCheck:
    why = bubblewrap.works()
    mend = "apt-get install bubblewrap"
    if shutil.which("bwrap") is not None:
        mend = "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"
    return MachineCheck("bubblewrap", not why, why or "works", mend if why else "")


def _bootstrap() -> MachineCheck:
    if shutil.which("debootstrap") is None:
        state = "not installed; makes an image where none can be pulled"
        return MachineCheck("debootstrap", False, state, "apt-get install debootstrap")
    state = "works" if os.geteuid() == 0 else "there, but `sandbox build --bootstrap` needs root"
    return MachineCheck("debootstrap", True, state)


def _disk() -> MachineCheck:
    free = shutil.disk_usage(Path.cwd()).free
    state = f"{free / 1e9:,.0f} GB free here"
    return MachineCheck(
        "disk", free >= _LEAST_DISK, state, "" if free >= _LEAST_DISK else "make room, or run elsewhere"
    )


def _data(data: str | None) -> MachineCheck:
    root = catalogue.data_root(data)
    try:
        names = catalogue.names(root)
    except (InputError, OSError) as error:
        return MachineCheck("recorded environments", False, str(error))
    if not names:
        return MachineCheck("recorded environments", True, f"none under {root}: the synthetic ones are used")
    return MachineCheck("recorded environments", True, f"{len(names)} under {root}")


def _plots() -> MachineCheck:
    if find_spec("matplotlib") is None:
        return MachineCheck("pictures", False, "`autotts plot` needs matplotlib", "pip install 'autotts[plot]'")
    return MachineCheck("pictures", True, "matplotlib is there")
