"""The part of the cluster executor that runs on the nodes: opens the node's own sandbox, and plays shares in it.

Ray calls these functions in its worker processes, one share at a time in each. A process keeps its sandbox open, and
the workers of some sessions (`Sandbox.reusing_workers`) until they have been idle for a while.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import threading
import time
from collections import OrderedDict
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from autotts.envs.episodes import grid
from autotts.envs.errors import InputError
from autotts.envs.synthetic.model import default_models, generate

from ..backends.process import ProcessSandbox
from ..base import Sandbox, SandboxError, SandboxUnavailable
from ..choice import interpreter_of, open_sandbox
from ..evaluation import evaluate
from .messages import NodeReport, NodeSettings, QuestionBlock, Share, ShareResult

_SESSIONS = 8
"""Sessions whose workers a process keeps at most."""
_IDLE_SECONDS = 20.0
"""Seconds after which the idle workers of a session end."""


class _NodeSandbox:
    """The sandbox of this process, and the workers of its sessions."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings, self.lock = settings, threading.Lock()
        self.sandbox: Sandbox = open_sandbox(workers=1, notice=lambda _: None, **settings.as_arguments())
        self._sessions: OrderedDict[str, tuple[Sandbox, ExitStack]] = OrderedDict()
        self._used: dict[str, float] = {}
        threading.Thread(target=self._tidy, daemon=True).start()

    def session(self, name: str) -> Sandbox:
        """Return the sandbox that reuses the workers of a session, and of no other; the caller holds the lock."""
        if name not in self._sessions:
            while len(self._sessions) >= _SESSIONS:
                self._end(next(iter(self._sessions)))
            stack = ExitStack()
            self._sessions[name] = stack.enter_context(self.sandbox.reusing_workers()), stack
        self._sessions.move_to_end(name)
        self._used[name] = time.monotonic()
        return self._sessions[name][0]

    def close(self) -> None:
        for name in list(self._sessions):
            self._end(name)
        self.sandbox.close()

    def _end(self, name: str) -> None:
        _, stack = self._sessions.pop(name)
        del self._used[name]
        with suppress(SandboxError, OSError):
            stack.close()

    def _tidy(self) -> None:
        while True:
            time.sleep(_IDLE_SECONDS / 4)
            with self.lock:
                now = time.monotonic()
                for name in [name for name, used in self._used.items() if now - used > _IDLE_SECONDS]:
                    self._end(name)


_opened: dict[NodeSettings, _NodeSandbox] = {}


def _node_sandbox(settings: NodeSettings) -> _NodeSandbox:
    """Return the sandbox of this process.

    Raises:
        InputError: there is no such sandbox or interpreter here.
        SandboxError: it does not work here, or this node has other code than the host.
    """
    if (ours := code_digest()) != settings.code:
        raise _OtherCode(f"{_program()} there has other code ({ours}) than here ({settings.code}): install the same")
    if settings not in _opened:
        for other in list(_opened):
            _opened.pop(other).close()
        _opened[settings] = _NodeSandbox(settings)
    return _opened[settings]


class _OtherCode(SandboxError):
    """The node has another version of this program."""


@atexit.register
def _close() -> None:
    for opened in _opened.values():
        opened.close()


def play_share(share: Share, *blocks: QuestionBlock) -> ShareResult:
    """Play a share in this node's sandbox; its questions are read from the object store in place."""
    began = time.monotonic()
    try:
        node = _node_sandbox(share.settings)
        with node.lock:
            outcome = node.session(share.session).play(share.candidate, share.batch(blocks))
    except (SandboxError, InputError) as error:
        unavailable = isinstance(error, SandboxUnavailable)
        again = not isinstance(error, _OtherCode)
        return ShareResult(None, str(error), unavailable, again, address(), time.monotonic() - began)
    return ShareResult(outcome, node=address(), seconds=time.monotonic() - began)


def report_node(settings: NodeSettings, play: bool) -> NodeReport:
    """Return what this node offers; with ``play``, it also plays a small batch. Nothing is raised."""
    import ray

    found = NodeReport(
        address(), machine=platform.node(), python=platform.python_version(), ray=ray.__version__,
        version=_program(), code=code_digest(),
    )  # fmt: skip
    try:
        sandbox = _node_sandbox(settings).sandbox
        found = replace(found, sandbox=sandbox.name, about=sandbox.about, interpreter=interpreter_of(sandbox))
        if play:
            began = time.monotonic()
            found = replace(found, played=small_batch(sandbox), seconds=time.monotonic() - began)
    except (SandboxError, InputError) as error:
        found = replace(found, problem=str(error))
    return found


_SMALL = '''"""Runs a few branches, probes some of them, and answers by their majority."""

from envs import Controller


class Small(Controller):
    name = "small"

    @staticmethod
    def schedule(beta):
        return {"width": 1 + round(7 * beta)}

    def solve(self, question):
        votes = {}
        for i in question.branch_many(self.params["width"]):
            question.step(i)
            if self.random.random() < 0.5:
                question.prune(i)
                continue
            answer = question.run_to_end(i)
            votes[answer] = votes.get(answer, 0) + 1
        return max(votes, key=votes.get) if votes else None
'''


def small_batch(sandbox: Sandbox | None = None) -> str:
    """Return a digest of the logs and scores of a small batch: equal wherever the program gives the same bits.

    Args:
        sandbox: where it is played; None for a plain process.

    Raises:
        SandboxError: the sandbox failed, or the candidate did in it.
    """
    environment = generate(next(iter(default_models().values())), "check/model", questions=4, branches=16, seed=1)
    done = evaluate(_SMALL, grid([environment], [0.3, 1.0], range(2), max_branches=16), sandbox or ProcessSandbox())
    if done.logs is None or done.scores is None:
        raise SandboxError(f"a small batch fails: {done.verdict.kind}: {done.verdict.message}")
    digest = hashlib.sha256()
    for column in (*done.logs.columns().values(), done.scores.correct, done.scores.tokens, done.scores.latency):
        digest.update(column.tobytes())
    return digest.hexdigest()[:16]


def address() -> str:
    """Return the address of this node, as Ray knows it."""
    import ray.util

    where: Any = ray.util.get_node_ip_address  # Ray has no types for it
    return str(where()) if ray.is_initialized() else platform.node()


@cache
def code_digest() -> str:
    """Return a digest of the code that decides the bits of results: the packages `envs` and `sandbox`."""
    home, digest = Path(__file__).parents[2], hashlib.sha256()
    for package in ("envs", "sandbox"):
        for folder, folders, files in os.walk(home / package):
            folders[:] = sorted(set(folders) - {"attacks"})  # only a wheel holds these
            for name in sorted(files):
                if name.endswith(".py"):
                    path = Path(folder, name)
                    digest.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _program() -> str:
    try:
        return f"autotts {version('autotts-discovery')}"
    except PackageNotFoundError:  # the sources are on the path, but not installed
        return "autotts, not installed"
