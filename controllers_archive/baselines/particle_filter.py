"""Particle filtering with a verifier (Puri et al. 2025, arXiv:2502.01618; its_hub): branches are drawn by their scores.

Statement: N particles. Each round steps the unfinished ones; the logarithmic weight of a particle is the logit of the
verifier's score of its whole prefix (clipped to 1e-7 from 0 and 1), in place of its earlier one. Then all N are drawn
anew, with replacement, by the softmax of their weights; finished ones keep theirs. When all have finished, the one with
the largest weight gives the answer.

Fitted to the contract: a step is an interval. A particle drawn c times is forked c - 1 times; a finished one is only
counted. Where a fork is not recorded, or the budget of branches is used up, the undrawn particle with the largest
weight keeps its place. Nothing is drawn where nothing can be forked, nor after the last round. A missing score is 0.5.
Knob: beta sets N.
"""

from math import exp, log

from envs import Controller, Question

EDGE = 1e-7


class ParticleFilter(Controller):
    name = "particle_filter"
    verifier = "needed"
    forks = "needed"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"particles": round(16**beta)}

    def solve(self, question: Question) -> str | None:
        self.size = min(self.params["particles"], question.max_branches)
        particles = question.branch_many(min(self.size, question.branches_left))
        answers: dict[int, str | None] = {}
        weights: dict[int, float] = {}
        going = particles
        while going:
            answers.update(zip(going, (answer for answer, *_ in question.step_many(going)), strict=True))
            going = [i for i in particles if not question.finished(i)]
            if any(map(question.can_fork, going)):
                scored = sorted({*particles})
                weights.update(zip(scored, map(logit, question.verify_many(scored)), strict=True))
                particles = self.draw(question, particles, weights)
                going = [i for i in particles if not question.finished(i)]
        able = sorted(i for i in {*particles} if answers[i] is not None)
        last = dict(zip(able, map(logit, question.verify_many(able)), strict=True))
        return answers[max(last, key=last.get)] if last else None

    def draw(self, question: Question, particles: list[int], weights: dict[int, float]) -> list[int]:
        """Return the particles after a draw by weight; those that are left out are pruned."""
        most = max(weights[i] for i in particles)
        shares = [exp(weights[i] - most) for i in particles]
        places = range(len(particles))
        drawn = self.random.choices(places, weights=shares, k=self.size)
        result, missing = [], 0
        for place in places:
            i, times = particles[place], drawn.count(place)
            result += [i] * (times > 0)
            for _ in range(times - 1):
                if question.finished(i):
                    result.append(i)
                elif question.can_fork(i):
                    result.append(question.fork(i))
                else:
                    missing += 1
        left = sorted(({*places} - {*drawn}), key=lambda place: (-weights[particles[place]], place))
        result += [particles[place] for place in left[:missing]]
        for i in sorted({*particles} - {*result}):
            if not question.finished(i):
                question.prune(i)
        return sorted(result)


def logit(score: float | None) -> float:
    """Return ln(p / (1 - p)) of a score, clipped; 0 for none."""
    p = 0.5 if score is None else min(max(score, EDGE), 1 - EDGE)
    return log(p / (1 - p))
