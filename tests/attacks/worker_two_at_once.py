"""Has a metaclass that makes it look like no controller or several, as it likes."""

from envs import Controller


class Many(type(Controller)):
    def __subclasscheck__(cls, other):
        return other is not cls

    def __instancecheck__(cls, other):
        return False


class Base(Controller, metaclass=Many):
    pass


class Other(Base):
    pass


class Attack(Controller):
    def solve(self, question):
        return honest(question)
