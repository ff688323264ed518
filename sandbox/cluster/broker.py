"""The driver of Ray, in a process of its own: ``python -m autotts.sandbox.cluster.broker DESCRIPTOR``.

Ray ends its driver at once where it has lost the head or the node of the driver. This process takes that risk from the
host, which starts another broker and sends its unfinished shares again. Messages (`cluster.messages`) go over one
socket. The broker ends with it, and so does a Ray that it has started.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .messages import (
    BlockDropped,
    BlockSent,
    BrokerFailed,
    BrokerReady,
    BrokerSettings,
    NodeReport,
    ShareDone,
    ShareResult,
    SharesCancelled,
    ShareSent,
    SlotsChanged,
)
from .node import play_share, report_node

_RETRIES = 10
"""Times that Ray itself sends a share again whose worker or node was lost."""
_TRIES = 3
"""Times that a share is given to Ray, with so many retries each."""
_AHEAD = 1.5
"""Shares that Ray holds for each slot: some wait at the nodes, so that no slot idles between two shares."""
_PROBE_SECONDS = 180.0
_WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _TaskEnded:
    """A task has ended, in any way."""

    number: int
    future: Any


class _HostLeft:
    """The host has closed the socket, or has ended."""


class _Broker:
    """Gives shares to Ray, and passes on their results. All state belongs to the thread that calls `work`."""

    def __init__(self, host: Connection, settings: BrokerSettings, slots: int) -> None:
        self._host, self._settings, self._slots = host, settings, slots
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._blocks: dict[int, Any] = {}
        self._waiting: deque[ShareSent] = deque()
        self._running: dict[int, tuple[ShareSent, Any]] = {}
        self._tries: dict[int, int] = {}
        self._play = ray.remote(play_share)

    def work(self) -> None:
        """Work until the host closes the socket."""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()
        while not isinstance(message := self._inbox.get(), _HostLeft):
            if isinstance(message, BlockSent):
                self._blocks[message.key] = ray.put(message.block)
            elif isinstance(message, BlockDropped):
                self._blocks.pop(message.key, None)
            elif isinstance(message, ShareSent):
                self._waiting.append(message)
            elif isinstance(message, SharesCancelled):
                self._cancel(set(message.numbers))
            elif isinstance(message, SlotsChanged):
                self._slots = message.slots
                self._host.send(message)
            elif isinstance(message, _TaskEnded):
                self._end(message)
            while self._waiting and len(self._running) < max(1, round(_AHEAD * self._slots)):
                self._give(self._waiting.popleft())

    def _give(self, sent: ShareSent) -> None:
        task = self._play.options(num_cpus=1, max_retries=_RETRIES, scheduling_strategy="SPREAD")
        blocks = [sent.inline] if sent.inline is not None else [self._blocks[key] for key in sent.blocks]
        reference = task.remote(sent.share, *blocks)
        self._running[sent.number] = sent, reference
        self._tries[sent.number] = self._tries.get(sent.number, 0) + 1
        number = sent.number
        reference.future().add_done_callback(lambda future: self._inbox.put(_TaskEnded(number, future)))

    def _end(self, ended: _TaskEnded) -> None:
        """Pass on the result of a share, or give it to Ray again."""
        if ended.number not in self._running:
            return  # cancelled
        sent, _ = self._running.pop(ended.number)
        result = _result(ended.future)
        if result is None:
            return
        if result.outcome is None and result.retry and self._tries[sent.number] < _TRIES:
            self._waiting.append(sent)
            return
        del self._tries[sent.number]
        self._host.send(ShareDone(sent.number, result))

    def _cancel(self, numbers: set[int]) -> None:
        self._waiting = deque(sent for sent in self._waiting if sent.number not in numbers)
        for number in numbers & self._running.keys():
            _, reference = self._running.pop(number)
            with suppress(RayError, ValueError):
                ray.cancel(reference)
        for number in numbers:
            self._tries.pop(number, None)

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._inbox.put(self._host.recv())
        self._inbox.put(_HostLeft())

    def _watch(self) -> None:
        """Notice nodes that come and go. A lost head ends this process: Ray sees to that."""
        known = self._slots
        while True:
            time.sleep(_WATCH_SECONDS)
            with suppress(RayError, OSError, RuntimeError):
                slots = _slots(self._settings)
                if slots not in (0, known):
                    known = slots
                    self._inbox.put(SlotsChanged(slots))


def _result(future: Any) -> ShareResult | None:
    """Return the result of a task; None if it was cancelled."""
    try:
        done = future.result()
    except TaskCancelledError:
        return None
    except RayTaskError as error:  # our own code failed on the node
        return ShareResult(None, _line(error.cause or error), retry=False)
    except RayError as error:  # a worker or a node was lost again and again
        return ShareResult(None, f"Ray: {_line(error)}", unavailable=True)
    return done if isinstance(done, ShareResult) else ShareResult(None, "a node answered with something else")


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__


def _slots(settings: BrokerSettings) -> int:
    cpus = int(sum(node["Resources"]["CPU"] for node in _nodes()))
    return cpus if settings.slots is None else min(cpus, settings.slots)


def _nodes() -> list[dict[str, Any]]:
    nodes: Any = ray.nodes  # Ray has no types for it
    return [node for node in nodes() if node["Alive"] and node["Resources"].get("CPU", 0)]


def _connect(settings: BrokerSettings) -> None:
    """Start Ray on this machine, or connect to a cluster.

    Raises:
        ConnectionError: no cluster answers.
    """
    own: dict[str, Any] = {"address": settings.address}
    if settings.address is None:
        own = {"address": "local", "num_cpus": settings.slots, "include_dashboard": False}
        own["_node_ip_address"] = "127.0.0.1"
    ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **own)


def _reports(settings: BrokerSettings) -> list[NodeReport]:
    """Ask every node what it offers. A node that does not answer has a problem; one that has ended is left out."""
    ask = ray.remote(report_node)
    asked = []
    for node in _nodes():
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        task = ask.options(num_cpus=0, max_retries=2, scheduling_strategy=here)
        asked.append((node, task.remote(settings.node, settings.check)))
    ray.wait([reference for _, reference in asked], num_returns=len(asked), timeout=_PROBE_SECONDS)
    return [_report(node, reference) for node, reference in asked]


def _report(node: dict[str, Any], reference: Any) -> NodeReport:
    where = node["NodeManagerAddress"]
    try:
        found: NodeReport = ray.get(reference, timeout=0)
    except RayTaskError as error:
        found = NodeReport(where, problem=f"autotts cannot be used there: {_line(error.cause or error)}")
    except (RayError, TimeoutError) as error:
        found = NodeReport(where, problem=f"it does not answer ({type(error).__name__})", silent=True)
    has = node["Resources"]
    return replace(
        found, address=where, node_id=node["NodeID"], cpus=has.get("CPU", 0.0), memory=int(has.get("memory", 0)),
        store=int(has.get("object_store_memory", 0)),
    )  # fmt: skip


def main() -> None:
    """Serve the host at the other end of the descriptor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host handles Ctrl-C
    with Connection(int(sys.argv[1])) as host:
        settings: BrokerSettings = host.recv()
        try:
            _connect(settings)
            reports = _reports(settings)
            slots = _slots(settings)
        except Exception as error:
            away = isinstance(error, ConnectionError | TimeoutError | RayError)
            host.send(BrokerFailed("no answer" if away else _line(error), away))
            os._exit(1)
        host.send(BrokerReady(tuple(reports), slots, settings.address is None))
        try:
            _Broker(host, settings, slots).work()
        except (OSError, pickle.PickleError, RayError) as error:
            with suppress(OSError):
                host.send(BrokerFailed(_line(error)))
    ray.shutdown()


if __name__ == "__main__":
    main()
