"""Best-of-N with a verifier (as in HF search-and-learn and its_hub): the answer that the verifier scores highest.

Statement: finish N branches, verify each, and answer the one with the highest score.

Fitted to the contract: each verification is paid; a branch without an answer is not verified; of equal scores, the
first branch wins; without any score, the majority does. Knob: beta sets N.
"""

from envs import Controller, Question, majority


class BestOfN(Controller):
    name = "best_of_n"
    verifier = "needed"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta)}

    def solve(self, question: Question) -> str | None:
        branches = question.branch_many(min(self.params["width"], question.max_branches))
        answers = dict(zip(branches, question.run_many_to_end(branches), strict=True))
        able = [i for i in branches if answers[i] is not None]
        scores = {i: score for i, score in zip(able, question.verify_many(able), strict=True) if score is not None}
        if not scores:
            return majority(answers[i] for i in able)
        return answers[max(scores, key=scores.get)]
