"""Makes an action log readable: one episode step by step, with the answers that it saw, as text and as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from .branch_picture import (
    ABSENT,
    ENDED,
    LEADING,
    MIN_WIDTH,
    PRUNED,
    RECORDED,
    RIGHT,
    RUNNING,
    SHARED,
    UNSEEN,
    WRONG,
    draw_branches,
)
from .contract.controller import majority
from .contract.replay import BRANCH, FORK, PRUNE, STEP, VERBS, VERIFY
from .counting import counted
from .episodes import Episodes, Logs
from .errors import InputError
from .log_entries import LogEntries, log_entries
from .plain_text import plain
from .scoring import ForgedLog, score
from .shown_numbers import StepNumbers, numbers_shown


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One record of the action log: one call, or the same step repeated several times."""

    record: int
    """The number of the record in the log of the episode."""
    verb: str
    """One of `replay.VERBS`."""
    times: int
    """The number of repetitions."""
    branches: tuple[int, ...]
    """The branches of the call, in its order; branches are numbered in the order of opening."""
    depths: tuple[int, ...]
    """Intervals that each of ``branches`` has run after this record."""
    answers: tuple[tuple[str | None, ...], ...]
    """The answers that each of ``branches`` showed, ending at its depth; empty if it showed none."""
    ended: tuple[int, ...]
    """Those of ``branches`` that finished with this record."""
    tokens: int
    """Tokens spent so far, including this record."""
    latency: int
    """Tokens on the critical path so far, including this record."""
    leader: str | None
    """The majority of the latest answers of all branches that are not pruned, in the order of opening."""
    signals: tuple[tuple[float | None, ...], ...] = ()
    """For each of ``branches``, its `Trace.signals` at its depth after this record; None where one is absent."""
    scores: tuple[float | None, ...] = ()
    """Of a verification: the score of each of ``branches``."""
    forks: tuple[int, ...] = ()
    """Of a fork: the branch that it opened."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One episode in readable form. Answers are texts from the vocabulary of the environment; None is an absent one."""

    environment: str
    question: int
    beta: float
    order: int
    max_branches: int
    """Branches that could be opened: the width of the budget, or the number of recorded branches if it is smaller."""
    max_tokens: int | None
    delta: int
    """Tokens of one interval."""
    steps: tuple[TraceStep, ...]
    answer: str | None
    gold: str
    correct: bool
    tokens: int
    """Tokens of all branches, plus the price of the probes."""
    latency: int
    """Tokens on the critical path."""
    question_label: str
    """The number of the question, and its id if it has one."""
    signals: tuple[str, ...] = ()
    """The names of the signals that the steps show."""

    @property
    def width(self) -> int:
        """Branches opened."""
        return sum(len(step.branches if step.verb == VERBS[BRANCH] else step.forks) for step in self.steps)


def trace(episodes: Episodes, logs: Logs, index: int, signals: Sequence[str] | None = None) -> Trace:
    """Return the trace of episode ``index`` of a batch.

    Args:
        episodes: the batch.
        logs: its logs.
        index: the episode.
        signals: the signals to show, of those that the environment has; None for all.

    Raises:
        InputError: there is no such episode.
        ForgedLog: its log cannot come from a controller that uses the contract.
    """
    if not 0 <= index < len(logs):
        raise InputError(f"episode {index} does not exist: the batch has {len(logs)}, numbered from 0")
    here = slice(index, index + 1)
    columns = {name: getattr(episodes, name)[here] for name in ("environment", "question", "beta", "order")}
    episodes, logs = replace(episodes, **columns), logs.part(index, index + 1)
    try:
        scores = score(episodes, logs)
    except ForgedLog as error:
        raise ForgedLog(str(error), index) from None
    env = episodes.environments[episodes.environment[0]]
    question = int(episodes.question[0])
    names = tuple(name for name in env.signal_names if signals is None or name in signals)
    numbers = numbers_shown(episodes, logs, names)
    return Trace(
        environment=env.name,
        question=question,
        beta=float(episodes.beta[0]),
        order=int(episodes.order[0]),
        max_branches=min(episodes.max_branches, len(env.branches(question))),
        max_tokens=episodes.max_tokens,
        delta=env.delta,
        steps=tuple(_steps(log_entries(episodes, logs), logs, (None, *env.vocabulary[1:]), numbers)),
        answer=env.vocabulary[logs.answer[0]] if logs.answer[0] else None,
        gold=env.vocabulary[env.gold[question]],
        correct=bool(scores.correct[0]),
        tokens=int(scores.tokens[0]),
        latency=int(scores.latency[0]),
        question_label=env.label(question),
        signals=names,
    )


