"""Has a name that changes each time it is read."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        def name_of(self):
            raise Breach("its name was read")

        type(self).name = property(name_of)
        return honest(question)
