"""The published statements, written out slowly on lists: what an episode must do, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from .worlds import World


def plurality(answers: Iterable[str | None]) -> str | None:
    """Return the most frequent answer that is there; of equal ones, the first seen."""
    seen = [answer for answer in answers if answer is not None]
    return max(dict.fromkeys(seen), key=seen.count) if seen else None


def heaviest(votes: Sequence[tuple[str, float]]) -> str | None:
    names = list(dict.fromkeys(name for name, _ in votes))
    return max(names, key=lambda name: sum(weight for other, weight in votes if other == name)) if names else None


@dataclass
class Paper:
    """Branches as a published algorithm handles them: opened, run, scored, copied, dropped; with their costs."""

    world: World
    roots: list[int]
    order: list[int]
    max_branches: int
    opened: list[int] = field(default_factory=list)
    """The recorded branch of each opened one."""
    depth: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    probes: list[int] = field(default_factory=list)
    scored: list[set[int]] = field(default_factory=list)
    verified: int = 0
    taken: set[int] = field(default_factory=set)

    def open(self) -> int:
        return self._new(self.roots[sum(not start for start in self.start)], 0)

    def _new(self, recorded: int, depth: int) -> int:
        self.opened.append(recorded)
        self.depth.append(depth)
        self.start.append(depth)
        self.probes.append(0)
        self.scored.append(set())
        return len(self.opened) - 1

    def ended(self, i: int) -> bool:
        return self.depth[i] == len(self.world.answers[self.opened[i]])

    def step(self, i: int) -> None:
        assert not self.ended(i)
        self.depth[i] += 1
        self.probes[i] += not self.ended(i)

    def finish(self, i: int) -> None:
        self.depth[i] = len(self.world.answers[self.opened[i]])

    def answer(self, i: int) -> str | None:
        return self.world.answers[self.opened[i]][self.depth[i] - 1]

    def signal(self, i: int, name: str) -> float | None:
        return self.world.signals[name][self.opened[i]][self.depth[i] - 1]

    def score(self, i: int) -> float | None:
        assert self.world.verifier is not None
        if self.depth[i] not in self.scored[i]:
            self.scored[i].add(self.depth[i])
            self.verified += 1
        return self.world.verifier[self.opened[i]][self.depth[i] - 1]

    def child(self, i: int) -> int | None:
        """Return the recorded branch that a copy of ``i`` becomes, if there is one."""
        if len(self.opened) >= self.max_branches or self.ended(i) or self.world.parents is None:
            return None
        for b in self.order:
            same = self.world.parents[b] == self.opened[i] and self.world.fork_depths[b] == self.depth[i]
            if same and b not in self.taken:
                return b
        return None

    def copy(self, i: int) -> int:
        recorded = self.child(i)
        assert recorded is not None
        self.taken.add(recorded)
        new = self._new(recorded, self.depth[i])
        self.scored[new] = {depth for depth in self.scored[i] if depth == self.depth[i]}
        return new

    @property
    def tokens(self) -> int:
        world, total = self.world, self.verified * self.world.verify_cost
        for i, b in enumerate(self.opened):
            whole = world.tokens[b] - world.delta * self.start[i]
            total += whole if self.ended(i) else world.delta * (self.depth[i] - self.start[i])
            total += world.probe_cost * self.probes[i]
        return total


# Confidence


def deepconf_offline(paper: Paper, width: int, eta: float) -> str | None:
    branches = [paper.open() for _ in range(width)]
    for i in branches:
        paper.finish(i)
    rows = [(paper.answer(i), paper.signal(i, "lowest_group")) for i in branches]
    votes = [(answer, low) for answer, low in rows if answer is not None and low is not None]
    if not votes:
        return None
    bar = np.percentile([low for _, low in votes], 100 - eta)
    return heaviest([(answer, low) for answer, low in votes if low >= bar])


def deepconf_online(paper: Paper, width: int, eta: float, consensus: float) -> str | None:
    delta = paper.world.delta
    warm = [paper.open() for _ in range(min(16, width))]
    for i in warm:
        paper.finish(i)
    lows = {i: paper.signal(i, "lowest_group") for i in warm}
    known = [low for low in lows.values() if low is not None]
    s = np.percentile(known, 100 - eta) if known else 0.0
    voters = [i for i in warm if (low := lows[i]) is not None and low >= s]

    def votes() -> list[tuple[str, float]]:
        found = [(paper.answer(i), paper.signal(i, "lowest_group")) for i in sorted(voters)]
        return [(answer, low) for answer, low in found if answer is not None and low is not None]

    while len(paper.opened) < width:
        total = sum(weight for _, weight in votes())
        leading = sum(weight for name, weight in votes() if name == heaviest(votes()))
        if total and leading / total >= consensus:
            break
        going = [paper.open() for _ in range(1 if consensus <= 1 else width - len(paper.opened))]
        longest = 0
        while going:
            for i in going:
                paper.step(i)
            tails = [paper.world.tokens[paper.opened[i]] - delta * (paper.depth[i] - 1) for i in going]
            longest += delta if not all(map(paper.ended, going)) else max(tails)
            for i in list(going):
                low = paper.signal(i, "lowest_group")
                stopped = longest >= 2048 and low is not None and low < s
                if paper.ended(i) or stopped:
                    going.remove(i)
                if paper.ended(i) and not stopped:
                    voters.append(i)
    return heaviest(votes())


def deer(paper: Paper, threshold: float) -> str | None:
    i = paper.open()
    while not paper.ended(i):
        paper.step(i)
        sure = paper.signal(i, "answer_confidence")
        if paper.answer(i) is not None and sure is not None and math.exp(sure) > threshold:
            break
    return paper.answer(i)


def dynasor(paper: Paper, k: int) -> str | None:
    i, shown = paper.open(), list[tuple[str | None, float | None]]()
    while True:
        paper.step(i)
        if paper.ended(i):
            return paper.answer(i)
        shown.append((paper.answer(i), paper.signal(i, "answer_hesitation")))
        last = shown[-k:]
        if len(last) == k and last[0][0] is not None and len({a for a, _ in last}) == 1 and not any(h for _, h in last):
            return last[0][0]


def certainty_index(paper: Paper, width: int, threshold: float) -> str | None:
    branches = [paper.open() for _ in range(width)]
    while not all(map(paper.ended, branches)):
        for i in branches:
            if not paper.ended(i):
                paper.step(i)
        answers = [paper.answer(i) or f"none {i}" for i in branches]
        shares = np.unique(answers, return_counts=True)[1] / width
        h = -float((shares * np.log(shares)).sum())
        if width > 1 and (math.log(width) - h) / math.log(width) >= threshold:
            break
    return plurality(map(paper.answer, branches))


# A verifier


def best_of_n(paper: Paper, width: int, weighted: bool) -> str | None:
    branches = [paper.open() for _ in range(width)]
    for i in branches:
        paper.finish(i)
    able = [i for i in branches if paper.answer(i) is not None]
    return chosen(paper, able, weighted)


def chosen(paper: Paper, able: list[int], weighted: bool = False) -> str | None:
    """Return the answer with the highest score, or with the largest sum of scores."""
    rows = [(paper.answer(i), paper.score(i)) for i in able]
    votes = [(answer, score) for answer, score in rows if answer is not None and score is not None]
    if not votes:
        return plurality(map(paper.answer, able))
    return heaviest(votes) if weighted else max(votes, key=lambda vote: vote[1])[0]


def rank(paper: Paper, branches: list[int]) -> list[int]:
    scores = {i: paper.score(i) for i in branches}
    return sorted(branches, key=lambda i: (-math.inf if scores[i] is None else scores[i], -i), reverse=True)


def beam_search(paper: Paper, n: int, m: int = 4) -> str | None:
    active, done = [paper.open() for _ in range(min(n, len(paper.roots)))], list[int]()
    for _ in range(40):
        for i in active:
            paper.step(i)
        done += [i for i in active if paper.ended(i)]
        active = [i for i in active if not paper.ended(i)]
        if all(paper.child(i) is None for i in active):
            continue
        ranked = rank(paper, active)
        top = ranked[: max(1, n // m)]
        room, turn, idle, copies = n - len(top), 0, 0, list[int]()
        while len(copies) < room and idle < len(top):
            i = top[turn % len(top)]
            turn += 1
            idle = 0 if paper.child(i) is not None else idle + 1
            if not idle:
                copies.append(paper.copy(i))
        spared = ranked[len(top) :][: max(0, room - len(copies))]  # nothing takes their places
        active = sorted(top + copies + spared)
    for i in active:
        paper.finish(i)
    return chosen(paper, sorted(i for i in [*done, *active] if paper.answer(i) is not None))


def dvts(paper: Paper, n: int, m: int = 4) -> str | None:
    m = min(m, n)
    roots = [paper.open() for _ in range(min(n, len(paper.roots)))]
    count = min(n // m, len(roots))
    nodes = [roots[k::count] for k in range(count)]
    candidates = list[int]()
    while nodes:
        for siblings in nodes:
            for i in siblings:
                if not paper.ended(i):
                    paper.step(i)
        kept = []
        for siblings in nodes:
            if not any(map(paper.ended, siblings)) and all(paper.child(i) is None for i in siblings):
                kept.append(siblings)
                continue
            ranked = rank(paper, siblings)
            if paper.ended(ranked[0]):
                candidates += siblings
                continue
            copies = list[int]()
            while len(copies) < m - 1 and paper.child(ranked[0]) is not None:
                copies.append(paper.copy(ranked[0]))
            kept.append(sorted(ranked[: m - len(copies)] + copies))
        nodes = kept
    return chosen(paper, sorted(i for i in candidates if paper.answer(i) is not None))


def log_weight(score: float | None) -> float:
    p = float(np.clip(0.5 if score is None else score, 1e-7, 1 - 1e-7))
    return math.log(p / (1 - p))


def particle_filter(paper: Paper, n: int, seed: int) -> str | None:
    chance = Random(seed)
    particles = [paper.open() for _ in range(min(n, len(paper.roots)))]
    while not all(map(paper.ended, particles)):
        for i in dict.fromkeys(particles):
            if not paper.ended(i):
                paper.step(i)
        if all(paper.child(i) is None for i in particles):
            continue
        weights = [log_weight(paper.score(i)) for i in particles]
        softmax = [math.exp(w - max(weights)) for w in weights]
        drawn = chance.choices(range(len(particles)), weights=softmax, k=n)
        new, lacking = list[int](), 0
        for place, i in enumerate(particles):
            for again in range(drawn.count(place)):
                if not again or paper.ended(i):
                    new.append(i)
                elif paper.child(i) is not None:
                    new.append(paper.copy(i))
                else:
                    lacking += 1
        undrawn = sorted((place for place in range(len(particles)) if place not in drawn), key=lambda p: -weights[p])
        particles = sorted(new + [particles[place] for place in undrawn[:lacking]])
    able = sorted({i for i in particles if paper.answer(i) is not None})
    return paper.answer(max(able, key=lambda i: log_weight(paper.score(i)))) if able else None


def fork_at_uncertainty(paper: Paper, width: int) -> str | None:
    active = [paper.open() for _ in range(min(max(1, round(width / 4)), len(paper.roots)))]
    doubted, seen, done = set[int](), list[float](), list[int]()
    while active:
        for i in active:
            paper.step(i)
        done += [i for i in active if paper.ended(i)]
        active = [i for i in active if not paper.ended(i)]
        sure = {i: value for i in active if (value := paper.signal(i, "confidence")) is not None}
        seen = sorted([*seen, *sure.values()])
        for i, value in sure.items():
            low = value < seen[len(seen) // 4]
            if low and i not in doubted and len(paper.opened) < width and paper.child(i) is not None:
                active.append(paper.copy(i))
                doubted.add(active[-1])
            doubted = doubted | {i} if low else doubted - {i}
    return plurality(paper.answer(i) for i in sorted(done))
