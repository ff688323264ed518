"""Findings of candidates that know questions by heart."""

from __future__ import annotations

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.diagnosis.memorising import few_questions, question_gains, stores_data
from autotts.agent.population.overfitting.question_results import QuestionResults

from ...memorising import packed

AT = np.array([1000.0, 2000.0, 4000.0])


def results(right: np.ndarray, environments: int = 1) -> QuestionResults:
    """Return results with the share of right answers of each question, equal at both betas."""
    questions = len(right) // environments
    return QuestionResults(
        tuple(f"e{e}" for e in range(environments)), np.repeat(np.arange(environments), questions).astype(np.int32),
        np.tile(np.arange(questions), environments).astype(np.int32), np.array([0.0, 1.0]), np.stack([right, right]),
        np.stack([np.full(len(right), 500.0), np.full(len(right), 900.0)]),
    )  # fmt: skip


def test_a_lead_that_rests_on_known_questions_is_a_finding_with_numbers() -> None:
    before = np.full(30, 0.4)
    after = before.copy()
    after[:4] = 1.0
    found = few_questions(results(after), results(before), "g001-parent", AT)
    assert found is not None and found.kind == "few_questions"
    assert found.share == pytest.approx(4 / 30)
    assert "its lead of +8.00 points over g001-parent rests on 4 of 30 questions: without them it is +0.00" in (
        found.message
    )
    assert question_gains(results(after), results(before), AT).mean() == pytest.approx(8)


def test_the_same_question_of_two_models_counts_once() -> None:
    before = np.full(30, 0.4)
    after = before.copy()
    after[[0, 15]] = 1.0
    found = few_questions(results(after, 2), results(before, 2), "x", AT)
    assert found is not None and "1 of 15 questions" in found.message


def test_a_better_rule_is_no_finding() -> None:
    chance = np.random.default_rng(0)
    flagged = 0
    for _ in range(200):
        before = chance.uniform(0.2, 0.7, 60)
        after = np.clip(before + chance.normal(0.04, 0.12, 60), 0, 1)
        flagged += few_questions(results(after), results(before), "x", AT) is not None
    assert flagged <= 4
    assert few_questions(results(before), results(before), "x", AT) is None


def test_stored_data_is_a_finding_with_its_bytes() -> None:
    assert all(stores_data(baseline_source(name)) is None for name in baseline_names())
    found = stores_data(baseline_source("self_consistency") + f"\nKNOWN = {packed(3000)!r}\n")
    assert found is not None and found.kind == "stores_data" and "bytes in constants and names" in found.message
