"""One episode as compact text, with letters for answers: a controller, too, sees only which answers are equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from autotts.envs.contract.replay import BRANCH, FORK, PRUNE, VERBS
from autotts.envs.trace import Trace, TraceStep, numbers_text

_ROWS = (
    "action number, action (xN: N intervals): last answer (branches) | majority of the last answers, tokens and "
    "latency so far"
)
_BRANCHES = "branch: its answers, interval by interval (xN: N in a row, ?: not looked at) | how it ended"
_NUMBERS = (
    "signals and scores after a semicolon: of the branch in brackets, or the lowest to the highest; absent: None. "
    "A signal is that of the depth that was reached"
)
_FORKS = "a fork shares the intervals of its branch up to its depth, and lists its own alone"


class AnswerLetters:
    """Letters for the answers of one episode: A, B, ..., Z, AA, ... in the order of their first use."""

    def __init__(self, gold: str) -> None:
        self._gold = gold
        self._names: dict[str, str] = {}

    def __call__(self, answer: str | None) -> str:
        """Return the letter of an answer, followed by ``*`` if the answer is right; ``-`` for an absent answer."""
        if answer is None:
            return "-"
        if answer not in self._names:
            self._names[answer] = _letters(len(self._names)) + ("*" if answer == self._gold else "")
        return self._names[answer]

    @property
    def saw_right(self) -> bool:
        """Whether the right answer has been named."""
        return self._gold in self._names


def _letters(n: int) -> str:
    text = ""
    while n >= 0:
        text = chr(ord("A") + n % 26) + text
        n = n // 26 - 1
    return text


@dataclass(frozen=True)
class TraceText:
    """A trace as text: a head, and lines of which a reader may show only some."""

    head: list[str]
    lines: list[str]


def trace_text(trace: Trace, handle: str) -> TraceText:
    """Return the text of ``trace``: the actions in order, then the answers of each branch."""
    letters = AnswerLetters(trace.gold)
    rows = _rows(trace, letters)
    branches = list(_branches(trace, letters))
    answer = letters(trace.answer)
    pruned = sum(len(step.branches) for step in trace.steps if step.verb == VERBS[PRUNE])
    head = [
        f"{handle}: answered {answer}, {'right' if trace.correct else 'wrong'}; {trace.tokens:,} tokens, latency "
        f"{trace.latency:,}, {trace.width} of {trace.max_branches} branches opened, {pruned} pruned",
        f"A, B, ... are answers in order of appearance, * the right one{_never(letters)}, - no answer; "
        f"1 interval = {trace.delta:,} tokens",
    ]
    numbers = [_NUMBERS] if trace.signals or any(step.scores for step in trace.steps) else []
    forks = [_FORKS] if any(step.forks for step in trace.steps) else []
    return TraceText(head, [*_finishes(trace, letters), _ROWS, *numbers, *rows, _BRANCHES, *forks, *branches])


def _never(letters: AnswerLetters) -> str:
    return "" if letters.saw_right else " (it never appears here)"


def _groups(steps: Sequence[TraceStep]) -> Iterator[list[TraceStep]]:
    """Yield groups of actions that fit into one row: the same call on one branch after another."""
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
    if step.verb == VERBS[FORK]:
        return step.branches == first.branches
    alone = len(step.branches) == 1 and len(first.branches) == 1
    return alone and step.branches[0] not in {branch for done in group for branch in done.branches}


def _rows(trace: Trace, letters: AnswerLetters) -> list[str]:
    """Return the rows. A row that repeats the row before, without a finished branch, is merged with that row."""
    merged: list[tuple[int, int, int, TraceStep, str]] = []  # first and last action, times, last step, description
    for group in _groups(trace.steps):
        first, last = group[0], group[-1]
        description = _describe_group(group, letters, trace.signals)
        times, begin = first.times, first.record
        if merged and first.verb not in (VERBS[BRANCH], VERBS[PRUNE]):
            before = merged[-1]
            if before[3].verb == first.verb and before[4] == description and before[3].leader == last.leader:
                begin, times = before[0], before[2] + times
                merged.pop()
        merged.append((begin, last.record, times, last, description))
    return [_row(*row, letters) for row in merged]


def _row(begin: int, end: int, times: int, last: TraceStep, description: str, letters: AnswerLetters) -> str:
    branches, _, shown = description.partition("\n")
    line = f"{begin}" if begin == end else f"{begin}-{end}"
    line += f" {last.verb} {branches}" + (f" x{times}" if times > 1 else "") + shown
    if last.verb in (VERBS[BRANCH], VERBS[PRUNE], VERBS[FORK]):
        return line
    return f"{line} | {letters(last.leader)} {last.tokens:,} {last.latency:,}"


def _describe_group(group: list[TraceStep], letters: AnswerLetters, signals: Sequence[str]) -> str:
    """Return the branches of a group, and on a second line the answers and the numbers that they showed."""
    first, last = group[0], group[-1]
    if first.verb == VERBS[FORK]:
        return spans(first.branches) + "\n" + numbers_text(group, signals)
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
    line += numbers_text(group, signals)
    finished = [branch for step in group for branch in step.ended]
    if finished:
        line += f"; finished {spans(finished)}"
    return line


def _finishes(trace: Trace, letters: AnswerLetters) -> list[str]:
    """Return the votes of the finished branches, and the order in which they finished, with their answers."""
    finished: list[tuple[int, int, str]] = []
    for step in trace.steps:
        for branch, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            if branch in step.ended:
                finished.append((branch, depth, letters(answers[-1]) if answers else "?"))
    if not finished:
        return ["no branch finished"]
    votes = Counter(answer for _, _, answer in finished)
    order = ", ".join(f"{branch}@{depth} {answer}" for branch, depth, answer in finished)
    counts = ", ".join(f"{answer} {n}" for answer, n in votes.most_common())
    return [
        f"votes of the {len(finished)} finished branches: {counts}",
        f"order of finishing, branch@intervals answer: {order}",
    ]


def spans(branches: Sequence[int]) -> str:
    """Return branch numbers in short form, such as "0-3,7"."""
    runs = groupby(enumerate(sorted(branches)), key=lambda pair: pair[1] - pair[0])
    parts = [[branch for _, branch in run] for _, run in runs]
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _branches(trace: Trace, letters: AnswerLetters) -> Iterator[str]:
    """Yield a line for each branch: the answers that it showed, interval by interval, and how it ended."""
    cells: list[list[str]] = [[] for _ in range(trace.width)]
    ends, names = ["running"] * trace.width, [str(branch) for branch in range(trace.width)]
    for step in trace.steps:
        for branch, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            row = cells[branch]
            if step.verb == VERBS[PRUNE]:
                ends[branch] = f"pruned at action {step.record}"
                continue
            for new in step.forks:
                cells[new] = [""] * depth
                names[new] += f" fork of {branch} at {depth}"
            row += ["?"] * (depth - len(row))
            if answers:
                row[len(row) - len(answers) :] = map(letters, answers)
        for branch in step.ended:
            ends[branch] = f"finished after {len(cells[branch])}"
    number = len(str(max(trace.width - 1, 0)))
    for branch, (row, end) in enumerate(zip(cells, ends, strict=True)):
        runs = [(letter, sum(1 for _ in run)) for letter, run in groupby(row) if letter]
        answers_text = " ".join(letter if n == 1 else f"{letter} x{n}" for letter, n in runs)
        label = " " * (number - len(str(branch))) + names[branch]
        yield f"{label}: {answers_text or 'never ran'} | {end}"
