"""The state of a collection: what is known of each branch. The journal alone changes it, so that it can be resumed."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...errors import InputError
from ...plain_text import message_line
from ..answer_reader import AnswerReader
from ..exchange import Passage, TokenUse
from ..families import suffix_after
from ..request_signals import NAMES, confidence_columns
from ..settings import LiveSettings, request_seed
from .questions import CollectQuestion
from .records import (
    BranchLost,
    BranchScored,
    CollectRecord,
    IntervalDone,
    ProbeDone,
    RequestsMade,
    SessionBegan,
    token_use,
)

TRIED = 20
"""Probes, and finished branches, after which at least one must have had an answer."""


class NoProbeAnswers(InputError):
    """No probe has an answer, so the suffix of the probes does not fit the model."""


@dataclass(slots=True)
class CollectedBranch:
    """A branch so far."""

    question: int
    number: int
    passage: Passage = field(default_factory=Passage)
    """What was generated; empty again when the branch is finished."""
    depth: int = 0
    """Intervals run."""
    tokens: int = 0
    probes: list[str | None] = field(default_factory=list)
    """The answers of its probes, one after each interval but the last."""
    signals: dict[str, list[float | None]] = field(default_factory=dict)
    """By name, a number for each probe."""
    answer: str | None = None
    """The final answer."""
    finished: bool = False
    lost: str = ""
    """Why it was lost; "" if it was not."""
    waiting: dict[str, float] = field(default_factory=dict)
    """The signals of the last interval, which has not been probed."""
    ended: bool = False
    """Whether it has run its last interval."""
    final_signals: dict[str, float | None] = field(default_factory=dict)
    scores: list[float | None] = field(default_factory=list)
    """The verifier's, one after each interval but the last."""
    final_score: float | None = None
    parent: int | None = None
    """The number of the branch that it is a fork of, if any."""
    fork_depth: int = 0
    """Intervals that it shares with its parent."""
    confidences: array[float] | None = field(default_factory=lambda: array("d"))
    """The confidence of each token so far; None once the server has not given them."""
    ends: list[int] = field(default_factory=list)
    """The length of ``confidences`` after each interval."""

    @property
    def needs_probe(self) -> bool:
        """Whether its next request is a probe."""
        return not self.finished and not self.ended and len(self.probes) < self.depth

    def fork(self, number: int) -> CollectedBranch:
        """Return a branch that goes on from where this one stands."""
        return replace(
            self, number=number, parent=self.number, fork_depth=self.depth, probes=list(self.probes),
            signals={name: list(values) for name, values in self.signals.items()}, scores=list(self.scores),
            confidences=None if self.confidences is None else self.confidences[:], ends=list(self.ends),
        )  # fmt: skip


