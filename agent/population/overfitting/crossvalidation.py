"""Cross-validates the choice of the best version: its quality on questions and models that the choice did not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autotts.envs.statistics import Floats, Interval, bootstrap

from ..preference import preferred
from .contributions import Bools, Ints, QualityPanel, contributions_by, panel
from .question_results import QuestionResults
from .shrinkage import shrink

FOLDS = 5
"""Parts into which the groups of questions are divided."""
_PARTITIONS = 8
"""Random divisions into parts that are averaged, because the result of a single division depends on chance."""
_SEED = 20260911  # seed of the divisions only: the same results are cross-validated equally everywhere


@dataclass(frozen=True, slots=True)
class IntervalEstimate:
    """A value, and its 95% interval over questions."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """The value of choosing the best version. All estimates are in per cent (or points), on recorded questions."""

    version: int
    """Index of the version that is chosen from all questions and models."""
    searched: IntervalEstimate
    """Quality of that version on the same questions and models: the number that a search reports."""
    questions: IntervalEstimate
    """Quality if chosen on some questions and measured on the others: the mean over all questions."""
    models: IntervalEstimate | None
    """Quality if chosen on all models but one and measured on that one: the mean over models. None with one model."""
    both: IntervalEstimate | None
    """Quality if chosen without the questions and without the model that it is measured on. None with one model."""
    optimism: IntervalEstimate
    """``searched`` minus ``both``; with one model, ``searched`` minus ``questions``."""

    @property
    def strictest(self) -> IntervalEstimate:
        """The estimate that ``optimism`` is computed from."""
        return self.both or self.questions


def cross_validated(
    results: Sequence[QuestionResults],
    at: Floats,
    anchors: Sequence[int],
    complexity: Sequence[int],
    candidates: Bools,
    simulated: float = 0.0,
) -> CrossValidated | None:
    """Cross-validate the choice among versions; None if there are fewer than two questions.

    Args:
        results, at, simulated: see `panel`.
        anchors: see `shrink`.
        complexity: see `preferred`.
        candidates: (V,) the versions that may be chosen, at least one.
    """
    these, measured = panel(results, at, simulated), panel(results, at)
    able, simple = np.flatnonzero(candidates), np.asarray(complexity)[candidates].tolist()

    def chosen(cells: Bools) -> int:
        estimate = shrink(these, anchors, cells)
        return int(able[preferred(estimate.quality[able], estimate.noise[able], simple)[0]])

    def held_out(models: Sequence[int | None], parts: Sequence[Ints | None]) -> Floats:
        """Return (N,) contributions of the version chosen without each cell's model and without its questions."""
        result = np.zeros(len(these.weights))
        for model in models:
            for part in parts:
                asked = these.recorded & (True if part is None else np.isin(these.question, part))
                mine = asked & (True if model is None else these.environment == model)
                seen = ~(mine if part is None else asked) & (True if model is None else these.origin != model)
                if mine.any():
                    by = measured.weights * seen
                    result[mine] = contributions_by(results[chosen(seen)], at, by).mean(axis=0)[mine]
        return result

    groups = int(these.question.max()) + 1
    if groups < 2:
        return None
    best = chosen(np.ones(len(these.weights), bool))
    divisions = list(partitions(groups))
    models = np.unique(these.environment[these.recorded]).tolist()
    rows = [measured.values[best], np.mean([held_out([None], parts) for parts in divisions], axis=0)]
    if len(models) > 1:
        rows.append(held_out(models, [None]))
        rows.append(np.mean([held_out(models, parts) for parts in divisions], axis=0))
    ahead = rows[-1] - measured.values.mean(axis=0)
    searched, questions, *others, lead = means(measured, [*rows, ahead])
    by_model, both = others or (None, None)
    # the searched quality is exact; the held-out one has the noise of a version relative to the others
    gap, (low, high) = searched.value - (both or questions).value, lead.interval
    optimism = IntervalEstimate(gap, (gap + lead.value - high, gap + lead.value - low))
    return CrossValidated(best, searched, questions, by_model, both, optimism)


def partitions(groups: int) -> Iterator[list[Ints]]:
    """Yield divisions of the groups of questions into `FOLDS` parts, or as many as there are groups."""
    generator = np.random.default_rng(_SEED)
    for _ in range(_PARTITIONS):
        yield np.array_split(generator.permutation(groups), min(FOLDS, groups))


def means(panel: QualityPanel, rows: Sequence[Floats]) -> list[IntervalEstimate]:
    """Return the mean of each of ``rows``, (N,) contributions, over the recorded cells, with its 95% interval."""
    environments = np.unique(panel.environment[panel.recorded]).tolist()
    tables = [np.stack(rows, axis=1)[panel.environment == e] for e in environments]
    value = np.mean([table.mean(axis=0) for table in tables], axis=0)
    low, high = np.percentile(np.mean([bootstrap(table) for table in tables], axis=0), [2.5, 97.5], axis=0)
    return [IntervalEstimate(float(v), (float(a), float(b))) for v, a, b in zip(value, low, high, strict=True)]
