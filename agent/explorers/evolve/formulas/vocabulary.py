"""The features that formulas speak of: their types, their ranges, how a controller computes them, and their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ....records.explorer import SignalSummary
from .expression import B, L, N, S

Scope = Literal["episode", "branch", "ballot", "answer"]
EVERY_ROUND = ("episode", "branch")
"""Scopes whose formulas are looked at every round: only their numbers have a past."""
MANY = 1e6
"""More branches, votes or intervals than an episode has: the upper end of ranges."""
UNKNOWN_LENGTH = 1e9
"""The typical length before a branch has finished: no branch is that long."""


@dataclass(frozen=True, slots=True)
class FormulaFeature:
    """A feature of a scope.

    Attributes:
        type: its type.
        low, high: its range.
        code: the expression that computes it; empty if the frame provides it under its own name.
        words: its meaning, for the docstring of a controller.
        needs: the parts of the frame's state that it needs.
        grows: whether it grows by 1 with every round until the votes or the branch's answer change. Conditions that
            wait for it need not be looked at before.
        varies: whether it may change in a round in which no branch says anything new.
        local: whether it belongs to one branch, one ballot or one answer.
    """

    type: str
    low: float
    high: float
    code: str
    words: str
    needs: tuple[str, ...] = ()
    grows: bool = False
    varies: bool = False
    local: bool = False


_LEFT = 'max(1, min(self.params["most"], question.max_branches) - len(self.finished))'
EPISODE: dict[str, FormulaFeature] = {
    "finished": FormulaFeature(N, 0, MANY, "len(self.finished)", "branches that have finished"),
    "running": FormulaFeature(N, 0, MANY, "len(self.running)", "branches that run"),
    "left": FormulaFeature(N, 1, MANY, _LEFT, "branches that may still finish"),
    "room": FormulaFeature(
        S,
        1e-6,
        1,
        '1 - len(self.finished) / max(1 + len(self.finished), min(self.params["most"], question.max_branches))',
        "the share of the width that is left",
    ),
    "first": FormulaFeature(N, -MANY, MANY, "self.first", "votes of the leading answer", ("ranks",)),
    "second": FormulaFeature(N, -MANY, MANY, "self.second", "votes of the second answer", ("ranks",)),
    "others": FormulaFeature(
        N, 0, MANY, "self.others", "votes of all answers but the leading one", ("ranks", "others")
    ),
    "lead": FormulaFeature(
        N, 0, MANY, "self.first - self.second", "votes of the leading answer less those of the second", ("ranks",)
    ),
    "share": FormulaFeature(
        S,
        0,
        1,
        "max(0.0, self.first) / max(1e-6, self.first + self.others)",
        "the leading answer's share of the votes",
        ("ranks", "others"),
    ),
    "doubt": FormulaFeature(
        S,
        0,
        1,
        "1 - confidence(max(0, round(self.first)), max(0, round(self.second)))",
        "the probability that the leading answer is not the likelier one, given its votes and those of the second",
        ("ranks",),
    ),
    "chance": FormulaFeature(
        S, 0, 1, f"self.overtaken({_LEFT})", "the chance that the second answer still catches up", ("overtaken",)
    ),
    "worth": FormulaFeature(
        S,
        0,
        1,
        f"self.worth({_LEFT})",
        "the largest chance, by further vote, that the second answer catches up",
        ("overtaken", "worth"),
    ),
    "unchanged": FormulaFeature(
        N, 0, MANY, "self.unchanged", "branches that finished since the lead changed", ("unchanged",)
    ),
    "answers": FormulaFeature(N, 0, MANY, "len(self.votes)", "answers that have votes"),
    "fickle": FormulaFeature(
        N,
        0,
        MANY,
        "self.answers_shown / max(1, len(self.finished))",
        "answers that a finished branch has shown, on average",
        ("shown", "fickle"),
    ),
    "typical": FormulaFeature(
        L, 1, UNKNOWN_LENGTH, "self.typical", "the typical length of the branches that finished", ("typical",)
    ),
    "calm": FormulaFeature(
        L, 0, MANY, "self.rounds - self.changed", "rounds since the lead changed", ("calm",), grows=True
    ),
    "rounds": FormulaFeature(
        L, 1, MANY, "self.rounds", "rounds so far: intervals of the longest-running branch", ("rounds",), grows=True
    ),
    "poll_doubt": FormulaFeature(
        S,
        0,
        1,
        "self.poll_doubt",
        "the doubt if running branches voted too, each for its present answer",
        ("poll", "poll_doubt"),
    ),
    "agreement": FormulaFeature(
        S,
        0,
        1,
        "self.agreement",
        "the share of all branches, running ones too, that give the most frequent answer now",
        ("poll", "agreement"),
    ),
    "poll_calm": FormulaFeature(
        L,
        0,
        MANY,
        "self.rounds - self.poll_changed",
        "rounds since the leader of that vote changed",
        ("poll", "poll_calm"),
        grows=True,
    ),
}
"""Features of the episode, for when to stop and how many branches run."""
_FOR_BRANCHES = ("finished", "running", "room", "first", "second", "lead", "share", "doubt", "typical", "rounds")

BRANCH: dict[str, FormulaFeature] = {
    **{name: EPISODE[name] for name in _FOR_BRANCHES},
    "depth": FormulaFeature(
        L, 0, MANY, "question.depth(i)", "intervals that the branch has run", ("rounds",), grows=True, local=True
    ),
    "dissent": FormulaFeature(
        L,
        0,
        MANY,
        "self.rounds - self.dissent.get(i, self.rounds)",
        "rounds for which the branch has disagreed with the leading answer",
        ("dissent",),
        grows=True,
        local=True,
    ),
    "held": FormulaFeature(
        L,
        0,
        MANY,
        "self.rounds - self.came.get(i, self.rounds)",
        "rounds for which the branch has stood by its answer",
        ("came",),
        grows=True,
        local=True,
    ),
    "own": FormulaFeature(
        N, -MANY, MANY, "self.votes.get(self.last.get(i), 0.0)", "votes for the branch's present answer", (), local=True
    ),
    "behind": FormulaFeature(
        N,
        0,
        MANY,
        "self.first - self.votes.get(self.last.get(i), 0.0)",
        "votes by which the branch's present answer is behind the leading one",
        ("ranks",),
        local=True,
    ),
    "changes": FormulaFeature(
        N, 0, MANY, "self.changes.get(i, 0)", "times that the branch has changed its mind", ("changes",), local=True
    ),
    "shown": FormulaFeature(
        N, 0, MANY, "len(self.shown.get(i, ()))", "different answers that the branch has shown", ("shown",), local=True
    ),
    "agrees": FormulaFeature(
        B, 0, 1, "self.last.get(i) == self.lead is not None", "the branch gives the leading answer", (), local=True
    ),
}
"""Features of a running branch, for whom to prune and how far to advance."""

BALLOT: dict[str, FormulaFeature] = {
    "finished": EPISODE["finished"],
    "typical": EPISODE["typical"],
    "length": FormulaFeature(L, 1, MANY, "question.depth(i)", "intervals that the branch has run", (), local=True),
    "held": FormulaFeature(
        L,
        0,
        MANY,
        "self.rounds - self.came[i]",
        "rounds for which the branch stood by its answer",
        ("came",),
        local=True,
    ),
    "changes": BRANCH["changes"],
    "shown": BRANCH["shown"],
}
"""Features of a branch that has finished or was pruned, for what its vote weighs."""

ANSWER: dict[str, FormulaFeature] = {
    "finished": EPISODE["finished"],
    "votes": FormulaFeature(N, -MANY, MANY, "", "the votes for the answer", (), local=True),
    "showed": FormulaFeature(
        N, 1, MANY, "self.showed[answer]", "branches that have shown the answer", ("shown", "showed"), local=True
    ),
    "kept": FormulaFeature(
        N, 0, MANY, "self.kept[answer]", "branches of these that did not leave it", ("shown", "showed"), local=True
    ),
}
"""Features of an answer, for what its votes count in the end."""

_LEVEL = FormulaFeature(
    S, -4, 4, "", "{name} of the branch at its end, in usual deviations from its usual value", local=True
)
_RANK = FormulaFeature(
    S, 0, 1, "", "the share of the branches so far whose {name} at their end was lower", varies=True, local=True
)
_MEAN = FormulaFeature(
    S, -4, 4, "", "mean {name} of the branch over its rounds, in usual deviations from the usual value", varies=True,
    local=True,
)  # fmt: skip
SIGNALS: dict[str, dict[str, FormulaFeature]] = {
    "episode": {
        "lead_level": FormulaFeature(
            S, -4, 4, "", "{name} of the finished branches for the leading answer, on average, in usual deviations"
        ),
    },
    "branch": {"mean": _MEAN},
    "ballot": {"level": _LEVEL, "rank": _RANK, "mean": _MEAN},
    "answer": {},
}
"""The forms in which a formula may use a signal, by scope.

