"""Self-consistency (Wang et al. 2022): read N branches to the end, and take the majority."""

from envs import Controller, Question, majority


class SelfConsistency(Controller):
    name = "self_consistency"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta)}

    def solve(self, question: Question) -> str | None:
        branches = question.branch_many(min(self.params["width"], question.max_branches))
        return majority(question.run_many_to_end(branches))
