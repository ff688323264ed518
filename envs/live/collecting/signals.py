"""The signals of a probe: log-probabilities and entropies of the interval, of its tail, and of the probe's answer.

``confidence`` is the mean token log-probability of the interval before the probe, ``lowest`` the lowest of its tokens;
``entropy`` the mean entropy (nats). The same for the last quarter of the interval (``tail_...``) and for the tokens of
the probe's answer (``answer_...``). A mean log-probability is at most 0, and 0 is certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..exchange import Completion

TAIL = 4
"""The tail of an interval is its last 1/4, rounded up to whole tokens."""
NAMES = tuple(f"{part}{kind}" for part in ("", "tail_", "answer_") for kind in ("confidence", "lowest", "entropy"))
"""All signals; a server that gives no log-probabilities or no alternatives leaves some out."""


def interval_signals(completion: Completion) -> dict[str, float]:
    """Return the signals of an interval and of its tail, by name."""
    tail = max(1, math.ceil(completion.tokens / TAIL))
    found = _signals("", completion.logprobs, completion.entropies)
    return found | _signals("tail_", _last(completion.logprobs, tail), _last(completion.entropies, tail))


def answer_signals(completion: Completion, answer: str | None) -> dict[str, float]:
    """Return the signals of a probe's answer, by name.

    Args:
        completion: what the model wrote after the suffix of the probe.
        answer: the answer in its text. Its tokens count; all tokens do if it is absent, or if the server does not tell
            the text of each token.
    """
    part = _tokens_of(completion, answer)
    logprobs, entropies = completion.logprobs, completion.entropies
    return _signals(
        "answer_", None if logprobs is None else logprobs[part], None if entropies is None else entropies[part]
    )


def _tokens_of(completion: Completion, answer: str | None) -> slice:
    everything = slice(None)
    at = completion.text.find(answer) if answer else -1
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
