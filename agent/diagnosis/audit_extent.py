"""Says how far versions were audited, for the pages and reports that people read."""

from __future__ import annotations

from collections.abc import Sequence

from autotts.sandbox.audit.look_ahead import AUDIT_SHARE, MIN_AUDITED

from ..records.card import Card

SAMPLE = f"{AUDIT_SHARE:.1%} of the episodes, {MIN_AUDITED} at least"
"""The share of the episodes that a sampled audit plays, in words."""


def extent_of_version(card: Card) -> str:
    """Return a sentence on how far a version was audited."""
    if card.audited == "full":
        return "The audit played each of its episodes."
    if card.audited == "sample":
        return f"The audit played a sample of its episodes ({SAMPLE}), which may miss a rare cheat."
    return "How far it was audited is not known."


def extent_of_versions(cards: Sequence[Card]) -> str:
    """Return a sentence on how far several versions were audited in their search."""
    full = sum(card.audited == "full" for card in cards)
    parts = [f"each episode of {full} of the {len(cards)} versions in this report"]
    sampled = [card.id for card in cards if card.audited == "sample"]
    if sampled:
        parts.append(f"a sample ({SAMPLE}) of {', '.join(sampled)}")
    unknown = [card.id for card in cards if card.audited is None]
    last = f" How far is not known of {', '.join(unknown)}." if unknown else ""
    return f"The look-ahead audit of the search played {', and '.join(parts)}.{last}"
