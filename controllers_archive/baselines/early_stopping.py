"""Early-stopping self-consistency (Li et al. 2024): read windows of branches until one is of a single mind."""

from envs import Controller, Question, majority


class EarlyStopping(Controller):
    name = "early_stopping"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "window": 8}

    def solve(self, question: Question) -> str | None:
        width = min(self.params["width"], question.max_branches)
        window = min(self.params["window"], width)
        answers: list[str | None] = []
        for _ in range(width // window):
            batch = question.run_many_to_end(question.branch_many(window))
            if len(set(batch)) == 1:
                return batch[0]
            answers += batch
        return majority(answers)
