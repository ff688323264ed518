"""DEER (Yang et al. 2025, arXiv:2504.15895): one branch, stopped when a trial answer is sure enough.

Statement: at each trial point the model writes an answer; its confidence is the mean probability of the answer's
tokens (the geometric mean, as the paper takes for Qwen3). Above the threshold, 0.95 in the paper, the branch stops with
that answer; else it goes on. `answer_confidence` is the mean log-probability, so the confidence is its exponential.

Fitted to the contract: trial points are the ends of intervals, not the words "Wait", and so the cap of ten of them is
left out; the first token of the trial counts; the answer is the trial's, not written again. Knob: beta sets the
threshold, 0.95 at beta 0.9; at beta 1 no trial is sure enough.
"""

from math import exp

from envs import Controller, Question

CONFIDENCE = "answer_confidence"


class Deer(Controller):
    name = "deer"
    signals = ("answer_confidence",)

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"threshold": round(0.5 + 0.5 * beta, 4)}

    def solve(self, question: Question) -> str | None:
        i = question.branch()
        while True:
            answer, finished, sure = question.step(i, CONFIDENCE)
            if finished or (answer is not None and sure is not None and exp(sure) > self.params["threshold"]):
                return answer
