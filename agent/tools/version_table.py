"""The table of versions, one per line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..records.card import SCREENED, Card
from ..records.version import CurvePoint
from .search_history import SearchHistory
from .search_progress import describe_scale
from .text import PAGE, evenly_spread, one_line, page, table

ORDERS = ("quality", "generation", "tokens")
"""Best, newest or most frugal first. Versions that did not run come last, or with their generation."""


def version_table(history: SearchHistory, order: str, limit: int, offset: int, most: int = PAGE) -> str:
    """Return ``limit`` versions from row ``offset`` on: quality, three curve points, parents, rationale or failure."""
    cards = _ordered(history, order)
    all_betas = sorted({point.beta for card in cards for point in card.mean_curve})
    betas = [all_betas[i] for i in evenly_spread(len(all_betas), 3)]
    head = [
        f"{len(cards)} versions by {order} (likely luck removed); quality: mean accuracy % over "
        f"{describe_scale(history.budgets)}; ~: within noise of the best (95%, paired); *: on the Pareto front; "
        "b: accuracy@tokens at that beta (45.2@3.1: 45.2% right at 3,100 tokens per question)"
    ]
    if history.tries:
        drafts = (f"{tried.name} ({tried.verdict.kind})" for tried in history.tries.values())
        head.append(one_line(f"drafts of this step: {', '.join(drafts)}", 400))
    front = {version for version, _ in history.front}
    window = cards[offset : offset + limit]
    rows = [("version", "gen", "quality", "to best", *(f"b{beta:g}" for beta in betas), "parents")]
    rows += [_row(history, card, betas, "*" if card.id in front else "") for card in window]
    lines = table(rows)
    noted = [f"{line}  {_note(history, card)}" for line, card in zip(lines[1:], window, strict=True)]
    return page([*head, f"{lines[0]}  rationale"], noted, offset, len(cards), most)


def _ordered(history: SearchHistory, order: str) -> list[Card]:
    rank = {card.id: i for i, card in enumerate(history.ranked)}
    cards = sorted(history.cards.values(), key=lambda card: (rank.get(card.id, len(rank)), card.id))
    if order == "generation":
        return sorted(cards, key=lambda card: -card.generation)
    if order == "tokens":
        return sorted(cards, key=lambda card: _mean_tokens(card.mean_curve))
    return cards


def _mean_tokens(curve: Sequence[CurvePoint]) -> float:
    return float(np.mean([point.tokens for point in curve])) if curve else float("inf")


def _row(history: SearchHistory, card: Card, betas: Sequence[float], mark: str) -> tuple[str, ...]:
    points = {point.beta: point for point in card.mean_curve}
    cells = [f"{points[b].accuracy:.1f}@{points[b].tokens / 1000:.1f}" if b in points else "-" for b in betas]
    quality = (f"{history.quality(card.id):.2f}", _to_best(history, card)) if card.ok else ("-", "-")
    parents = one_line(",".join(parent for parent in card.parents if parent in history.cards), 60)
    return card.id + mark, str(card.generation), *quality, *cells, parents or "-"


def _to_best(history: SearchHistory, card: Card) -> str:
    if card is history.ranked[0]:
        return "best"
    gain, (low, high) = history.behind(card.id)
    return f"{gain:+.2f}±{(high - low) / 2:.2f}{'~' if high >= 0 else ''}"


def _note(history: SearchHistory, card: Card) -> str:
    if not card.ok:
        how = "SCREENED OUT" if card.verdict == SCREENED else f"FAILED {card.verdict}"
        return one_line(f"{how}: {history.sanitize(card.message)}", 90)
    return one_line(history.names.hide(card.rationale), 40)
