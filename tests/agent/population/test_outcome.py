"""Outcomes of predictions."""

from __future__ import annotations

import numpy as np

from autotts.agent.population.outcome import outcome
from autotts.agent.records.version import Expectation, Finding


def test_predictions_are_compared_with_measured_changes() -> None:
    from ..archive.test_archive import card

    def version(accuracy: float, tokens: float):  # type: ignore[no-untyped-def]
        from autotts.envs.statistics import Point

        point = Point("toy", 0.5, accuracy, (0, 0), tokens, (0, 0), 1.0, 10)
        return card().model_copy(update={"curve": (point,)})

    less, same, more = Expectation("tokens", "less"), Expectation("accuracy", "same"), Expectation("tokens", "more")
    at = np.array([80.0])
    text = outcome((less, same), version(60.0, 80.0), version(60.1, 100.0), at)
    assert "tokens -20%" in text and "accuracy -0.10 points" in text and "2 of 2 held" in text
    assert "quality +11.92 points" in text, "at 80 tokens, the parent answers four questions of five"
    assert outcome((more,), version(60.0, 80.0), version(60.1, 100.0), at).endswith("(0 of 1 held)")
    assert outcome((), version(60.0, 80.0), card(), at) == ""

    def idle(episodes: int, tokens: int):  # type: ignore[no-untyped-def]
        findings = [Finding(kind, episodes, 0.1, tokens, "Found.") for kind in ("idle_tokens", "pruned_right")]
        return version(60.0, 80.0).model_copy(update={"findings": tuple(findings)})

    fewer = Expectation("idle_tokens", "less"), Expectation("pruned_right", "same")
    text = outcome(fewer, idle(50, 500), idle(50, 1000), at)
    assert "idle_tokens -50%" in text and "2 of 2 held" in text, "tokens, not episodes"
    few = outcome(fewer, idle(9, 500), idle(3, 1000), at)
    assert "hardly any idle_tokens, hardly any pruned_right" in few and "1 of 2 held" in few
