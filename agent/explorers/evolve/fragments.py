"""Texts and methods from which `agent.explorers.evolve.render` assembles a source: one entry per building block."""

from __future__ import annotations

ADVERBS = {
    "confidence": "Confident", "steady": "Steady", "both": "Careful", "calm": "Calm", "lead": "Leading",
    "margin": "Guarded", "overtake": "Foresighted", "price": "Thrifty",
}  # fmt: skip
NOUNS = {"trickle": "Trickle", "flood": "Flood", "waves": "Waves"}

WIDTHS = {"trickle": "a few branches at a time", "flood": "all branches at once", "waves": "waves of branches"}
ENDS = {
    "confidence": "until their votes leave little doubt",
    "steady": "until the lead among their votes is steady",
    "both": "until the lead among their votes is beyond doubt and steady",
    "calm": "until the lead among their votes is beyond doubt and has lasted",
    "lead": "until the lead among their votes suffices for the width that is left",
    "margin": "until the lead among their votes suffices against all other answers",
    "overtake": "until the leading answer is unlikely to be overtaken",
    "price": "while one more vote is worth its price",
}
_AHEAD = "Stops once `complete` have finished, no more than `doubt` is left that their leading answer is ahead"
_DISSENT = "Gives up a branch that for `patience` typical lengths on end disagrees with the leading answer"
WORDS = {
    "opening": {
        "trickle": "Opens `opening` branches at first, then keeps `at_once` running: each that ends makes room for "
        "another, `most` in all.",
        "flood": "Opens all of its `most` branches at the start.",
        "waves": "Opens waves of `wave` branches at most, smaller ones the more the votes agree, `most` in all.",
    },
    "depth": {"burst": "Branches that agree with the leading answer run `burst` intervals where others run one."},
    "stop": {
        "confidence": f"{_AHEAD}.",
        "steady": "Stops once `complete` have finished and the last `steady` of them left the lead as it was.",
        "both": f"{_AHEAD}, and the last `steady` of them left it in the lead.",
        "calm": f"{_AHEAD}, and it has led for `calm` typical lengths.",
        "lead": "Stops once `complete` have finished and the leading answer is `bar` votes ahead; the bar falls to "
        "nothing as the width is used up, by the power `closing`.",
        "margin": "Stops once `complete` have finished and the leading answer is ahead by `bar` votes, which fall to "
        "nothing as the width is used up, by the power `closing`, and by `others` for each vote of other answers.",
        "overtake": "Stops once `complete` have finished and the chance is at most `chance` that the second answer "
        "catches up with the votes that may still come.",
        "price": "Stops once `complete` have finished and no number of further votes promises more than `price` a "
        "vote: the chance that the second answer has caught up after them, over their number.",
    },
    "first": {"firm": "Stops after the first branch that finishes if it has shown at most `firm` different answers."},
    "early": {
        "probes": "Stops early when finished and running branches together have left no more than `early_doubt` about "
        "one answer for the last `quiet` of all rounds."
    },
    "hopeless": {
        "scattered": "Stops as hopeless once `tries` have finished and the leading answer has less than `grip` of "
        "the votes."
    },
    "typical": {"upper": "The typical length is one that a share `rank` of those finished do not exceed."},
    "disagreement": {
        "dissent": f"{_DISSENT}.",
        "dominated": f"{_DISSENT}, if its own answer is `behind` votes behind.",
    },
    "length": {"median": "Once `few` have finished, gives up branches that reach `factor` times their typical length."},
    "vote": {
        "given_up": "Branches that were given up count as `given_up` of a vote for what they said last.",
        "everyone": "Branches that still run have a vote in the end: the answer they would give now.",
    },
    "weight": {
        "shortness": "A vote counts by how short its branch was: the typical length over its own, to the `power` "
        "(less while fewer than some `shrink` have finished), at most `cap`.",
        "ripeness": "A vote counts by how soon its branch came to its answer: the typical length over its own, less "
        "`ripe` of the time for which it stood by that answer, to the `power` (less while fewer than some `shrink` "
        "have finished), at most `cap`.",
    },
    "abandoned": {
        "share": "An answer that branches showed and then left counts less: by the share of them that kept it, to "
        "the power `keep`.",
        "against": "A branch that showed an answer and then left it takes `against` votes of its own weight from that "
        "answer.",
        "each": "A branch that showed an answer and then left it takes `against` votes from that answer.",
    },
}

