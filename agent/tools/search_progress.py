"""The progress of a search: the budgets of quality, the best version at each, and how long progress has stalled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autotts.envs.statistics import Floats

from ..population.measurement import at_tokens
from ..records.version import BriefVersion
from .search_history import SearchHistory

_LOOKED_AT = 40
"""Best versions among which those are searched that the best is not significantly better than."""
_STALLED = 3
"""Versions without a significant gain from which on the text reports a stall."""
_ROWS = 8


def describe_scale(budgets: Floats) -> str:
    """Describe the token budgets over which quality is averaged."""
    return f"{len(budgets)} token budgets from {budgets[0]:,.0f} to {budgets[-1]:,.0f}"


def describe_progress(history: SearchHistory) -> str:
    """Return the scale of quality, the best version and, with a full history, how long progress has stalled."""
    sentences = [f"Quality: mean accuracy % over {describe_scale(history.budgets)} mean tokens of a question."]
    if history.ranked:
        best = history.ranked[0]
        sentences.append(f"The best so far is {best.id} with {history.quality(best.id):.2f}.")
    if history.all_versions and (stalled := _stalled(history)):
        sentences.append(stalled)
    return " ".join(sentences)


def _stalled(history: SearchHistory) -> str:
    """Return a sentence if many versions have followed the first that the best is not significantly better than."""
    for card in sorted(history.ranked[:_LOOKED_AT], key=lambda card: card.generation):
        if history.behind(card.id)[1][1] >= 0:
            since = sum(later.generation > card.generation for later in history.ranked)
            if since < _STALLED:
                return ""
            return (
                f"Of the {since} versions since {card.id} (round {card.generation}) none is surely better than it "
                "(95%, paired): a new idea is needed, not another small change."
            )
    return ""


def best_at_budgets(versions: Sequence[BriefVersion], budgets: Floats) -> str:
    """Return a table of the best accuracy, and the version that attains it, at some of ``budgets``."""
    rows = ["| mean tokens of a question | accuracy % | by |", "|---|---|---|"]
    for budget in budgets[np.unique(np.linspace(0, len(budgets) - 1, _ROWS).round().astype(int))].tolist():
        reached = [(value, v.id) for v in versions if (value := at_tokens(v.curve, budget)) is not None]
        best = max(reached, key=lambda pair: pair[0], default=None)
        rows.append(f"| {budget:,.0f} | " + ("- | - |" if best is None else f"{best[0]:.1f} | `{best[1]}` |"))
    return "\n".join(rows)
