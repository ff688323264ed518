"""DeepConf offline (Fu et al. 2025, arXiv:2508.15260): a vote of finished branches, weighted by their confidence.

Statement: finish K branches. The confidence of a branch is its lowest group confidence. Of the branches with an answer,
those stay whose confidence is at least the (100 - eta)th percentile (linear interpolation), so eta = 10 keeps the
surest tenth. The answer has the largest sum of confidences.

Fitted to the contract: the code also offers tail, bottom-10% and mean confidence; this file takes the measure that the
online form uses. Knob: beta sets K.
"""

from envs import Controller, Question, weighted_majority

LOWEST = "lowest_group"


class DeepConfOffline(Controller):
    name = "deepconf_offline"
    signals = ("lowest_group",)

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "eta": 10}

    def solve(self, question: Question) -> str | None:
        branches = question.branch_many(min(self.params["width"], question.max_branches))
        answers = question.run_many_to_end(branches)
        lows = question.signal_many(branches, LOWEST)
        votes = [
            (answer, low) for answer, low in zip(answers, lows, strict=True) if answer is not None and low is not None
        ]
        if not votes:
            return None
        bar = percentile([low for _, low in votes], 100 - self.params["eta"])
        return weighted_majority((answer, low) for answer, low in votes if low >= bar)


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile by linear interpolation, rounded as NumPy rounds it."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * (percent / 100)
    below = min(int(place), len(ordered) - 2)
    if below < 0:
        return ordered[0]
    low, high, part = ordered[below], ordered[below + 1], place - below
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part
