"""The self-check of a sandbox: runs attacks that must all fail, and reports what stopped each of them.

An attack is a file of ``tests/attacks``: a docstring whose first line says what the attack tries, and one controller.
The check puts three names before the source. `PRELUDE` defines ``Breach``, which the attack raises when it got through,
and ``honest(question)``, which runs one branch and returns its answer. ``BAIT`` holds the targets that the check has
prepared on this machine (see `AttackTargets.places`).
"""

from __future__ import annotations

import ast
import os
import platform
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from autotts.envs.episodes import Episodes, grid
from autotts.envs.scoring import Scores
from autotts.envs.synthetic.model import default_models, generate

from .base import Sandbox, SandboxError, SandboxLimits
from .evaluation import LoggedEvaluation, evaluate
from .outcome import Candidate
from .trial import trial

PRELUDE = """\
class Breach(BaseException): pass
def honest(question): return question.run_to_end(question.branch())
"""
HONEST = """
from envs import Controller
class Honest(Controller):
    def solve(self, question): return honest(question)
"""
LIMITS = SandboxLimits(episode_seconds=2.0, seconds=20.0, memory=256 << 20)
"""The limits of an attack."""

_HERE = Path(__file__).parent
_SECRET_VARIABLE = "AUTOTTS_BAIT"


@dataclass(frozen=True, slots=True)
class Attack:
    """A candidate that tries to leave the sandbox, or to use information that it has not paid for."""

    name: str
    tries: str
    source: str


@dataclass(frozen=True, slots=True)
class AttackAttempt:
    """The result of one attack."""

    attack: str
    tries: str
    policy: bool
    """Whether the source policy was applied first."""
    verdict: str
    stopped_by: str
    """The message of the verdict that stopped the attack."""
    breaches: tuple[str, ...] = ()
    """The protections that the attack broke, as text; empty if the sandbox held."""


def attacks() -> list[Attack]:
    """Return all attacks, sorted by name.

    Raises:
        SandboxError: this installation does not include the attacks.
    """
    files = sorted((_HERE / "attacks").glob("*.py"))
    if not files:
        raise SandboxError("this installation has no attacks to check a sandbox with")
    loaded = []
    for file in files:
        source = file.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(source)) or ""
        loaded.append(Attack(file.stem, docstring.partition("\n")[0], source))
    return loaded


def attack_episodes() -> Episodes:
    """Return the episodes on which attacks run."""
    environment = generate(next(iter(default_models().values())), "check/model", questions=6, branches=24, seed=1)
    return grid([environment], [0.3, 0.7], range(4), max_branches=16)


class AttackCheck:
    """Runs attacks in one sandbox while an honest candidate, the neighbour, runs in another sandbox of the same kind.

    Args:
        open_sandbox: opens a sandbox with the given limits.
    """

    def __init__(self, open_sandbox: Callable[[SandboxLimits], Sandbox]) -> None:
        self._open = open_sandbox
        self._stack = ExitStack()
        self._episodes = attack_episodes()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._sandbox = self._opened(LIMITS)
            self._targets = stack.enter_context(AttackTargets())
            self._honest = self._scores(self._sandbox, HONEST)
            self._neighbour = stack.enter_context(_Neighbour(self._opened(SandboxLimits()), self._episodes))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def attempt(self, attack: Attack, policy: bool) -> AttackAttempt:
        """Run ``attack``, with or without the source policy.

        Raises:
            SandboxError: the sandbox failed.
        """
        candidate = Candidate(attack.name, f"BAIT = {self._targets.places!r}\n{PRELUDE}{attack.source}")
        self._neighbour.collect_harm()
        result = trial(candidate, self._episodes, self._sandbox, check_policy=policy)
        breaches = [*self._targets.reached(), *self._neighbour.collect_harm(), *self._advantages(result)]
        if "Breach: " in result.verdict.message:
            breaches.append(result.verdict.message)
        stopped = result.verdict.message or "the attack gained nothing and broke no rule"
        return AttackAttempt(attack.name, attack.tries, policy, result.verdict.kind, stopped, tuple(breaches))

    def _advantages(self, result: LoggedEvaluation) -> Iterator[str]:
        """Yield the advantages of an accepted attack over the honest controller."""
        if result.scores is None:
            return
        more = int(np.sum(result.scores.correct & ~self._honest.correct))
        if more:
            yield f"{more} episodes right that an honest branch has wrong"
        saved = int(np.sum(np.maximum(0, self._honest.tokens - result.scores.tokens)))
        if saved:
            yield f"{saved} tokens fewer than an honest branch"

    def _opened(self, limits: SandboxLimits) -> Sandbox:
        sandbox = self._open(limits)
        self._stack.callback(sandbox.close)
        return sandbox

    def _scores(self, sandbox: Sandbox, source: str) -> Scores:
        result = evaluate(PRELUDE + source, self._episodes, sandbox)
        if result.scores is None:
            raise SandboxError(f"an honest controller fails here: {result.verdict.kind}: {result.verdict.message}")
        return result.scores


