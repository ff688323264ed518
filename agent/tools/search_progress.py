"""Where the search stands: over which budgets quality is taken, what is best at each, and since when nothing is new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.statistics import Floats

from ..population.measurement import at_tokens
from ..records.version import Version
from .search_history import SearchHistory

_LOOKED_AT = 40
"""Versions, the best, among which those are looked for that the best is not surely better than."""
_STALLED = 3
"""Versions without a sure gain after which it is said."""
_ROWS = 8


def describe_scale(budgets: Floats) -> str:
    """Return over which budgets quality is the mean."""
    return f"{len(budgets)} token budgets from {budgets[0]:,.0f} to {budgets[-1]:,.0f}"


def describe_progress(shelf: SearchHistory) -> str:
    """Return the scale of quality, the best version, and, with a history, since when nothing is surely better."""
    told = [f"Quality: mean accuracy % over {describe_scale(shelf.budgets)} mean tokens of a question."]
    if shelf.ranked:
        best = shelf.ranked[0]
        told.append(f"The best so far is {best.id} with {shelf.quality(best.id):.2f}.")
    if shelf.history and (stalled := _stalled(shelf)):
        told.append(stalled)
    return " ".join(told)


def _stalled(shelf: SearchHistory) -> str:
    """Return in a sentence how many versions have come since the first that the best is not surely better than."""
    for card in sorted(shelf.ranked[:_LOOKED_AT], key=lambda card: card.generation):
        if shelf.behind(card.id)[1][1] >= 0:
            since = sum(later.generation > card.generation for later in shelf.ranked)
            if since < _STALLED:
                return ""
            return (
                f"Of the {since} versions since {card.id} (round {card.generation}) none is surely better than it "
                "(95%, paired): a new idea is needed, not another small change."
            )
    return ""


def best_at_budgets(versions: Sequence[Version], budgets: Floats) -> str:
    """Return a table of the best accuracy at some of ``budgets``, both ends among them, and whose it is."""
    rows = ["| mean tokens of a question | accuracy % | by |", "|---|---|---|"]
    for budget in budgets[np.unique(np.linspace(0, len(budgets) - 1, _ROWS).round().astype(int))].tolist():
        reached = [(value, v.id) for v in versions if (value := at_tokens(v.curve, budget)) is not None]
        best = max(reached, key=lambda pair: pair[0], default=None)
        rows.append(f"| {budget:,.0f} | " + ("- | - |" if best is None else f"{best[0]:.1f} | `{best[1]}` |"))
    return "\n".join(rows)
