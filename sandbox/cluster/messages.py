"""The messages between the host, its broker and the nodes of a cluster.

A message holds what crosses the wall of a sandbox (`sandbox.wire`) and nothing more: sources of candidates, recorded
branches with codes instead of answers, and episodes. Gold answers, names, texts and the tables that translate codes
stay on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import SandboxLimits
from ..outcome import Candidate, SandboxOutcome
from ..sealed_extras import SealedExtras
from ..sealing import SealedQuestion
from ..wire import SealedBatch

Ints = npt.NDArray[np.int64]
PATIENCE = 60.0
"""Seconds in which a cluster that was lost must answer again."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How a node opens its own sandbox."""

    sandbox: str
    """A name for `sandbox.choice.open_sandbox`."""
    limits: SandboxLimits
    runtime: str | None = None
    interpreter: str = "cpython"
    code: str = ""
    """`code_digest` of the host. A node with other code refuses to work, as its results could differ."""

    def as_arguments(self) -> dict[str, Any]:
        """Return the arguments for `sandbox.choice.open_sandbox`."""
        return {"name": self.sandbox, "runtime": self.runtime, "limits": self.limits,
                "interpreter": self.interpreter}  # fmt: skip


@dataclass(frozen=True, slots=True)
class QuestionBlock:
    """The columns of Q sealed questions, one question after another, without what their codes mean."""

    cells: npt.NDArray[np.uint16]
    """(C,) codes of the answers."""
    lengths: npt.NDArray[np.uint32]
    """(N,) cells of each branch."""
    totals: npt.NDArray[np.uint32]
    """(N,) tokens of each branch."""
    cell_offsets: Ints
    """(Q + 1,) the first cell of each question, and C."""
    branch_offsets: Ints
    """(Q + 1,) the first branch of each question, and N."""
    deltas: Ints
    """(Q,) tokens of one interval."""
    probe_costs: Ints
    """(Q,) tokens charged for each probe."""
    sizes: Ints
    """(Q,) codes of each question, with the one of an absent answer."""
    extras: tuple[SealedExtras | None, ...]
    """(Q,) signals, verifier and forks of each question: the sandbox of a node shows a candidate what it declares."""

    @classmethod
    def of(cls, questions: Sequence[SealedQuestion]) -> QuestionBlock:
        """Return the columns of ``questions``."""
        return cls(
            cells=np.concatenate([sealed.cells for sealed in questions]),
            lengths=np.concatenate([sealed.lengths for sealed in questions]),
            totals=np.concatenate([sealed.totals for sealed in questions]),
            cell_offsets=_offsets([len(sealed.cells) for sealed in questions]),
            branch_offsets=_offsets([len(sealed.lengths) for sealed in questions]),
            deltas=np.array([sealed.delta for sealed in questions], np.int64),
            probe_costs=np.array([sealed.probe_cost for sealed in questions], np.int64),
            sizes=np.array([len(sealed.meaning) for sealed in questions], np.int64),
            extras=tuple(sealed.extras for sealed in questions),
        )

    def question(self, number: int, codes: npt.NDArray[np.uint16] | None) -> SealedQuestion:
        """Return a question. Its codes mean themselves: only the host knows the answers.

        Args:
            number: the question, from 0.
            codes: (K,) the code of this run for each code of the block; None leaves them as they are.
        """
        cells = self.cells[self.cell_offsets[number] : self.cell_offsets[number + 1]]
        branches = slice(int(self.branch_offsets[number]), int(self.branch_offsets[number + 1]))
        return SealedQuestion(
            cells=cells if codes is None else codes[cells],
            lengths=self.lengths[branches],
            totals=self.totals[branches],
            delta=int(self.deltas[number]),
            probe_cost=int(self.probe_costs[number]),
            meaning=np.arange(self.sizes[number], dtype=np.int32),
            extras=self.extras[number],
        )


