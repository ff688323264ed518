"""Fits the generative model of branches to a recorded environment, and measures how well it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .controller import Controller
from .episodes import BETAS, MAX_BRANCHES
from .replay import Recording, ReplayQuestion, shuffled
from .store import ABSENT, Environment
from .synthetic import FEATURES, Feature, Floats, SyntheticModel, generate

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_KNOTS = {"accuracy": 11}
"""Quantiles kept of a feature; of every other one:"""
_FEW_KNOTS = 6
_LEAST = 8
"""Branches (or probes) that a share is estimated from, at the least: fewer make it noise."""
_ROUNDS = 6
_QUESTIONS, _BRANCHES, _SEED = 300, 128, 20240501
"""Rounds and size of the calibration by simulation."""


def fit(environment: Environment) -> SyntheticModel:
    """Fit a `SyntheticModel` to recorded branches: features of every question, then a calibration by simulation.

    Meant for at least ten questions with some dozens of branches each; fewer give a model, but a poor one. Takes some
    ten seconds for 30 questions x 128 branches.
    """
    view = _View(environment)
    rows = [view.features(q) for q in range(len(environment))]
    columns = {key: np.array([row.get(key, np.nan) for row in rows]) for key in FEATURES}
    lead = _scores(columns["accuracy"])
    length = _scores(columns["length"])
    features = {}
    for key, values in columns.items():
        known = np.isfinite(values)
        if not known.any():
            known, values = np.ones(len(values), bool), np.full(len(values), _WITHOUT[key])
        a, b = _loadings(key, values[known], lead[known], length[known])
        knots = _knots(values[known], _KNOTS.get(key, _FEW_KNOTS))
        features[key] = Feature(quantiles=knots, on_accuracy=a, on_length=b)
    model = SyntheticModel(
        interval=environment.delta,
        cap=int(max(view.reasoning.max(), 1)),
        length_shape=_shape(view.length_residual),
        settling_shape=_shape(view.settling_residual),
        settling_wrong=_round(view.settling_slopes[0]),
        settling_length=_round(view.settling_slopes[1]),
        answer_tokens=view.answer_tokens(),
        **features,
    )
    return _calibrated(model, statistics(environment))


_WITHOUT = {
    "accuracy": 0.5, "silence": 0.0, "attractor": 0.3, "runner_up": 0.4, "length": 9.0, "gap": 0.3, "spread": 0.4,
    "settling": 1.0, "settling_spread": 1.0, "absence": 0.0, "foresight": 0.0, "redraw": 0.5, "guess": 0.4,
    "second_guess": 0.4,
}  # fmt: skip
"""What a feature is taken to be where the recorded data do not show it at all."""


class _View:
    """A recorded environment as the model sees it: one entry a branch, and one a probe."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        n = len(env.final_answers)
        self.question = np.repeat(np.arange(len(env)), np.diff(env.branch_offsets))
        self.right: Mask = env.final_answers == env.gold[self.question]
        self.probes = np.maximum(env.probes, 1)
        # the last interval is taken as half full: a probe is recorded at its end or where reasoning ends in it
        self.reasoning = np.maximum(self.probes - 0.5, 0.5) * env.delta
        self.owner = np.repeat(np.arange(n), env.probes)
        depth = np.arange(len(self.owner)) - env.probe_offsets[self.owner]
        unsettled = np.flatnonzero(env.probe_answers != env.final_answers[self.owner])
        self.settled = np.zeros(n, np.int64)
        np.maximum.at(self.settled, self.owner[unsettled], depth[unsettled] + 1)
        self.settled = np.minimum(self.settled, self.probes - 1)
        self.early: Mask = depth < self.settled[self.owner]
        part = (self.settled + 0.5) / self.probes
        self._standardise(np.log(self.reasoning), np.log(part / (1 - part)))

    def _standardise(self, length: Floats, settling: Floats) -> None:
        """Take what depends on the question, and on ending wrong, out of lengths and settling."""
        self.length, self.settling = length, settling
        self.length_residual = np.zeros(len(length))
        settling_rest = np.zeros(len(length))
        tilt = np.zeros(len(length))
        for q in range(len(self.env)):
            mine = self.question == q
            for kind in (mine & self.right, mine & ~self.right):
                self.length_residual[kind] = length[kind] - length[kind].mean() if kind.any() else 0
            self.length_residual[mine] /= max(float(self.length_residual[mine].std()), 1e-3)
            tilt[mine] = ~self.right[mine] - np.mean(~self.right[mine])
            settling_rest[mine] = settling[mine] - settling[mine].mean()
        predictors = np.stack([tilt, self.length_residual], axis=1)
        self.settling_slopes = np.linalg.lstsq(predictors, settling_rest, rcond=None)[0]
        self.settling_residual = settling_rest - predictors @ self.settling_slopes
        self.settling_spread = np.zeros(len(self.env))
        for q in range(len(self.env)):
            mine = self.question == q
            self.settling_spread[q] = max(float(self.settling_residual[mine].std()), 1e-3)
            self.settling_residual[mine] /= self.settling_spread[q]

    def answer_tokens(self) -> tuple[float, ...]:
        """Return quantiles of the tokens after the reasoning, whose end within the last interval is not recorded."""
        late = self.env.total_tokens - self.env.delta * self.probes
        spread = np.linspace(0, self.env.delta, len(late))  # where in the interval reasoning ended, in random order
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(late))
        return _knots(np.maximum(late + spread[order], 0.0), 11)

    def features(self, q: int) -> dict[str, float]:
        """Return the features of question ``q`` that its branches show."""
        env, mine = self.env, self.question == q
        right, finals = self.right[mine], env.final_answers[mine]
        wrong = finals[~right & (finals != ABSENT)]
        row = {
            "accuracy": float(right.mean()),
            "length": float(self.length[mine].mean()),
            "settling": float(self.settling[mine].mean()),
            "settling_spread": float(self.settling_spread[q]),
        }
        if np.sum(~right) >= _LEAST:
            row["silence"] = float(np.mean(finals[~right] == ABSENT))
        if len(wrong) >= _LEAST:
            row["attractor"], row["runner_up"] = _two_largest(wrong)
        rest = self.length[mine].copy()
        for kind in (right, ~right):
            rest[kind] -= rest[kind].mean() if kind.any() else 0
        row["spread"] = float(rest.std())
        if min(right.sum(), (~right).sum()) >= 4:
            row["gap"] = float(self.length[mine][~right].mean() - self.length[mine][right].mean())
        cells = np.flatnonzero(self.early & mine[self.owner])
        if len(cells) >= _LEAST:
            row.update(self._wandering(cells, finals, int(env.gold[q])))
        return row

    def _wandering(self, cells: Integers, finals: npt.NDArray[np.int32], gold: int) -> dict[str, float]:
        """Return what the unsettled probes ``cells`` of a question say of how its probes wander."""
        answers = self.env.probe_answers[cells]
        row = {"absence": float(np.mean(answers == ABSENT))}
        values = answers[answers != ABSENT]
        size = len(self.env.vocabulary)
        early = np.bincount(values, minlength=size) / max(len(values), 1)
        late = np.bincount(finals[finals != ABSENT], minlength=size) / len(finals)
        # probes drawn from the final answers meet them as often as these meet each other; guesses do not
        row["foresight"] = float(np.clip(early @ late / max(late @ late, 1e-9), 0, 1))
        top_wrong = int(np.argmax(np.where(np.arange(size) == gold, 0, late)))
        guesses = values[(values != gold) & (values != top_wrong)]
        if len(guesses) >= _LEAST:
            row["guess"], row["second_guess"] = _two_largest(guesses)
        shares = np.bincount(answers, minlength=size) / len(answers)
        next_too = (np.diff(cells) == 1) & (self.owner[cells[1:]] == self.owner[cells[:-1]])
        pairs = cells[:-1][next_too]
        if len(pairs) >= _LEAST:
            switched = np.mean(self.env.probe_answers[pairs] != self.env.probe_answers[pairs + 1])
            row["redraw"] = float(np.clip(switched / max(1 - shares @ shares, 0.05), 0.01, 0.99))
        return row


