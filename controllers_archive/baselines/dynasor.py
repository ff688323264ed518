"""Dynasor-CoT (Fu et al. 2024, arXiv:2412.20993): one branch, stopped when its last probe answers agree.

Statement: stop when the last k probe answers are there and equal, and none of these k probes hesitates ("wait", "hold",
"but", "okay", "no", "hmm" in its text); answer it. The paper's form, with `share` below 1, asks only that a share of
the last k equals the newest.

Fitted to the contract: a controller sees no text, so hesitation is read from the signal `answer_hesitation` (above 0
if the probe hesitates) where an environment has it, else ignored; the probe comes after its interval, not beside it, so
no answer is one interval late. Knob: beta sets k, from 2 (the code's "high") to 8 ("mild").
"""

from envs import Controller, Question

HESITATION = "answer_hesitation"


class Dynasor(Controller):
    name = "dynasor"
    optional_signals = ("answer_hesitation",)

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"probes": round(2 + 6 * beta), "share": 1}

    def solve(self, question: Question) -> str | None:
        asked = question.signals  # (HESITATION,), or nothing
        last: list[tuple[str | None, bool]] = []
        i = question.branch()
        while True:
            answer, finished, *hesitation = question.step(i, *asked)
            if finished:
                return answer
            last = [*last, (answer, any(hesitation))][-self.params["probes"] :]
            equal = sum(before == answer for before, _ in last)
            full = len(last) == self.params["probes"]
            agreed = full and answer is not None and equal >= self.params["share"] * len(last)
            if agreed and not any(hesitates for _, hesitates in last):
                return answer
