"""sc-mars-cal (MARS, arXiv:2606.12935): stop when the leader's margin exceeds the worst damage of future switches.

Statement: the first 16 branches with a final answer run to their ends (*warm-up*). Their rows (branch x checkpoint)
teach q, the chance that an answer still changes: a logistic model of depth, confidence, changes of mind, streak and
change of confidence (standardised; ridge 0.01, free intercept), then Platt scaling on the same rows. At each checkpoint
let V be the votes, L the leader, and each branch weigh 1. Stop with L if both hold, strictly:

1. V_L > gamma * sum of q_j c_j, with c = 2 for voters of L, 1 for others (an answer that nobody gives yet);
2. for every other answer k: V_L - V_k > sum of q_j c_j, c = 2 gamma for voters of L, -1 for voters of k, gamma for
   others;

and, at the first checkpoint, L is the plurality of the warm-up's final answers. If it never stops, final answers vote.
Gamma: of 0, 0.1, ..., 1, the smallest of the unbroken run down from 1 for which the rule, played on the warm-up with
the known switches as q, gives the answer of gamma = 1; plus 1 / sqrt(n), at least 0.5, at most 1, two decimals. With
fewer than 4 warm-up branches it is 1.

Fitted to the contract: a checkpoint is the end of an interval (2,048 tokens in the paper); the warm-up is paid; a
finished branch has the confidence `branch_token_confidence` if there is one, else that of its last window; the rule is
asked only while branches outside the warm-up run, for afterwards the full vote is known. Newton steps find the optimum
that the paper finds by L-BFGS; margins below 1e-9 are none. Knob: beta sets the branches; up to 16 of them all vote.
"""

from collections.abc import Iterable
from math import exp, log, log1p, sqrt
from operator import mul, sub

from envs import Controller, Question, majority

GROUP, WHOLE = "group", "branch_token_confidence"
RIDGE, EDGE, TINY = 0.01, 1e-7, 1e-9


class Trace:
    """What a branch has shown at each checkpoint."""

    def __init__(self) -> None:
        self.answers: list[str | None] = []
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


class ScMarsCal(Controller):
    name = "sc_mars_cal"
    signals = ("group",)
    optional_signals = ("branch_token_confidence",)

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "warm_up": 16}

    def solve(self, question: Question) -> str | None:
        self.question = question
        self.traces: dict[int, Trace] = {}
        width = min(self.params["width"], question.max_branches)
        taught: list[Trace] = []
        while len(taught) < self.params["warm_up"] and question.width < width:
            new = question.branch_many(min(int(self.params["warm_up"]) - len(taught), width - question.width))
            while new:
                new = self.step(new)
            taught = [trace for trace in self.traces.values() if trace.answers[-1] is not None]
        reference = majority(trace.answers[-1] for trace in taught)
        going = question.branch_many(width - question.width)
        if going:
            switching = Switching(taught)
            gamma = calibrated(taught)
        t = 0
        while going:
            t += 1
            going = self.step(going)
            shown = [trace.at(t) for trace in self.traces.values()]
            if going:
                winner = stop([(answer, switching.chance(row)) for answer, row in shown], gamma)
                if winner is not None and (t > 1 or winner == reference):
                    return winner
        last = [trace.answers[-1] for trace in self.traces.values()]
        return majority(answer for answer in last if answer is not None)

    def step(self, branches: list[int]) -> list[int]:
        """Step these branches; return the ones that go on."""
        whole = WHOLE in self.question.signals
        names = (GROUP, WHOLE) if whole else (GROUP,)
        for i, (answer, finished, sure, *mean) in zip(branches, self.question.step_many(branches, *names), strict=True):
            if finished and mean and mean[0] is not None:
                sure = mean[0]
            self.traces.setdefault(i, Trace()).see(answer, finished, sure)
        return [i for i in branches if not self.traces[i].ended]


def stop(shown: list[tuple[str | None, float]], gamma: float) -> str | None:
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
    if votes[leader] - gamma * (total + doubts[leader]) <= TINY:
        return None
    for k in votes:
        damage = gamma * (total + doubts[leader] - doubts[k]) - doubts[k]
        if k != leader and votes[leader] - votes[k] - damage <= TINY:
            return None
    return leader


def calibrated(taught: list[Trace]) -> float:
    """Return gamma, from finished branches."""
    if len(taught) < 4:
        return 1.0
    last = [trace.answers[-1] for trace in taught]
    shown = [
        [(trace.at(t)[0], end) for trace, end in zip(taught, last, strict=True)] for t in range(1, longest(taught) + 1)
    ]
    known = [[(answer, float(answer != end)) for answer, end in at] for at in shown]
    found = []
    for tenths in range(10, -1, -1):
        stops = (stop(at, tenths / 10) for at in known)
        found.append(next((answer for answer in stops if answer is not None), majority(last)))
        if found[-1] != found[0]:
            break
    else:
        tenths = -1
    return min(1.0, max(0.5, round((tenths + 1) / 10 + 1 / sqrt(len(taught)), 2)))


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