def _two_largest(answers: npt.NDArray[np.int32]) -> tuple[float, float]:
    """Return the share of the most frequent answer, and the second one's as a part of it."""
    counts = np.sort(np.bincount(answers))[::-1]
    return float(counts[0] / len(answers)), float(counts[1] / counts[0]) if len(counts) > 1 else 0.0


def _scores(values: Floats) -> Floats:
    """Return the normal scores of ``values``: equal ones share their mean rank."""
    known = np.where(np.isfinite(values), values, np.nanmedian(values) if np.isfinite(values).any() else 0.0)
    below = (known[:, None] > known).sum(axis=1)
    same = (known[:, None] == known).sum(axis=1)
    normal = NormalDist()
    return np.array([normal.inv_cdf(float(p)) for p in (below + same / 2) / len(known)])


def _loadings(key: str, values: Floats, lead: Floats, length: Floats) -> tuple[float, float]:
    """Return how a feature goes along with accuracy and with length, in normal scores."""
    if key == "accuracy" or len(values) < 4 or np.ptp(values) == 0:
        return 0.0, 0.0
    own = _scores(values)
    unit = [(x - x.mean()) / max(float(x.std()), 1e-9) for x in (own, lead, length)]
    if key == "length":
        return _round(np.clip(np.mean(unit[0] * unit[1]), -0.98, 0.98)), 0.0
    predictors = np.stack(unit[1:], axis=1)
    a, b = np.linalg.lstsq(predictors, unit[0], rcond=None)[0]
    explained = float(np.mean((predictors @ np.array([a, b])) ** 2))
    shrink = min(1.0, 0.98 / max(explained, 1e-9) ** 0.5)
    return _round(a * shrink), _round(b * shrink)


