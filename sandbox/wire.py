"""The messages that cross the wall of the sandbox, in both directions.

In: messages, each preceded by its size (u64). The first message holds the modules of the contract, and the second one
the source of the candidate. Every other message is a job for one process: a JSON header followed by columns of numbers.
A job holds the recorded branches of each question with opaque tokens instead of answers, and the episodes. It holds no
gold answer, no text of a question and no name of an environment. The tokens are drawn anew for each run, and the
meaning of each token is drawn anew for each question.

Out: frames (see `sandbox.worker.worker.FRAME`). ``Z``: the worker is ready. ``R``: the candidate is loaded. ``E``: the
answer and the action log of an episode. ``F``: the failure that ended the run. ``D``: all episodes of the job are done.
``X``: the process of the job has ended.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes
from autotts.envs.plain_text import message_line

from . import declared_questions, policy
from .batch_parts import orders_of_batch, ranges_of_group
from .kept_logs import LARGEST_LOG, BadFrame, largest_log, largest_log_of
from .outcome import Candidate, Verdict
from .packed_extras import Head
from .sealed_extras import declared_by
from .sealing import PackedQuestions, QuestionColumns, RecordedQuestions, SealedQuestion, columns_of, sizes_of
from .worker import seccomp

_WORKER = Path(__file__).parent / "worker"
FRAME = struct.Struct("<cIiI")
PRINTED = 4096
"""Bytes of a candidate's prints that are shown while it is tried."""
LARGEST_FAILURE = 1 << 14
"""The largest failure in bytes: 500 characters, each of them escaped in 12 bytes, and what is around them."""
SIZE = struct.Struct("<Q")
_SOURCE = b"\xff" * 4
"""What stands in the message with a candidate's source where a job has the size of its header."""
_PLACES = np.array([1, 1 << 16, 1 << 32], np.int64)
NOT_A_TOKEN = -1
MESSAGE_BYTES = 1 << 24
"""Bytes of the questions in a message, if the episodes of one group can be divided: a worker needs ten times as much.
"""
_PARTS = 4
"""Messages for each worker at the least, where the episodes of one group are divided."""


