"""Estimates what a whole search over-fits: `python -m benchmarks.left_out --out DIR --env 'aime24/*'`.

Cross-validation of the choice among the versions of one run cannot see luck that versions have inherited: they exist
because their ancestors did well on all questions. So here the whole search is repeated without a part of the questions
and without one of the models (fold k leaves out the k-th part, and model k modulo their number). The best version of
each search is measured on fresh branch orders: on the questions and models that it was searched on, on other questions
of these models, and on other questions of the model left out. Figures are compared with those of the baselines on the
same questions, because some questions are harder than others:

- quality: the mean accuracy over token budgets, less the median of the baselines;
- saving: the share of tokens saved against self-consistency with the largest budget, at its accuracy.

A search has two figures of its best version: as measured, and as believed, after the part that is likely luck has been
subtracted. The last lines give what each of them claims beyond the part left out, as mean over folds with a 95%
interval (Student), and beside it the optimism that the run itself estimates by cross-validation. The estimate is right
if it is that of the measured figure, and if the believed one claims nothing. Runs that exist in DIR are continued.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from autotts.agent import population
from autotts.agent.archive.baselines import baseline_source
from autotts.agent.archive.run_directory import Run
from autotts.agent.population.measurement import Measurement
from autotts.agent.population.overfitting.beliefs import optimism
from autotts.agent.population.pareto import BUDGETS
from autotts.agent.records.card import Card
from autotts.envs import catalogue
from autotts.envs.errors import InputError
from autotts.envs.holdout import part_of_questions
from autotts.envs.statistics import Floats
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from benchmarks.search_tables import interval_of
from benchmarks.searches import add_options, discovered, in_processes, measured_on, sandbox_of

REFERENCE = "self_consistency"
CLAIMS = ("measured", "believed")
"""The figures of a search itself."""
PARTS = ("other orders", "other questions", "other questions and model")
"""Where a version is measured on fresh branch orders."""


def main() -> int:
    """Run the searches that are missing, and print what they lose on the parts left out."""
    options = _options()
    if options.job:
        _fold(int(options.job[0]), options)
        return 0
    if not in_processes("benchmarks.left_out", [(str(fold),) for fold in range(options.folds)], options.cores):
        return 1
    found = [json.loads((_place(options, fold) / "figures.json").read_text()) for fold in range(options.folds)]
    for figure in ("quality", "saving"):
        print(f"\n{figure} in points: " + ", ".join((*CLAIMS, *PARTS)))
        for fold, figures in enumerate(found):
            print(f"fold {fold}: " + ", ".join(f"{figures[part][figure]:6.2f}" for part in (*CLAIMS, *PARTS)))
        for claim in CLAIMS:
            for part in PARTS:
                lost = [figures[claim][figure] - figures[part][figure] for figures in found]
                print(f"{claim} beyond {part}: {interval_of(lost)}")
    estimates = [figures["estimated"]["quality"] for figures in found]
    print(f"\noptimism of quality that the runs estimate: {interval_of(estimates)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--variant", default="formulas", help="see benchmarks.search")
    parser.add_argument("--folds", type=int, default=5, help="parts of the questions: each is left out of one search")
    parser.add_argument("--seed", type=int, default=0, help="of the parts, and of the searches")
    parser.add_argument("--job", nargs=1, help=argparse.SUPPRESS)
    return parser.parse_args()


def _place(options: argparse.Namespace, fold: int) -> Path:
    place: Path = options.out / options.variant / str(fold)
    return place


def _fold(fold: int, options: argparse.Namespace) -> None:
    """Search without a part of the questions and without a model, and measure the best version."""
    place = _place(options, fold)
    if (place / "figures.json").exists():
        return
    found = catalogue.find(catalogue.data_root(options.data), options.env) if options.env else default_environments()
    if len(found) < 2 or len({len(env) for env in found}) > 1:
        raise InputError("two models or more of one benchmark are needed, with the same questions")
    numbers = random.Random(f"{options.seed} questions").sample(range(len(found[0])), len(found[0]))
    out = np.array(sorted(numbers[fold :: options.folds]), np.int64)
    kept = np.setdiff1d(np.arange(len(found[0])), out)
    left = fold % len(found)
    models = [env for index, env in enumerate(found) if index != left]
    search = [part_of_questions(env, kept) for env in models]
    run = discovered(place / "run", search, options.variant, options.seed, options)
    figures = {
        **_claimed(run),
        "other orders": _figures(run, search, options),
        "other questions": _figures(run, [part_of_questions(env, out) for env in models], options),
        "other questions and model": _figures(run, [part_of_questions(found[left], out)], options),
    }
    (place / "figures.json").write_text(json.dumps(figures))


def _claimed(run: Run) -> dict[str, dict[str, float]]:
    """Return the figures of the best version as the search has them, and the optimism that it estimates."""
    cards = run.archive.cards_with_beliefs()
    best, able = _best(cards), [card for card in cards if card.ok]
    baselines = [card for card in able if card.generation == 0]
    estimate = optimism(able, run.archive.figures)
    assert estimate is not None, "two questions or more have results"
    measured = {card.id: _curve(card.mean_curve) for card in (best, *baselines)}
    believed = {card.id: _curve(card.believed_curve) for card in (best, *baselines)}
    return {
        "measured": _compared(measured.pop(best.id), measured),
        "believed": _compared(believed.pop(best.id), believed),
        "estimated": {"quality": estimate[1].optimism.value},
    }


def _best(cards: Sequence[Card]) -> Card:
    """Return the best version that the search has found."""
    return next(card for card in population.ranked(cards) if card.generation > 0)


def _figures(run: Run, environments: Sequence[Environment], options: argparse.Namespace) -> dict[str, float]:
    """Return the figures of the best version on fresh branch orders of ``environments``."""
    cards = run.archive.cards_with_beliefs()
    baselines = [card.id for card in cards if card.generation == 0 and card.ok]
    source = run.archive.source(_best(cards).id)

    def curve(source: str) -> Floats:
        measured: Measurement = measured_on(source, environments, options.fresh, run.config, sandbox)
        return _curve(measured.curve)

    with sandbox_of(options) as sandbox:
        return _compared(curve(source), {name: curve(baseline_source(name)) for name in baselines})


def _curve(points: object) -> Floats:
    """Return (P, 2): accuracy in per cent, and mean tokens."""
    return np.array([(point.accuracy, point.tokens) for point in points], float)  # type: ignore[attr-defined]


def _compared(ours: Floats, baselines: Mapping[str, Floats]) -> dict[str, float]:
    """Return quality less the median quality of the baselines, and the saving against `REFERENCE`, in points."""
    most = [curve[:, 1].max() for curve in baselines.values()]
    at = np.geomspace(2 * min(most), max(4 * min(most), *most), BUDGETS)
    usual = float(np.median([_quality(curve, at) for curve in baselines.values()]))
    reference = baselines[REFERENCE]
    accuracy, spent = reference[reference[:, 1].argmax()]
    fewest = _fewest(ours, accuracy)
    return {"quality": _quality(ours, at) - usual, "saving": 100 * (1 - fewest / spent)}


def _quality(curve: Floats, at: Floats) -> float:
    """Return the mean accuracy that a curve attains over budgets; between points, tokens are logarithmic."""
    ordered = curve[curve[:, 1].argsort()]
    best = np.maximum.accumulate(ordered[:, 0])
    return float(np.interp(np.log(at), np.log(ordered[:, 1]), best, left=0.0).mean())


def _fewest(curve: Floats, accuracy: float) -> float:
    """Return the fewest tokens with which a curve reaches an accuracy; the most that it spends if it never does."""
    ordered = curve[curve[:, 1].argsort()]
    best, logs = np.maximum.accumulate(ordered[:, 0]), np.log(ordered[:, 1])
    reached = np.flatnonzero(best >= accuracy)
    if not len(reached):
        return float(ordered[-1, 1])
    at = int(reached[0])
    if at == 0 or best[at] == best[at - 1]:
        return float(ordered[at, 1])
    part = (accuracy - best[at - 1]) / (best[at] - best[at - 1])
    return math.exp(logs[at - 1] + part * (logs[at] - logs[at - 1]))


if __name__ == "__main__":
    sys.exit(main())
