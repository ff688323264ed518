"""A generative model of reasoning branches. It makes the embedded default environments, and environments of any size.
"""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ..episodes import BRANCH_INDEX_LIMIT
from ..errors import InputError
from ..importing.published import ABSENT_TEXT
from ..store import Environment

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GOLD, WRONG = 0, 1
"""Within a question, answers are numbers: the gold answer, and from `WRONG` on the final answers of wrong branches."""
NONE = -1
"""An absent answer, within a question."""
_CHUNK = 64
"""The largest number of questions that are drawn at once."""
_CHUNK_BRANCHES = 2**19
"""The largest number of branches that are drawn at once. It limits the extra memory to a few hundred megabytes."""
_MAX_BRANCHES = 10_000_000
"""The largest number of branches of an environment: more would have more probes than its columns can number."""


class Feature(BaseModel):
    """The distribution of one property over the questions of a benchmark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantiles: tuple[float, ...] = Field(min_length=1)
    """Values at evenly spaced probabilities from 0 to 1, ascending; linear in between."""
    on_accuracy: float = 0.0
    """The weight of accuracy in the property's Gaussian copula, in [-1, 1]."""
    on_length: float = 0.0
    """The weight of the length, likewise."""


class SyntheticModel(BaseModel):
    """The parameters of one base model on one benchmark.

    A question is a draw of all features from a Gaussian copula, in which the other features depend on accuracy and
    length. A branch ends right with the probability ``accuracy`` of its question, else with one of the wrong answers of
    the question: two frequent ones and a long tail. The probes of a branch change among the guesses of the question
    until they settle on the final answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval: int = Field(default=500, ge=1)
    """Tokens between two probes of the fitted data: the unit of ``redraw``."""
    cap: int = Field(ge=1)
    """Tokens after which reasoning is cut off."""
    tail: int = Field(default=2000, ge=1)
    """The number of rare wrong answers of a question. The r-th has a probability proportional to r ** (-2 / 3)."""

    accuracy: Feature
    """The probability that a branch ends right."""
    silence: Feature
    """The probability that a branch that does not end right ends without an answer."""
    attractor: Feature
    """Share of the most frequent wrong answer among wrong answers."""
    runner_up: Feature
    """Share of the second wrong answer, relative to the share of the first."""
    length: Feature
    """Mean natural logarithm of the tokens of reasoning."""
    gap: Feature
    """The excess of this logarithm in branches that end wrong."""
    spread: Feature
    """Standard deviation of this logarithm among branches that all end right, or all end wrong."""
    settling: Feature
    """Mean log-odds of the part of a branch, after its first probe, at which its probes have settled."""
    settling_spread: Feature
    """Standard deviation of these log-odds."""
    absence: Feature
    """Share of absent answers among probes that have not settled."""
    foresight: Feature
    """Share of the other probes that are drawn from the final answers of the question instead of its guesses."""
    redraw: Feature
    """The rate of the Poisson process in which a probe that has not settled is drawn anew, per ``interval`` tokens."""
    guess: Feature
    """Share of the most frequent guess among guesses."""
    second_guess: Feature
    """Share of the second guess, relative to the share of the first."""

    length_shape: tuple[float, ...] = Field(min_length=2)
    """Quantiles of the standardised logarithm of the length, at evenly spaced probabilities from 0 to 1."""
    settling_shape: tuple[float, ...] = Field(min_length=2)
    """The same for the log-odds of settling."""
    rare_gap: float
    """The excess of the logarithm of the length for rare wrong answers over that for the two frequent ones."""
    immediate: float = Field(ge=0, le=1)
    """The probability that a branch has settled by its first probe."""
    first_absence: float = Field(ge=0, le=1)
    """Absence among first probes, relative to ``absence``."""
    unevenness: float = Field(ge=0, le=1)
    """Redraws are more frequent by this share in one half of the branches, and less frequent in the other half."""
    settling_wrong: float
    """The amount that a wrong end adds to the log-odds of settling."""
    settling_length: float
    """The amount that one standard deviation of length adds to the log-odds of settling."""
    answer_tokens: tuple[float, ...] = Field(min_length=2)
    """Quantiles of the tokens written after the reasoning, at evenly spaced probabilities from 0 to 1."""


FEATURES = tuple(name for name, field in SyntheticModel.model_fields.items() if field.annotation is Feature)
"""The names of a model's features."""

DEFAULT_DELTA = 500
_LN2 = 0.6931471805599453


