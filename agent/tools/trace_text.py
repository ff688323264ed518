"""One episode as compact text, its answers as letters: equality is all that a controller sees of an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from envs.contract.replay import BRANCH, PRUNE, VERBS
from envs.trace import Trace, TraceStep

_ROWS = "record action (xN: N intervals): last answer (branches) | majority of the last answers, tokens, latency so far"
_BRANCHES = "branch: its answers, interval by interval (xN: N in a row, ?: not looked at) | how it came out"


class AnswerLetters:
    """Names for the answers of one episode: A, B, ..., Z, AA, ... in the order in which they are asked for."""

    def __init__(self, gold: str) -> None:
        self._gold = gold
        self._names: dict[str, str] = {}

    def __call__(self, answer: str | None) -> str:
        """Return the letter of an answer, ``*`` after that of the right one; ``-`` for an absent one."""
        if answer is None:
            return "-"
        if answer not in self._names:
            self._names[answer] = _letters(len(self._names)) + ("*" if answer == self._gold else "")
        return self._names[answer]

    @property
    def saw_right(self) -> bool:
        """Whether the right answer has been asked for."""
        return self._gold in self._names


def _letters(n: int) -> str:
    text = ""
    while n >= 0:
        text = chr(ord("A") + n % 26) + text
        n = n // 26 - 1
    return text


@dataclass(frozen=True)
class TraceText:
    """A trace as text: what it was, and its lines, of which a reader takes as many as it wants."""

    head: list[str]
    lines: list[str]


def trace_text(trace: Trace, handle: str) -> TraceText:
    """Return the text of ``trace``: what it did in time, and then what every branch showed."""
    letters = AnswerLetters(trace.gold)
    rows = _rows(trace, letters)
    branches = list(_branches(trace, letters))
    answer = letters(trace.answer)
    pruned = sum(len(step.branches) for step in trace.steps if step.verb == VERBS[PRUNE])
    head = [
        f"{handle}: answered {answer}, {'right' if trace.correct else 'wrong'}; {trace.tokens:,} tokens, latency "
        f"{trace.latency:,}, {trace.width} of {trace.max_branches} branches opened, {pruned} pruned",
        f"A, B, ... are answers in the order of appearance, * the right one{_never(letters)}, - no answer; "
        f"1 interval = {trace.delta:,} tokens",
    ]
    return TraceText(head, [*_ends(trace, letters), _ROWS, *rows, _BRANCHES, *branches])


def _never(letters: AnswerLetters) -> str:
    return "" if letters.saw_right else " (it never appears here)"


def _groups(steps: Sequence[TraceStep]) -> Iterator[list[TraceStep]]:
    """Yield the records that one row can tell of: the same call on one branch after another."""
    group: list[TraceStep] = []
    for step in steps:
        if group and not _joins(group, step):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _joins(group: list[TraceStep], step: TraceStep) -> bool:
    first = group[0]
    if step.verb != first.verb or step.times != first.times:
        return False
    if step.verb in (VERBS[BRANCH], VERBS[PRUNE]):
        return True
    alone = len(step.branches) == 1 and len(first.branches) == 1
    return alone and step.branches[0] not in {branch for done in group for branch in done.branches}


def _rows(trace: Trace, letters: AnswerLetters) -> list[str]:
    """Return the rows; where one did and showed what the one before did, and nothing ended, the two are one."""
    merged: list[tuple[int, int, int, TraceStep, str]] = []  # first and last record, times, last step, what it showed
    for group in _groups(trace.steps):
        first, last = group[0], group[-1]
        told = _told(group, letters)
        times, begin = first.times, first.record
        if merged and first.verb not in (VERBS[BRANCH], VERBS[PRUNE]):
            before = merged[-1]
            if before[3].verb == first.verb and before[4] == told and before[3].leader == last.leader:
                begin, times = before[0], before[2] + times
                merged.pop()
        merged.append((begin, last.record, times, last, told))
    return [_row(*row, letters) for row in merged]


def _row(begin: int, end: int, times: int, last: TraceStep, told: str, letters: AnswerLetters) -> str:
    branches, _, shown = told.partition("\n")
    line = f"{begin}" if begin == end else f"{begin}-{end}"
    line += f" {last.verb} {branches}" + (f" x{times}" if times > 1 else "") + shown
    if last.verb in (VERBS[BRANCH], VERBS[PRUNE]):
        return line
    return f"{line} | {letters(last.leader)} {last.tokens:,} {last.latency:,}"


def _told(group: list[TraceStep], letters: AnswerLetters) -> str:
    """Return the branches of a group, and on a second line what they showed."""
    first, last = group[0], group[-1]
    line = spans([branch for step in group for branch in step.branches]) + "\n"
    if first.verb in (VERBS[BRANCH], VERBS[PRUNE]):
        return line
    if first is not last:
        line = line[:-1] + " in turn\n"
    seen: dict[str, list[int]] = {}
    for step in group:
        for branch, answers in zip(step.branches, step.answers, strict=True):
            if answers:
                seen.setdefault(letters(answers[-1]), []).append(branch)
    shown = [f"{letter} ({spans(where)})" for letter, where in seen.items()]
    if shown:
        line += ": " + ", ".join(shown)
    ended = [branch for step in group for branch in step.ended]
    if ended:
        line += f"; ended {spans(ended)}"
    return line


def _ends(trace: Trace, letters: AnswerLetters) -> list[str]:
    """Return in what order branches ended, with which answers, and the votes of the ends."""
    ended: list[tuple[int, int, str]] = []
    for step in trace.steps:
        for branch, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            if branch in step.ended:
                ended.append((branch, depth, letters(answers[-1]) if answers else "?"))
    if not ended:
        return ["no branch ended"]
    votes = Counter(answer for _, _, answer in ended)
    told = ", ".join(f"{branch}@{depth} {answer}" for branch, depth, answer in ended)
    counts = ", ".join(f"{answer} {n}" for answer, n in votes.most_common())
    return [f"votes of the {len(ended)} ends: {counts}", f"ends in order, branch@intervals answer: {told}"]


def spans(branches: Sequence[int]) -> str:
    """Return branches as in "0-3,7"."""
    runs = groupby(enumerate(sorted(branches)), key=lambda pair: pair[1] - pair[0])
    parts = [[branch for _, branch in run] for _, run in runs]
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _branches(trace: Trace, letters: AnswerLetters) -> Iterator[str]:
    """Yield a line for each branch: the answers that it showed, interval by interval, and its end."""
    cells: list[list[str]] = [[] for _ in range(trace.width)]
    ends = ["running"] * trace.width
    for step in trace.steps:
        for branch, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            row = cells[branch]
            if step.verb == VERBS[PRUNE]:
                ends[branch] = f"pruned at record {step.record}"
                continue
            row += ["?"] * (depth - len(row))
            if answers:
                row[len(row) - len(answers) :] = map(letters, answers)
        for branch in step.ended:
            ends[branch] = f"ended after {len(cells[branch])}"
    number = len(str(max(trace.width - 1, 0)))
    for branch, (row, end) in enumerate(zip(cells, ends, strict=True)):
        runs = [(letter, sum(1 for _ in run)) for letter, run in groupby(row)]
        told = " ".join(letter if n == 1 else f"{letter} x{n}" for letter, n in runs)
        yield f"{branch:>{number}}: {told or 'never ran'} | {end}"
