"""Collects branches in any order into an environment, and refuses branches that contradict earlier ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from ..episodes import BRANCH_INDEX_LIMIT
from ..store import ABSENT, MAX_PROBES, Environment
from .line import BranchLine
from .published import ABSENT_TEXT
from .rows import SkippedRow


@dataclass(slots=True)
class _Branch:
    name: int | str | None
    probes: list[str | None]
    final: str | None
    total: int
    signals: dict[str, list[float | None]]


@dataclass(slots=True)
class _Question:
    text: str
    gold: str
    branches: list[_Branch] = field(default_factory=list)
    names: set[int | str] = field(default_factory=set)
    verdicts: dict[str, bool] = field(default_factory=dict)
    """Whether each answer is right, for answers on which a file says so."""


class BranchCollector:
    """Collects branches, and builds an environment from them.

    Args:
        delta: tokens of an interval, if the lines do not give it. Branches without recorded probe answers then get
            absent ones.
    """

    def __init__(self, delta: int | None = None) -> None:
        self.questions: dict[tuple[str, str], _Question] = {}
        self.branches = 0
        self.bare = 0
        """The number of branches without probe answers."""
        self._given = delta
        self._delta = delta
        self._probe_cost: int | None = None
        self._words: dict[str, str] = {}

    def add(self, line: BranchLine) -> None:
        """Add a branch.

        Raises:
            SkippedRow: the branch is incomplete, or contradicts an earlier one.
        """
        delta, probes = self._interval(line)
        signals = line.signals or {}
        if any(len(values) != len(probes) for values in signals.values()):
            raise SkippedRow("a signal has another length than probe_answers")
        if self._probe_cost not in (None, line.probe_cost or 0):
            raise SkippedRow("probe_cost differs from earlier lines")
        question = self._question(line)
        self._judge(question, line)
        if line.branch is not None:
            question.names.add(line.branch)
        share = self._words.setdefault  # keeps one copy of each text
        question.branches.append(
            _Branch(
                line.branch,
                [None if answer is None else share(answer, answer) for answer in probes],
                line.final_answer,
                line.total_tokens,
                signals,
            )
        )
        self.questions.setdefault(_key(line), question)
        self._delta, self._probe_cost = delta, line.probe_cost or 0
        self.branches += 1
        self.bare += line.probe_answers is None

    def _interval(self, line: BranchLine) -> tuple[int | None, list[str | None]]:
        if line.probe_freq is not None and self._delta not in (None, line.probe_freq):
            raise SkippedRow(f"probe_freq differs from {'--delta' if self._given else 'earlier lines'}")
        delta = self._delta or line.probe_freq
        if line.probe_answers:
            if delta is None:
                raise SkippedRow("probe_answers without probe_freq (--delta gives it)")
            return delta, line.probe_answers
        if line.probe_answers is None and self._given:
            whole = max(0, -(-line.total_tokens // self._given) - 1)
            if whole > MAX_PROBES:
                raise SkippedRow(f"more than {MAX_PROBES} intervals of --delta")
            return delta, [None] * whole
        return delta, []

    def _question(self, line: BranchLine) -> _Question:
        """Return the question of the line: a known one, or a new one that is not added yet."""
        text = line.question if line.question is not None else line.question_id
        if text is None:
            raise SkippedRow("no question, and no question_id")
        question = self.questions.get(_key(line))
        if question is None:
            return _Question(text, line.gold_answer)
        if line.gold_answer != question.gold:
            raise SkippedRow("gold_answer differs from the question's earlier lines")
        if text != question.text:
            raise SkippedRow("question differs from earlier lines of its question_id")
        if line.branch is not None and line.branch in question.names:
            raise SkippedRow("a branch that is there already")
        if len(question.branches) >= BRANCH_INDEX_LIMIT:
            raise SkippedRow(f"more than {BRANCH_INDEX_LIMIT} branches of a question")
        return question

    def _judge(self, question: _Question, line: BranchLine) -> None:
        answer = line.final_answer
        if line.correct is None:
            return
        if answer is None:
            if line.correct:
                raise SkippedRow("marked right, but without an answer")
            return
        if answer == question.gold and not line.correct:
            raise SkippedRow("marked wrong, though it equals gold_answer")
        if question.verdicts.setdefault(answer, line.correct) != line.correct:
            raise SkippedRow("an answer that is marked right in one line and wrong in another")

    def merged(self) -> tuple[int, int]:
        """Return the number of branches that are right only by their mark, and of questions whose right answers differ.
        """
        branches = questions = 0
        for question in self.questions.values():
            right = {answer for answer, verdict in question.verdicts.items() if verdict}
            finals = Counter(branch.final for branch in question.branches)
            branches += sum(finals[answer] for answer in right - {question.gold})
            questions += sum(answer in finals for answer in right | {question.gold}) > 1
        return branches, questions

    @property
    def probed(self) -> bool:
        """Whether any branch has a probe."""
        return any(branch.probes for question in self.questions.values() for branch in question.branches)

    def environment(self, name: str) -> Environment:
        """Return the environment: questions in the order of arrival, branches by number or else as they arrived.

        If no interval is given, an interval is as long as the longest branch, so that a step runs every branch to its
        end.
        """
        columns = _GatheredColumns()
        for question in self.questions.values():
            branches = question.branches
            if all(isinstance(branch.name, int) for branch in branches):
                branches = sorted(branches, key=lambda branch: branch.name)  # type: ignore[arg-type,return-value]
            columns.question(question, branches)
        longest = max(columns.totals, default=0)
        return columns.environment(name, self._delta or max(1, longest), self._probe_cost or 0)


def _key(line: BranchLine) -> tuple[str, str]:
    return ("id", line.question_id) if line.question_id is not None else ("text", line.question or "")


class _GatheredColumns:
    """Builds the columns of an environment. Answers are numbered in the order of arrival, a gold answer first."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {ABSENT_TEXT: ABSENT}
        self.questions: list[str] = []
        self.gold: list[int] = []
        self.widths: list[int] = []
        self.depths: list[int] = []
        self.probes: list[int] = []
        self.finals: list[int] = []
        self.totals: list[int] = []
        self.signals: dict[str, list[float]] = {}

    def question(self, question: _Question, branches: list[_Branch]) -> None:
        def word(answer: str | None) -> int:
            if answer is None:
                return ABSENT
            text = question.gold if question.verdicts.get(answer) else answer
            return self.words.setdefault(text, len(self.words))

        self.questions.append(question.text)
        self.gold.append(word(question.gold))
        self.widths.append(len(branches))
        for branch in branches:
            before = len(self.probes)
            self.probes += map(word, branch.probes)
            self.depths.append(len(branch.probes))
            self.finals.append(word(branch.final))
            self.totals.append(branch.total)
            for name in {*self.signals, *branch.signals}:
                column = self.signals.setdefault(name, [float("nan")] * before)
                values = branch.signals.get(name, [None] * len(branch.probes))
                column += [float("nan") if value is None else value for value in values]

    def environment(self, name: str, delta: int, probe_cost: int) -> Environment:
        with np.errstate(over="ignore"):  # a number beyond the range of float32 becomes infinite
            signals = {key: np.array(values, np.float32) for key, values in self.signals.items()}
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
            signals=signals,
        )
        made.check()
        return made


def _ints(values: list[int]) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)