OPEN = '''
def open(self, question: Question, wanted: int) -> None:
    """Open ``wanted`` branches, or as many as there still may be."""
    room = min(self.params["most"], question.max_branches) - question.width
    if min(wanted, room) > 0:
        self.running += question.branch_many(min(wanted, room))
        self.last += [0] * min(wanted, room)
'''
SINCE = "        self.dissent += [0] * min(wanted, room)\n"
NEW = "        self.due = self.rounds + 1  # the new ones have to be looked at"
WAVE = '''
def refill(self, question: Question) -> None:
    """Open the next wave: the less the votes agree, the larger."""
    self.open(question, max(1, ceil(self.params["wave"] * (1 - self.share()))))
'''
BURST = '''
def advance(self, question: Question) -> bool:
    """Run every branch for one interval, and for some more while it agrees with the leading answer."""
    ended = self.hear(question, self.running, question.step_many(self.running))
    for _ in range(self.params["burst"] - 1):
        agreeing = [i for i in self.running if self.last[i] == self.lead is not None]
        if agreeing:
            ended = self.hear(question, agreeing, question.step_many(agreeing)) or ended
    return ended
'''
SHARPNESS = """    known = len(self.finished) / (len(self.finished) + self.params["shrink"])  # of what is short here
    power, cap, typical = self.params["power"] * known, self.params["cap"], self.typical"""
AGAINST = """    for answer in votes:
        votes[answer] -= self.params["against"] * left.get(answer, 0.0)"""
KEPT = """    for answer in votes:
        votes[answer] *= (self.last.count(answer) / len(self.shown[answer])) ** self.params["keep"]"""
WHO = """if answer in self.shown:
    self.shown[answer][i] = True
elif answer is not None:
    self.shown[answer] = {i: True}"""
WHAT = """if answer is not None:
    shown = self.shown.setdefault(i, [])
    if answer not in shown:
        shown.append(answer)"""
_BAR = '    bar = self.params["bar"] * (left / (left + len(self.finished))) ** self.params["closing"]'
LEFT = {
    "lead": f"""{_BAR}
    first, second, *_ = *sorted(self.votes.values(), reverse=True), 0.0, 0.0""",
    "margin": f"""{_BAR}
    first, second, *rest = *sorted(self.votes.values(), reverse=True), 0.0, 0.0
    others = 0.0
    for votes in (second, *rest):
        others += max(0.0, votes)
    bar += self.params["others"] * others""",
    "price": "    worth = max(self.overtaken(votes) / votes for votes in (1, 2, 4, 8, 16, 32, 64) if votes <= left)",
}
"""Code of the stop blocks that consider the votes still to come. Floats are added one by one: the built-in `sum` rounds
otherwise from Python 3.12 on."""
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
FIRM = """    if len(self.finished) == 1 and self.votes:
        first = self.finished[0]
        if len({}) <= self.params["firm"]:
            return True"""
SAID_BY = "[answer for answer in self.shown if first in self.shown[answer]]"
SURE_OF_ONE = """said = [self.last[i] for i in (*self.finished, *self.running)]
self.favourite, first, second = leader(answer for answer in said if isinstance(answer, str))
self.certain = first > 0 and 1 - confidence(first, second) <= self.params["early_doubt"]"""
QUIET = """    self.quiet = self.quiet + 1 if self.certain and self.favourite == before else 0
    return self.quiet > self.params["quiet"] * self.rounds"""
SHARE = '''
def share(self) -> float:
    """Return the share of the votes that the leading answer has."""
    votes = [votes for votes in self.votes.values() if votes > 0]
    total = 0.0
    for each in votes:
        total += each
    return max(votes) / total if votes else 0.0
'''
RANK = """    self.typical = self.lengths[ceil(self.params["rank"] * len(self.lengths)) - 1]"""
OVERLONG = """        if len(self.finished) >= self.params["few"]:
            wait = self.params["factor"] * self.typical - question.depth(i)"""
DISSENT = """        if self.lead is None or self.lead == self.last[i]:
            self.dissent[i] = 0
        else:
            self.dissent[i] = self.dissent[i] or self.rounds
            dissent = self.rounds + 1 - self.dissent[i]"""
HELD = "        self.held[i] = self.held.get(i, 0) + 1 if answer == last[i] else 1"
HEEDED = """    elif self.lead is not None:
        lead, dissent, wait = self.lead, self.dissent, self.params["patience"] * self.typical
        for i in changed:
            if last[i] == lead:
                dissent[i] = 0
            else:
                dissent[i] = dissent[i] or self.rounds
                self.due = min(self.due, dissent[i] - 1 + wait)"""
LONE = """            wait = {}self.params["patience"] * self.typical - dissent{}"""
DOMINATED = """            behind = most - self.votes.get(self.last[i], 0.0)
            if behind >= self.params["behind"]:"""
VOTE = '''
def vote(self) -> str | None:
    """Return the answer that leads; before there is one, what most branches have said last."""
    said = (answer for answer in self.last if isinstance(answer, str))
    return majority(said) if self.lead is None else self.lead
'''
EVERYONE = '''
def vote(self, question: Question) -> str | None:
    """Return the answer with most votes, those of running branches included."""
    running = [i for i in self.running if self.last[i] != 0]
    votes = {}
    said = (answer for answer in self.last if isinstance(answer, str))
    return max(votes, key=lambda answer: votes[answer]) if votes else majority(said)
'''
