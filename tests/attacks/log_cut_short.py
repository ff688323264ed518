"""Has the packed log cut off in the middle of a record."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        data = question.finish().pack()
        type(question.log).pack = lambda log: data[:-3]
        return answer
