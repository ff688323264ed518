"""Small plain texts for a reader that pays for every character: aligned tables, pages, nothing that should not show.

What a text is made of was partly written by candidates and by language models, so it may hold escape codes, texts
that pretend to be instructions, opaque tokens and addresses that differ from run to run, and names of environments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from envs.episodes import Episodes

PAGE = 1_500
"""Characters of a text, unless it is a source."""

_LINE = 700
"""Characters of one line."""
_TOKEN = re.compile(r"\b[0-9a-f]{12}\b")  # stands for an answer inside the sandbox, another one in every run
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def plain(text: str, tabs: bool = False) -> str:
    """Return ``text`` with a "?" in place of all that is neither printable nor a new line (nor a tab, if allowed)."""
    return "".join(c if c.isprintable() or c == "\n" or (tabs and c == "\t") else "?" for c in text)


def one_line(text: str, most: int) -> str:
    """Return ``text`` in one line of up to ``most`` printable characters."""
    line = plain(" ".join(text[: 20 * most].split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def count_of(count: int, what: str) -> str:
    """Return a number of things in words: "1 environment", "4 environments"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def without_run_specifics(text: str) -> str:
    """Return ``text`` without what differs from one run of the same candidate to the next."""
    return _ADDRESS.sub("0x?", _TOKEN.sub("<answer>", text))


def evenly_spread(count: int, most: int) -> list[int]:
    """Return up to ``most`` of the indices below ``count``, evenly spread, both ends among them."""
    last, shown = count - 1, min(count, most)
    return [round(i * last / (shown - 1)) for i in range(shown)] if shown > 1 else list(range(shown))


def table(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Return ``rows`` of equally many cells as aligned lines: the first ``left`` columns to the left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def page(head: Sequence[str], lines: Sequence[str], offset: int, total: int, most: int = PAGE, what: str = "") -> str:
    """Return ``head`` and as many of ``lines`` as fit in ``most`` characters, and how to get more.

    Args:
        head: comes first, whatever it takes.
        lines: those of a longer text from ``offset`` on, as far as they are wanted.
        offset: lines of that text before ``lines``.
        total: lines that it has in all.
        most: characters.
        what: the word for what ``offset`` counts, after a space.
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
        shown.append(f"(nothing at offset={offset}: there are {total}{what})")
    elif after < total:
        shown.append(f"(more: offset={after}, of {total}{what})")
    return "\n".join([*head, *shown])


class EpisodeNames:
    """How episodes are called where the names of environments must not show: ``e1:q7:b0.5:o1000``.

    Args:
        episodes: a batch on the environments in question.
    """

    def __init__(self, episodes: Episodes) -> None:
        self.environments = {env.name: f"e{i + 1}" for i, env in enumerate(episodes.environments)}
        self._longest_first = sorted(self.environments, key=lambda name: (-len(name), name))
        places = "|".join(map(re.escape, self._longest_first))
        self._place = re.compile(rf"({places}), question (\d+), beta ([\d.e+-]+), (?:order|seed) (\d+)")

    def handle(self, episodes: Episodes, index: int) -> str:
        """Return the handle of an episode."""
        e, q, s = (int(column[index]) for column in (episodes.environment, episodes.question, episodes.order))
        return f"e{e + 1}:q{q}:b{episodes.beta[index]:g}:o{s}"

    def place(self, environment: str, question: int, beta: float, order: int) -> str:
        """Return the handle of an episode that is known by its environment's name."""
        return f"{self.environments.get(environment, 'e?')}:q{question}:b{beta:g}:o{order}"

    def hide(self, text: str) -> str:
        """Return ``text`` with handles and ``e1``, ``e2``, ... in place of the environments' names."""
        text = self._place.sub(lambda m: f"{self.environments[m[1]]}:q{m[2]}:b{m[3]}:o{m[4]}", text)
        for name in self._longest_first:
            whole = rf"\b{re.escape(name)}\b" if len(name) < 4 else re.escape(name)
            text = re.sub(whole, self.environments[name], text, flags=re.IGNORECASE)
        return text

    def hide_in_source(self, source: str) -> str:
        """Return ``source`` likewise, but for names that code may have for a thing of its own."""
        for name in self._longest_first:
            if not name.isidentifier():
                source = re.sub(re.escape(name), self.environments[name], source, flags=re.IGNORECASE)
        return source
