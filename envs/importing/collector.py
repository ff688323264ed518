"""Collects branches in any order into an environment, and refuses branches that contradict earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..environment import FORK_RULES, MAX_PROBES, Environment
from ..episodes import BRANCH_INDEX_LIMIT
from .forks import settle_forks
from .gathered import GatheredBranch, GatheredColumns, GatheredQuestion
from .intervals import beyond_end, common_interval, described, no_common_interval
from .line import BranchLine
from .rows import SkippedRow


class BranchCollector:
    """Collects branches, and builds an environment from them.

    Args:
        delta: tokens of an interval, if the lines do not give it or give a part of it. Branches without recorded probe
            answers then get absent ones.
    """

    def __init__(self, delta: int | None = None) -> None:
        self.questions: dict[tuple[str, str], GatheredQuestion] = {}
        self.branches = 0
        self.bare = 0
        """The number of branches without probe answers."""
        self.intervals: Counter[int] = Counter()
        """The number of branches with probes at each interval."""
        self._given = delta
        self._named: Counter[int] = Counter()
        self._delta: int | None = None
        self._probe_cost: int | None = None
        self._verify_cost: int | None = None
        self._verified = False
        self._fork_rule: str | None = None
        self._forked = False
        self._words: dict[str, str] = {}
        self.compared: str | None = None
        """How the answers were compared before the file was written, if the lines say so."""

    def add(self, line: BranchLine, place: str = "") -> None:
        """Add a branch, which stands at ``place`` in a file.

        Raises:
            SkippedRow: the branch is incomplete, or contradicts an earlier one.
        """
        delta, probes = self._interval(line)
        signals = line.signals or {}
        if any(len(values) != len(probes) for values in signals.values()):
            raise SkippedRow("a signal has another length than probe_answers")
        if line.verifier_scores is not None and len(line.verifier_scores) != len(probes):
            raise SkippedRow("verifier_scores has another length than probe_answers")
        if (line.parent_branch is None) != (line.fork_depth is None):
            raise SkippedRow("parent_branch without fork_depth, or fork_depth alone")
        self._agree(line)
        question = self._question(line)
        self._judge(question, line)
        if line.branch is not None:
            question.names.add(line.branch)
        share = self._words.setdefault  # keeps one copy of each text
        question.branches.append(
            GatheredBranch(
                line.branch,
                [None if answer is None else share(answer, answer) for answer in probes],
                line.final_answer,
                line.total_tokens,
                signals,
                delta if probes else 0,
                place,
                line.final_signals or {},
                line.verifier_scores,
                line.final_verifier_score,
                line.parent_branch,
                line.fork_depth or 0,
            )
        )
        self.questions.setdefault(_key(line), question)
        self._remember(line)
        if probes:
            self.intervals[delta] += 1
        elif line.probe_freq is not None:
            self._named[line.probe_freq] += 1
        self.branches += 1
        self.bare += line.probe_answers is None

    def _agree(self, line: BranchLine) -> None:
        """Raise an error if the line has another value than earlier lines in a field that is the same in all."""
        if self._probe_cost not in (None, line.probe_cost or 0):
            raise SkippedRow("probe_cost differs from earlier lines")
        if None not in (self._verify_cost, line.verify_cost) and self._verify_cost != line.verify_cost:
            raise SkippedRow("verify_cost differs from earlier lines")
        if None not in (self._fork_rule, line.fork_rule) and self._fork_rule != line.fork_rule:
            raise SkippedRow("fork_rule differs from earlier lines")
        if self.branches and self.compared != line.answers_compared:
            raise SkippedRow("answers_compared differs from earlier lines")

    def _remember(self, line: BranchLine) -> None:
        """Keep the fields that are the same in all lines."""
        self._probe_cost = line.probe_cost or 0
        self._verify_cost = line.verify_cost if line.verify_cost is not None else self._verify_cost
        self._verified |= line.verifier_scores is not None or line.final_verifier_score is not None
        self._fork_rule = line.fork_rule or self._fork_rule
        self._forked |= line.parent_branch is not None
        self.compared = line.answers_compared

    def _interval(self, line: BranchLine) -> tuple[int, list[str | None]]:
        """Return the interval of the line, 0 if it has none, and its probe answers."""
        delta = line.probe_freq or self._given or 0
        if line.probe_answers:
            if not delta:
                raise SkippedRow("probe_answers without probe_freq (--delta gives it)")
            if beyond_end(len(line.probe_answers), delta, line.total_tokens):
                raise SkippedRow(
                    "probes beyond the end of the branch: probe_freq * (probes - 1) >= total_tokens, so one of them is"
                    " wrong"
                )
            return delta, line.probe_answers
        if line.probe_answers is None and self._given:
            whole = max(0, -(-line.total_tokens // self._given) - 1)
            if whole > MAX_PROBES:
                raise SkippedRow(f"more than {MAX_PROBES} intervals of --delta")
            return self._given, [None] * whole
        return delta, []

    def _question(self, line: BranchLine) -> GatheredQuestion:
        """Return the question of the line: a known one, or a new one that is not added yet."""
        text = line.question if line.question is not None else line.question_id
        if text is None:
            raise SkippedRow("no question, and no question_id")
        question = self.questions.get(_key(line))
        if question is None:
            return GatheredQuestion(text, line.gold_answer, line.question_id)
        if line.gold_answer != question.gold:
            raise SkippedRow("gold_answer differs from the question's earlier lines")
        if text != question.text:
            raise SkippedRow("question differs from earlier lines of its question_id")
        if line.branch is not None and line.branch in question.names:
            raise SkippedRow("a branch that is there already")
        if len(question.branches) >= BRANCH_INDEX_LIMIT:
            raise SkippedRow(f"more than {BRANCH_INDEX_LIMIT} branches of a question")
        return question

    def _judge(self, question: GatheredQuestion, line: BranchLine) -> None:
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

    def right(self) -> dict[int, list[str]]:
        """Return, by the number of the question, the answers that a file marks as right."""
        return {
            number: [answer for answer, verdict in question.verdicts.items() if verdict]
            for number, question in enumerate(self.questions.values())
        }

    def merged(self, same: Callable[[str, str], bool]) -> tuple[int, int]:
        """Count the branches that are right by their mark alone, and the questions whose right answers differ.

        Args:
            same: whether two answers are the same by the comparison of the import.
        """
        branches = questions = 0
        for question in self.questions.values():
            marked = {answer for answer, verdict in question.verdicts.items() if verdict and answer != question.gold}
            right = {answer for answer in marked if not same(question.gold, answer)}
            finals = Counter(branch.final for branch in question.branches)
            branches += sum(finals[answer] for answer in right)
            questions += sum(answer in finals for answer in right | {question.gold}) > 1
        return branches, questions

    @property
    def probed(self) -> bool:
        """Whether any branch has a probe."""
        return any(branch.probes for question in self.questions.values() for branch in question.branches)

    def settle(self) -> tuple[list[str], list[str]]:
        """Bring all branches to one interval: leave out probes between its multiples, and drop branches of others.

        Returns:
            Notes for the user, and the places of the dropped branches.

        Raises:
            InputError: fewer than half of the branches with probes would keep one.
        """
        if not self.intervals:
            self._delta = self._given or (max(self._named, key=self._named.__getitem__) if self._named else None)
            return [], []
        common = self._delta = common_interval(self.intervals, self._given)
        if set(self.intervals) == {common}:
            return [], []
        dropped = self._drop(common)
        notes, before = self._resample(common)
        after = sum(bool(branch.probes) for branch in self._all())
        if 2 * after < before:
            raise no_common_interval(self.intervals)
        return notes, dropped

    def _all(self) -> Iterator[GatheredBranch]:
        for question in self.questions.values():
            yield from question.branches

    def _drop(self, common: int) -> list[str]:
        """Drop the branches with probes at intervals that do not divide ``common``, and return their places."""
        dropped = []
        for key, question in list(self.questions.items()):
            kept = [branch for branch in question.branches if not branch.delta or common % branch.delta == 0]
            dropped += [branch.place for branch in question.branches if branch.delta and common % branch.delta]
            question.branches[:] = kept
            if not kept:
                del self.questions[key]
        self.branches -= len(dropped)
        return dropped

    def _resample(self, common: int) -> tuple[list[str], int]:
        """Leave out the probes between the multiples of ``common``; return a note, and the branches that had probes."""
        before, had = Counter[int](), 0
        left_out = probes = 0
        for branch in self._all():
            if not branch.delta:
                continue
            had += 1
            probes += len(branch.probes)
            if branch.delta == common:
                continue
            before[branch.delta] += 1
            whole = len(branch.probes)
            branch.resample(common)
            left_out += whole - len(branch.probes)
        if not before:
            return [], had
        return [
            f"resampled to an interval of {common:,} tokens: of the branches probed {described(before)}, the probes"
            f" between are left out ({left_out:,} of {probes:,} probes)"
        ], had

    def settle_forks(self) -> list[tuple[str, str]]:
        """Put forks behind their parents, and drop those that do not fit them. `settle` must have been called.

        Returns:
            The places of the dropped branches, and what is wrong with each.
        """
        dropped = []
        for key, question in list(self.questions.items()) if self._forked else []:
            question.branches, wrong = settle_forks(_in_order(question.branches), self._delta or 1)
            dropped += [(branch.place, why) for branch, why in wrong]
            if not question.branches:
                del self.questions[key]
        self.branches -= len(dropped)
        return dropped

    def environment(self, name: str) -> Environment:
        """Return the environment: questions in the order of arrival, branches by number or else as they arrived.

        If no interval is given, an interval is as long as the longest branch, so that a step runs every branch to its
        end. `settle` and `settle_forks` must have been called.
        """
        columns = GatheredColumns(
            (self._verify_cost or 0) if self._verified or self._verify_cost is not None else None,
            (self._fork_rule or FORK_RULES[0]) if self._forked else self._fork_rule,
        )
        for question in self.questions.values():
            columns.question(question, question.branches if self._forked else _in_order(question.branches))
        longest = max(columns.totals, default=0)
        made = columns.environment(name, self._delta or max(1, longest), self._probe_cost or 0)
        ids = [question.id for question in self.questions.values()]
        if None in ids or ids == [str(number) for number in range(len(ids))]:
            return made
        return replace(made, question_ids=tuple(id for id in ids if id is not None))


def _in_order(branches: list[GatheredBranch]) -> list[GatheredBranch]:
    """Return the branches by number, or else as they arrived."""
    if all(isinstance(branch.name, int) for branch in branches):
        return sorted(branches, key=lambda branch: branch.name)  # type: ignore[arg-type,return-value]
    return branches


def _key(line: BranchLine) -> tuple[str, str]:
    return ("id", line.question_id) if line.question_id is not None else ("text", line.question or "")
