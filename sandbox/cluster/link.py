"""The host's end of a cluster: starts the broker, sends it shares, and starts another one where it is lost."""

from __future__ import annotations

import os
import queue
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from ..base import SandboxError, SandboxUnavailable
from .messages import (
    PATIENCE,
    BlockDropped,
    BlockSent,
    BrokerFailed,
    BrokerReady,
    BrokerSettings,
    NodeReport,
    QuestionBlock,
    Share,
    ShareDone,
    ShareResult,
    SharesCancelled,
    ShareSent,
    SlotsChanged,
)

_BROKERS = 5
"""Brokers that are started one after another without a single result before the link gives up."""
_CLOSE_SECONDS = 20.0
_PAUSE = 1.0
"""Seconds between two attempts to find a cluster that was lost."""

MakeBlock = Callable[[], QuestionBlock]
"""Makes the columns of a block, the same each time: a new broker needs them again."""
Results = queue.SimpleQueue[tuple[int, ShareResult]]
"""Where the results of shares go: their numbers, and what came back."""


class ClusterLink:
    """A connection to a cluster that survives the loss of workers, of nodes, and of the head.

    Each share has one number, and each number gets one result: a share that is played again, because a node or the
    whole cluster was lost, is never counted twice. All methods may be called by several threads.

    Args:
        settings: what to connect to.
        notice: called with messages for the user.
        patience: seconds in which a cluster that was lost must answer again.

    Raises:
        InputError: Ray is not installed.
        SandboxError: the cluster cannot be used.
    """

    def __init__(
        self, settings: BrokerSettings, notice: Callable[[str], None], patience: float = PATIENCE
    ) -> None:
        if find_spec("ray") is None:
            raise InputError(f"Ray is not installed: {install_command('ray')}")
        self._settings, self._notice, self._patience = settings, notice, patience
        self._lock = threading.Lock()
        self._numbers = 0
        self._blocks: dict[int, MakeBlock] = {}
        self._open: dict[int, tuple[ShareSent, Results]] = {}
        self._failed: SandboxError | None = None
        self._closed = False
        self._fruitless = 0
        self._process, self._broker, ready = self._start()
        self.nodes: tuple[NodeReport, ...] = ready.nodes
        self.slots = ready.slots
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def where(self) -> str:
        """The cluster, in words."""
        return f"the Ray cluster at {self._settings.address}" if self._settings.address else "Ray on this machine"

    def add_block(self, make: MakeBlock) -> int:
        """Put a block into the object store, and return its key."""
        with self._lock:
            self._numbers += 1
            self._blocks[self._numbers] = make
            self._send(BlockSent(self._numbers, make()))
            return self._numbers

    def drop_blocks(self, keys: Sequence[int]) -> None:
        """Free blocks that no open share needs."""
        with self._lock:
            for key in keys:
                self._blocks.pop(key, None)
                self._send(BlockDropped(key))

    @property
    def load(self) -> int:
        """The number of shares that wait or are played."""
        return len(self._open)

    def submit(self, share: Share, blocks: Sequence[int], inline: QuestionBlock | None, results: Results) -> int:
        """Have a share played, and return its number, under which its result comes.

        Raises:
            SandboxError: the cluster was lost for good.
        """
        with self._lock:
            if self._failed is not None:
                raise self._failed
            self._numbers += 1
            sent = ShareSent(self._numbers, share, tuple(blocks), inline)
            self._open[self._numbers] = sent, results
            self._send(sent)
            return self._numbers

    def cancel(self, numbers: Sequence[int]) -> None:
        """Drop shares; no results come for them."""
        with self._lock:
            known = tuple(number for number in numbers if self._open.pop(number, None))
            if known:
                self._send(SharesCancelled(known))

    def close(self) -> None:
        """End the broker, and a Ray that it has started. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._end_broker()
        self._reader.join()
        self._broker.close()

    def _send(self, message: Any) -> None:
        """Send to the broker. If it is lost, the reader sees that, and sends all again to the next one."""
        with suppress(OSError, ValueError):
            self._broker.send(message)

    def _read(self) -> None:
        """Pass on results, and replace a lost broker, until the link is closed or gives up."""
        while True:
            try:
                message = self._broker.recv()
            except (EOFError, OSError, ValueError):
                message = BrokerFailed("")
            with self._lock:
                if self._closed:
                    return
            if isinstance(message, ShareDone):
                with self._lock:
                    self._fruitless = 0
                    found = self._open.pop(message.number, None)
                if found is not None:
                    found[1].put((message.number, message.result))
            elif isinstance(message, SlotsChanged):
                self.slots = message.slots
            elif isinstance(message, BrokerFailed) and not self._replaced(message.why):
                return

    def _replaced(self, why: str) -> bool:
        """Start another broker, and send it all that is unfinished; return whether that worked."""
        self._notice(f"{self.where} was lost{f' ({why})' if why else ''}; connecting again")
        with self._lock:
            self._end_broker()
            self._broker.close()
            self._fruitless += 1
            fruitless = self._fruitless
        try:
            if fruitless > _BROKERS:
                raise SandboxUnavailable(f"{self.where} was lost {_BROKERS} times in a row")
            process, broker, ready = self._start_again()
        except SandboxError as error:
            with self._lock:
                self._failed = SandboxUnavailable(str(error))
                lost, self._open = self._open, {}
            for number, (_, results) in lost.items():
                results.put((number, ShareResult(None, str(self._failed), unavailable=True)))
            return False
        with self._lock:
            self._process, self._broker = process, broker
            self.nodes, self.slots = ready.nodes, ready.slots
            if self._closed:
                self._end_broker()
                return False
            for key, make in self._blocks.items():
                self._send(BlockSent(key, make()))
            for sent, _ in self._open.values():
                self._send(sent)
        return True

    def _start_again(self) -> tuple[subprocess.Popen[bytes], Connection, BrokerReady]:
        """Start a broker, while nothing answers again and again, as long as the patience lasts.

        Raises:
            SandboxError: as for `_start`.
        """
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._start()
            except SandboxUnavailable:
                if self._closed or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)

    def _start(self) -> tuple[subprocess.Popen[bytes], Connection, BrokerReady]:
        """Start a broker, and wait until it is connected.

        Raises:
            SandboxUnavailable: nothing answers.
            SandboxError: a node cannot be used.
        """
        ours, theirs = socket.socketpair()
        environment = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", **os.environ}
        if self._settings.address is None:  # its services listen on every address of the machine
            environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        root = str(Path(__file__).parents[3])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
        with theirs, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "autotts.sandbox.cluster.broker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, env=environment,
                start_new_session=True,
            )  # fmt: skip
            theirs.close()
            broker = Connection(ours.detach())
            try:
                broker.send(self._settings)
                first = broker.recv()
            except (EOFError, OSError):
                process.wait()
                errors.seek(0)
                first = BrokerFailed(_last_line(errors.read()), away=True)
            except BaseException:  # Ctrl-C
                process.kill()
                raise
        if isinstance(first, BrokerReady):
            problem = "" if self._settings.check else _problem(first.nodes)
            if not problem:
                return process, broker, first
            first = BrokerFailed(problem)
        broker.close()
        _wait(process)
        kind = SandboxUnavailable if first.away else SandboxError
        raise kind(f"{self.where} cannot be used: {first.why}")

    def _end_broker(self) -> None:
        """Shut the socket, which ends the broker, and wait for its end."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._broker.fileno())) as shared:
            shared.shutdown(socket.SHUT_RDWR)
        _wait(self._process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _problem(nodes: Sequence[NodeReport]) -> str:
    """Return why a cluster cannot be used, in one line; empty if it can."""
    if not nodes:
        return "it has no node with a CPU"
    bad = [node for node in nodes if node.problem and not node.silent]
    if not bad:
        return "" if any(not node.silent for node in nodes) else "no node answers"
    more = f" (and {len(bad) - 1} more nodes)" if len(bad) > 1 else ""
    return f"node {bad[0].address}: {bad[0].problem}{more}; see `autotts cluster check`"


def _last_line(errors: bytes) -> str:
    text = errors.decode(errors="replace").strip()
    if "Failed to connect to GCS" in text:
        return "its head does not answer"
    return text.splitlines()[-1][:300] if text else "its process ended"
