"""An environment in memory: the recorded branches of one base model on the questions of one benchmark, as columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .ranges import ranges

FORMAT = 1
"""The format of environments that have answers and signals of probes alone. It is part of their content hash."""
EXTENDED_FORMAT = 2
"""The format of environments that have final signals, verifier scores or forks as well."""
ABSENT = 0
"""The index in a vocabulary of the absent answer."""
MAX_PROBES = 2**16 - 1
"""The largest number of probes of a branch: action logs count the repetitions of a step in 16 bits."""
MAX_TOKENS = 2**31 - 1
"""The largest number of tokens of a branch, of an interval, of a probe and of a verification."""
ROOT = -1
"""The parent of a branch that is no fork."""
FORK_RULES = ("recorded", "nearest")
"""How a fork is answered that was not recorded: it is refused, or the nearest recorded fork of the branch is taken."""
PLAIN_COLUMNS = ("gold", "branch_offsets", "probe_offsets", "probe_answers", "final_answers", "total_tokens")
"""The columns of integers that every environment has."""

Ints = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Environment:
    """The questions of one benchmark with the recorded branches of one base model, as columns.

    There are Q questions, N branches of all questions, C probes (cells) of all branches, and V different answers. The
    branches of question q are ``branch_offsets[q]:branch_offsets[q + 1]``. The probes of branch b are
    ``probe_offsets[b]:probe_offsets[b + 1]``. Answers are indices into ``vocabulary``; 0 is the absent answer.

    A fork is a branch that shares its first ``fork_depths[b]`` intervals with its parent, an earlier branch of the
    question. It is stored whole: its columns and its tokens count from the start of the parent's intervals.
    """

    name: str
    delta: int
    """Tokens of one interval."""
    probe_cost: int
    """Tokens charged for each probe."""
    questions: tuple[str, ...]
    vocabulary: tuple[str, ...]
    gold: Ints
    """(Q,) gold answers, as indices."""
    branch_offsets: Ints
    """(Q + 1,)"""
    probe_offsets: Ints
    """(N + 1,)"""
    probe_answers: Ints
    """(C,) probe answers, as indices."""
    final_answers: Ints
    """(N,) final answers, as indices."""
    total_tokens: Ints
    """(N,) tokens of each branch."""
    signals: Mapping[str, Numbers] = field(default_factory=dict)
    """Signals by name: (C,) a number for each probe, NaN where absent. See `envs.signals` for the names."""
    answers: str = "exact"
    """How answers were compared at import (see `envs.answers`). Equal answers became one, so the hash leaves it out."""
    question_ids: tuple[str, ...] = ()
    """The ids of the questions in the imported files; () if they had none. Controllers and the hash do not see them."""
    imported: str = ""
    """The options of the import, as a shell takes them; "" if there were none. The hash leaves them out."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Where collected branches come from: server, model, sampling ... (`envs.provenance`). The hash leaves it out."""
    final_signals: Mapping[str, Numbers] = field(default_factory=dict)
    """Signals by name: (N,) the number of each finished branch, thus of its last interval; NaN where absent."""
    verifier: Numbers | None = None
    """(C,) the score that an external judge gives a branch after each interval, NaN where absent; None without one."""
    final_verifier: Numbers | None = None
    """(N,) its score of each finished branch; None without a verifier."""
    verify_cost: int = 0
    """Tokens charged for each verification."""
    parents: Ints | None = None
    """(N,) the branch from which each branch was forked, as its number within the question; `ROOT` for none. None
    without forks."""
    fork_depths: Ints | None = None
    """(N,) the intervals that each branch shares with its parent; 0 for roots. None without forks."""
    fork_rule: str = "recorded"
    """One of `FORK_RULES`."""

    def __len__(self) -> int:
        return len(self.questions)

    def branches(self, question: int) -> range:
        """Return the branches of ``question``, forks among them."""
        return range(int(self.branch_offsets[question]), int(self.branch_offsets[question + 1]))

    def label(self, question: int) -> str:
        """Return the number of ``question``, and its id if it has one, as text for the user."""
        if not self.question_ids:
            return str(question)
        id = "".join(c if c.isprintable() else "?" for c in self.question_ids[question])
        return f"{question} ({id if len(id) <= 40 else id[:39] + '…'})"

    def question_number(self, text: str) -> int:
        """Return the number of the question that ``text`` names: its number from 0, or else its id.

        Raises:
            InputError: there is no such question.
        """
        if text.isdecimal() and len(text) < 10 and int(text) < len(self):
            return int(text)
        if text in self.question_ids:
            return self.question_ids.index(text)
        ids = f", with ids such as {self.question_ids[0][:40]!r}" if self.question_ids else ""
        raise InputError(f"{self.name} has questions 0 to {len(self) - 1}{ids}, not {text[:60]!r}")

    @cached_property
    def probes(self) -> Ints:
        """(N,) the number of probes of each branch. A finished branch has one more interval than probes."""
        return np.diff(self.probe_offsets)

    @cached_property
    def question_of(self) -> Ints:
        """(N,) the question of each branch."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.branch_offsets))

    @cached_property
    def is_root(self) -> npt.NDArray[np.bool_]:
        """(N,) whether each branch is no fork."""
        if self.parents is None:
            return np.ones(len(self.final_answers), np.bool_)
        return np.asarray(self.parents == ROOT)

    @cached_property
    def signal_names(self) -> tuple[str, ...]:
        """The names of all signals, in ascending order."""
        return tuple(sorted({*self.signals, *self.final_signals}))

    @property
    def format(self) -> int:
        """The format of its file: `EXTENDED_FORMAT` with final signals, verifier scores or forks, else `FORMAT`."""
        extended = self.final_signals or self.verifier is not None or self.parents is not None
        return EXTENDED_FORMAT if extended else FORMAT

    @cached_property
    def hash(self) -> str:
        """The content hash: SHA-256 in hexadecimal over everything that a score depends on.

        It does not depend on compression.
        """
        digest = hashlib.sha256()
        for part in (self.meta(), *self.columns().values()):
            data = memoryview(part) if isinstance(part, bytes) else np.ascontiguousarray(part).data
            digest.update(data.nbytes.to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()

    def meta(self) -> bytes:
        """Return everything beside the columns on which a score depends, as JSON in one fixed form."""
        meta: dict[str, Any] = {
            "format": self.format,
            "delta": self.delta,
            "probe_cost": self.probe_cost,
            "questions": self.questions,
            "vocabulary": self.vocabulary,
            "signals": sorted(self.signals),
        }
        if self.format == EXTENDED_FORMAT:  # other environments keep the bytes and the hash that they always had
            meta |= {
                "final_signals": sorted(self.final_signals),
                "verify_cost": None if self.verifier is None else self.verify_cost,
                "fork_rule": None if self.parents is None else self.fork_rule,
            }
        return json.dumps(meta, sort_keys=True).encode()

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return all columns by the names that they have in a file, in a fixed order."""
        columns: dict[str, npt.NDArray[Any]] = {
            key: getattr(self, key).astype("<i4", copy=False) for key in PLAIN_COLUMNS
        }
        columns |= {f"signal/{key}": self.signals[key].astype("<f4", copy=False) for key in sorted(self.signals)}
        finals = self.final_signals
        columns |= {f"final_signal/{key}": finals[key].astype("<f4", copy=False) for key in sorted(finals)}
        if self.verifier is not None and self.final_verifier is not None:
            columns["verifier"] = self.verifier.astype("<f4", copy=False)
            columns["final_verifier"] = self.final_verifier.astype("<f4", copy=False)
        if self.parents is not None and self.fork_depths is not None:
            columns["parents"] = self.parents.astype("<i4", copy=False)
            columns["fork_depths"] = self.fork_depths.astype("<i4", copy=False)
        return columns

    def check(self) -> None:
        """Check that the columns agree with each other.

        Raises:
            InputError: they do not agree.
        """
        for problem, wrong in self._shapes():
            if wrong:
                raise InputError(f"environment {self.name}: {problem}")
        for column in (self.gold, self.probe_answers, self.final_answers):
            if len(column) and not 0 <= int(column.min()) <= int(column.max()) < len(self.vocabulary):
                raise InputError(f"environment {self.name}: an answer is outside the vocabulary")
        if self.parents is not None and self.fork_depths is not None:
            problem = _fork_problem(self, self.parents.astype(np.int64), self.fork_depths.astype(np.int64))
            if problem:
                raise InputError(f"environment {self.name}: {problem}")

    def _shapes(self) -> Iterator[tuple[str, bool]]:
        """Yield each problem of lengths and ranges, and whether it is there, so that a later one may rely on it."""
        questions, branches, probes = len(self.questions), len(self.final_answers), len(self.probe_answers)
        yield "no questions", questions == 0
        yield f"delta is not between 1 and {MAX_TOKENS}", not 0 < self.delta <= MAX_TOKENS
        yield f"the probe cost is not between 0 and {MAX_TOKENS}", not 0 <= self.probe_cost <= MAX_TOKENS
        yield "gold answers do not match the questions", len(self.gold) != questions
        yield "branch offsets do not match", not _offsets_fit(self.branch_offsets, questions, branches)
        yield "probe offsets do not match", not _offsets_fit(self.probe_offsets, branches, probes)
        yield f"a branch with more than {MAX_PROBES} probes", bool((np.diff(self.probe_offsets) > MAX_PROBES).any())
        yield "lengths do not match the branches", len(self.total_tokens) != branches
        yield "a negative length", bool((self.total_tokens < 0).any())
        yield "a question without branches", bool((np.diff(self.branch_offsets) < 1).any())
        yield "a signal does not match the probes", any(len(s) != probes for s in self.signals.values())
        yield "ids do not match the questions", len(self.question_ids) not in (0, questions)
        yield "an absent gold answer", bool((self.gold == ABSENT).any())
        finals, scores, last = self.final_signals.values(), self.verifier, self.final_verifier
        yield "a final signal does not match the branches", any(len(s) != branches for s in finals)
        yield "verifier scores of probes alone, or of finished branches alone", (scores is None) != (last is None)
        yield "verifier scores do not match the probes", scores is not None and len(scores) != probes
        yield "final verifier scores do not match the branches", last is not None and len(last) != branches
        yield f"the verify cost is not between 0 and {MAX_TOKENS}", not 0 <= self.verify_cost <= MAX_TOKENS
        yield "a verify cost without a verifier", self.verify_cost > 0 and scores is None
        yield f"the fork rule is not {' or '.join(FORK_RULES)}", self.fork_rule not in FORK_RULES
        yield "a fork rule without forks", self.parents is None and self.fork_rule != FORK_RULES[0]
        yield "parents without fork depths, or fork depths alone", (self.parents is None) != (self.fork_depths is None)
        for column in (self.parents, self.fork_depths):
            yield "parents or fork depths do not match the branches", column is not None and len(column) != branches


