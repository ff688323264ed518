"""Methods from which `frame` assembles a source."""

from __future__ import annotations

OVERTAKEN = '''
def overtaken(self, within: float) -> float:
    """Return the chance that the second answer has caught up after so many more votes (a normal approximation)."""
    votes = sorted((max(0.0, votes) for votes in self.votes.values()), reverse=True)
    first, second, *_ = *votes, 0.0, 0.0
    total = 0.0
    for each in votes:
        total += each
    total += 2  # each of the two as if one vote better
    drift = (first - second) / total  # of the lead, with each vote
    spread = ((first + second + 2) / total - drift**2) * within * (1 + within / total)
    return erfc((first - second + within * drift) / sqrt(2 * spread)) / 2
'''
WORTH = '''
def worth(self, left: float) -> float:
    """Return the largest chance that the second answer has caught up after some votes, over their number."""
    return max(self.overtaken(votes) / votes for votes in (1, 2, 4, 8, 16, 32, 64) if votes <= left)
'''
ADVANCE = """
    ended = False
    for taken in range(max(steps.values())):
        going = [i for i in self.running if steps[i] > taken]
        if going:
            ended = self.hear(question, going, question.step_many(going)) or ended
    return ended
"""
VOTE = '''
def vote(self) -> str | None:
    """Return the answer that leads; before there is one, what most branches have said last."""
    said = (answer for answer in self.last.values() if answer is not None)
    return majority(said) if self.lead is None else self.lead
'''
LEVEL = '''
def {name}_level(self, question: Question, i: int) -> float:
    """Return the {signal} of branch ``i``, in usual deviations from its usual value; 0 if it is absent."""
    value = question.signal(i, "{signal}")
    return 0.0 if value is None else max(-4.0, min(4.0, (value - {centre:g}) / {scale:g}))
'''
LISTEN = """
        value = question.signal(i, {signal})
        if value is not None:
            total, count = self.{name}_heard.get(i, (0.0, 0))
            self.{name}_heard[i] = total + value, count + 1
"""
MEAN = '''
def {name}_mean(self, question: Question, i: int) -> float:
    """Return the mean {signal} of branch ``i`` over its rounds, in usual deviations; 0 if it was absent."""
    total, count = self.{name}_heard.get(i, (0.0, 0))
    return max(-4.0, min(4.0, (total / count - {centre:g}) / {scale:g})) if count else 0.0
'''
RANK = '''
def {name}_rank(self, question: Question, i: int) -> float:
    """Return the share of the branches so far whose {signal} was lower at their end."""
    levels = self.{name}_levels
    return bisect_left(levels, self.{name}_level(question, i)) / len(levels) if levels else 0.5
'''
LEAD_LEVEL = '''
def {name}_lead_level(self) -> float:
    """Return the mean {signal} of the finished branches for the leading answer, in usual deviations."""
    total, count = self.{name}_by_answer.get(self.lead, (0.0, 0))
    return total / count if count else 0.0
'''
POWER = '''
def power(base: float, exponent: float) -> float:
    """Return a power that neither fails nor overflows."""
    return min(1e9, max(0.001, base)) ** max(-8.0, min(8.0, exponent))
'''
HEARD = """
    ended = {ended}
    for i, (answer, done) in zip(branches, said, strict=True):
        before = self.last.get(i, 0)
        if answer != before:
            self.last[i] = answer
{changed}
        if done:
            ended.append(i)
    for i in ended:
        self.running.remove(i)
        self.finished.append(i)
"""
DISSENT = """    for i in self.running if ended else changed:
        if self.lead in (None, self.last.get(i, self.lead)):
            self.dissent.pop(i, None)
        else:
            self.dissent.setdefault(i, self.rounds - 1)"""
SHOWN = """if answer is not None:
    shown = self.shown.setdefault(i, [])
    if answer not in shown:
        shown.append(answer)"""
SHOWED = """if before in self.kept:
    self.kept[before] -= 1
if answer is not None:
    self.kept[answer] = self.kept.get(answer, 0) + 1
    shown = self.shown.setdefault(i, [])
    if answer not in shown:
        shown.append(answer)
        self.showed[answer] = self.showed.get(answer, 0) + 1"""
