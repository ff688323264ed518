"""dco-mars (MARS, arXiv:2606.12935): the margin rule of sc-mars among the branches that DeepConf keeps.

Statement: as sc-mars (see its file), but only *eligible* branches vote and do damage. The threshold s is the 90th
percentile (linear interpolation) of the lowest group confidences of the warm-up. A branch ends, and is no longer
eligible, at its first 2,048 tokens in a row below s, the warm-up too. (The paper also compares the confidence at each
checkpoint, which is one of these windows.) Votes weigh 1, as in the released code where no factor is calibrated. The
vote at the end is among eligible branches too.

1. V_L > sum of q_j c_j, with c = 2 for voters of L, 1 for others (an answer that nobody gives yet);
2. for every other answer k: V_L - V_k > sum of q_j c_j, c = 2 for voters of L, -1 for voters of k, 1 for others;
3. at the first checkpoint, L is the plurality of the final answers of the whole warm-up.

Fitted to the contract: a checkpoint is the end of an interval (2,048 tokens in the paper); the warm-up is paid; a
finished branch has the confidence `branch_token_confidence` if there is one, else that of its last window; the rule is
asked only while branches outside the warm-up run, for afterwards the full vote is known. Newton steps find the optimum
that the paper finds by L-BFGS; margins below 1e-9 are none. A branch ends with its interval, up to one
later. If no branch is eligible at the end, all vote. Knob: beta sets the branches; up to 16 of them are warm-up.
"""

from collections.abc import Iterable
from math import exp, log, log1p, sqrt
from operator import mul, sub
from statistics import quantiles

from envs import Controller, Question, majority

GROUP, LOWEST, WHOLE = "group", "lowest_group", "branch_token_confidence"
RIDGE, EDGE, TINY = 0.01, 1e-7, 1e-9


class Trace:
    """What a branch has shown at each checkpoint."""

    def __init__(self) -> None:
        self.answers: list[str | None] = []
        self.lows: list[float | None] = []
        self.rows: list[list[float]] = []  # features
        self.ended = False

    def see(self, answer: str | None, finished: bool, sure: float | None) -> None:
        """Append a checkpoint."""
        before = self.rows[-1] if self.rows else None
        sure = sure if sure is not None else before[1] if before else 0.0
        flips = before[2] + (answer != self.answers[-1]) if before else 0.0
        streak = before[3] + 1.0 if before and answer == self.answers[-1] else 1.0
        self.rows.append([len(self.rows) + 1.0, sure, flips, streak, sure - before[1] if before else 0.0])
        self.answers.append(answer)
        self.ended = finished

    def at(self, t: int) -> tuple[str | None, list[float]]:
        """Return answer and features at checkpoint ``t``, also after the end of the branch."""
        last = len(self.rows)
        if t <= last:
            return self.answers[t - 1], self.rows[t - 1]
        _, sure, flips, streak, _ = self.rows[-1]
        return self.answers[-1], [float(t), sure, flips, streak + t - last, 0.0]


class DcoMars(Controller):
    name = "dco_mars"
    signals = ("group", "lowest_group")
    optional_signals = ("branch_token_confidence",)

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "warm_up": 16, "window": 2048}

    def solve(self, question: Question) -> str | None:
        self.question = question
        self.interval = 1  # tokens: those of the longest step
        self.traces: dict[int, Trace] = {}
        width = min(self.params["width"], question.max_branches)
        taught: list[Trace] = []
        while len(taught) < self.params["warm_up"] and question.width < width:
            new = question.branch_many(min(int(self.params["warm_up"]) - len(taught), width - question.width))
            while new:
                new = self.step(new)
            taught = [trace for trace in self.traces.values() if trace.answers[-1] is not None]
        reference = majority(trace.answers[-1] for trace in taught)
        lows = [trace.lows[-1] for trace in taught if trace.lows[-1] is not None]
        self.threshold = quantiles(lows, n=10, method="inclusive")[-1] if len(lows) > 1 else 0.0
        going = question.branch_many(width - question.width)
        if going:
            switching = Switching(taught)
        t = 0
        while going:
            t += 1
            going = [i for i in self.step(going) if not self.dropped(i)]
            shown = [trace.at(t) for trace in self.traces.values() if self.eligible(trace, t)]
            if going:
                winner = stop([(answer, switching.chance(row)) for answer, row in shown])
                if winner is not None and (t > 1 or winner == reference):
                    return winner
        traces = [trace for trace in self.traces.values() if trace.ended]
        last = [trace for trace in traces if self.eligible(trace, len(trace.rows))] or traces
        return majority(trace.answers[-1] for trace in last if trace.answers[-1] is not None)

    def eligible(self, trace: Trace, t: int) -> bool:
        """Whether a branch has not been below the threshold up to checkpoint ``t``."""
        t = min(t, len(trace.rows))
        low = trace.lows[t - 1]
        return t * self.interval < self.params["window"] or low is None or low >= self.threshold

    def dropped(self, i: int) -> bool:
        """Prune a branch that is no longer eligible; return whether it was."""
        if self.eligible(self.traces[i], len(self.traces[i].rows)):
            return False
        self.question.prune(i)
        return True

    def step(self, branches: list[int]) -> list[int]:
        """Step these branches; return the ones that go on."""
        whole = WHOLE in self.question.signals
        names = (GROUP, LOWEST, WHOLE) if whole else (GROUP, LOWEST)
        before = self.question.latency
        steps = self.question.step_many(branches, *names)
        self.interval = max(self.interval, self.question.latency - before)
        for i, (answer, finished, sure, low, *mean) in zip(branches, steps, strict=True):
            if finished and mean and mean[0] is not None:
                sure = mean[0]
            self.traces.setdefault(i, Trace()).see(answer, finished, sure)
            self.traces[i].lows.append(low)
        return [i for i in branches if not self.traces[i].ended]


