"""The signals of a branch of a live question, from what the requests of its present depth brought."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from ..importing.confidences import NAMES as CONFIDENCES
from ..importing.confidences import confidence_signals
from ..signals import GROUP_TOKENS, STANDARD, comes_with
from .exchange import Completion, Level
from .request_signals import NAMES, answer_signals, final_signals, interval_signals

_PROBABLE = tuple(name for name in NAMES if not name.endswith("entropy"))
Number = TypeVar("Number")


def live_signals(level: Level, alternatives: int) -> tuple[str, ...]:
    """Return the names of the signals of a live question.

    Args:
        level: what the server lets a controller do.
        alternatives: the alternatives to each token that are asked for; entropies and DeepConf's signals need two.
    """
    if level != "full":
        return ()
    names = {*NAMES, *CONFIDENCES} if alternatives > 1 else set(_PROBABLE)
    return tuple(name for name in STANDARD if name in names)


@dataclass(slots=True)
class BranchSignals:
    """What a branch carries at its present depth."""

    interval: dict[str, float] = field(default_factory=dict)
    probe: dict[str, float] = field(default_factory=dict)
    """Of the answer at the present depth; {} before it is probed."""
    confidences: array[float] | None = field(default_factory=lambda: array("d"))
    """The confidence of each token so far; None once the server has not given them."""
    start: int = 0
    """The number of confidences before the present interval."""
    group_tokens: int = GROUP_TOKENS
    """Tokens of a DeepConf group."""
    _later: dict[str, float | None] | None = None
    """The signals of ``confidences``, once they have been read."""

    def fork(self) -> BranchSignals:
        """Return a copy for a branch that goes on from here."""
        return replace(self, confidences=None if self.confidences is None else self.confidences[:])

    def ran(self, done: Completion | None, last: int, answer: str | None = None, ended: bool = False) -> None:
        """Take the tokens of one interval or of several.

        Args:
            done: what the server generated; None if the request was lost.
            last: tokens of the last interval.
            answer: the final answer of a branch that has ended.
            ended: whether the branch has ended.
        """
        self.probe, self._later = {}, None
        if done is None:
            self.interval, self.confidences = {}, None
            return
        texts = _last(done.token_texts, last)
        part = replace(
            done, text=done.text if texts is None else "".join(texts), tokens=last, token_texts=texts,
            logprobs=_last(done.logprobs, last), entropies=_last(done.entropies, last),
            confidences=_last(done.confidences, last),
        )  # fmt: skip
        self.interval = final_signals(part, answer) if ended else interval_signals(part)
        if self.confidences is None or (done.confidences is None and done.tokens):
            self.confidences = None
            return
        self.confidences.extend(done.confidences or ())
        self.start = len(self.confidences) - len(part.confidences or ())

    def probed(self, done: Completion | None, answer: str | None) -> None:
        """Take the tokens of a probe at the present depth; ``done`` is None if the request was lost."""
        self.probe = {} if done is None else answer_signals(done, answer)

    def value(self, name: str, shown: bool) -> float | None:
        """Return the signal ``name``, rounded to float32 as recorded ones are; None where it is absent.

        Args:
            name: the name.
            shown: whether the answer at the present depth has been shown.
        """
        if comes_with(name) == "probe" and not shown:
            return None
        found = self.probe.get(name, self.interval.get(name))
        if found is None and name in CONFIDENCES and self.confidences:
            if self._later is None:
                confidences = np.array(self.confidences, np.float64)
                _, self._later = confidence_signals(confidences, [self.start], self.group_tokens)
            found = self._later[name]
        return None if found is None else float(np.float32(found))


def _last(values: Sequence[Number] | None, count: int) -> tuple[Number, ...] | None:
    return None if values is None else tuple(values[max(0, len(values) - count) :])
