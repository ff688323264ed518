"""Computes the signals of collected branches (see `envs.signals`) from log-probabilities, entropies and confidences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..importing.confidences import confidence_signals
from ..signals import TAIL_PART
from .exchange import Completion

NAMES = (
    *(f"{part}{kind}" for part in ("", "tail_", "answer_") for kind in ("confidence", "lowest", "entropy")),
    "answer_probability",
)
"""The signals of single requests; a server that gives no log-probabilities or no alternatives leaves some out."""


def interval_signals(completion: Completion) -> dict[str, float]:
    """Return the signals of an interval and of its tail, by name."""
    tail = max(1, math.ceil(completion.tokens / TAIL_PART))
    found = _signals("", completion.logprobs, completion.entropies)
    return found | _signals("tail_", _last(completion.logprobs, tail), _last(completion.entropies, tail))


def answer_signals(completion: Completion, answer: str | None) -> dict[str, float]:
    """Return the signals of a probe's answer, by name.

    Args:
        completion: what the model wrote after the suffix of the probe.
        answer: the answer in its text. Its tokens count; all tokens do if it is absent, or if the server does not tell
            the text of each token.
    """
    return _answer_signals(completion, _tokens_of(completion, answer, completion.text.find(answer) if answer else -1))


def _answer_signals(completion: Completion, part: slice) -> dict[str, float]:
    logprobs = None if completion.logprobs is None else completion.logprobs[part]
    entropies = None if completion.entropies is None else completion.entropies[part]
    found = _signals("answer_", logprobs, entropies)
    probability = _mean([math.exp(min(0.0, each)) for each in logprobs or ()])
    return found if probability is None else found | {"answer_probability": float(f"{probability:.6g}")}


def final_signals(completion: Completion, answer: str | None) -> dict[str, float]:
    """Return the signals of the last interval of a branch, and those of its final answer if its tokens are known.

    They are known if the answer stands in the interval, where its last place counts, and the server tells the text of
    each token.
    """
    found = interval_signals(completion)
    at = completion.text.rfind(answer) if answer and completion.token_texts is not None else -1
    return found if at < 0 else found | _answer_signals(completion, _tokens_of(completion, answer, at))


def confidence_columns(
    confidences: Sequence[float], ends: Sequence[int], group_tokens: int
) -> tuple[dict[str, list[float | None]], dict[str, float | None]]:
    """Return the signals of DeepConf after each interval but the last, and those after the last, by name.

    Args:
        confidences: the confidence of each token of a branch.
        ends: the number of them after each interval.
        group_tokens: tokens of a group.
    """
    if not ends or not confidences:
        return {}, {}
    return confidence_signals(np.array(confidences[: ends[-1]], np.float64), ends[:-1], group_tokens)


def _tokens_of(completion: Completion, answer: str | None, at: int) -> slice:
    """Return the tokens of ``answer``, which begins at character ``at``; all tokens if ``at`` is negative."""
    everything = slice(None)
    if completion.token_texts is None or answer is None or at < 0:
        return everything
    first, place = None, 0
    for number, text in enumerate(completion.token_texts):
        place += len(text)
        if first is None and place > at:
            first = number
        if place >= at + len(answer):
            return slice(first, number + 1)
    return everything


def _last(values: Sequence[float] | None, count: int) -> Sequence[float] | None:
    return None if values is None else values[-count:]


def _signals(part: str, logprobs: Sequence[float] | None, entropies: Sequence[float] | None) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in (
        ("confidence", _mean(logprobs)), ("lowest", min(logprobs, default=None) if logprobs else None),
        ("entropy", _mean(entropies)),
    ):  # fmt: skip
        if value is not None and math.isfinite(value):
            found[part + name] = float(f"{value:.6g}")
    return found


def _mean(values: Sequence[float] | None) -> float | None:
    return math.fsum(values) / len(values) if values else None
