"""Short plain texts for language models: aligned tables, pages, and sanitised text.

Candidates and language models wrote parts of the content. It may hold escape codes, texts that pretend to be
instructions, opaque answer tokens and addresses that differ from run to run, and names of environments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autotts.envs.episodes import Episodes

PAGE = 1_500
"""Characters of a page, unless it shows a source."""

_LINE = 700
"""Longest line, in characters."""
_TOKEN = re.compile(r"\b[0-9a-f]{12}\b")  # stands for an answer inside the sandbox, and differs in every run
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def plain(text: str, tabs: bool = False) -> str:
    """Return ``text`` with "?" for every character that is neither printable nor a newline (nor a tab, if allowed)."""
    return "".join(c if c.isprintable() or c == "\n" or (tabs and c == "\t") else "?" for c in text)


def one_line(text: str, most: int) -> str:
    """Return ``text`` as one line of at most ``most`` printable characters."""
    line = plain(" ".join(text[: 20 * most].split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def without_run_specifics(text: str) -> str:
    """Return ``text`` without parts that differ between runs of the same candidate."""
    return _ADDRESS.sub("0x?", _TOKEN.sub("<answer>", text))


def evenly_spread(count: int, most: int) -> list[int]:
    """Return up to ``most`` evenly spread indices below ``count``, including both ends."""
    last, shown = count - 1, min(count, most)
    return [round(i * last / (shown - 1)) for i in range(shown)] if shown > 1 else list(range(shown))


def table(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return ``rows`` of equal length as aligned lines; the first ``left`` columns are left-aligned, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def page(head: Sequence[str], lines: Sequence[str], offset: int, total: int, most: int = PAGE, unit: str = "") -> str:
    """Return ``head`` and as many of ``lines`` as fit in ``most`` characters, and how to see more.

    Args:
        head: first lines, always shown.
        lines: lines of a longer text, from ``offset`` on.
        offset: lines of that text before ``lines``.
        total: all lines of that text.
        most: characters.
        unit: the unit of ``offset``, after a space.
    """
    room = most - sum(len(line) + 1 for line in head) - 40
    shown: list[str] = []
    for line in lines:
        line = line if len(line) <= _LINE else line[: _LINE - 1] + "…"
        room -= len(line) + 1
        if room < 0 and shown:
            break
        shown.append(line)
    after = offset + len(shown)
    if offset and not shown:
        shown.append(f"(nothing at offset={offset}: there are {total}{unit})")
    elif after < total:
        shown.append(f"(more: offset={after}, of {total}{unit})")
    return "\n".join([*head, *shown])


class EpisodeNames:
    """Handles of episodes that hide the names of environments: ``e1:q7:b0.5:o1000``.

    Args:
        episodes: a batch on the environments to hide.
    """

    def __init__(self, episodes: Episodes) -> None:
        self.environments = {env.name: f"e{i + 1}" for i, env in enumerate(episodes.environments)}
        self._longest_first = sorted(self.environments, key=lambda name: (-len(name), name))
        names = "|".join(map(re.escape, self._longest_first))
        self._pattern = re.compile(rf"({names}), question (\d+), beta ([\d.e+-]+), (?:order|seed) (\d+)")

    def handle(self, episodes: Episodes, index: int) -> str:
        """Return the handle of the episode at ``index`` of a batch."""
        e, q, s = (int(column[index]) for column in (episodes.environment, episodes.question, episodes.order))
        return f"e{e + 1}:q{q}:b{episodes.beta[index]:g}:o{s}"

    def handle_of(self, environment: str, question: int, beta: float, order: int) -> str:
        """Return the handle of an episode, given the name of its environment."""
        return f"{self.environments.get(environment, 'e?')}:q{question}:b{beta:g}:o{order}"

    def hide(self, text: str) -> str:
        """Return ``text`` with handles for episodes, and ``e1``, ``e2``, ... for the names of environments."""
        text = self._pattern.sub(lambda m: f"{self.environments[m[1]]}:q{m[2]}:b{m[3]}:o{m[4]}", text)
        for name in self._longest_first:
            whole = rf"\b{re.escape(name)}\b" if len(name) < 4 else re.escape(name)
            text = re.sub(whole, self.environments[name], text, flags=re.IGNORECASE)
        return text

    def hide_in_source(self, source: str) -> str:
        """Return ``source`` likewise, except for names that are valid identifiers, which code may use itself."""
        for name in self._longest_first:
            if not name.isidentifier():
                source = re.sub(re.escape(name), self.environments[name], source, flags=re.IGNORECASE)
        return source