def _knots(values: Floats, knots: int) -> tuple[float, ...]:
    """Return the ascending knots whose piecewise linear quantile function comes closest to that of ``values``."""
    chance = (np.arange(len(values)) + 0.5) / len(values) * (knots - 1)
    hats = np.maximum(0, 1 - np.abs(chance[:, None] - np.arange(knots)))
    target = np.sort(values)
    pull = 1e-3 * np.eye(knots)  # towards the plain quantiles, for knots that no value determines
    plain = np.quantile(target, np.linspace(0, 1, knots))
    fitted = np.linalg.lstsq(np.vstack([hats, pull]), np.concatenate([target, pull @ plain]), rcond=None)[0]
    fitted = np.clip(np.maximum.accumulate(fitted), target[0], target[-1])
    return tuple(_round(value) for value in fitted)


def _shape(residual: Floats) -> tuple[float, ...]:
    """Return the quantiles of a standardised residual, finer at the ends through their number."""
    return _knots((residual - residual.mean()) / max(float(residual.std()), 1e-3), 21)


def _round(value: float) -> float:
    return round(float(value), 4)


# Calibration


def statistics(environment: Environment) -> dict[str, float]:
    """Return the figures that calibration brings into agreement, as means over the questions.

    ``tokens`` (natural logarithm of the mean), ``settling`` and ``absence`` and ``switching`` (shares), ``votes`` (chance
    that the right answer is the majority of all branches, ties shared), ``agreement`` (chance that two wrong answers
    of a question are equal).
    """
    view = _View(environment)
    votes, agreement, wrongs = 0.0, 0.0, 0.0
    for q in range(len(environment)):
        finals = environment.final_answers[view.question == q]
        counts = np.bincount(finals, minlength=int(environment.gold[q]) + 1)
        votes += float(counts[environment.gold[q]] == counts.max()) / max(1, int((counts == counts.max()).sum()))
        counts[[ABSENT, int(environment.gold[q])]] = 0
        agreement += float((counts * (counts - 1)).sum()) / max(1, int(counts.sum()) - 1)
        wrongs += float(counts.sum())
    cells = np.flatnonzero(view.early[:-1] & view.early[1:] & (view.owner[:-1] == view.owner[1:]))
    answers = environment.probe_answers
    return {
        "tokens": float(np.log(environment.total_tokens.mean())),
        "settling": float(view.settling.mean()),
        "absence": float(np.mean(answers[view.early] == ABSENT)) if view.early.any() else 0.0,
        "switching": float(np.mean(answers[cells] != answers[cells + 1])) if len(cells) else 0.0,
        "votes": votes / len(environment),
        "agreement": agreement / max(wrongs, 1.0),
    }


