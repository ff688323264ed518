"""The branches of an import as they were read, and the columns of an environment that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from ..environment import ABSENT, ROOT, Environment
from .published import ABSENT_TEXT

MaybeNumber = float | None


@dataclass(slots=True)
class GatheredBranch:
    """One branch."""

    name: int | str | None
    probes: list[str | None]
    final: str | None
    total: int
    signals: dict[str, list[MaybeNumber]]
    delta: int
    """Tokens between two probes, 0 without probes."""
    place: str
    final_signals: dict[str, MaybeNumber] = field(default_factory=dict)
    scores: list[MaybeNumber] | None = None
    """The verifier's score after each interval; None for none."""
    final_score: MaybeNumber = None
    parent: int | str | None = None
    """The name of the branch from which it was forked, if any."""
    fork_depth: int = 0
    """The intervals that it shares with its parent."""

    def resample(self, common: int) -> None:
        """Leave out the probes between the multiples of ``common`` tokens, a multiple of ``delta``."""
        step = common // self.delta
        self.probes = self.probes[step - 1 :: step]
        self.signals = {name: values[step - 1 :: step] for name, values in self.signals.items()}
        self.scores = None if self.scores is None else self.scores[step - 1 :: step]


@dataclass(slots=True)
class GatheredQuestion:
    """One question with its branches."""

    text: str
    gold: str
    id: str | None
    branches: list[GatheredBranch] = field(default_factory=list)
    names: set[int | str] = field(default_factory=set)
    verdicts: dict[str, bool] = field(default_factory=dict)
    """Whether each answer is right, for answers on which a file says so."""


class GatheredColumns:
    """Builds the columns of an environment. Answers are numbered in the order of arrival, a gold answer first.

    Args:
        verify_cost: tokens of a verification; None if no branch has a verifier.
        fork_rule: one of `FORK_RULES`; None if no branch is a fork.
    """

    def __init__(self, verify_cost: int | None = None, fork_rule: str | None = None) -> None:
        self.words: dict[str, int] = {ABSENT_TEXT: ABSENT}
        self.questions: list[str] = []
        self.gold: list[int] = []
        self.widths: list[int] = []
        self.depths: list[int] = []
        self.probes: list[int] = []
        self.finals: list[int] = []
        self.totals: list[int] = []
        self.signals: dict[str, list[float]] = {}
        self.final_signals: dict[str, list[float]] = {}
        self.scores: list[float] = []
        self.final_scores: list[float] = []
        self.parents: list[int] = []
        self.fork_depths: list[int] = []
        self._verify_cost = verify_cost
        self._fork_rule = fork_rule

    def question(self, question: GatheredQuestion, branches: Sequence[GatheredBranch]) -> None:
        """Add a question with its branches in their order, in which a parent stands before its forks."""

        def word(answer: str | None) -> int:
            if answer is None:
                return ABSENT
            text = question.gold if question.verdicts.get(answer) else answer
            return self.words.setdefault(text, len(self.words))

        self.questions.append(question.text)
        self.gold.append(word(question.gold))
        self.widths.append(len(branches))
        number = {branch.name: at for at, branch in enumerate(branches)}
        for branch in branches:
            absent: list[MaybeNumber] = [None] * len(branch.probes)
            _extend(self.signals, len(self.probes), branch.signals, absent)
            finals = {name: [value] for name, value in branch.final_signals.items()}
            _extend(self.final_signals, len(self.finals), finals, [None])
            self.scores += map(_or_nan, absent if branch.scores is None else branch.scores)
            self.final_scores.append(_or_nan(branch.final_score))
            self.parents.append(ROOT if branch.parent is None else number[branch.parent])
            self.fork_depths.append(branch.fork_depth)
            self.probes += map(word, branch.probes)
            self.depths.append(len(branch.probes))
            self.finals.append(word(branch.final))
            self.totals.append(branch.total)

    def environment(self, name: str, delta: int, probe_cost: int) -> Environment:
        """Return the environment of the added questions.

        Raises:
            InputError: its columns do not agree with each other.
        """
        made = Environment(
            name=name,
            delta=delta,
            probe_cost=probe_cost,
            questions=tuple(self.questions),
            vocabulary=tuple(self.words),
            gold=_ints(self.gold),
            branch_offsets=_ints([0, *accumulate(self.widths)]),
            probe_offsets=_ints([0, *accumulate(self.depths)]),
            probe_answers=_ints(self.probes),
            final_answers=_ints(self.finals),
            total_tokens=_ints(self.totals),
            signals={key: _numbers(values) for key, values in self.signals.items()},
            final_signals={key: _numbers(values) for key, values in self.final_signals.items()},
            **self._further(),
        )
        made.check()
        return made

    def _further(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._verify_cost is not None:
            found |= {"verifier": _numbers(self.scores), "final_verifier": _numbers(self.final_scores)}
            found["verify_cost"] = self._verify_cost
        if self._fork_rule is not None:
            found |= {"parents": _ints(self.parents), "fork_depths": _ints(self.fork_depths)}
            found["fork_rule"] = self._fork_rule
        return found


def _extend(
    columns: dict[str, list[float]], before: int, given: Mapping[str, Sequence[MaybeNumber]],
    absent: Sequence[MaybeNumber],
) -> None:  # fmt: skip
    """Add numbers of one branch to ``columns``, which have ``before``: for a missing name those of absence."""
    for name in {*columns, *given}:
        column = columns.setdefault(name, [float("nan")] * before)
        column += map(_or_nan, given.get(name, absent))


def _or_nan(value: MaybeNumber) -> float:
    return float("nan") if value is None else value


def _numbers(values: list[float]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a number beyond the range of float32 becomes infinite
        return np.array(values, np.float32)


def _ints(values: list[int]) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)
