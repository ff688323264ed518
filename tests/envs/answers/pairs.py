"""Reads `pairs.txt`: pairs of answers with the right verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class JudgedPair:
    """Two answers, and whether a careful grader calls them the same."""

    kind: str
    topic: str
    first: str
    second: str
    same: bool


def judged_pairs() -> list[JudgedPair]:
    """Return the pairs of the file."""
    pairs, kind, topic = [], "", ""
    for line in Path(__file__).with_name("pairs.txt").read_text(encoding="utf-8").splitlines():
        if section := re.fullmatch(r"\[(exact|text|number|choice|math): (.+)\]", line):
            kind, topic = section.groups()
        elif line and line != "#" and not line.startswith("# "):
            first, verdict, second = re.split(r"  (==|!=)  ", line)
            pairs.append(JudgedPair(kind, topic, _characters(first), _characters(second), verdict == "=="))
    return pairs


def _characters(text: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
