"""The words and the methods that controllers are rendered from: what `agent.explorers.render` puts together."""

from __future__ import annotations

ADVERBS = {"confidence": "Sure", "steady": "Steady", "both": "SureSteady", "calm": "SureCalm"}
NOUNS = {"trickle": "Trickle", "flood": "Flood", "waves": "Waves"}

WIDTHS = {"trickle": "a few branches at a time", "flood": "all branches at once", "waves": "waves of branches"}
ENDS = {
    "confidence": "until their votes leave little doubt",
    "steady": "until the lead among their votes is steady",
    "both": "until the lead among their votes is beyond doubt and steady",
    "calm": "until the lead among their votes is beyond doubt and has lasted",
}
_AHEAD = "Stops once `complete` have finished, no more than `doubt` is left that their leading answer is ahead"
_DISSENT_FROM = "Gives up a branch that for `patience` intervals on end disagrees with the leading answer of"
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
    },
    "early": {
        "probes": "Stops early when finished and running branches together have left no more than `early_doubt` about "
        "one answer for `quiet` rounds."
    },
    "hopeless": {
        "scattered": "Stops as hopeless once `tries` have finished and the leading answer has less than `grip` of "
        "the votes."
    },
    "disagreement": {
        "finished": f"{_DISSENT_FROM} the finished ones.",
        "everyone": f"{_DISSENT_FROM} finished and running ones.",
    },
    "length": {
        "median": "Once `few` have finished, gives up branches that reach `factor` times their median length.",
        "mean": "Once `few` have finished, gives up branches that reach `factor` times their mean length.",
    },
    "vote": {"everyone": "Branches that still run have a vote too: the answer they would give now."},
    "weight": {"length": "A vote from a branch longer than is typical counts less, by that excess to the `power`."},
    "absent": {"left_out": "An absent answer is no vote."},
}

OPEN = '''
def open(self, question: Question, wanted: int) -> None:
    """Open ``wanted`` branches, or as many as there still may be."""
    room = min(self.params["most"], question.max_branches) - question.width
    if min(wanted, room) > 0:
        self.running += question.branch_many(min(wanted, room))
'''
OPEN_WITH_DEPTH = '''
def open(self, question: Question, wanted: int) -> None:
    """Open ``wanted`` branches, or as many as there still may be."""
    room = min(self.params["most"], question.max_branches) - question.width
    if min(wanted, room) > 0:
        opened = question.branch_many(min(wanted, room))
        self.running += opened
        self.depth.update(dict.fromkeys(opened, 0))
'''
REFILL = {
    "trickle": '''
def refill(self, question: Question) -> None:
    """Let new branches take the place of those that ended."""
    self.open(question, self.params["at_once"] - len(self.running))
''',
    "waves": '''
def refill(self, question: Question) -> None:
    """Open the next wave when the last one has ended: the less the votes agree, the larger."""
    if not self.running:
        self.open(question, max(1, ceil(self.params["wave"] * (1 - self.share))))
''',
}
BURST = '''
def advance(self, question: Question) -> None:
    """Run every branch for one interval, and for some more while it agrees with the leading answer."""
    self.step(question, self.running)
    for _ in range(self.params["burst"] - 1):
        agreeing = [i for i in self.running if self.last.get(i) == self.lead is not None]
        if agreeing:
            self.step(question, agreeing)
'''
SETTLED = '''
def settled(self) -> bool:
    """Whether finished and running branches have been sure of one answer for long enough."""
    said = [self.last.get(i) for i in (*self.finished, *self.running)]
    favourite, first, second = leader(answer for answer in said if answer is not None)
    sure = favourite is not None and 1 - confidence(first, second) <= self.params["early_doubt"]
    self.quiet = self.quiet + 1 if sure and favourite == self.favourite else 0
    self.favourite = favourite
    return self.quiet >= self.params["quiet"]
'''
HOPELESS = '''
def hopeless(self) -> bool:
    """Whether the votes are so scattered that more of them are not worth their tokens."""
    return len(self.finished) >= self.params["tries"] and self.share < self.params["grip"]
'''
DISSENT = {
    "finished": '''
def give_up_dissenters(self, question: Question) -> None:
    """Prune the branches that have disagreed with the leading final answer for too long."""
    if self.lead is None:
        return
    for i in list(self.running):
        self.against[i] = self.against.get(i, 0) + 1 if self.last[i] != self.lead else 0
        if self.against[i] >= self.params["patience"]:
            question.prune(i)
            self.running.remove(i)
''',
    "everyone": '''
def give_up_dissenters(self, question: Question) -> None:
    """Prune the branches that have disagreed for too long with the leading answer of all."""
    said = [self.last[i] for i in (*self.finished, *self.running)]
    lead = majority(answer for answer in said if answer is not None)
    if lead is None:
        return
    for i in list(self.running):
        self.against[i] = self.against.get(i, 0) + 1 if self.last[i] != lead else 0
        if self.against[i] >= self.params["patience"]:
            question.prune(i)
            self.running.remove(i)
''',
}
OVERLONG = '''
def give_up_overlong(self, question: Question) -> None:
    """Prune the branches that run far longer than those that have finished."""
    if len(self.finished) < self.params["few"]:
        return
    longest = self.params["factor"] * self.typical
    for i in [i for i in self.running if self.depth[i] >= longest]:
        question.prune(i)
        self.running.remove(i)
'''
