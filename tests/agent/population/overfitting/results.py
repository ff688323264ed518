"""Simulated versions whose true accuracies are known: results are sampled as branch orders would sample them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autotts.agent.population.overfitting.contributions import panel
from autotts.agent.population.overfitting.question_results import QuestionResults

AT = np.geomspace(2_000, 16_000, 24)
BETAS = np.linspace(0, 1, 5)
TOKENS = np.geomspace(1_000, 16_000, 5)


@dataclass
class SimulatedVersions:
    results: list[QuestionResults]
    truth: np.ndarray
    """(V,) quality of each version without the noise of branch orders."""


def question_results(
    right: np.ndarray, tokens: np.ndarray, sizes: list[int], names: list[str] | None = None
) -> QuestionResults:
    """Return the results with (B, N) accuracies and tokens, for environments with ``sizes`` questions."""
    return QuestionResults(
        environments=tuple(names or (f"world/{e}" for e in range(len(sizes)))),
        environment=np.repeat(np.arange(len(sizes)), sizes).astype(np.int32),
        question=np.concatenate([np.arange(size) for size in sizes]).astype(np.int32),
        betas=np.linspace(0, 1, len(right)), right=right, tokens=tokens,
    )  # fmt: skip


def simulate_versions(
    seed: int, versions: int, sizes: list[int], effect: float = 0.0, orders: int = 4
) -> SimulatedVersions:
    """Return versions whose true accuracies have the standard deviation ``effect``, each with independent noise."""
    rng = np.random.default_rng(seed)
    cells = sum(sizes)
    base = 0.6 * rng.random(cells) + 0.35 * BETAS[:, None]
    results, truth = [], []
    for shift in rng.normal(0, effect, versions):
        right = np.clip(base + shift, 0, 1)
        spent = TOKENS[:, None] * rng.uniform(0.8, 1.2, (len(BETAS), cells))
        results.append(question_results(rng.binomial(orders, right) / orders, spent, sizes))
        truth.append(question_results(right, np.repeat(TOKENS[:, None], cells, axis=1), sizes))
    exact = panel(truth, AT)
    return SimulatedVersions(results, exact.values @ exact.weights)
