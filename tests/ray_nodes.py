"""A Ray cluster of several nodes on this machine, whose parts a test kills: real processes, loopback addresses."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_worker_niceness": "0",  # else tasks wait for everything else on a busy machine
}
"""For Ray and its drivers: nothing beyond this machine, and losses are noticed within seconds."""
STORE = 80_000_000
"""Bytes of the object store of a node."""


class RayNodes:
    """A cluster with a head and further nodes, each with its own address.

    Args:
        nodes: the number of nodes, with the head.
        cpus: CPUs of each.
    """

    def __init__(self, nodes: int = 3, cpus: int = 1) -> None:
        from ray.cluster_utils import Cluster

        self._cpus, self._number = cpus, 1
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=self._arguments(include_dashboard=False))
        self.head = self._cluster.head_node
        self.others: list[Any] = [self.add() for _ in range(nodes - 1)]

    @property
    def address(self) -> str:
        """The address of the head."""
        return str(self._cluster.address)

    def add(self) -> Any:
        """Start another node, and return it."""
        return self._cluster.add_node(wait=False, **self._arguments())

    def replace_node(self) -> None:
        """Kill a node that is not the head, and start another one."""
        self.kill_node()
        self.others.append(self.add())

    def kill_node(self) -> None:
        """Kill all processes of the node that has lived longest and is not the head."""
        node = self.others.pop(0)
        workers = self.workers(node)
        self._cluster.remove_node(node, allow_graceful=False)
        _kill(workers)

    def kill_workers(self) -> int:
        """Kill the processes of all nodes in which Ray plays tasks, and return their number."""
        workers = [worker for node in (self.head, *self.others) for worker in self.workers(node)]
        _kill(workers)
        return len(workers)

    def workers(self, node: Any) -> list[int]:
        """Return the processes of ``node`` in which Ray plays tasks."""
        raylets = [kept.process.pid for kept in node.all_processes.get("raylet", ())]
        return [child for raylet in raylets for child in _children(raylet) if _is_worker(_name(child))]

    def kill_head(self) -> None:
        """Kill the head and all other nodes, which without it end themselves later on."""
        workers = [worker for node in (self.head, *self.others) for worker in self.workers(node)]
        for node in (*self.others, self.head):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
        _kill(workers)

    def restart_head(self) -> None:
        """Kill all nodes, and start as many at the same address: another cluster, which knows nothing of the first."""
        from ray.cluster_utils import Cluster

        port, count = int(self.address.rpartition(":")[2]), len(self.others)
        host = self.address.rpartition(":")[0]
        self.kill_head()
        arguments = {**self._arguments(include_dashboard=False), "node_ip_address": host, "gcs_server_port": port}
        self._cluster = Cluster(initialize_head=True, head_node_args=arguments)
        self.head = self._cluster.head_node
        self.others = [self.add() for _ in range(count)]

    def close(self) -> None:
        """Stop all nodes."""
        with suppress(Exception):
            self._cluster.shutdown()

    def _arguments(self, **more: Any) -> dict[str, Any]:
        self._number += 1
        address = f"127.0.0.{self._number}"
        return {"num_cpus": self._cpus, "node_ip_address": address, "object_store_memory": STORE, **more}


def required_ray() -> None:
    """Where Ray is missing, skip the test, or fail if Ray is required."""
    if find_spec("ray") is None:
        if os.environ.get("AUTOTTS_REQUIRE_RAY") == "1":
            pytest.fail("Ray is required here")
        pytest.skip("no Ray: it is not installed")


@contextmanager
def ray_nodes(nodes: int = 3, cpus: int = 1) -> Iterator[RayNodes]:
    """A cluster that is stopped at the end (see `required_ray`)."""
    required_ray()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        cluster = RayNodes(nodes, cpus)
        try:
            yield cluster
        finally:
            cluster.close()


def _children(process: int) -> list[int]:
    found = []
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in tasks.read_text().split()]
    return found


def _is_worker(name: str) -> bool:
    """Whether a process plays tasks; without its agents a node ends."""
    return name.startswith("ray::") and "Agent" not in name


def _name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
