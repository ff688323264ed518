"""Findings of candidates that may know questions by heart: stored data, and a lead that rests on few questions."""

from __future__ import annotations

import numpy as np

from autotts.envs.statistics import Floats
from autotts.sandbox import policy
from autotts.sandbox.stored_data import NOTABLE_VALUES, stored_data

from ..population.overfitting.contributions import contributions, panel
from ..population.overfitting.question_results import QuestionResults
from ..records.version import Finding

LEAST_LEAD = 2.0
"""Points of quality from which on a lead is looked at."""
_ENDS = 0.2
"""Share of the questions, on either side, that the trimmed lead leaves out."""
_REST = 0.25
"""Largest share of the lead that the trimmed lead has where the lead rests on few questions."""
_FEWEST = 5
"""Questions below which nothing can be said."""


def stores_data(source: str) -> Finding | None:
    """Return the finding of a source with more data than a rule needs, in bytes; None for any ordinary source.

    A source with far more data is refused (`sandbox.stored_data`). ``source`` must parse.
    """
    stored = stored_data(policy.parse(source))
    if not stored.notable:
        return None
    message = (
        f"it stores {stored.values:,} bytes in constants and names (compressed; a rule needs less than "
        f"{NOTABLE_VALUES:,}): it may know questions by heart."
    )
    return Finding(kind="stores_data", episodes=0, share=0.0, tokens=0, message=message)


def few_questions(
    results: QuestionResults, reference: QuestionResults, name: str, at: Floats
) -> Finding | None:
    """Return the finding of a version whose lead over another one rests on few questions; None if it does not.

    A better rule gains a little on many questions, and loses a little on others. A version that knows single questions
    gains much on those, and nothing on the rest: its mean lead is large, and its trimmed lead (the mean without the
    fifth of the questions with the largest gains and the fifth with the smallest ones) is nearly 0. This trimmed mean
    is the usual robust estimate of a location (Tukey 1962). A question counts once, whatever the number of models.

    Args:
        results: results of the version.
        reference: results of the other version, on the same questions.
        name: name of the other version.
        at: the token budgets of quality.
    """
    if results.environments != reference.environments or results.question.tobytes() != reference.question.tobytes():
        return None
    gains = np.sort(question_gains(results, reference, at))[::-1]
    lead, ends = float(gains.mean()), int(_ENDS * len(gains))
    if len(gains) < _FEWEST or lead < LEAST_LEAD:
        return None
    trimmed = float(gains[ends : len(gains) - ends].mean())
    if trimmed > _REST * lead:
        return None
    few = int(np.argmax(np.cumsum(gains) >= lead * len(gains))) + 1
    without = float(gains[few:].sum()) / len(gains)
    message = (
        f"its lead of {lead:+.2f} points over {name} rests on {few} of {len(gains)} questions: without them it is "
        f"{without:+.2f}, and {trimmed:+.2f} on the middle {100 - 200 * _ENDS:.0f}% of the questions."
    )
    return Finding(kind="few_questions", episodes=0, share=few / len(gains), tokens=0, message=message)


def question_gains(results: QuestionResults, reference: QuestionResults, at: Floats) -> Floats:
    """Return the gain of each recorded question, in points; their mean is the difference in quality.

    Environments with equally many questions are taken to hold the same ones.
    """
    these = panel([results, reference], at)
    gains = (contributions(results, at) - contributions(reference, at)).mean(axis=0) * these.weights
    sizes = np.bincount(results.environment)[results.environment]
    recorded = these.recorded
    _, question = np.unique(np.stack([sizes, results.question])[:, recorded], axis=1, return_inverse=True)
    summed = np.bincount(question.ravel(), weights=gains[recorded])
    return np.asarray(summed * len(summed))