def _steps(
    done: LogEntries, logs: Logs, words: Sequence[str | None], numbers: Sequence[StepNumbers]
) -> Iterable[TraceStep]:
    last_seen: dict[int, str | None] = {}
    tokens = latency = opened = 0
    for record, verb in enumerate(logs.verbs.tolist()):
        entries = range(int(logs.index_offsets[record]), int(logs.index_offsets[record + 1]))
        branches = tuple(logs.indices[entries.start : entries.stop].tolist())
        answers = tuple(_shown(done, i, words) for i in entries)
        for branch, column in zip(branches, answers, strict=True):
            if column:
                last_seen[branch] = column[-1]
            elif verb == PRUNE:
                last_seen.pop(branch, None)
        forks = (opened,) if verb == FORK else ()
        opened += len(branches) if verb == BRANCH else len(forks)
        for new in forks:
            if branches[0] in last_seen:
                last_seen[new] = last_seen[branches[0]]
        tokens += int(done.tokens[entries.start : entries.stop].sum())
        latency += int(done.span[entries.start : entries.stop].max())
        yield TraceStep(
            record=record,
            verb=VERBS[verb],
            times=int(logs.repeats[record]),
            branches=branches,
            depths=tuple(done.after[entries.start : entries.stop].tolist()),
            answers=answers,
            ended=tuple(branch for branch, i in zip(branches, entries, strict=True) if done.ended[i]),
            tokens=tokens,
            latency=latency,
            leader=majority(last_seen[branch] for branch in sorted(last_seen)),
            signals=numbers[record].signals,
            scores=numbers[record].scores,
            forks=forks,
        )


def _shown(done: LogEntries, i: int, words: Sequence[str | None]) -> tuple[str | None, ...]:
    """Return the answers that entry ``i`` showed: one for each repeated step, else the one at its depth, or none."""
    if not done.shown[i]:
        return ()
    last = int(done.cell[i] + done.after[i])
    first = last - (int(done.repeats[i]) if done.verb[i] == STEP else 1)
    return tuple(words[a] for a in done.cells[first:last].tolist())


# As text

_FEW_SCORES, _FEW_SIGNALS = 8, 4
"""Branches of a step up to which a text gives the score, or one or two signals, of each."""


def as_text(trace: Trace) -> str:
    """Return ``trace`` as text: a line for each step, with its action, the last answers shown and the tokens so far."""
    lines = [_head(trace)]
    number = len(str(len(trace.steps)))
    for step in trace.steps:
        times = f" x{step.times}" if step.times > 1 else ""
        line = f"{step.record:>{number}} {step.verb} {_ranges(step.branches)}{times}"
        seen: dict[str, list[int]] = {}
        for branch, answers in zip(step.branches, step.answers, strict=True):
            if answers:
                seen.setdefault(_word(answers[-1]), []).append(branch)
        if seen:
            line += " -> " + ", ".join(f"{word} ({_ranges(branches)})" for word, branches in seen.items())
        line += numbers_text([step], trace.signals)
        if step.ended:
            line += f"; ended {_ranges(step.ended)}"
        if step.verb not in (VERBS[BRANCH], VERBS[PRUNE], VERBS[FORK]):
            line += f"; {step.tokens:,} tokens, latency {step.latency:,}, leader {_word(step.leader)}"
        lines.append(line)
    return "\n".join([*lines, *_foot(trace)])


def numbers_text(steps: Sequence[TraceStep], names: Sequence[str]) -> str:
    """Return what steps of one verb showed beside answers: forks, scores or signals.

    Of a few branches, each number is followed by its branch in brackets; of more, there are the lowest and the highest.
    """
    forks, verb = [new for step in steps for new in step.forks], steps[0].verb
    parts = [f"opens {_ranges(forks)}"] if forks else []
    branches = [branch for step in steps for branch in step.branches]
    if verb == VERBS[VERIFY]:
        parts.append(_column_text("score", [score for step in steps for score in step.scores], branches, _FEW_SCORES))
    elif verb not in (VERBS[BRANCH], VERBS[PRUNE], VERBS[FORK]):
        rows = [row for step in steps for row in step.signals]
        few = _FEW_SIGNALS if len(names) <= 2 else 1
        parts += [_column_text(_word(name), [row[k] for row in rows], branches, few) for k, name in enumerate(names)]
    return f"; {', '.join(parts)}" if parts else ""


def _column_text(name: str, values: Sequence[float | None], branches: Sequence[int], few: int) -> str:
    """Return numbers of branches as text: of each if there are at most ``few``, else their range."""
    if 1 < len(values) <= few:
        return f"{name} {', '.join(f'{_number(v)} ({b})' for v, b in zip(values, branches, strict=True))}"
    there = sorted(value for value in values if value is not None)
    return f"{name} {' to '.join(dict.fromkeys(map(_number, there[:1] + there[-1:]))) or 'absent'}"