A running branch has the mean over its rounds alone: to prune by the present value of a number that tells nothing prunes
long branches more often, which helps, and looks like a use of the number.
"""
SIGNAL_FORMS = frozenset(form for forms in SIGNALS.values() for form in forms)

SCOPES: dict[str, dict[str, FormulaFeature]] = {
    scope: {**features, **SIGNALS[scope]}
    for scope, features in (("episode", EPISODE), ("branch", BRANCH), ("ballot", BALLOT), ("answer", ANSWER))
}
"""All features of each scope, the forms of signals included."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A decision of the frame: the type and scope of its formula, the range of its value, and a sentence."""

    type: str
    scope: Scope
    low: float
    high: float
    words: str
    direction: int = 0
    """+1 if a larger value spends more tokens, -1 if less, 0 if unknown."""


SLOTS: dict[str, Slot] = {
    "most": Slot(N, "episode", 1, 512, "Opens at most {} branches.", 1),
    "open": Slot(N, "episode", 1, 512, "As branches end, opens others, so that this many run: {}.", 1),
    "advance": Slot(N, "branch", 1, 8, "In a round, a branch runs this many intervals: {}.", 1),
    "stop": Slot(B, "episode", 0, 1, "Stops when {}.", -1),
    "typical": Slot(
        S, "episode", 0.25, 1, "The typical length is one that a share {} of those finished do not exceed."
    ),
    "prune": Slot(B, "branch", 0, 1, "Prunes a branch when {}.", -1),
    "given_up": Slot(S, "ballot", 0, 1, "A branch that was pruned has this share of a vote: {}."),
    "weight": Slot(S, "ballot", 0, 9, "A vote weighs {}."),
    "tally": Slot(N, "answer", -99, 999, "In the end, an answer counts {}."),
}
"""The slots, in the order in which they are explained."""
PLAIN = ("most", "typical")
"""Slots that hold a constant alone."""


def forms_of(scope: str, signal: SignalSummary) -> list[str]:
    """Return the forms in which formulas of ``scope`` may use ``signal``."""
    return [form for form in SIGNALS[scope] if signal.final or form == "mean"]


def types_of(scope: str) -> Mapping[str, str]:
    """Return the type of each feature of ``scope``."""
    return {name: feature.type for name, feature in SCOPES[scope].items()}