def _calibrated(model: SyntheticModel, target: dict[str, float]) -> SyntheticModel:
    """Return ``model`` with a few features moved as a whole, until simulated `statistics` are the ``target`` ones."""
    for _ in range(_ROUNDS):
        found = statistics(generate(model, "calibration", _QUESTIONS, _BRANCHES, model.interval, _SEED))
        off = {key: target[key] - found[key] for key in target}
        model = model.model_copy(
            update={
                "length": _moved(model.length, add=off["tokens"]),
                "settling": _moved(model.settling, add=off["settling"]),
                "absence": _moved(model.absence, times=(target["absence"] + 1e-4) / (found["absence"] + 1e-4)),
                "redraw": _moved(model.redraw, times=(target["switching"] + 1e-3) / (found["switching"] + 1e-3)),
                "attractor": _moved(model.attractor, times=1 - 1.0 * off["votes"]),
            }
        )
    return model


def _moved(feature: Feature, add: float | None = None, times: float = 1.0) -> Feature:
    """Return ``feature`` with all values moved by ``add``, or else, being shares, scaled by ``times``."""
    if add is not None:
        knots = tuple(_round(value + add) for value in feature.quantiles)
    else:
        knots = tuple(_round(min(max(value * times, 0.0), 0.99)) for value in feature.quantiles)
    return feature.model_copy(update={"quantiles": knots})


# Comparison


@dataclass(frozen=True, slots=True)
class Row:
    """A controller at one beta: recorded against simulated."""

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
    recorded_seeds: Iterable[int] = range(10),
    simulated_seeds: Iterable[int] = range(1),
    max_branches: int = MAX_BRANCHES,
) -> list[Row]:
    """Run ``controllers`` on both environments, in this process, and return their scaling curves side by side.

    Only for controllers that are trusted: nothing walls them off.
    """
    one, two = _recordings(recorded), _recordings(simulated)
    rows = []
    for controller in controllers:
        for beta in betas:
            a = _run(controller, beta, one, recorded_seeds, max_branches)
            b = _run(controller, beta, two, simulated_seeds, max_branches)
            rows.append(Row(controller.name, beta, a[0], b[0], a[1], b[1]))
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
        recordings.append((Recording(columns, totals, env.delta, env.probe_cost), env.vocabulary[env.gold[q]]))
    return recordings


def _run(
    controller: type[Controller],
    beta: float,
    recordings: Sequence[tuple[Recording, str]],
    seeds: Iterable[int],
    max_branches: int,
) -> tuple[float, float]:
    """Return accuracy and mean tokens over all recordings and seeds."""
    right = tokens = episodes = 0
    for seed in seeds:
        for recording, gold in recordings:
            question = ReplayQuestion(recording, shuffled(len(recording.columns), seed), max_branches)
            right += controller(beta, seed).solve(question) == gold
            tokens += question.tokens
            episodes += 1
    return right / episodes, tokens / episodes