@dataclass(frozen=True, slots=True)
class Share:
    """Some episodes of a run, as one Ray task plays them."""

    session: str
    """Shares of one session may use the same workers (`Sandbox.reusing_workers`)."""
    settings: NodeSettings
    candidate: Candidate
    place: npt.NDArray[np.int64]
    """(Q, 2) the block of each question, as an index into the blocks of the task, and its number in the block."""
    codes: tuple[npt.NDArray[np.uint16] | None, ...]
    """(Q,) the codes of this run (see `QuestionBlock.question`)."""
    question: Ints
    """(n,) index into ``place``, as for all further columns of `SealedBatch`."""
    orders: tuple[npt.NDArray[np.int32], ...]
    order: Ints
    beta: npt.NDArray[np.float64]
    seed: Ints
    group: Ints
    max_branches: int
    max_tokens: int | None
    prints: bool

    def batch(self, blocks: Sequence[QuestionBlock]) -> SealedBatch:
        """Return the episodes with their questions from ``blocks``."""
        places = zip(self.place.tolist(), self.codes, strict=True)
        return SealedBatch(
            questions=[blocks[block].question(number, codes) for (block, number), codes in places],
            question=self.question, orders=list(self.orders), order=self.order, beta=self.beta, seed=self.seed,
            group=self.group, max_branches=self.max_branches, max_tokens=self.max_tokens, describe=_nowhere,
            prints=self.prints,
        )  # fmt: skip


NOWHERE = " []"
"""The end of the message of a node's verdict: the host puts the environment and the question there."""


def _nowhere(_: int) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class ShareResult:
    """What a node gives back for a share: the outcome with codes for answers, or why the sandbox failed."""

    outcome: SandboxOutcome | None
    error: str = ""
    unavailable: bool = False
    """Whether the failure is a `SandboxUnavailable`."""
    retry: bool = True
    """Whether another try may work, for example on another node."""
    node: str = ""
    seconds: float = 0.0
    """Seconds that the node took."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What a node offers."""

    address: str
    node_id: str = ""
    cpus: float = 0.0
    memory: int = 0
    """Bytes that Ray may use."""
    store: int = 0
    """Bytes of the node's object store."""
    machine: str = ""
    python: str = ""
    ray: str = ""
    version: str = ""
    """Of this program."""
    code: str = ""
    """`code_digest` of the node."""
    sandbox: str = ""
    """The sandbox that it opened; empty if none works."""
    about: str = ""
    interpreter: str = ""
    """Of the candidates there: ``cpython`` or ``pypy``."""
    problem: str = ""
    """Why it cannot play candidates; empty if it can."""
    silent: bool = False
    """Whether it has not answered: it may have been lost a moment ago."""
    played: str = ""
    """A digest of the logs and scores of a small batch; empty if it was not played."""
    seconds: float = 0.0
    """Seconds that the small batch took."""


@dataclass(frozen=True, slots=True)
class BlockSent:
    """To the broker: put a block into the object store."""

    key: int
    block: QuestionBlock


@dataclass(frozen=True, slots=True)
class BlockDropped:
    """To the broker: forget a block, which no later share needs."""

    key: int


@dataclass(frozen=True, slots=True)
class ShareSent:
    """To the broker: have a share played."""

    number: int
    share: Share
    blocks: tuple[int, ...]
    """Keys of the blocks that it needs."""
    inline: QuestionBlock | None = None
    """Questions that go with it, because no block has them."""


@dataclass(frozen=True, slots=True)
class SharesCancelled:
    """To the broker: nobody waits for these shares any longer."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BrokerReady:
    """From the broker: it is connected."""

    nodes: tuple[NodeReport, ...]
    slots: int
    """Shares that the nodes play at the same time."""
    local: bool
    """Whether the broker has started Ray itself."""


@dataclass(frozen=True, slots=True)
class BrokerFailed:
    """From the broker: it cannot work, and ends."""

    why: str
    away: bool = False
    """Whether nothing answers: another try may find the cluster."""


@dataclass(frozen=True, slots=True)
class SlotsChanged:
    """From the broker: nodes have come or gone."""

    slots: int


@dataclass(frozen=True, slots=True)
class ShareDone:
    """From the broker: the result of a share."""

    number: int
    result: ShareResult


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What a broker connects to."""

    address: str | None
    """Of a cluster; None starts Ray on this machine, for as long as the broker lives."""
    slots: int | None
    """CPUs of a Ray that is started here; of a cluster, the most shares at a time. None for all."""
    node: NodeSettings
    check: bool = False
    """Whether each node also plays a small batch, and problems are reported instead of raised."""


def _offsets(sizes: Sequence[int]) -> Ints:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
