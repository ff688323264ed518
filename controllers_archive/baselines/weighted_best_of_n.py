"""Weighted best-of-N with a verifier (as in HF search-and-learn): a vote in which a branch weighs its score.

Statement: finish N branches, verify each, and add the scores of equal answers; the largest sum wins.

Fitted to the contract: each verification is paid; a branch without an answer is not verified; without any score, the
majority wins. Knob: beta sets N.
"""

from envs import Controller, Question, majority, weighted_majority


class WeightedBestOfN(Controller):
    name = "weighted_best_of_n"
    verifier = "needed"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta)}

    def solve(self, question: Question) -> str | None:
        branches = question.branch_many(min(self.params["width"], question.max_branches))
        answers = dict(zip(branches, question.run_many_to_end(branches), strict=True))
        able = [i for i in branches if answers[i] is not None]
        scores = zip(able, question.verify_many(able), strict=True)
        votes = [(answers[i], score) for i, score in scores if score is not None]
        return weighted_majority(votes) if votes else majority(answers[i] for i in able)
