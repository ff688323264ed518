"""The Confidence Momentum Controller (AutoTTS 2026, CMC-round4): widen while a smoothed confidence does not rise."""

from envs import Controller, Question, confidence, leader, majority

NO_WINNER = object()  # not the same as an absent answer, which may win


class ConfidenceMomentum(Controller):
    name = "confidence_momentum"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {
            "initial_branches": max(2, round(2 + 6 * beta)),
            "most_branches": min(64, round(4 + 60 * beta)),
            "warm_up": max(2, round(2 + 8 * beta)),
            "patience": max(3, round(3 + 9 * beta)),
            "trend_window": max(2, round(2 + 6 * beta)),
            "burst": max(1, round(1 + 2 * beta)),
            "widening": max(1, round(1 + 3 * beta)),
            "fewest_complete": max(2, round(2 + 3 * beta)),
            "ema_weight": round(0.70 - 0.40 * beta, 4),
            "level": round(0.85 + 0.12 * beta, 4),
            "slack": round(0.04 - 0.03 * beta, 4),
            "trend_threshold": round(0.04 - 0.03 * beta, 4),
        }

    def solve(self, question: Question) -> str | None:
        p = self.params
        most = min(p["most_branches"], question.max_branches)
        self.question = question
        self.pool: list[str | None] = []  # answers of finished branches, in order of finishing
        self.latest: dict[int, str | None] = {}  # last answer of every branch that was not abandoned
        self.steps: dict[int, int] = {}  # steps taken by every live branch, in order of opening
        self.disagreement: dict[int, int] = {}
        self.open(min(p["initial_branches"], most))
        weight, ema, trend = p["ema_weight"], 0.0, []
        for r in range(500):
            warm = r >= p["warm_up"]
            winner, sure = self.vote()
            ema = (1 - weight) * ema + weight * sure
            trend = [*trend, ema][-p["trend_window"] :]
            if warm and winner is not NO_WINNER:
                self.abandon(winner)
            self.deepen(winner, warm)
            winner, sure = self.vote()
            trend[-1] = ema = (1 - weight) * ema + weight * sure
            rise = trend[-1] - trend[0]
            if warm and len(self.pool) >= p["fewest_complete"] and ema >= p["level"] and rise >= -p["slack"]:
                return winner
            if not self.steps:
                break
            if rise <= p["trend_threshold"] and r >= max(1, p["warm_up"] // 2) and ema < p["level"]:
                self.open(min(p["widening"], most - question.width))
        return majority(self.pool or [self.latest[i] for i in sorted(self.latest)])

    def open(self, n: int) -> None:
        """Open ``n`` branches, and step each once."""
        branches = self.question.branch_many(n)
        self.steps.update(dict.fromkeys(branches, 0))
        self.run(branches, dict.fromkeys(branches, 1))

    def vote(self) -> tuple[str | None | object, float]:
        """Return the winner of the pool and the confidence in it."""
        if not self.pool:
            return NO_WINNER, 0.0
        winner, first, second = leader(self.pool)
        return winner, confidence(first, second)

    def abandon(self, winner: str | None | object) -> None:
        """Prune the live branches that have disagreed longest, but never the last two."""
        self.disagreement = {
            i: self.disagreement.get(i, 0) + 1 for i in self.steps if self.latest[i] != winner
        }
        tired = [i for i, rounds in self.disagreement.items() if rounds >= self.params["patience"]]
        tired.sort(key=lambda i: -self.disagreement[i])
        for i in tired[: max(0, len(self.steps) - 2)]:
            self.question.prune(i)
            del self.steps[i], self.latest[i]

    def deepen(self, winner: str | None | object, warm: bool) -> None:
        """Step every live branch, those that agree with the winner by a burst once warm."""
        order = sorted(self.steps, key=lambda i: -self.steps[i])
        burst = self.params["burst"]
        self.run(order, {i: burst if warm and self.latest[i] == winner else 1 for i in order})

    def run(self, order: list[int], steps: dict[int, int]) -> None:
        """Take ``steps`` of each branch side by side; those that finish join the pool in the given order."""
        ended = set()
        going = order
        for taken in range(max(steps.values(), default=0)):
            going = [i for i in going if i not in ended and steps[i] > taken]
            for i, (answer, finished) in zip(going, self.question.step_many(going), strict=True):
                self.latest[i] = answer
                self.steps[i] += 1
                if finished:
                    ended.add(i)
        for i in order:
            if i in ended:
                self.pool.append(self.latest[i])
                del self.steps[i]
