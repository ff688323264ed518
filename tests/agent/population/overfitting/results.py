"""Versions whose true accuracies are known: figures are drawn as branch orders would draw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.population.overfitting.contributions import panel
from agent.population.overfitting.question_results import QuestionResults

AT = np.geomspace(2_000, 16_000, 24)
BETAS = np.linspace(0, 1, 5)
TOKENS = np.geomspace(1_000, 16_000, 5)


@dataclass
class World:
    figures: list[QuestionResults]
    truth: np.ndarray
    """(V,) quality of each version without the luck of branch orders."""


def figures(right: np.ndarray, tokens: np.ndarray, sizes: list[int], names: list[str] | None = None) -> QuestionResults:
    """Return figures of (B, N) accuracies and tokens for environments of so many questions."""
    return QuestionResults(
        environments=tuple(names or (f"world/{e}" for e in range(len(sizes)))),
        environment=np.repeat(np.arange(len(sizes)), sizes).astype(np.int32),
        question=np.concatenate([np.arange(size) for size in sizes]).astype(np.int32),
        betas=np.linspace(0, 1, len(right)), right=right, tokens=tokens,
    )  # fmt: skip


def world(seed: int, versions: int, sizes: list[int], effect: float = 0.0, orders: int = 4) -> World:
    """Return versions that differ in truth by ``effect`` (standard deviation), each with luck of its own."""
    chance = np.random.default_rng(seed)
    cells = sum(sizes)
    base = 0.6 * chance.random(cells) + 0.35 * BETAS[:, None]
    found, truth = [], []
    for merit in chance.normal(0, effect, versions):
        right = np.clip(base + merit, 0, 1)
        spent = TOKENS[:, None] * chance.uniform(0.8, 1.2, (len(BETAS), cells))
        found.append(figures(chance.binomial(orders, right) / orders, spent, sizes))
        truth.append(figures(right, np.repeat(TOKENS[:, None], cells, axis=1), sizes))
    exact = panel(truth, AT)
    return World(found, exact.values @ exact.weights)
