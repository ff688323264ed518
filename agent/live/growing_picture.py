"""Draws a live episode while it grows: a row for each branch, a cell for each interval, and the votes so far."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from autotts.envs.branch_picture import (
    ABSENT,
    ENDED,
    LIVE,
    LOST,
    MIN_WIDTH,
    PRUNED,
    RIGHT,
    RUNNING,
    WRONG,
    draw_branches,
)
from autotts.envs.contract.controller import majority
from autotts.envs.live.episode_state import EpisodeState, LiveBranch
from autotts.envs.live.settings import LiveSettings
from autotts.envs.live.vote import BranchVote
from autotts.envs.plain_text import plain

_ANSWER = 40
"""Characters of an answer that are shown."""
_MOST_VOTES = 4
"""Answers of a vote that are listed."""


def growing_picture(
    state: EpisodeState, settings: LiveSettings, width: int, colour: bool, height: int | None = None
) -> str:
    """Return an episode as a picture, as it stands.

    Args:
        state: the state of the episode.
        settings: its settings.
        width: columns of the terminal; fewer than 20 count as 20.
        colour: whether to add ANSI colour codes.
        height: lines of the terminal: of more branches, the first ones are drawn; None for no limit.
    """
    width = max(width, MIN_WIDTH)
    leader = majority(state.shown().values())
    shown: Sequence[LiveBranch] = state.branches
    if height is not None:
        shown = shown[: max(1, height - 8)]
    rows = [[_symbol(cell, leader) for cell in branch.cells] for branch in shown]
    lines = draw_branches(rows, [_mark(branch) for branch in shown], settings.delta, LIVE, width, colour)
    if len(shown) < len(state.branches):
        lines.insert(len(shown), f"... and {len(state.branches) - len(shown)} branches more")
    lines += textwrap.wrap(progress_line(state, settings), width)
    return "\n".join(lines)


def progress_line(state: EpisodeState, settings: LiveSettings) -> str:
    """Return how far an episode is, in one line: branches, tokens, critical path, and the votes so far."""
    shown = state.shown()
    vote = BranchVote.of(majority(shown.values()), shown.values())
    return (
        f"{len(state.branches)} of {settings.max_branches} branches, {len(state.running)} running, "
        f"{state.tokens:,} tokens, critical path {state.latency:,}: {describe_votes(vote)}"
    )


def describe_votes(vote: BranchVote) -> str:
    """Return the votes for each answer, most votes first, as one line for people."""
    if not vote.votes:
        return "no answer yet"
    listed = [f"{_short(answer)} x{votes}" for answer, votes in vote.votes[:_MOST_VOTES]]
    rest = sum(votes for _, votes in vote.votes[_MOST_VOTES:])
    return ", ".join([*listed, *([f"others x{rest}"] if rest else [])])


@dataclass(slots=True)
class ProgressLines:
    """Tells how far an episode is in lines, for a pipe or a log: one for each change that a reader would notice."""

    settings: LiveSettings
    last: str = ""

    def next(self, state: EpisodeState) -> str | None:
        """Return the next line, or None if it would be the last one again."""
        line = progress_line(state, self.settings)
        if line == self.last:
            return None
        self.last = line
        return line


def _symbol(answer: str | None, leader: str | None) -> str:
    if answer is None:
        return ABSENT
    return RIGHT if answer == leader else WRONG


def _mark(branch: LiveBranch) -> str:
    if branch.lost:
        return LOST
    if branch.pruned:
        return PRUNED
    return ENDED if branch.finished else RUNNING


def _short(answer: str) -> str:
    text = plain(answer)
    return text if len(text) <= _ANSWER else text[: _ANSWER - 1] + "…"
