"""Opens a sandbox: the strongest that works on this machine, or the one that the user named."""

from __future__ import annotations

from collections.abc import Callable

from autotts.envs.errors import InputError
from autotts.envs.plugins import find_factory, make

from .backends import bubblewrap
from .backends.process import ProcessSandbox, finds_pypy
from .backends.root import NO_PYPY, has_pypy
from .base import SANDBOX_ATTRIBUTES, Sandbox, SandboxError, SandboxLimits, SandboxUnavailable, log_message

NAMES = ("auto", "docker", "bubblewrap", "process")
INTERPRETERS = {"cpython": "CPython", "pypy": "PyPy"}
"""The interpreters of candidates, and how they are written."""
GROUP = "autotts.sandboxes"
"""Entry points by which other packages offer sandboxes; `sandbox.base.Sandbox` says what they must do."""


def open_sandbox(
    name: str = "auto",
    workers: int = 1,
    runtime: str | None = None,
    limits: SandboxLimits | None = None,
    notice: Callable[[str], None] | None = None,
    weaker: Callable[[str], None] | None = None,
    interpreter: str = "cpython",
) -> Sandbox:
    """Open the sandbox ``name``; the caller closes it.

    Args:
        name: one of `NAMES`, ``package.module:object``, or an entry point of `GROUP`. ``auto`` takes Docker if an
            engine answers and has the image or can build it, else bubblewrap if it works, and nothing weaker.
        workers: the number of workers that share the episodes of a run.
        runtime: the Docker runtime, such as ``runsc``; None for the default of the engine.
        limits: the resources of each worker.
        notice: called with messages for the user; None logs them as warnings.
        weaker: called with the message that bubblewrap is used though a Docker engine answers; ``notice`` if None.
        interpreter: ``cpython``, ``pypy``, or ``auto``, which is CPython: PyPy has to start and to warm up in every
            process, and is faster in large batches alone. Both give the same results.

    Raises:
        InputError: there is no sandbox of this name, or no PyPy for it.
        SandboxError: the sandbox does not work on this machine.
    """
    if name not in NAMES:
        return _own(name, workers, runtime, limits, interpreter)
    if runtime is not None and name in ("process", "bubblewrap"):
        raise InputError(f"a runtime is a setting of Docker, and not of the sandbox {name}; leave it out")
    interpreter = _interpreter(name, interpreter)
    if name == "process":
        return ProcessSandbox(workers, limits, interpreter)
    if name == "bubblewrap":
        if why := bubblewrap.works():
            raise SandboxError(f"bubblewrap cannot be used here: {why}")
        return bubblewrap.BubblewrapSandbox(workers, limits, interpreter)
    try:
        return _docker(workers, runtime, limits, notice, interpreter)
    except SandboxError as error:
        if name == "docker" or runtime is not None:
            raise
        no_docker = error
    if why := bubblewrap.works():
        raise SandboxError(
            f"neither Docker ({no_docker}) nor bubblewrap ({why}) can be used here; `autotts doctor` says what is "
            "missing, and `--sandbox process` runs candidates that you trust without either"
        )
    if not isinstance(no_docker, SandboxUnavailable):  # an engine answers: the user may want to make it usable
        (weaker or notice or log_message)(f"{no_docker}; until then bubblewrap is used")
    return bubblewrap.BubblewrapSandbox(workers, limits, interpreter)


def interpreter_of(sandbox: Sandbox) -> str:
    """Return the interpreter of a sandbox; one that says nothing of it has CPython."""
    return str(getattr(sandbox, "interpreter", "cpython"))


def describe(sandbox: Sandbox) -> str:
    """Return what a sandbox is, for people: its name, its protection and its interpreter."""
    return f"{sandbox.name} ({sandbox.about}), {INTERPRETERS[interpreter_of(sandbox)]}"


def _interpreter(name: str, asked: str) -> str:
    """Return the interpreter to use in one of our own sandboxes.

    Raises:
        InputError: there is no interpreter of this name, or no PyPy on this machine.
    """
    if asked not in ("auto", *INTERPRETERS):
        raise InputError(f"no interpreter {asked!r}: it is auto, cpython or pypy")
    if asked in ("auto", "cpython"):
        return "cpython"
    if finds_pypy() if name == "process" else has_pypy():
        return "pypy"
    raise InputError(NO_PYPY)


def recorded_name(asked: str, opened: Sandbox) -> str:
    """Return the name by which a resumed run opens the same sandbox again."""
    return opened.name if asked in NAMES else asked


def check_name(name: str) -> None:
    """Check that there is a sandbox ``name``, without opening it.

    Raises:
        InputError: there is none.
    """
    if name not in NAMES:
        find_factory("sandbox", name, GROUP, NAMES)


def _own(name: str, workers: int, runtime: str | None, limits: SandboxLimits | None, interpreter: str) -> Sandbox:
    factory = find_factory("sandbox", name, GROUP, NAMES)
    if runtime is not None:
        raise InputError(f"a runtime is a setting of Docker, and not of the sandbox {name}; leave it out")
    if interpreter == "pypy":
        raise InputError(f"the sandbox {name} brings its own interpreter; leave --interpreter out")
    made: Sandbox = make("sandbox", name, factory, SANDBOX_ATTRIBUTES, workers=workers, limits=limits)
    return made


def _docker(
    workers: int, runtime: str | None, limits: SandboxLimits | None, notice: Callable[[str], None] | None,
    interpreter: str,
) -> Sandbox:  # fmt: skip
    from .backends.docker import DockerSandbox  # imported here, as the SDK is slow to import

    return DockerSandbox(workers, limits, runtime, notice, interpreter=interpreter)
