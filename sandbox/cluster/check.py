"""Asks every node of a cluster what it offers, and compares its bits with those of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..base import SandboxError, SandboxLimits, log_message
from .link import ClusterLink
from .messages import BrokerSettings, NodeReport, NodeSettings
from .node import code_digest, small_batch


@dataclass(frozen=True, slots=True)
class ClusterCheck:
    """What the nodes of a cluster offer."""

    where: str
    """The cluster, in words."""
    slots: int
    """Shares of episodes that the nodes play at the same time."""
    nodes: tuple[NodeReport, ...]
    expected: str
    """The digest of the small batch on this machine."""

    def problem(self, node: NodeReport) -> str:
        """Return why ``node`` cannot be used, in one line; empty if it can."""
        return node.problem or ("" if node.played == self.expected else "other bits than on this machine")

    @property
    def usable(self) -> bool:
        """Whether every node can be used."""
        return bool(self.nodes) and not any(map(self.problem, self.nodes))


def check_cluster(
    address: str | None, sandbox: str, runtime: str | None = None, notice: Callable[[str], None] | None = None,
    interpreter: str = "cpython",
) -> ClusterCheck:  # fmt: skip
    """Have each node play a small batch.

    Args:
        address: of the cluster; None starts Ray on this machine.
        sandbox: what the nodes shall use.
        runtime: the Docker runtime.
        notice: called with messages for the user.
        interpreter: of the candidates there.

    Raises:
        InputError: Ray is not installed.
        SandboxError: there is no cluster.
    """
    expected = small_batch()
    settings = NodeSettings(sandbox, SandboxLimits(), runtime, interpreter, code_digest())
    link = ClusterLink(BrokerSettings(address, None, settings, check=True), notice or log_message)
    try:
        if not link.nodes:
            raise SandboxError(f"{link.where} has no node with a CPU")
        return ClusterCheck(link.where, link.slots, link.nodes, expected)
    finally:
        link.close()
