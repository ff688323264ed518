"""Fits the generative model of branches to a recorded environment, and measures the quality of the fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..contract.controller import Controller
from ..contract.replay import Recording, ReplayQuestion, shuffled
from ..episodes import BETAS, MAX_BRANCHES
from ..store import Environment
from .model import FEATURES, Feature, Floats, SyntheticModel, generate
from .observed import Observed, knots_of, rounded, statistics

_KNOTS = {"accuracy": 11}
"""The number of quantiles of a feature; every other feature has `_DEFAULT_KNOTS`."""
_DEFAULT_KNOTS = 6
_GAP = 0.15
"""The largest amount by which calibration lowers the feature ``gap``."""
_ROUNDS = 8
_QUESTIONS, _BRANCHES, _SEED = 300, 128, 20240501
"""Rounds and size of the calibration by simulation."""


def fit(environment: Environment) -> SyntheticModel:
    """Fit a `SyntheticModel` to recorded branches: estimate the features of every question, then calibrate by
    simulation.

    The fit needs at least ten questions with some dozens of branches each; with fewer it returns a poor model. It takes
    about ten seconds for 30 questions x 128 branches.
    """
    view = Observed(environment)
    rows = [view.features(q) for q in range(len(environment))]
    columns = {key: np.array([row.get(key, np.nan) for row in rows]) for key in FEATURES}
    lead = _scores(columns["accuracy"])
    length = _scores(columns["length"])
    features = {}
    for key, values in columns.items():
        present = np.isfinite(values)
        if not present.any():
            present, values = np.ones(len(values), bool), np.full(len(values), _FALLBACK[key])
        a, b = _loadings(key, values[present], lead[present], length[present])
        knots = knots_of(values[present], _KNOTS.get(key, _DEFAULT_KNOTS))
        features[key] = Feature(quantiles=knots, on_accuracy=a, on_length=b)
    model = SyntheticModel.model_validate(
        dict(
            interval=environment.delta,
            cap=int(max(view.reasoning.max(), 1)),
            length_shape=_shape(view.length_residual),
            settling_shape=_shape(view.settling_residual[view.later] if view.later.any() else np.zeros(1)),
            rare_gap=rounded(view.rare_gap()),
            immediate=rounded(np.mean(view.settled[view.probes > 1] == 0)) if (view.probes > 1).any() else 0.0,
            first_absence=rounded(view.first_absence()),
            unevenness=0.3,
            settling_wrong=rounded(view.settling_slopes[0]),
            settling_length=rounded(view.settling_slopes[1]),
            answer_tokens=view.answer_tokens(),
            **features,
        )
    )
    return _calibrated(model, statistics(environment))


_FALLBACK = {
    "accuracy": 0.5, "silence": 0.0, "attractor": 0.3, "runner_up": 0.4, "length": 9.0, "gap": 0.3, "spread": 0.4,
    "settling": 1.0, "settling_spread": 1.0, "absence": 0.0, "foresight": 0.0, "redraw": 0.7, "guess": 0.4,
    "second_guess": 0.4,
}  # fmt: skip
"""The value of a feature that the recorded data do not show at all."""


def _scores(values: Floats) -> Floats:
    """Return the normal scores of ``values``; equal values share their mean rank, and a missing value is the median."""
    filled = np.where(np.isfinite(values), values, np.nanmedian(values) if np.isfinite(values).any() else 0.0)
    below = (filled[:, None] > filled).sum(axis=1)
    same = (filled[:, None] == filled).sum(axis=1)
    normal = NormalDist()
    return np.array([normal.inv_cdf(float(p)) for p in (below + same / 2) / len(filled)])


def _loadings(key: str, values: Floats, lead: Floats, length: Floats) -> tuple[float, float]:
    """Return the weights of accuracy and of length in a feature, by regression on normal scores."""
    if key == "accuracy" or len(values) < 4 or np.ptp(values) == 0:
        return 0.0, 0.0
    own = _scores(values)
    unit = [(x - x.mean()) / max(float(x.std()), 1e-9) for x in (own, lead, length)]
    if key == "length":
        return rounded(np.clip(np.mean(unit[0] * unit[1]), -0.98, 0.98)), 0.0
    predictors = np.stack(unit[1:], axis=1)
    a, b = np.linalg.lstsq(predictors, unit[0], rcond=None)[0]
    explained = float(np.mean((predictors @ np.array([a, b])) ** 2))
    shrink = min(1.0, 0.98 / max(explained, 1e-9) ** 0.5)
    return rounded(a * shrink), rounded(b * shrink)


def _shape(residual: Floats) -> tuple[float, ...]:
    """Return 21 quantiles of a standardised residual: enough to follow its tails."""
    return knots_of((residual - residual.mean()) / max(float(residual.std()), 1e-3), 21)


# Calibration


def _calibrated(model: SyntheticModel, target: dict[str, float]) -> SyntheticModel:
    """Return ``model`` with a few features shifted or scaled until the simulated `statistics` match ``target``."""
    gap = 0.0
    for _ in range(_ROUNDS):
        simulated = statistics(generate(model, "calibration", _QUESTIONS, _BRANCHES, model.interval, _SEED))
        off = {key: target[key] - simulated[key] for key in target}
        # the gap can be observed only on questions with right and wrong branches; on the hardest ones it is smaller
        step = float(np.clip(gap + 0.5 * (off["quick_votes"] - off["votes"]), -_GAP, 0.0)) - gap
        gap += step
        model = model.model_copy(
            update={
                "length": _moved(model.length, add=off["tokens"]),
                "settling": _moved(model.settling, add=off["settling"]),
                "absence": _moved(model.absence, times=(target["absence"] + 1e-4) / (simulated["absence"] + 1e-4)),
                "redraw": _moved(
                    model.redraw, times=(target["switching"] + 1e-3) / (simulated["switching"] + 1e-3), most=10.0
                ),
                "unevenness": rounded(np.clip(model.unevenness + 3 * off["holding"], 0.0, 0.95)),
                "attractor": _moved(model.attractor, times=1 - 3 * off["votes"]),
                "gap": _moved(model.gap, add=step),
            }
        )
    return model


def _moved(feature: Feature, add: float | None = None, times: float = 1.0, most: float = 0.99) -> Feature:
    """Return ``feature`` with ``add`` added to all values, or else with all scaled by ``times`` up to ``most``."""
    if add is not None:
        knots = tuple(rounded(value + add) for value in feature.quantiles)
    else:
        knots = tuple(rounded(min(max(value * times, 0.0), most)) for value in feature.quantiles)
    return feature.model_copy(update={"quantiles": knots})


# Comparison


@dataclass(frozen=True, slots=True)
class FitRow:
    """The results of a controller at one beta on the recorded and on the simulated environment."""

    controller: str
    beta: float
    recorded_accuracy: float
    """Share of right answers, in [0, 1]."""
    simulated_accuracy: float
    recorded_tokens: float
    """Mean tokens of an episode."""
    simulated_tokens: float


def compare(
    recorded: Environment,
    simulated: Environment,
    controllers: Sequence[type[Controller]],
    betas: Iterable[float] = BETAS,
    recorded_seeds: Iterable[int] = range(20),
    simulated_seeds: Iterable[int] = range(2),
    max_branches: int = MAX_BRANCHES,
) -> list[FitRow]:
    """Run ``controllers`` on both environments, and return their scaling curves side by side.

    The controllers run in this process without a sandbox: use this for trusted ones only.
    """
    recorded_seeds, simulated_seeds = list(recorded_seeds), list(simulated_seeds)
    one, two = _recordings(recorded), _recordings(simulated)
    rows = []
    for controller in controllers:
        for beta in betas:
            a = _run(controller, beta, one, recorded_seeds, max_branches)
            b = _run(controller, beta, two, simulated_seeds, max_branches)
            rows.append(FitRow(controller.name, beta, a[0], b[0], a[1], b[1]))
    return rows


def _recordings(env: Environment) -> list[tuple[Recording, str]]:
    words: list[str | None] = [None, *env.vocabulary[1:]]
    recordings = []
    for q in range(len(env)):
        columns = []
        for b in env.branches(q):
            cells = env.probe_answers[env.probe_offsets[b] : env.probe_offsets[b + 1]]
            columns.append([words[code] for code in (*cells.tolist(), int(env.final_answers[b]))])
        totals = env.total_tokens[env.branches(q).start : env.branches(q).stop].tolist()
        recordings.append((Recording.of(columns, totals, env.delta, env.probe_cost), env.vocabulary[env.gold[q]]))
    return recordings


def _run(
    controller: type[Controller],
    beta: float,
    recordings: Sequence[tuple[Recording, str]],
    orders: Iterable[int],
    max_branches: int,
) -> tuple[float, float]:
    """Return accuracy and mean tokens over all recordings and orders."""
    right = tokens = episodes = 0
    for order in orders:
        for recording, gold in recordings:
            question = ReplayQuestion(recording, shuffled(len(recording.columns), order), max_branches)
            right += controller(beta, order).solve(question) == gold
            tokens += question.tokens
            episodes += 1
    return right / episodes, tokens / episodes
