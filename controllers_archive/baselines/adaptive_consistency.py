"""Adaptive-consistency (Aggarwal et al. 2023): read branches one by one until the leading answer is safe."""

from envs import Controller, Question, confidence, leader


class AdaptiveConsistency(Controller):
    name = "adaptive_consistency"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "threshold": 0.95}

    def solve(self, question: Question) -> str | None:
        answers: list[str | None] = []
        winner = None
        while len(answers) < self.params["width"] and question.can_branch:
            answers.append(question.run_to_end(question.branch()))
            winner, first, second = leader(answers)
            if len(answers) > 1 and confidence(first, second) > self.params["threshold"]:
                break
        return winner
