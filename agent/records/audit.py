"""The record of an audit that a version got after it was archived."""

from __future__ import annotations

from autotts.sandbox.outcome import Conviction, Extent

from .card import Card, FrozenModel


class AuditRecord(FrozenModel):
    """The verdict of a later audit. It lies beside the version, whose own folder never changes."""

    audited: Extent
    verdict: str = "ok"
    message: str = ""
    conviction: Conviction | None = None

    def on(self, card: Card) -> Card:
        """Return ``card`` with this audit: a convicted version has no scores."""
        if self.verdict == "ok":
            return card.model_copy(update={"audited": self.audited})
        return card.model_copy(
            update={
                "audited": self.audited, "verdict": self.verdict, "message": self.message,
                "conviction": self.conviction, "curve": (), "behaviour": None, "findings": (),
            }
        )  # fmt: skip