def generate(
    model: SyntheticModel, name: str, questions: int, branches: int, delta: int = DEFAULT_DELTA, seed: int = 0
) -> Environment:
    """Draw an environment from ``model``. Equal arguments give equal bits on any machine.

    Args:
        model: the parameters.
        name: the name of the environment (``benchmark/model``).
        questions: the number of questions. Features are drawn at stratified quantiles, so that a small number of
            questions is representative too.
        branches: the number of branches of each question.
        delta: tokens of one interval.
        seed: seed of all draws, not negative.

    Raises:
        InputError: a size is not positive or too large, or the seed is negative.
    """
    sizes = {"questions": questions, "branches": branches, "delta": delta, "seed": seed}
    for what, value in sizes.items():
        least = 0 if what == "seed" else 1
        if value < least:
            raise InputError(f"synthetic environment {name}: {what} is {value}, but must be at least {least}")
    if branches > BRANCH_INDEX_LIMIT or questions * branches > _MAX_BRANCHES:
        raise InputError(
            f"synthetic environment {name}: {questions} questions with {branches} branches each, but at most"
            f" {BRANCH_INDEX_LIMIT} branches a question and {_MAX_BRANCHES} in all are possible"
        )
    rng = np.random.Generator(np.random.PCG64(seed))
    features = draw_features(model, questions, rng)
    offsets = rng.integers(0, 1000, questions)  # questions share answers, as in real benchmarks
    chunks = []
    step = max(1, min(_CHUNK, _CHUNK_BRANCHES // branches))
    for first in range(0, questions, step):
        part = {key: np.repeat(values[first : first + step], branches) for key, values in features.items()}
        base = np.repeat(offsets[first : first + step], branches)
        drawn = _branches(model, part, base, delta, rng)
        chunks.append([column.astype(np.int32) for column in drawn])  # half the memory of the draws
    probes, finals, totals = (np.concatenate([chunk[i] for chunk in chunks]) for i in range(3))
    cells = [chunk[3] for chunk in chunks]

    numbers = np.unique(np.concatenate([offsets, finals, *map(np.unique, cells)]))
    start = int(np.searchsorted(numbers, 0))  # absent answers sort first, if there are any

    def words(answers: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        return (np.searchsorted(numbers, answers) + 1 - start).astype(np.int32)

    return Environment(
        name=name,
        delta=delta,
        probe_cost=0,
        questions=tuple(f"Synthetic question {q + 1}" for q in range(questions)),
        vocabulary=(ABSENT_TEXT, *map(str, numbers[start:].tolist())),
        gold=words(offsets),
        branch_offsets=np.arange(0, questions * branches + 1, branches, dtype=np.int32),
        probe_offsets=np.concatenate(([0], np.cumsum(probes))).astype(np.int32),
        probe_answers=np.concatenate([words(column) for column in cells]),
        final_answers=words(finals),
        total_tokens=totals,
    )


def default_models() -> dict[str, SyntheticModel]:
    """Return the embedded models by name, from the weakest to the strongest (fitted by `envs.synthetic.fitting`)."""
    text = resources.files(__package__).joinpath("models.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return {name: SyntheticModel.model_validate(entry) for name, entry in document.items()}


def default_environments(questions: int = 30, branches: int = 128, seed: int = 0) -> list[Environment]:
    """Return an environment from each of the `default_models`, under the name of the model."""
    return [generate(model, name, questions, branches, seed=seed) for name, model in default_models().items()]


def draw_features(model: SyntheticModel, questions: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Return (questions,) values for every feature, drawn at stratified quantiles of its distribution."""
    normals = dict(zip(FEATURES, standard_normals(rng, (len(FEATURES), questions)), strict=True))
    lead = normals["accuracy"]
    along = model.length.on_accuracy
    length = along * lead + math.sqrt(max(0.0, 1 - along * along)) * normals["length"]
    values = {}
    for key in FEATURES:
        feature: Feature = getattr(model, key)
        a, b = feature.on_accuracy, feature.on_length
        own = math.sqrt(max(0.0, 1 - a * a - b * b - 2 * a * b * along))
        mixed = {"accuracy": lead, "length": length}.get(key, a * lead + b * length + own * normals[key])
        ranks = np.empty(questions)
        ranks[np.argsort(mixed, kind="stable")] = np.arange(questions)
        values[key] = quantile(feature.quantiles, (ranks + rng.random(questions)) / questions)
    return values


def _branches(
    model: SyntheticModel, q: dict[str, Floats], base: Integers, delta: int, rng: np.random.Generator
) -> tuple[Integers, Integers, Integers, Integers]:
    """Draw N branches.

    Args:
        model: the parameters.
        q: (N,) the features of the question of each branch, by name.
        base: (N,) a number that is added to the answers of a question, so that questions have different answers.
        delta: tokens of one interval.
        rng: the source of all draws.

    Returns:
        (N,) number of probes, (N,) final answers, (N,) tokens, and the answers of all probes.
    """
    n = len(base)
    right = rng.random(n) < q["accuracy"]
    wrong = np.where(rng.random(n) < q["silence"], NONE, WRONG + _answers(model, q["attractor"], q["runner_up"], rng))
    final = np.where(right, GOLD, wrong)

    tilt = ~right - (1 - q["accuracy"])  # has mean 0, so that the mean over branches stays as the feature says
    frequent = np.minimum(q["attractor"] * (1 + q["runner_up"]), 1.0)
    rarity = np.where(right, 0.0, (wrong >= WRONG + 2) - (1 - frequent))
    residual = quantile(model.length_shape, rng.random(n))
    length = q["length"] + q["gap"] * tilt + model.rare_gap * rarity + q["spread"] * residual
    reasoning = np.minimum(exp(length), model.cap)
    probes = np.maximum(1, np.ceil(reasoning / delta)).astype(np.int64)
    totals = np.maximum(1, np.rint(reasoning + quantile(model.answer_tokens, rng.random(n)))).astype(np.int64)

    odds = q["settling"] + model.settling_wrong * tilt + model.settling_length * residual
    odds = exp(odds + q["settling_spread"] * quantile(model.settling_shape, rng.random(n)))
    settled = np.minimum(1 + (odds / (1 + odds) * (probes - 1)).astype(np.int64), probes - 1)
    settled[rng.random(n) < model.immediate] = 0

    cells = _wander(model, q, probes, settled, delta, rng)
    owner = np.repeat(np.arange(n), probes)
    first = np.cumsum(probes) - probes
    depth = np.arange(len(owner)) - first[owner]
    cells = np.where(depth >= settled[owner], final[owner], cells)
    # the probe before settling differs from the final answer, or the branch would have settled earlier
    last = (first + settled - 1)[settled > 0]
    cells[last] = np.where(cells[last] == final[settled > 0], _first_guess(model), cells[last])
    shift = base[owner]
    return probes, np.where(final < 0, NONE, final + base), totals, np.where(cells < 0, NONE, cells + shift)


def _wander(
    model: SyntheticModel, q: dict[str, Floats], probes: Integers, settled: Integers, delta: int,
    rng: np.random.Generator,
) -> Integers:  # fmt: skip
    """Return the answers of all probes as if no branch ever settled: an answer stays until a new one is drawn."""
    restless = np.where(rng.random(len(probes)) < 0.5, 1 + model.unevenness, 1 - model.unevenness)
    redraw = 1 - exp(-q["redraw"] * restless * (delta / model.interval))
    owner = np.repeat(np.arange(len(probes)), probes)
    first = np.cumsum(probes) - probes
    fresh = rng.random(len(owner)) < redraw[owner]
    fresh[first] = True
    at = np.flatnonzero(fresh)
    of = owner[at]

    kind = rng.random(len(at))
    absence = q["absence"][of] * np.where(at == first[of], model.first_absence, 1.0)
    # the share of foreseen answers grows towards settling: from nothing at the first probe to twice the mean
    near = 2 * (at - first[of]) / np.maximum(settled[of], 1)
    foreseen = kind < absence + (1 - absence) * np.minimum(q["foresight"][of] * near, 1.0)
    right = rng.random(len(at)) < q["accuracy"][of]
    wrong = WRONG + _answers(model, q["attractor"][of], q["runner_up"][of], rng)
    guess = _first_guess(model) + _answers(model, q["guess"][of], q["second_guess"][of], rng)
    drawn = np.where(kind < absence, NONE, np.where(foreseen, np.where(right, GOLD, wrong), guess))
    return np.asarray(drawn[np.cumsum(fresh) - 1])


def _first_guess(model: SyntheticModel) -> int:
    """Return the number of the most frequent guess of a question; guesses are numbered after the wrong answers."""
    return WRONG + 2 + model.tail


def _answers(model: SyntheticModel, top: Floats, second: Floats, rng: np.random.Generator) -> Integers:
    """Draw answers: 0 with probability ``top``, 1 with ``top * second``, else 2 or more from the long tail."""
    chance = rng.random(len(top))
    both = np.minimum(top * (1 + second), 1.0)
    rest = np.maximum(chance - both, 0.0) / np.maximum(1 - both, 1e-9)
    rare = np.minimum((model.tail * rest * rest * rest).astype(np.int64), model.tail - 1)
    return np.asarray(np.where(chance < top, 0, np.where(chance < both, 1, 2 + rare)))


# The functions below use only operations that IEEE 754 rounds exactly. Those of libm and of numpy's vector code differ
# in the last bit between machines, and the bits of an environment must be equal on all machines.


def standard_normals(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return nearly normal numbers, each the sum of twelve uniform ones: an exact sum, as the terms are integers."""
    total = rng.integers(0, 2**32, (12, *shape)).sum(axis=0)
    return np.asarray(total / 2**32 - 6)


def quantile(knots: tuple[float, ...], chance: Floats) -> Floats:
    """Return the value at ``chance`` in [0, 1] of the linear quantile function with evenly spaced ``knots``."""
    values = np.array(knots if len(knots) > 1 else knots * 2)
    place = chance * (len(values) - 1)
    below = np.minimum(place.astype(np.int64), len(values) - 2)
    part = place - below
    return np.asarray(values[below] * (1 - part) + values[below + 1] * part)


def exp(x: Floats) -> Floats:
    """Return e ** x to 12 digits; ``x`` is first limited to the range from -60 to 60."""
    x = np.clip(x, -60.0, 60.0)
    whole = np.rint(x / _LN2)
    part = x - whole * _LN2
    total = np.ones_like(part)
    for k in range(13, 0, -1):
        total = 1 + total * part / k
    return np.asarray(np.ldexp(total, whole.astype(np.int32)))
