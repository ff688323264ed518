"""Answer-consistency: one branch, stopped when its probe answer has held for some intervals in a row."""

from envs import Controller, Question


class AnswerConsistency(Controller):
    name = "answer_consistency"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"hold": round(64**beta)}

    def solve(self, question: Question) -> str | None:
        i = question.branch()
        answer, finished = question.step(i)
        held = 1
        while not finished and (answer is None or held < self.params["hold"]):
            before = answer
            answer, finished = question.step(i)
            held = held + 1 if answer == before else 1
        return answer
