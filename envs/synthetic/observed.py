"""Estimates the features of the generative model from recorded branches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..store import ABSENT, Environment
from .model import Floats, Integers

Mask = npt.NDArray[np.bool_]

_LEAST = 8
"""The smallest number of branches (or probes) for the estimate of a share; fewer give only noise."""
_HELD = 5
"""The number of intervals over which an answer must stay the same to count in the statistic ``holding``."""


class Observed:
    """The quantities of the model in a recorded environment: arrays with one entry for each branch or probe."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        n = len(env.final_answers)
        self.question = np.repeat(np.arange(len(env)), np.diff(env.branch_offsets))
        self.right: Mask = env.final_answers == env.gold[self.question]
        self.probes = np.maximum(env.probes, 1)
        # the last interval counts as half full: its probe lies at its end, or where reasoning ended within it
        self.reasoning = np.maximum(self.probes - 0.5, 0.5) * env.delta
        self.owner = np.repeat(np.arange(n), env.probes)
        depth = np.arange(len(self.owner)) - env.probe_offsets[self.owner]
        unsettled = np.flatnonzero(env.probe_answers != env.final_answers[self.owner])
        self.settled = np.zeros(n, np.int64)
        np.maximum.at(self.settled, self.owner[unsettled], depth[unsettled] + 1)
        self.settled = np.minimum(self.settled, self.probes - 1)
        self.early: Mask = depth < self.settled[self.owner]
        # settling as a part of the probes after the first; branches settled at the first probe are modelled apart
        self.later: Mask = (self.settled > 0) & (self.probes > 1)
        part = np.where(self.later, (self.settled - 0.5) / np.maximum(self.probes - 1, 1), 0.5)
        self._standardise(np.log(self.reasoning), np.log(part / (1 - part)))

    def _standardise(self, length: Floats, settling: Floats) -> None:
        """Remove the effects of the question, and of a wrong end, from lengths and settling."""
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
            mine &= self.later
            settling_rest[mine] = settling[mine] - (settling[mine].mean() if mine.any() else 0)
        predictors = np.stack([tilt, self.length_residual], axis=1) * self.later[:, None]
        self.settling_slopes = np.linalg.lstsq(predictors, settling_rest, rcond=None)[0]
        self.settling_residual = settling_rest - predictors @ self.settling_slopes
        self.settling_spread = np.zeros(len(self.env))
        for q in range(len(self.env)):
            mine = (self.question == q) & self.later
            if not mine.any():
                continue
            self.settling_spread[q] = max(float(self.settling_residual[mine].std()), 1e-3)
            self.settling_residual[mine] /= self.settling_spread[q]

    def answer_tokens(self) -> tuple[float, ...]:
        """Return quantiles of the tokens after the reasoning. Where it ends in the last interval is not recorded."""
        late = self.env.total_tokens - self.env.delta * self.probes
        spread = np.linspace(0, self.env.delta, len(late))  # assumed ends of the reasoning, in random order
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(late))
        return knots_of(np.maximum(late + spread[order], 0.0), 11)

    def first_absence(self) -> float:
        """Return the share of absent answers among first unsettled probes, relative to all unsettled probes."""
        starts = self.env.probe_offsets[:-1][self.settled > 0]
        absent = self.env.probe_answers == ABSENT
        if not absent[self.early].any():
            return 1.0
        return float(min(absent[starts].mean() / absent[self.early].mean(), 1.0))

    def rare_gap(self) -> float:
        """Return the excess length of rare wrong answers over the two frequent ones, in natural log tokens."""
        total = weight = 0.0
        for q in range(len(self.env)):
            wrong = np.flatnonzero((self.question == q) & ~self.right & (self.env.final_answers != ABSENT))
            counts = np.bincount(self.env.final_answers[wrong], minlength=2)
            frequent = np.isin(self.env.final_answers[wrong], np.argsort(-counts, kind="stable")[:2])
            if min(frequent.sum(), (~frequent).sum()) >= _LEAST:
                mean = self.length[wrong[~frequent]].mean() - self.length[wrong[frequent]].mean()
                total += float(mean) * len(wrong)
                weight += len(wrong)
        return total / max(weight, 1.0)

    def features(self, q: int) -> dict[str, float]:
        """Return the features of question ``q`` that can be estimated from its branches."""
        env, mine = self.env, self.question == q
        right, finals = self.right[mine], env.final_answers[mine]
        wrong = finals[~right & (finals != ABSENT)]
        row = {
            "accuracy": float(right.mean()),
            "length": float(self.length[mine].mean()),
        }
        later = mine & self.later
        if later.sum() >= _LEAST:
            row["settling"], row["settling_spread"] = float(self.settling[later].mean()), float(self.settling_spread[q])
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
        """Return the features that describe how probes change, from the unsettled probes ``cells`` of a question."""
        answers = self.env.probe_answers[cells]
        row = {"absence": float(np.mean(answers == ABSENT))}
        values = answers[answers != ABSENT]
        size = len(self.env.vocabulary)
        early: Floats = np.bincount(values, minlength=size) / max(len(values), 1)
        late = np.bincount(finals[finals != ABSENT], minlength=size) / len(finals)
        # probes drawn from the final answers match them as often as final answers match each other; guesses do not
        row["foresight"] = float(np.clip(early @ late / max(float(late @ late), 1e-9), 0, 1))
        top_wrong = int(np.argmax(np.where(np.arange(size) == gold, 0, late)))
        guesses = values[(values != gold) & (values != top_wrong)]
        if len(guesses) >= _LEAST:
            row["guess"], row["second_guess"] = _two_largest(guesses)
        shares = np.bincount(answers, minlength=size) / len(answers)
        next_too = (np.diff(cells) == 1) & (self.owner[cells[1:]] == self.owner[cells[:-1]])
        pairs = cells[:-1][next_too]
        if len(pairs) >= _LEAST:
            switched = np.mean(self.env.probe_answers[pairs] != self.env.probe_answers[pairs + 1])
            redrawn = np.clip(switched / max(1 - float(shares @ shares), 0.05), 0.01, 0.95)
            row["redraw"] = float(-np.log(1 - redrawn))
        return row


