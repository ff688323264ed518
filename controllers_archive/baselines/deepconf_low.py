"""DeepConf online, low (Fu et al. 2025, arXiv:2508.15260): branches end when their confidence falls below a threshold.

Statement: finish 16 warm-up branches. The threshold s is the (100 - eta)th percentile (linear interpolation) of their
lowest group confidences: eta = 10 is the paper's *low*, which saves most. (Beware: "percentile 90" of the early
scripts is this one, and in the later package it is *high*.)
Open the other branches up to the budget; end one as soon as 2,048 of its tokens in a row are below s. Vote over the
warm-up branches with a lowest group of at least s, and the later ones that were not ended; a vote weighs its lowest
group.

The paper (not its code) stops opening branches once one answer holds 0.95 of the weight. Set `consensus` to 0.95 for
that; later branches are then opened one by one. At 2 it is off, as in the released code.

Fitted to the contract: a branch is looked at after each interval, not after each token, so an ended branch costs up to
one interval more. Knob: beta sets the budget of branches; up to 16 of them, all are warm-up.
"""

from envs import Controller, Question, weighted_majority

LOWEST = "lowest_group"


class DeepConfLow(Controller):
    name = "deepconf_low"
    signals = ("lowest_group",)

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "warm_up": 16, "eta": 10, "consensus": 2, "window": 2048}

    def solve(self, question: Question) -> str | None:
        p = self.params
        width = min(p["width"], question.max_branches)
        warm = question.branch_many(min(p["warm_up"], width))
        answers = question.run_many_to_end(warm)
        lows = question.signal_many(warm, LOWEST)
        shown = [low for low in lows if low is not None]
        threshold = percentile(shown, 100 - p["eta"]) if shown else 0.0
        self.votes: dict[int, tuple[str, float]] = {}  # answer and weight, by branch
        for i, answer, low in zip(warm, answers, lows, strict=True):
            self.vote(i, answer, low, threshold)
        while question.width < width and self.share() < p["consensus"]:
            self.race(question, 1 if p["consensus"] <= 1 else width - question.width, threshold)
        return weighted_majority(self.votes[i] for i in sorted(self.votes))

    def vote(self, i: int, answer: str | None, low: float | None, threshold: float) -> None:
        """Count a finished branch, unless it has no answer or has been below the threshold."""
        if answer is not None and low is not None and low >= threshold:
            self.votes[i] = answer, low

    def share(self) -> float:
        """Return the leading answer's share of the weight."""
        totals: dict[str, float] = {}
        for answer, low in self.votes.values():
            totals[answer] = totals.get(answer, 0.0) + low
        return max(totals.values()) / sum(totals.values()) if totals else 0.0

    def race(self, question: Question, n: int, threshold: float) -> None:
        """Open ``n`` branches, and run each to its end or to its first group below the threshold."""
        going, start = question.branch_many(n), question.latency
        while going:
            running = []
            steps = question.step_many(going, LOWEST)
            filled = question.latency - start >= self.params["window"]  # all that still run are equally long
            for i, (answer, finished, low) in zip(going, steps, strict=True):
                if finished:
                    self.vote(i, answer, low, threshold if filled else 0.0)
                elif filled and low is not None and low < threshold:
                    question.prune(i)
                else:
                    running.append(i)
            going = running


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile by linear interpolation, rounded as NumPy rounds it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * (percent / 100)
    below = min(int(place), len(ordered) - 2)
    if below < 0:
        return ordered[0]
    low, high, part = ordered[below], ordered[below + 1], place - below
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part