def stop(shown: list[tuple[str | None, float]]) -> str | None:
    """Return the leader if its margin is safe, else None; ``shown`` holds each branch's answer and chance to switch."""
    votes: dict[str, int] = {}
    doubts: dict[str, float] = {}  # sums of chances
    total = 0.0
    for answer, q in shown:
        total += q
        if answer is not None:
            votes[answer] = votes.get(answer, 0) + 1
            doubts[answer] = doubts.get(answer, 0.0) + q
    if not votes:
        return None
    leader = max(votes, key=votes.get)
    if votes[leader] - total - doubts[leader] <= TINY:
        return None
    for k in votes:
        damage = total + doubts[leader] - 2 * doubts[k]
        if k != leader and votes[leader] - votes[k] - damage <= TINY:
            return None
    return leader


class Switching:
    """The chance that a branch's answer differs from its final one, learnt from finished branches."""

    def __init__(self, taught: list[Trace]) -> None:
        shown = [(trace, *trace.at(t)) for trace in taught for t in range(1, longest(taught) + 1)]
        rows = [row for _, _, row in shown]
        labels = [float(answer != trace.answers[-1]) for trace, answer, _ in shown]
        self.constant = labels[0] if len({*labels}) == 1 else None if labels else 1.0  # the optimum lies at infinity
        if self.constant is not None:
            return
        columns = list(zip(*rows, strict=True))
        self.means = [sum(column) / len(rows) for column in columns]
        spreads = [sqrt(sum((x - m) ** 2 for x in c) / len(rows)) for c, m in zip(columns, self.means, strict=True)]
        self.spreads = [spread if spread > TINY else 1.0 for spread in spreads]
        scaled = list(map(self.scaled, rows))
        self.weights = logistic(scaled, labels, RIDGE)
        platt = [[1.0, logit(sigmoid(dot(self.weights, row)))] for row in scaled]
        self.platt = logistic(platt, labels, 0.0)

    def scaled(self, row: list[float]) -> list[float]:
        """Return 1 and the standardised features."""
        return [1.0, *((x - m) / s for x, m, s in zip(row, self.means, self.spreads, strict=True))]

    def chance(self, row: list[float]) -> float:
        """Return q of a branch with these features."""
        if self.constant is not None:
            return self.constant
        first = sigmoid(dot(self.weights, self.scaled(row)))
        return sigmoid(self.platt[0] + self.platt[1] * logit(first))


def longest(traces: list[Trace]) -> int:
    return max((len(trace.rows) for trace in traces), default=0)


def dot(one: Iterable[float], other: Iterable[float]) -> float:
    return sum(map(mul, one, other))


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def logit(q: float) -> float:
    q = min(max(q, EDGE), 1 - EDGE)
    return log(q / (1 - q))


def logistic(rows: list[list[float]], labels: list[float], ridge: float) -> list[float]:
    """Return the weights that minimise -loglik + ridge * (sum of squares without the first), by damped Newton steps."""
    columns = list(zip(*rows, strict=True))
    penalty = [0.0, *[2 * ridge] * (len(columns) - 1)]

    def loss(weights: list[float]) -> float:
        scores = [dot(weights, row) for row in rows]
        fit = sum(max(s, 0.0) - s * y + log1p(exp(-abs(s))) for s, y in zip(scores, labels, strict=True))
        return fit + dot(penalty, [w * w for w in weights]) / 2

    weights = [0.0] * len(columns)
    now = loss(weights)
    for _ in range(100):
        chances = [sigmoid(dot(weights, row)) for row in rows]
        errors = list(map(sub, chances, labels))
        system = []
        for a, column in enumerate(columns):
            bent = [q * (1 - q) * x for q, x in zip(chances, column, strict=True)]
            system.append([*(dot(bent, other) for other in columns), dot(errors, column) + penalty[a] * weights[a]])
            system[a][a] += penalty[a] + 1e-12
        step = solved(system)
        far = max(map(abs, step))
        if far < 1e-11 or now < TINY:
            break
        tried = list(map(sub, weights, step))
        while (then := loss(tried)) > now and far > 1e-4:  # nearer to the optimum, whole steps are safe
            step, far = [s / 2 for s in step], far / 2
            tried = list(map(sub, weights, step))
        weights, now = tried, then
    return weights


def solved(system: list[list[float]]) -> list[float]:
    """Return the solution of a symmetric positive system, by elimination; the right side is the last column."""
    for a, pivot in enumerate(system):
        for b, row in enumerate(system):
            if a != b:
                system[b] = [x - row[a] / pivot[a] * y for x, y in zip(row, pivot, strict=True)]
    return [row[-1] / row[a] for a, row in enumerate(system)]