def _two_largest(answers: npt.NDArray[np.int32]) -> tuple[float, float]:
    """Return the share of the most frequent answer, and the share of the second relative to it."""
    counts = np.sort(np.bincount(answers))[::-1]
    return float(counts[0] / len(answers)), float(counts[1] / counts[0]) if len(counts) > 1 else 0.0


def knots_of(values: Floats, knots: int) -> tuple[float, ...]:
    """Return the ascending knots whose piecewise linear quantile function is closest to that of ``values``."""
    chance = (np.arange(len(values)) + 0.5) / len(values) * (knots - 1)
    hats = np.maximum(0, 1 - np.abs(chance[:, None] - np.arange(knots)))
    target = np.sort(values)
    pull = 1e-3 * np.eye(knots)  # towards the sample quantiles, for knots that no value determines
    plain = np.quantile(target, np.linspace(0, 1, knots))
    fitted = np.linalg.lstsq(np.vstack([hats, pull]), np.concatenate([target, pull @ plain]), rcond=None)[0]
    rising, falling = np.maximum.accumulate(fitted), np.minimum.accumulate(fitted[::-1])[::-1]
    fitted = np.clip((rising + falling) / 2, target[0], target[-1])  # ascending, and close to the fit
    return tuple(rounded(value) for value in fitted)


def rounded(value: float) -> float:
    return round(float(value), 4)


def statistics(environment: Environment) -> dict[str, float]:
    """Return the statistics on which calibration makes the simulated environment agree with the recorded one.

    ``tokens``: natural logarithm of the mean length. ``settling``: mean log-odds of settling. ``absence`` and
    ``switching``: shares of unsettled probes. ``holding``: share of sequences of unsettled probes in which the answer
    stays the same. ``votes``: probability that the right answer is the majority of all branches, where tied answers
    share; ``quick_votes``: the same for the shortest quarter of the branches.
    """
    view = Observed(environment)
    votes = quick_votes = 0.0
    for q in range(len(environment)):
        mine = np.flatnonzero(view.question == q)
        quick = mine[np.argsort(environment.total_tokens[mine], kind="stable")[: -(-len(mine) // 4)]]
        votes += _won(environment.final_answers[mine], int(environment.gold[q]))
        quick_votes += _won(environment.final_answers[quick], int(environment.gold[q]))
    answers = environment.probe_answers
    together = view.early[:-1] & view.early[1:] & (view.owner[:-1] == view.owner[1:])
    switched = answers[:-1] != answers[1:]
    return {
        "tokens": float(np.log(environment.total_tokens.mean())),
        "settling": float(view.settling[view.later].mean()) if view.later.any() else 0.0,
        "absence": float(np.mean(answers[view.early] == ABSENT)) if view.early.any() else 0.0,
        "switching": float(switched[together].mean()) if together.any() else 0.0,
        "holding": _stretches(together & ~switched) / max(1, _stretches(together)),
        "votes": votes / len(environment),
        "quick_votes": quick_votes / len(environment),
    }


def _stretches(mask: Mask) -> int:
    """Return the number of sequences of `_HELD` consecutive entries of ``mask`` that are all true."""
    if len(mask) < _HELD:
        return 0
    return int(np.sum(np.convolve(mask, np.ones(_HELD), "valid") == _HELD))


def _won(answers: npt.NDArray[np.int32], gold: int) -> float:
    """Return the probability that ``gold`` is the majority of ``answers``; tied answers share."""
    counts = np.bincount(answers, minlength=gold + 1)
    best: Mask = counts == int(np.max(counts))
    return float(best[gold] / best.sum())
