r"""The text that a client receives: that of the shortest finished branch which gives the winning answer.

The visible part is the text after ``</think>``, the thoughts are the text before it. If no finished branch gives the
winning answer (only probes have shown it), or if the visible part of that branch is empty, the text is the end of the
probe's suffix with the answer in it, such as ``Final answer: \boxed{42}``: the words in which the probe asked for the
answer, and nothing that no branch has said. If there is no answer at all, the text is that of the first finished
branch, else that of the longest branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .parts import BranchOutcome

TextSource = Literal["branch", "probe", "no answer"]
"""Where a text comes from: a finished branch that gives the answer; the answer alone; a branch without an answer."""
_END_OF_THOUGHT, _THOUGHT = "</think>", "<think>"
_CLOSING = {"{": "}", "[": "]", "(": ")"}


@dataclass(frozen=True, slots=True)
class FinalText:
    """The text of an answer."""

    content: str
    reasoning: str
    """The thoughts of its branch; "" if it has none."""
    source: TextSource
    branch: int | None
    """Index of its branch; None if the text is of no branch."""


def final_text(branches: Sequence[BranchOutcome], answer: str | None, probe_suffix: str) -> FinalText:
    """Return the text for the winning ``answer`` (see this module).

    Args:
        branches: the branches of the episode.
        answer: the answer of the controller, None if it has none.
        probe_suffix: the text after a branch that made the model answer.
    """
    if answer is None:
        return _without_answer(branches)
    giving = [i for i, branch in enumerate(branches) if branch.finished and branch.answer == answer]
    if not giving:
        return FinalText(answer_text(answer, probe_suffix), "", "probe", None)
    shortest = min(giving, key=lambda i: branches[i].tokens)
    reasoning, content = split_thoughts(branches[shortest].text)
    return FinalText(content or answer_text(answer, probe_suffix), reasoning, "branch", shortest)


def split_thoughts(text: str) -> tuple[str, str]:
    """Return (thoughts, visible part) of the text of a branch; a text without ``</think>`` is visible as a whole."""
    before, tag, after = text.rpartition(_END_OF_THOUGHT)
    if not tag:
        return "", text.strip()
    return before.strip().removeprefix(_THOUGHT).strip(), after.strip()


def answer_text(answer: str, probe_suffix: str) -> str:
    r"""Return the visible end of ``probe_suffix`` with the answer in it, brackets closed.

    A suffix without a visible end gives ``\boxed{answer}``.
    """
    asked = probe_suffix.rpartition(_END_OF_THOUGHT)[2].strip()
    asked = asked.splitlines()[-1] if asked else "\\boxed{"
    opened: list[str] = []
    for character in asked:
        if character in _CLOSING:
            opened.append(_CLOSING[character])
        elif opened and character == opened[-1]:
            opened.pop()
    gap = "" if opened else " "
    return f"{asked}{gap}{answer}{''.join(reversed(opened))}"


def cut(text: str, stops: Sequence[str]) -> str:
    """Return ``text`` up to the first of ``stops`` in it, which is left out as model servers do."""
    found = [at for at in map(text.find, stops) if at >= 0]
    return text[: min(found)] if found else text


def _without_answer(branches: Sequence[BranchOutcome]) -> FinalText:
    finished = [i for i, branch in enumerate(branches) if branch.finished and branch.text]
    chosen = finished[0] if finished else max(range(len(branches)), key=lambda i: branches[i].tokens, default=None)
    if chosen is None:
        return FinalText("", "", "no answer", None)
    reasoning, content = split_thoughts(branches[chosen].text)
    return FinalText(content, reasoning, "no answer", chosen)
