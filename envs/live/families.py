r"""Families of models by name: the suffix that makes a model of each answer at once, and what else suits it.

A probe is the branch so far, the suffix, and a few tokens of the model. A reasoning model has to end its thought
before it answers; a model without thoughts must not see the tag that ends one.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """Models that are probed in the same way."""

    name: str
    """The name, as the option ``--probe-suffix`` takes it."""
    probe_suffix: str
    r"""Text after a branch that makes the model answer. Its end opens the answer, as in ``\boxed{``."""
    models: str = ""
    """A regular expression that the names of its models match, in small letters; "" matches none."""
    delta: int = 500
    """Tokens of an interval that suit the lengths of its branches."""
    branches: int = 64
    """Branches of a question."""
    probe_tokens: int = 32
    """The most tokens of a probe's answer."""
    answers: str | None = None
    """How its answers are compared (`envs.answers.equivalence`); None if that depends on the questions."""


_BOX = "Final answer: \\boxed{"
PLAIN = ModelFamily("plain", f"\n\n{_BOX}")
"""Models that do not think between tags, and those of which nothing is known."""
FAMILIES: tuple[ModelFamily, ...] = (
    PLAIN,
    # Qwen3's own sentence for a thought that is cut short: its technical report, section 4.7 (arXiv 2505.09388)
    ModelFamily(
        "qwen",
        "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking directly now."
        f"\n</think>\n\n{_BOX}",
        r"qwq|qwen-?3(?!.*instruct)",
    ),
    ModelFamily("deepseek", f"\n</think>\n\n{_BOX}", r"deepseek-?(r\d|reasoner)|r1-distill"),
    ModelFamily("tiny", f"\n</think>\n\n{_BOX}", r"autotts-tiny", 24, 32, 8, "number"),
)
"""The known families; the first stands for every other model."""
_END_OF_THOUGHT = "</think>"


def family_of(model: str) -> ModelFamily:
    """Return the family of the model called ``model``, `PLAIN` if its name tells none."""
    name = model.lower()
    return next((family for family in FAMILIES if family.models and re.search(family.models, name)), PLAIN)


def probe_suffix(text: str) -> str:
    r"""Return the suffix that a user names: that of a family, or a text of one's own.

    In a text, ``\n`` is a line break and ``\\`` a backslash; every other backslash stands for itself, as in
    ``\boxed{``.

    Raises:
        InputError: the text is empty, or one word that is not the name of a family.
    """
    named = {family.name: family.probe_suffix for family in FAMILIES}
    if text in named:
        return named[text]
    if not text.strip():
        raise InputError("--probe-suffix is empty: name a family or a text that makes the model answer")
    if re.fullmatch(r"[\w-]+", text):
        close = difflib.get_close_matches(text, named, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"--probe-suffix {text}: no family of {', '.join(named)}, and one word is no suffix{hint}")
    return re.sub(r"\\(n|\\)", lambda found: "\n" if found[1] == "n" else "\\", text)


def suffix_after(branch: str, suffix: str) -> str:
    """Return the part of ``suffix`` that fits after ``branch``: a thought that has ended is not ended again.

    Args:
        branch: the text of the branch so far.
        suffix: the suffix of the probe.
    """
    _, tag, after = suffix.rpartition(_END_OF_THOUGHT)
    return after if tag and _END_OF_THOUGHT in branch else suffix