def _offsets_fit(offsets: Ints, groups: int, items: int) -> bool:
    if len(offsets) != groups + 1 or offsets[0] != 0 or offsets[-1] != items:
        return False
    return bool((np.diff(offsets) >= 0).all())


Indices = npt.NDArray[np.int64]


def _fork_problem(env: Environment, parents: Indices, depths: Indices) -> str:
    """Return why the forks of ``env`` do not agree with its branches, or ''.

    Args:
        env: an environment whose columns have the right lengths.
        parents: (N,) the number within the question of each branch's parent.
        depths: (N,) the intervals that each branch shares with it.
    """
    first = env.branch_offsets.astype(np.int64)[:-1][env.question_of]
    number = np.arange(len(parents)) - first
    if ((parents < ROOT) | (parents >= number)).any():
        return "the parent of a fork is no earlier branch of its question"
    forks = np.flatnonzero(parents != ROOT)
    if (depths[parents == ROOT] != 0).any():
        return "a branch that is no fork has a fork depth"
    parent, depth = (parents + first)[forks], depths[forks]
    if (depth <= depths[parent]).any():
        return "a fork whose depth is not beyond that of its parent's own fork (it forks from an earlier branch)"
    if (depth > np.minimum(env.probes[parent], env.probes[forks])).any():
        return "a fork lies beyond the probes of its parent, or beyond its own"
    starts = env.probe_offsets.astype(np.int64)
    own = ranges(starts[forks], starts[forks] + depth)
    shared = ranges(starts[parent], starts[parent] + depth)
    if not np.array_equal(env.probe_answers[own], env.probe_answers[shared]):
        return "a fork has other answers than its parent in the intervals that both share"
    for name, column in (*env.signals.items(), *([] if env.verifier is None else [("verifier", env.verifier)])):
        if not np.array_equal(column[own], column[shared], equal_nan=True):
            return f"a fork has another {name} than its parent in the intervals that both share"
    return ""
