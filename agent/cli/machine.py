"""Checks each part of this machine that AutoTTS can use, and names the command that repairs it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from autotts.envs import catalogue
from autotts.envs.counting import counted
from autotts.envs.errors import InputError
from autotts.envs.extras import install_command
from autotts.sandbox.backends import bubblewrap
from autotts.sandbox.backends.root import has_pypy
from autotts.sandbox.base import SandboxError

_LEAST_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """One part of the machine."""

    name: str
    ok: bool
    state: str
    """In a few words, for people."""
    repair: str = ""
    """The command that repairs the part; empty if the part works."""
    needed: bool = False
    """Whether AutoTTS cannot run without this part."""


def check_machine(data: str | None = None) -> list[MachineCheck]:
    """Return the state of every part; ``data`` is the value of ``--data``."""
    return [_python(), *_docker(), _bubblewrap(), _pypy(), _bootstrap(), _disk(), _data(data), _plots()]


def isolates(parts: list[MachineCheck]) -> bool:
    """Return whether Docker with an image, or bubblewrap, can isolate candidates here."""
    state = {part.name: part.ok for part in parts}
    return state.get("sandbox image", False) or state["bubblewrap"]


def _python() -> MachineCheck:
    cores = len(os.sched_getaffinity(0))
    version = ".".join(map(str, sys.version_info[:3]))
    return MachineCheck("Python", True, f"{version}, {counted(cores, 'core')}", needed=True)


def _docker() -> Iterator[MachineCheck]:
    from autotts.sandbox.backends import image
    from autotts.sandbox.backends.docker import engine

    try:
        with engine() as client:
            info = client.info()
            names = sorted(info.get("Runtimes", {}))
            yield MachineCheck("Docker engine", True, f"{info.get('ServerVersion')}, runtimes {', '.join(names)}")
            if image.find(client):
                yield MachineCheck("sandbox image", True, "up to date")
            else:
                base = image.local_base(client)
                state = f"out of date or missing; the next run builds it from {base}" if base else "missing"
                yield MachineCheck("sandbox image", bool(base), state, "autotts sandbox build   (or with --bootstrap)")
    except SandboxError as error:
        installed = shutil.which("dockerd") is not None
        repair = "systemctl start docker   (or run dockerd)" if installed else "apt-get install docker.io"
        yield MachineCheck("Docker engine", False, str(error).removeprefix("the Docker engine: "), repair)


def _bubblewrap() -> MachineCheck:
    problem = bubblewrap.works()
    repair = "apt-get install bubblewrap"
    if shutil.which("bwrap") is not None:
        repair = "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"
    return MachineCheck("bubblewrap", not problem, problem or "works", repair if problem else "")


def _pypy() -> MachineCheck:
    if has_pypy():
        return MachineCheck("PyPy", True, "built; --interpreter pypy uses it")
    return MachineCheck(
        "PyPy", False, "not built; large sweeps are faster in it", "autotts sandbox build --interpreter pypy"
    )


def _bootstrap() -> MachineCheck:
    if shutil.which("debootstrap") is None:
        state = "not installed; it makes an image where none can be pulled"
        return MachineCheck("debootstrap", False, state, "apt-get install debootstrap")
    state = "works" if os.geteuid() == 0 else "installed, but `sandbox build --bootstrap` needs root"
    return MachineCheck("debootstrap", True, state)


def _disk() -> MachineCheck:
    free = shutil.disk_usage(Path.cwd()).free
    state = f"{free / 1e9:,.0f} GB free here"
    return MachineCheck(
        "disk", free >= _LEAST_DISK, state, "" if free >= _LEAST_DISK else "free some space, or use another disk"
    )


def _data(data: str | None) -> MachineCheck:
    root = catalogue.data_root(data)
    try:
        names = catalogue.names(root)
    except (InputError, OSError) as error:
        return MachineCheck("recorded environments", False, str(error))
    if not names:
        return MachineCheck("recorded environments", True, f"none under {root}: commands use the synthetic ones")
    return MachineCheck("recorded environments", True, f"{len(names)} under {root}")


def _plots() -> MachineCheck:
    if find_spec("matplotlib") is None:
        return MachineCheck("pictures", False, "`autotts plot` needs matplotlib", install_command("plot"))
    return MachineCheck("pictures", True, "matplotlib is installed")