class _Neighbour:
    """An honest candidate that runs in its own sandbox, in a thread, while an attack runs in another sandbox.

    Attacks must not change the results of the neighbour, nor make it or its sandbox fail.
    """

    def __init__(self, sandbox: Sandbox, episodes: Episodes) -> None:
        self._sandbox, self._episodes = sandbox, episodes
        self._ended, self._round = threading.Event(), threading.Semaphore(0)
        self._harm: list[str] = []
        self._expected: LoggedEvaluation | None = None  # the first result
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._round.release()
        self._thread.join()

    def collect_harm(self) -> list[str]:
        """Return the harm done to the neighbour since the last call, as text, and start its next round."""
        harm, self._harm = self._harm, []
        self._round.release()
        return harm

    def _work(self) -> None:
        while self._round.acquire() and not self._ended.is_set():
            try:
                result = evaluate(PRELUDE + HONEST, self._episodes, self._sandbox)
            except SandboxError as error:
                self._harm.append(f"a neighbour's sandbox failed: {error}")
                continue
            first = self._expected = self._expected or result
            if result.logs is None or first.logs is None:
                self._harm.append(f"a neighbour was harmed: {result.verdict.kind}: {result.verdict.message}")
            elif any(not np.array_equal(a, b) for a, b in zip(*map(_columns, (first, result)), strict=True)):
                self._harm.append("a neighbour's results changed")


def _columns(evaluation: LoggedEvaluation) -> Sequence[object]:
    return list(evaluation.logs.columns().values()) if evaluation.logs is not None else []


class AttackTargets:
    """Targets on this machine for an attack to reach. The check prepares them, and inspects them afterwards.

    Attributes:
        places: the address of each target: ports on loopback (``tcp``, ``tcp6``, ``udp``), sockets (``unix``,
            ``abstract``), a file with a secret (``file``), a directory that every user may write to (``drop``), the
            name of an environment variable of the host (``variable``), the host's process id (``pid``), its processor
            (``machine``), and the home of the user who checks (``home``).
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="autotts-targets-"))
        self.home.chmod(0o755)
        self._drop = self.home / "drop"
        self._drop.mkdir()
        self._drop.chmod(0o777)
        self._file = self.home / "secret"
        self._file.write_text(secrets.token_hex())
        self._content = self._file.read_text()
        os.environ[_SECRET_VARIABLE] = secrets.token_hex()
        self._listeners: dict[str, socket.socket] = {}
        self.places: dict[str, str | int] = {
            "file": str(self._file), "drop": str(self._drop), "variable": _SECRET_VARIABLE, "pid": os.getpid(),
            "machine": platform.machine(), "home": os.path.expanduser("~"),
            "unix": str(self.home / "socket"), "abstract": f"autotts-target-{secrets.token_hex(4)}",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._listen("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        with suppress(OSError):  # the machine may have no IPv6
            self._listen("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
        self._listen("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self._listen("unix", socket.AF_UNIX, socket.SOCK_STREAM, str(self.places["unix"]))
        self._listen("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.places['abstract']}")
        Path(str(self.places["unix"])).chmod(0o777)
        self.places.setdefault("tcp6", self.places["tcp"])
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners.values():
            listener.close()
        os.environ.pop(_SECRET_VARIABLE, None)
        shutil.rmtree(self.home, ignore_errors=True)

    def reached(self) -> list[str]:
        """Return the targets that were reached since the last call, as text."""
        breaches = [f"a connection to the host's {name}" for name in self._listeners if self._connected(name)]
        if self._file.read_text() != self._content:
            breaches.append("a file of the host was changed")
            self._file.write_text(self._content)
        for path in self._drop.iterdir():
            breaches.append(f"{path.name} was written to the host")
            path.unlink()
        return breaches

    def _listen(self, name: str, family: int, kind: int, address: tuple[str, int] | str) -> None:
        listener = self._listeners[name] = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen(16)
        listener.setblocking(False)
        if family in (socket.AF_INET, socket.AF_INET6):
            self.places[name] = listener.getsockname()[1]

    def _connected(self, name: str) -> bool:
        """Return whether a connection or a datagram has arrived at the listener ``name``."""
        try:
            if self._listeners[name].type == socket.SOCK_DGRAM:
                self._listeners[name].recv(1)
            else:
                self._listeners[name].accept()[0].close()
        except BlockingIOError:
            return False
        return True