class BranchCollection:
    """The questions and their branches, as far as they are collected.

    Args:
        questions: what the model is asked.
        settings: how it is asked; ``max_branches`` is the number of branches of each question.
        reader: finds the answers.
        in_thought: whether the prompt opens a thought (``<think>``) by itself.
        width_only: whether the server cannot continue a branch, so that each is one request to its end.
        verified: whether a verifier scores every branch after each interval.
        fork_at: intervals after which each branch that still runs is forked; forks are not forked again.
        forks: forks of a branch at each of them.
    """

    def __init__(
        self, questions: Sequence[CollectQuestion], settings: LiveSettings, reader: AnswerReader,
        in_thought: bool = False, width_only: bool = False, *, verified: bool = False,
        fork_at: Sequence[int] = (), forks: int = 0,
    ) -> None:  # fmt: skip
        self.width_only = width_only
        self.verified = verified
        self.fork_at, self.forks = sorted(fork_at), forks
        self.questions, self.settings, self.reader = questions, settings, reader
        self._in_thought = in_thought
        self.branches = [
            [CollectedBranch(question, number) for number in range(settings.max_branches)]
            for question in range(len(questions))
        ]
        """By question: the roots by number, then the forks as they were made."""
        self._by_number = {(b.question, b.number): b for row in self.branches for b in row}
        self._new_forks: list[CollectedBranch] = []
        self.use = TokenUse()
        """Tokens of branches."""
        self.probe_use = TokenUse()
        self.sessions: list[SessionBegan] = []
        self.finished = 0
        """Finished branches, with those that were lost."""
        self.lost = 0
        self.answered = 0
        """Finished branches with an answer."""
        self.probed = 0
        self.probes_answered = 0
        self._seeds = [_question_seed(settings.seed, question) for question in questions]
        self._last_probe = self._last_end = ""
        self._right: dict[tuple[int, str], bool] = {}

    # What to ask

    def seed(self, branch: CollectedBranch) -> int | None:
        """Return the seed of the next request of ``branch``; it depends on the question's text, not on its place."""
        return request_seed(self._seeds[branch.question], branch.number, branch.depth)

    def suffix(self, branch: CollectedBranch) -> str:
        """Return the suffix of a probe of ``branch`` at its present depth."""
        return suffix_after(branch.passage.text, self.settings.probe_suffix)

    def needs_score(self, branch: CollectedBranch) -> bool:
        """Return whether the verifier is asked before ``branch`` goes on."""
        return self.verified and not branch.finished and (branch.ended or len(branch.scores) < len(branch.probes))

    def new_forks(self) -> list[CollectedBranch]:
        """Return the forks that have been made since the last call."""
        made, self._new_forks = self._new_forks, []
        return made

    def final_answer(self, branch: CollectedBranch, text: str) -> str | None:
        """Return the answer of ``branch`` if it ends with ``text``."""
        return self.reader.final(branch.passage.text + text, self._in_thought)

    def probe_answer(self, branch: CollectedBranch, text: str) -> str | None:
        """Return the answer in what the model wrote after the suffix."""
        return self.reader.probe(self.suffix(branch), text)

    # What came back

    def apply(self, record: CollectRecord) -> CollectedBranch | None:
        """Take a record of the journal, and return its branch, if it has one.

        Raises:
            ValueError: the record does not follow from those before it.
        """
        match record:
            case SessionBegan():
                self.sessions.append(record)
            case RequestsMade():
                self.use.add(token_use(record.use))
            case BranchScored():
                branch = self._branch(record.question, record.branch)
                self._score(branch, record.score)
                return branch
            case IntervalDone() | ProbeDone() | BranchLost():
                branch = self._branch(record.question, record.branch)
                (self.probe_use if isinstance(record, ProbeDone) else self.use).add(token_use(record.use))
                if isinstance(record, BranchLost):
                    self._lose(branch, record.why)
                elif isinstance(record, ProbeDone):
                    self._probe(branch, record)
                else:
                    self._interval(branch, record)
                return branch
        return None

    def _branch(self, question: int, number: int) -> CollectedBranch:
        branch = self._by_number.get((question, number))
        if branch is None:
            raise ValueError("a branch that is not asked for")
        if branch.lost:  # it was lost in an earlier session, and has been asked for again
            branch.lost, branch.finished = "", False
            self.lost -= 1
            self.finished -= 1
        if branch.finished:
            raise ValueError("a branch that has finished before")
        return branch

    def _interval(self, branch: CollectedBranch, record: IntervalDone) -> None:
        if branch.needs_probe and self.settings.probe_suffix:
            raise ValueError("an interval before the probe of the last one")
        if self.needs_score(branch):
            raise ValueError("an interval before the score of the last one")
        ids = None if record.ids is None or branch.passage.token_ids is None else tuple(record.ids)
        whole = None if ids is None else (branch.passage.token_ids or ()) + ids
        branch.passage = Passage(branch.passage.text + record.text, whole)
        branch.depth += 1
        branch.tokens += record.tokens
        branch.waiting = record.signals
        if record.confidences is None:
            branch.confidences = None
        if branch.confidences is not None:
            branch.confidences.extend(record.confidences or ())
            branch.ends.append(len(branch.confidences))
        if record.ended:
            branch.answer = self.reader.final(branch.passage.text, self._in_thought)
            branch.ended, branch.waiting, branch.final_signals = True, {}, dict(record.signals)
            self.answered += branch.answer is not None
            self._last_end = branch.passage.text[-80:]
            if not self.verified:
                self._finish(branch)

    def _probe(self, branch: CollectedBranch, record: ProbeDone) -> None:
        if not branch.needs_probe:
            raise ValueError("a probe before an interval")
        answer = self.probe_answer(branch, record.text)
        signals = branch.waiting | record.signals
        for name in NAMES:
            if name in signals or name in branch.signals:
                column = branch.signals.setdefault(name, [None] * len(branch.probes))
                column.append(signals.get(name))
        branch.probes.append(answer)
        branch.waiting = {}
        self.probed += 1
        self._last_probe = record.text
        self.probes_answered += answer is not None
        if not self.verified:
            self._fork(branch)

    def _score(self, branch: CollectedBranch, score: float | None) -> None:
        if not self.needs_score(branch):
            raise ValueError("a score before an interval and its probe")
        if branch.ended:
            branch.final_score = score
            self._finish(branch)
        else:
            branch.scores.append(score)
            self._fork(branch)

    def _fork(self, branch: CollectedBranch) -> None:
        """Make the forks of a root at its present depth, which has been probed and scored."""
        if branch.parent is not None or branch.depth not in self.fork_at:
            return
        place = branch.number * len(self.fork_at) + self.fork_at.index(branch.depth)
        for number in range(self.forks):
            made = branch.fork(self.settings.max_branches + place * self.forks + number)
            self.branches[branch.question].append(made)
            self._by_number[made.question, made.number] = made
            self._new_forks.append(made)

    def _lose(self, branch: CollectedBranch, why: str) -> None:
        branch.lost = why
        self.lost += 1
        branch.finished = True
        self.finished += 1

    def _finish(self, branch: CollectedBranch) -> None:
        if branch.confidences is not None:
            columns, final = confidence_columns(branch.confidences, branch.ends, self.settings.group_tokens)
            branch.signals |= columns
            branch.final_signals |= final
            branch.confidences = None  # takes most of the memory
        branch.passage = Passage()
        branch.finished = True
        self.finished += 1

    # What it means

    def ask_lost_again(self) -> None:
        """Make branches that were lost unfinished: they go on where they stood."""
        for question in self.branches:
            for branch in question:
                if branch.lost:
                    branch.lost, branch.finished = "", False
                    self.lost -= 1
                    self.finished -= 1

    def check_answers(self) -> None:
        """Check that the first probes, and the first finished branches, have an answer at all.

        Raises:
            NoProbeAnswers: `TRIED` probes have none.
            InputError: `TRIED` finished branches have none.
        """
        if self.probed >= TRIED and not self.probes_answered:
            raise NoProbeAnswers(
                f"the first {self.probed} probes have no answer; after the suffix the model wrote "
                f"'{message_line(self._last_probe, 80)}': give another --probe-suffix"
            )
        whole = self.finished - self.lost
        if whole >= TRIED and not self.answered:
            raise InputError(
                f"the first {whole} branches have no answer that --extract {self.reader.extraction.name} finds; one "
                f"ends with '{message_line(self._last_end, 80)}': give another --extract, or more --branch-tokens"
            )

    @property
    def total(self) -> int:
        """The branches that are to be collected, with the forks that have been made so far."""
        return sum(map(len, self.branches))

    def complete(self, question: int) -> bool:
        """Return whether all branches of ``question`` are finished."""
        return all(branch.finished for branch in self.branches[question])

    def accuracy(self) -> tuple[float, float, int] | None:
        """Return the accuracy so far, in per cent: of a single branch, and of the majority; and the number of votes.

        The majority is taken over the branches that have finished, of questions with at least one. Without gold answers
        it is None.
        """
        if not self.questions or self.questions[0].gold is None:
            return None
        single, majority, votes = 0.0, 0, 0
        for number, question in enumerate(self.branches):
            counts = Counter(branch.answer for branch in question if branch.finished and branch.parent is None)
            if not counts:
                continue
            votes += 1
            right = sum(count for answer, count in counts.items() if self._is_right(number, answer))
            single += right / counts.total()
            wrong = max((n for a, n in counts.items() if not self._is_right(number, a)), default=0)
            majority += right > wrong
        return (100 * single / votes, 100 * majority / votes, votes) if votes else (0.0, 0.0, 0)

    def _is_right(self, question: int, answer: str | None) -> bool:
        gold = self.questions[question].gold
        if answer is None or gold is None:
            return False
        key = (question, answer)
        if key not in self._right:
            self._right[key] = self.reader.equivalence.same(gold, answer)
        return self._right[key]


def _question_seed(seed: int | None, question: CollectQuestion) -> int | None:
    if seed is None:
        return None
    return int.from_bytes(hashlib.sha256(f"{seed} {question.key}".encode()).digest()[:4], "big") >> 1
