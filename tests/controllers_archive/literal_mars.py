"""MARS as its statement says, on matrices of branches by checkpoints; the fits by plain Newton steps in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .literal import Paper, plurality

Floats = npt.NDArray[np.float64]
CLOSE = 1e-9


def matrices(paper: Paper, branches: Sequence[int], longest: int) -> tuple[list[list[str | None]], Floats]:
    """Return the answers and the five features of finished ``branches`` at each checkpoint."""
    answers, features = list[list[str | None]](), np.zeros((len(branches), longest, 5))
    for row, i in enumerate(branches):
        b = paper.opened[i]
        shown, group = paper.world.answers[b], paper.world.signals["group"][b]
        whole = paper.world.signals.get("branch_token_confidence", paper.world.signals["group"])[b]
        column = [shown[min(t, len(shown) - 1)] for t in range(longest)]
        sure = 0.0
        for t in range(longest):
            value = group[t] if t < len(shown) - 1 else whole[-1] if whole[-1] is not None else group[-1]
            before, sure = sure, sure if value is None else value
            flips = sum(column[s] != column[s - 1] for s in range(1, t + 1))
            streak = 1
            while streak <= t and column[t - streak] == column[t]:
                streak += 1
            features[row, t] = t + 1, sure, flips, streak, sure - before if t else 0.0
        answers.append(column)
    return answers, features


def sigmoid(x: Floats) -> Floats:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def fitted(x: Floats, y: Floats, ridge: float) -> Floats:
    """Return the minimum of -loglik + ridge * sum of squares, the first weight free: Newton steps, halved if needed."""
    penalty = np.full(x.shape[1], 2 * ridge)
    penalty[0] = 0

    def loss(w: Floats) -> float:
        s = x @ w
        return float((np.logaddexp(0, s) - y * s).sum() + (penalty * w * w).sum() / 2)

    w = np.zeros(x.shape[1])
    for _ in range(60):
        p = sigmoid(x @ w)
        hessian = (x.T * (p * (1 - p))) @ x + np.diag(penalty) + 1e-12 * np.eye(len(w))
        step = np.linalg.solve(hessian, x.T @ (p - y) + penalty * w)
        while np.abs(step).max() > 1e-5 and loss(w - step) > loss(w):
            step = step / 2
        w = w - step
        if np.abs(step).max() < 1e-12:
            break
    return w


def gradient(x: Floats, y: Floats, ridge: float, w: Floats) -> Floats:
    penalty = np.full(x.shape[1], 2 * ridge)
    penalty[0] = 0
    return np.asarray(x.T @ (sigmoid(x @ w) - y) + penalty * w)


def logit(q: Floats) -> Floats:
    q = np.clip(q, 1e-7, 1 - 1e-7)
    return np.asarray(np.log(q / (1 - q)))


class Fit:
    """Features to q: standardised, logistic, Platt."""

    def __init__(self, rows: Floats, labels: Floats) -> None:
        same = not len(labels) or labels.min() == labels.max()
        self.constant = (float(labels[0]) if len(labels) else 1.0) if same else None
        if self.constant is None:
            self.mean, self.std = rows.mean(axis=0), rows.std(axis=0)
            self.std[self.std <= CLOSE] = 1
            x = self.scaled(rows)
            self.first = fitted(x, labels, 0.01)
            self.platt = fitted(self.second(x), labels, 0.0)

    def scaled(self, rows: Floats) -> Floats:
        return np.column_stack([np.ones(len(rows)), (rows - self.mean) / self.std])

    def second(self, x: Floats) -> Floats:
        return np.column_stack([np.ones(len(x)), logit(sigmoid(x @ self.first))])

    def q(self, rows: Floats) -> Floats:
        if self.constant is not None:
            return np.full(len(rows), self.constant)
        return sigmoid(self.second(self.scaled(rows)) @ self.platt)


def rule(answers: Sequence[str | None], q: Sequence[float], gamma: float) -> str | None:
    """Return the answer to stop with, or None: the two conditions, branch by branch."""
    leader = plurality(answers)
    if leader is None:
        return None
    votes = {k: sum(a == k for a in answers) for k in dict.fromkeys(answers) if k is not None}
    worst = sum(qj * (2 if a == leader else 1) for a, qj in zip(answers, q, strict=True))
    if not votes[leader] - gamma * worst > CLOSE:
        return None
    for k in votes:
        if k != leader:
            damage = [2 * gamma if a == leader else -1 if a == k else gamma for a in answers]
            if not votes[leader] - votes[k] - sum(c * qj for c, qj in zip(damage, q, strict=True)) > CLOSE:
                return None
    return leader


def first_stop(answers: list[list[str | None]], q: Floats, gamma: float, finals: list[str | None]) -> str | None:
    for t in range(q.shape[1]):
        if (found := rule([column[t] for column in answers], q[:, t].tolist(), gamma)) is not None:
            return found
    return plurality(finals)


def calibrated_gamma(answers: list[list[str | None]], finals: list[str | None], longest: int) -> float:
    if len(answers) < 4:
        return 1.0
    known = np.array([[float(a != f) for a in column[:longest]] for column, f in zip(answers, finals, strict=True)])
    given = [first_stop(answers, known, g / 10, finals) for g in range(11)]
    smallest = 10
    while smallest > 0 and given[smallest - 1] == given[10]:
        smallest -= 1
    return min(1.0, max(0.5, round(smallest / 10 + 1 / len(answers) ** 0.5, 2)))


def mars(paper: Paper, width: int, calibrate: bool = False, dco: bool = False) -> str | None:
    """Play MARS: with a calibrated factor, or among the branches that DeepConf keeps."""
    world = paper.world
    warm, taught = list[int](), list[int]()
    while len(taught) < 16 and len(paper.opened) < width:
        for _ in range(min(16 - len(taught), width - len(paper.opened))):
            i = paper.open()
            while not paper.ended(i):
                paper.step(i)
            warm.append(i)
        taught = [i for i in warm if paper.answer(i) is not None]
    rest = [paper.open() for _ in range(width - len(paper.opened))]
    everyone = [*warm, *rest]
    finals = [world.answers[paper.opened[i]][-1] for i in everyone]
    longest = max(len(world.answers[paper.opened[i]]) for i in everyone)
    answers, features = matrices(paper, everyone, longest)
    taught_longest = max((len(world.answers[paper.opened[i]]) for i in taught), default=0)
    grid = [(i, t) for i in taught for t in range(taught_longest)]
    rows = np.array([features[i, t] for i, t in grid]).reshape(-1, 5)
    fit = Fit(rows, np.array([float(answers[i][t] != finals[i]) for i, t in grid]))
    gamma = 1.0
    if calibrate:
        gamma = calibrated_gamma([answers[i] for i in taught], [finals[i] for i in taught], taught_longest)
    reference = plurality(finals[i] for i in taught)
    s = _threshold(paper, taught) if dco else 0.0

    def kept(i: int, t: int) -> bool:
        """Whether branch i has had no 2,048 tokens in a row below s by checkpoint t."""
        lows = world.signals["lowest_group"][paper.opened[i]][: t + 1] if dco else []
        return all(low is None or low >= s for u, low in enumerate(lows, 1) if u * world.delta >= 2048)

    for t in range(longest):
        for i in rest:
            if paper.depth[i] == t and not paper.ended(i) and (not t or kept(i, t - 1)):
                paper.step(i)
        eligible = [i for i in everyone if kept(i, t)]
        if not any(not paper.ended(i) and kept(i, t) for i in rest):
            break
        q = fit.q(features[eligible, t]).tolist() if eligible else []
        found = rule([answers[i][t] for i in eligible], q, gamma)
        if found is not None and (t or found == reference):
            return found
    ended = [i for i in everyone if paper.ended(i)]
    return plurality(finals[i] for i in [i for i in ended if kept(i, longest)] or ended)


def _threshold(paper: Paper, taught: list[int]) -> float:
    lows = [paper.world.signals["lowest_group"][paper.opened[i]][-1] for i in taught]
    known = [low for low in lows if low is not None]
    return float(np.percentile(known, 90)) if len(known) > 1 else 0.0
