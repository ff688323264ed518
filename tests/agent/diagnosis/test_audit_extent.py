"""Pages and reports say how far versions were audited."""

from __future__ import annotations

from autotts.agent.diagnosis.audit_extent import extent_of_version, extent_of_versions
from autotts.agent.ui.pages.version import _audit

from ..archive.test_archive import card


def test_a_version_page_says_how_far_it_was_audited() -> None:
    full, sample, unknown = (card().model_copy(update={"audited": extent}) for extent in ("full", "sample", None))
    assert extent_of_version(full) == "The audit played each of its episodes."
    assert "1.5% of the episodes, 100 at least" in extent_of_version(sample)
    assert extent_of_version(unknown) == "How far it was audited is not known."
    assert _audit(full).endswith("look-ahead audit. The audit played each of its episodes.")
    convicted = full.model_copy(update={"verdict": "rejected: looked ahead"})
    assert "each of its episodes" not in _audit(convicted)


def test_a_report_says_how_far_its_versions_were_audited() -> None:
    cards = [card(f"g001-{name}").model_copy(update={"audited": "full"}) for name in "ab"]
    assert extent_of_versions(cards) == (
        "The look-ahead audit of the search played each episode of 2 of the 2 versions in this report."
    )
    sampled = card("g000-c").model_copy(update={"audited": "sample"})
    old = card("g000-d").model_copy(update={"audited": None})
    text = extent_of_versions([*cards, sampled, old])
    assert "2 of the 4 versions in this report, and a sample (1.5% of the episodes, 100 at least) of g000-c." in text
    assert text.endswith("How far is not known of g000-d.")