@dataclass(frozen=True)
class SealedBatch:
    """E episodes, and the sealed questions on which they are played."""

    questions: Sequence[SealedQuestion]
    question: npt.NDArray[np.int64]
    """(E,) index into ``questions``."""
    orders: Sequence[npt.NDArray[np.int32]]
    order: npt.NDArray[np.int64]
    """(E,) index into ``orders``: the branches of the question in the order in which they are opened."""
    beta: npt.NDArray[np.float64]
    seed: npt.NDArray[np.int64]
    """(E,) seed of the controller's own `random`: the number of the branch order."""
    group: npt.NDArray[np.int64]
    """(E,) the group of each episode; episodes of different groups never share a process."""
    max_branches: int
    max_tokens: int | None
    describe: Callable[[int], str]
    """Returns the environment, question, beta and branch order of an episode as text."""
    prints: bool = False
    """Whether the first `PRINTED` bytes of the candidate's prints are kept: for people who try a draft."""

    def __len__(self) -> int:
        return len(self.question)

    @classmethod
    def of(cls, episodes: Episodes, seal_now: bool = True) -> SealedBatch:
        """Return ``episodes`` with their recorded branches, all in one group, with newly drawn codes.

        With ``seal_now`` the questions are sealed now if they fit into one message, else whenever a message needs them.
        """
        most = max(map(len, episodes.environments))
        used, question = np.unique(
            episodes.environment.astype(np.int64) * most + episodes.question, return_inverse=True
        )
        recorded = RecordedQuestions(episodes.environments, used // most, used % most)
        small = seal_now and int(recorded.sizes().sum()) <= MESSAGE_BYTES
        orders, order = orders_of_batch(episodes, recorded, question)
        return cls(
            questions=list(recorded) if small else recorded,
            question=question,
            orders=orders,
            order=order,
            beta=episodes.beta,
            seed=episodes.order,
            group=np.zeros(len(question), np.int64),
            max_branches=episodes.max_branches,
            max_tokens=episodes.max_tokens,
            describe=episodes.describe,
        )

    def shares(self, workers: int) -> list[list[npt.NDArray[np.int64]]]:
        """Return, for each worker, the episodes of each of its processes.

        Each group gets a process of its own. If there is only one group, it is divided among the workers. Where the
        questions of a group do not fit into one message, each process gets a range of the group whose questions do.
        """
        groups = np.split(np.argsort(self.group, kind="stable"), np.flatnonzero(np.diff(np.sort(self.group))) + 1)
        sizes = sizes_of(self.questions)
        if int(sizes.sum()) > MESSAGE_BYTES:
            most = -(-len(self) // (_PARTS * workers)) if len(groups) == 1 else len(self)
            cut = (ranges_of_group(group, self.question, sizes, most, MESSAGE_BYTES) for group in groups)
            groups = [part for parts in cut for part in parts]
        elif len(groups) == 1:
            groups = [groups[0][i::workers] for i in range(workers)]
        shares = [[group for group in groups[i::workers] if len(group)] for i in range(workers)]
        return [share for share in shares if share]


class SandboxJob:
    """A batch that is ready to be sent to any number of workers, for one run of one candidate."""

    def __init__(self, candidate: Candidate, batch: SealedBatch) -> None:
        self.candidate = candidate
        self.batch = batch
        self._declared = declared_by(candidate.source)
        self._known: dict[int, tuple[npt.NDArray[np.int32], int]] = {}
        """The meaning of the codes of each question that was sent, and the bytes of its longest log."""

    def message(self, part: npt.NDArray[np.int64], limits: dict[str, int]) -> bytes:
        """Return the message that makes a process play the episodes ``part`` under ``limits`` (see `resource`)."""
        batch = self.batch
        used, question = _distinct(batch.question[part])
        taken, order = _distinct(batch.order[part])
        orders = [batch.orders[i] for i in taken.tolist()]
        known, codes, heads, sealed = self._columns(used)
        if any(each.extras is not None for each in sealed):
            owner = dict(zip(order.tolist(), question.tolist(), strict=True))
            orders = [
                declared_questions.seen_order(one, sealed[owner[i]], self._declared) for i, one in enumerate(orders)
            ]
        columns: dict[str, npt.NDArray[Any]] = {
            **known,
            "orders": _u4(np.concatenate(orders)),
            "order_sizes": _u4([len(order) for order in orders]),
            "index": _u4(part),
            "world": _u4(question),  # the question of each episode; attacks and cheats know this name
            "order": _u4(order),
            "beta": batch.beta[part],
            "seed": batch.seed[part],
        }
        header = {
            "limits": limits,
            "tokens": _fresh_tokens(codes - 1),
            "max_branches": batch.max_branches,
            "max_tokens": batch.max_tokens,
            "blobs": [(name, _CODES[column.dtype.str], column.nbytes) for name, column in columns.items()],
        }
        if "numbers" in columns:
            header["extras"] = heads
        if batch.prints:
            header["prints"] = PRINTED + 1  # one more byte shows that there was more
        text = json.dumps(header).encode()
        blobs = (np.ascontiguousarray(column).view(np.uint8).data for column in columns.values())
        return _message(struct.pack("<I", len(text)), text, *blobs)

    def _columns(
        self, used: npt.NDArray[np.int64]
    ) -> tuple[QuestionColumns, int, list[Head | None], list[SealedQuestion]]:
        """Return the columns of the questions ``used``, the largest number of codes of one, their heads, and them.

        Questions that are packed hold what the candidate declares, and no more; of them, no list is made.
        """
        questions = self.batch.questions
        if isinstance(questions, PackedQuestions) and int(used[-1]) - int(used[0]) == len(used) - 1:
            here = int(used[0]), int(used[-1]) + 1
            return questions.columns(*here), questions.codes.shape[1], questions.heads(*here), []
        taken = [questions[i] for i in used.tolist()]
        for number, sealed in zip(used.tolist(), taken, strict=True):
            self._remember(number, sealed)
        seen = [declared_questions.seen_question(sealed, self._declared) for sealed in taken]
        heads = declared_questions.heads(taken, self._declared)
        columns = columns_of(seen) | declared_questions.columns(seen)
        return columns, max(len(each.meaning) for each in taken), heads, taken

    def largest_log(self, episode: int) -> int:
        """Return the bytes of the longest log that the contract allows in ``episode``."""
        if isinstance(self.batch.questions, PackedQuestions):
            return self._largest[int(self.batch.question[episode])]
        return self._of(episode)[1]

    def answer(self, episode: int, code: int) -> int:
        """Return the answer, in the vocabulary of the environment, that ``code`` stands for in ``episode``.

        Raises:
            BadFrame: the question has no such answer.
        """
        questions = self.batch.questions
        packed = questions if isinstance(questions, PackedQuestions) else None
        meaning = self._of(episode)[0] if packed is None else packed.codes[0]
        if not 0 <= code < len(meaning):
            raise BadFrame(Verdict("illegal_answer", "the answer is not one that it saw"))
        return int(meaning[code]) if packed is None else packed.answer(int(self.batch.question[episode]), code)

    @cached_property
    def _largest(self) -> list[int]:
        """The bytes of the longest log of each question, where the questions are packed."""
        questions, most = self.batch.questions, self.batch.max_branches
        assert isinstance(questions, PackedQuestions)
        found = [
            largest_log_of(int(n)) for n in np.add.reduceat(questions.lengths, questions.branches[:-1], dtype=np.int64)
        ]
        heads = questions.heads(0, len(questions))
        more = np.array([head is not None and bool({"verify_cost", "fork_rule"} & head.keys()) for head in heads])
        for i in np.flatnonzero((np.diff(questions.branches) > most) | more).tolist():
            head = heads[i] or {}
            forks = most if "fork_rule" in head else 0
            found[i] = largest_log(questions.lengths_of(i), most, "verify_cost" in head, forks)
        return found

    def _of(self, episode: int) -> tuple[npt.NDArray[np.int32], int]:
        number = int(self.batch.question[episode])
        if number not in self._known:
            self._remember(number, self.batch.questions[number])
        return self._known[number]

    def _remember(self, number: int, sealed: SealedQuestion) -> None:
        if number not in self._known:
            extras, most = sealed.extras, self.batch.max_branches
            verifier = extras is not None and extras.verifier is not None
            forks = most if extras is not None and extras.parents is not None else 0
            self._known[number] = sealed.meaning, largest_log(sealed.lengths, most, verifier, forks)


def setup(*, strict: bool = True, compiler: bool = False) -> bytes:
    """Return the first message to a worker: the contract, the modules to load, and the filters of system calls.

    Args:
        strict: whether the worker ends with an error where the kernel cannot keep a candidate from all clocks and
            files; otherwise it goes on with what there is.
        compiler: see `seccomp.candidate_program`.
    """
    filters = {
        machine: (seccomp.program(machine).hex(), seccomp.candidate_program(machine, compiler=compiler).hex())
        for machine in seccomp.MACHINES
    }
    sources = {name: (_WORKER / f"{name}.py").read_text(encoding="utf-8") for name in ("loading", "sets")}
    text = sources | {"modules": contract_modules(), "preload": preloaded(), "filters": filters}
    return _message(json.dumps(text | {"strict": strict}).encode())


def preloaded() -> list[str]:
    """Return the modules that a worker loads before it runs a candidate: all that the policy lets it import."""
    return sorted(name for name in policy.MODULES if name.partition(".")[0] not in ("autotts", "envs"))


def _message(*parts: bytes | memoryview) -> bytes:
    return b"".join((SIZE.pack(sum(map(len, parts))), *parts))


def _distinct(numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the different numbers in order, and the place of each number among them."""
    if (numbers[1:] > numbers[:-1]).all():
        return numbers, np.arange(len(numbers))
    used, place = np.unique(numbers, return_inverse=True)
    return used, place.ravel()


def _u4(values: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    return np.asarray(values).astype(np.uint32)


_CODES = {"<u2": "H", "<u4": "I", "<f8": "d", "<i8": "q", "<f4": "f", "<i4": "i"}


def parse(buffer: bytearray, largest_log: Callable[[], int]) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Remove all complete frames from ``buffer``, and yield (kind, episode, answer, data) of each.

    The size of a frame is checked when its head arrives: no more of its data than the contract allows is ever held.

    Args:
        buffer: the bytes that have arrived.
        largest_log: returns the bytes that the log of the next episode may have; called when a log begins.

    Raises:
        BadFrame: the bytes are not a frame, or the frame is too large.
    """
    at = 0
    try:
        while len(buffer) - at >= FRAME.size:
            kind, episode, answer, size = FRAME.unpack_from(buffer, at)
            if kind == b"E" and size > (most := largest_log()):
                message = f"a log of {size:,} bytes, but the contract allows no more than {most:,} in this episode"
                raise BadFrame(Verdict("forged_log", message))
            if kind not in _LARGEST or (kind != b"E" and size > _LARGEST[kind]):
                raise BadFrame(Verdict("protocol", "garbage among the results"))
            end = at + FRAME.size + size
            if end > len(buffer):
                break
            data, at = bytes(buffer[at + FRAME.size : end]), end
            yield kind, episode, answer, data
    finally:
        del buffer[:at]


_LARGEST = {b"E": LARGEST_LOG, b"F": LARGEST_FAILURE, b"R": 0, b"D": 0, b"X": 0, b"Z": 0}
"""Bytes of data that a frame of each kind may have."""


_REPORTED = ("contract", "syntax", "exception", "illegal_action", "import", "memory", "processes", "exit")
"""The kinds of verdict that a worker reports; the host finds all others itself."""


def failure(data: bytes, episode: int) -> Verdict:
    """Return the verdict that the data of a failure frame hold.

    Args:
        data: the data, at most `LARGEST_FAILURE` bytes, from a process that the candidate controls.
        episode: the episode that the worker plays.

    Raises:
        BadFrame: the data hold no failure of this episode, and none from before the first.
    """
    try:
        said = json.loads(data)
        kind, message, where = said["kind"], message_line(str(said["message"])), said["episode"]
        if kind not in _REPORTED:
            raise ValueError(kind)
        if where is not None and (type(where) is not int or where != episode):
            raise ValueError(where)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadFrame(Verdict("protocol", "garbage among the results")) from None
    return Verdict(kind, message, where)


def contract_modules() -> dict[str, str]:
    """Return the sources of the contract modules by module name, in the order in which they must be loaded."""
    home = Path(__file__).parents[1] / "envs" / "contract"
    return {f"envs.{name}": (home / f"{name}.py").read_text(encoding="utf-8") for name in _MODULES}


_MODULES = ("question", "controller", "action_log", "recording", "replay_state", "replay")


def source_message(candidate: Candidate) -> bytes:
    """Return the message with the source of the candidate of all later jobs of a worker."""
    return _message(_SOURCE, candidate.source.encode("utf-8", "surrogatepass"))


def _fresh_tokens(n: int) -> str:
    """Return ``n`` different random tokens of 12 characters, one after another."""
    while True:
        drawn = secrets.token_bytes(6 * n)
        numbers = np.frombuffer(drawn, np.uint16).reshape(n, 3).astype(np.int64) @ _PLACES
        numbers.sort()
        if (numbers[1:] != numbers[:-1]).all():
            return drawn.hex()