def _number(value: float | None) -> str:
    return "absent" if value is None else f"{value:.3g}"


def _ranges(branches: Iterable[int]) -> str:
    """Return ``branches`` as text such as "0-3,7"."""
    runs = groupby(enumerate(sorted(branches)), key=lambda pair: pair[1] - pair[0])
    spans = [[branch for _, branch in run] for _, run in runs]
    return ",".join(str(s[0]) if len(s) == 1 else f"{s[0]}-{s[-1]}" for s in spans)


def _word(answer: str | None) -> str:
    """Return an answer that is safe to print: recorded texts may contain anything, including escape codes."""
    if answer is None:
        return "no answer"
    text = "".join(c if c.isprintable() else "?" for c in answer)
    return text if len(text) <= 40 else text[:39] + "…"


def _head(trace: Trace) -> str:
    question = plain(trace.question_label)
    return f"{_word(trace.environment)}, question {question}, beta {trace.beta:g}, order {trace.order}"


def _foot(trace: Trace) -> list[str]:
    pruned = sum(step.verb == VERBS[PRUNE] for step in trace.steps)
    verdict = "right" if trace.correct else f"wrong, gold is {_word(trace.gold)}"
    return [
        f"answer: {_word(trace.answer)} ({verdict})",
        f"spent: {trace.tokens:,} tokens, latency {trace.latency:,} tokens, "
        f"{trace.width} of {trace.max_branches} branches, {pruned} pruned{_extra_counts(trace)}",
        f"end: {end_reason(trace)}",
    ]


def _extra_counts(trace: Trace) -> str:
    """Return the number of forks and of verifications as text, if there are any."""
    forks = sum(len(step.forks) for step in trace.steps)
    verified = sum(len(step.scores) for step in trace.steps)
    return (f", {counted(forks, 'fork')}" if forks else "") + (
        f", {counted(verified, 'verification')}" if verified else ""
    )


def end_reason(trace: Trace) -> str:
    """Return why the episode ended: no branch was left to run, no tokens were left, or the controller stopped."""
    if not trace.width:
        return "answered without opening a branch"
    closed = {b for step in trace.steps for b in (step.branches if step.verb == VERBS[PRUNE] else step.ended)}
    running, more = trace.width - len(closed), trace.max_branches - trace.width
    if trace.max_tokens is not None and trace.tokens + trace.delta > trace.max_tokens:
        return "the budget had no tokens left for another interval"
    if running:
        left = f"{running} {'branch was' if running == 1 else 'branches were'} still running"
        return f"stopped by the controller while {left} and {more} more could be opened"
    if more:
        return f"every open branch had ended or was pruned; {more} more could be opened"
    return "every branch had ended or was pruned, and the budget had no more"


# As a picture


def picture(trace: Trace, width: int = 80, colour: bool = False) -> str:
    """Return ``trace`` as a picture: a row for each opened branch, a cell for each interval, a legend and a footer.

    If the deepest branch does not fit, one cell stands for several intervals and shows the last one.

    Args:
        trace: the episode.
        width: columns of the terminal; fewer than 20 count as 20.
        colour: whether to add ANSI colour codes.
    """
    width = max(width, MIN_WIDTH)
    rows, marks = _rows(trace)
    parents = {new: step.branches[0] for step in trace.steps for new in step.forks}
    notes = [f"fork of {parents[b]}" if b in parents else "" for b in range(trace.width)]
    lines = textwrap.wrap(_head(trace), width)
    lines += draw_branches(rows, marks, trace.delta, RECORDED, width, colour, notes)
    return "\n".join([*lines, *(part for line in _foot(trace) for part in textwrap.wrap(line, width))])


def _rows(trace: Trace) -> tuple[list[list[str]], list[str]]:
    """Return the cells of every branch, and the symbol for its end: pruned, ended or still running."""
    rows: list[list[str]] = [[] for _ in range(trace.width)]
    marks = [RUNNING] * trace.width
    for step in trace.steps:
        for branch, depth, answers in zip(step.branches, step.depths, step.answers, strict=True):
            row = rows[branch]
            for new in step.forks:
                rows[new] = [SHARED] * depth
            row += [UNSEEN] * (depth - len(row))
            row[len(row) - len(answers) :] = [_symbol(answer, step.leader, trace.gold) for answer in answers]
            if step.verb == VERBS[PRUNE]:
                marks[branch] = PRUNED
        for branch in step.ended:
            marks[branch] = ENDED
    return rows, marks


def _symbol(answer: str | None, leader: str | None, gold: str) -> str:
    if answer is None:
        return ABSENT
    if answer == gold:
        return RIGHT
    return LEADING if answer == leader else WRONG
