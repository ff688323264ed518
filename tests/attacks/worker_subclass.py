"""Answers with a subclass of str that is one of the tokens in capital letters."""

from envs import Controller


class Loud(str):
    __slots__ = ()

    def __str__(self):
        return self.upper()


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        return Loud(answer) if answer is not None else Loud("")
