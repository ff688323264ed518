"""Makes circles of lists until the collector does nothing else."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        held = []
        while True:
            circle = []
            for _ in range(100):
                circle = [circle]
            circle.append(circle)
            held.append(circle)
