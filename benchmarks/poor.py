"""Examples of poor controllers, named after their fault, of the kind that explorers write now and then."""

from __future__ import annotations

_HEAD = """
from envs import Controller, Question, majority

class Poor(Controller):
    name = "{name}"

    @staticmethod
    def schedule(beta):
        return {{"width": round(64**beta), "depth": 1 + round(9 * beta)}}

    def solve(self, question):
        width = min(self.params["width"], question.max_branches)
        {body}
"""

_BODIES = {
    "never answers": "question.run_to_end(question.branch())",
    "votes far too early": """branches = question.branch_many(width)
        for _ in range(4):
            probes = question.step_many(branches)
            if True in (finished for _, finished in probes):
                break
        return majority([answer for answer, _ in probes])""",
    "believes an early probe": """branch = question.branch()
        for _ in range(self.params["depth"]):
            answer, finished = question.step(branch)
            if finished:
                break
        return answer""",
    "stops at three equal": """running, before, times = question.branch_many(width), None, 0
        while running:
            probes = question.step_many(running)
            winner = majority([answer for answer, _ in probes])
            times = times + 1 if winner == before and winner is not None else 0
            before = winner
            if times == 3:
                break
            running = [i for i, (_, finished) in zip(running, probes) if not finished]
        return before""",
    "takes the last to finish": """running = question.branch_many(width)
        while running:
            probes = question.step_many(running)
            answer = probes[-1][0]
            running = [i for i, (_, finished) in zip(running, probes) if not finished]
        return answer""",
    "follows the minority": """answers = question.run_many_to_end(question.branch_many(width))
        return min(answers, key=answers.count)""",
    "looks at the first alone": "return question.run_many_to_end(question.branch_many(width))[0]",
    "opens twice what it uses": """width = min(2 * width, question.max_branches)
        return majority(question.run_many_to_end(question.branch_many(width))[::2])""",
}

POOR = {name: _HEAD.format(name=name, body=body) for name, body in _BODIES.items()}
"""Sources by fault."""
