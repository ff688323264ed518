"""The methods of a controller that hear its branches, and count their votes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping

from . import fragments as text
from .expression import Expression
from .layout import bare, joined
from .simplify import range_of
from .vocabulary import SCOPES, SLOTS
from .wording import identifier


class VotingMethods:
    """Writes the methods `hear`, `count`, `cast` and `weigh`; `frame` writes the others.

    Attributes:
        formulas: the formulas by slot.
        texts: their Python texts.
        needs: the parts of the state that the features in use need.
        once: whether the weight of a vote never changes, so that it is added once.
        tallies: whether an answer counts anything other than its votes.
        pruned_vote: whether branches that were pruned have a vote.
        bursts: whether a round may be more than one interval.
    """

    formulas: Mapping[str, Expression]
    texts: dict[str, str]
    needs: set[str]
    once: bool
    tallies: bool
    pruned_vote: bool
    bursts: bool

    def used(self, form: str) -> Iterator[Expression]:
        """Yield a node for each signal that is used in the form ``form``."""
        raise NotImplementedError

    def prelude(self, slot: str, local: bool, indent: str) -> list[str]:
        """Return the lines that compute the features of a slot, those of a branch or the others."""
        raise NotImplementedError

    def parameters(self, *slots: str) -> str | bool:
        """Return the line that names the parameters, if a formula needs it."""
        raise NotImplementedError

    def hear(self) -> str:
        needs = self.needs
        changed = joined(
            "dissent" in needs and "changed.append(i)",
            "came" in needs and "self.came[i] = self.rounds - 1",
            "changes" in needs and "self.changes[i] = self.changes.get(i, -1) + 1",
            text.SHOWED if "showed" in needs else "shown" in needs and text.SHOWN,
        )
        heard = (
            text.HEARD.strip("\n").replace("{ended}", "[]").replace("{changed}\n", "{changed}" + "\n" * bool(changed))
        )
        heard = heard.replace("{changed}", textwrap.indent(changed, " " * 12))
        if "dissent" in needs:
            heard = heard.replace("ended = []", "ended, changed = [], []")
        return joined(
            "def hear(self, question: Question, branches: list[int], said: list[tuple[str | None, bool]]) -> bool:",
            '    """Note what ``branches`` say now; count those that finish, and say if any did."""',
            heard,
            "typical" in needs and "        insort(self.lengths, question.depth(i))",
            "fickle" in needs and "        self.answers_shown += len(self.shown.get(i, ()))",
            *self.heed(),
            "        self.cast(question, i)",
            "    if ended:\n        self.count()",
            "dissent" in needs and text.DISSENT,
            "poll" in needs and "    self.poll()",
            not self.bursts and "    self.said = [] if ended else said",
            "    return bool(ended)",
        )

    def heed(self) -> Iterator[str]:
        """Yield the lines that note the signals of branch ``i`` at its end."""
        for node in self.used("rank"):
            name = identifier(node.name)
            yield f"        insort(self.{name}_levels, self.{name}_level(question, i))"
        for node in self.used("lead_level"):
            name = identifier(node.name)
            yield f"        total, count = self.{name}_by_answer.get(self.last[i], (0.0, 0))"
            yield f"        total += self.{name}_level(question, i)"
            yield f"        self.{name}_by_answer[self.last[i]] = total, count + 1"

    def count(self) -> str:
        needs, changes = self.needs, bool(self.needs & {"unchanged", "calm"})
        others, ranked = "others" in needs, "*sorted(self.votes.values(), reverse=True), 0.0, 0.0"
        return joined(
            "def count(self) -> None:",
            '    """Count the votes, and see which answer leads now."""',
            "typical" in needs
            and '    self.typical = self.lengths[ceil(self.params["typical"] * len(self.lengths)) - 1]',
            "    self.votes = self.weigh()",
            f"    {'lead' if changes else 'self.lead'} = "
            "max(self.votes, key=lambda answer: self.votes[answer], default=None)",
            "unchanged" in needs and "    self.unchanged = self.unchanged + 1 if lead == self.lead else 1",
            "calm" in needs and "    if lead != self.lead:\n        self.changed = self.rounds - 1",
            changes and "    self.lead = lead",
            "ranks" in needs and f"    self.first, self.second, *{'rest' if others else '_'} = {ranked}",
            others
            and "    self.others = 0.0\n    for votes in (self.second, *rest):\n        self.others += max(0.0, votes)",
        )

    def poll(self) -> str:
        needs = self.needs
        names = (("favourite", {"poll_calm"}), ("first", {"poll_doubt", "agreement"}), ("second", {"poll_doubt"}))
        wanted = ", ".join(name if uses & needs else "_" for name, uses in names)
        return joined(
            "def poll(self) -> None:",
            '    """See which answer would lead if running branches voted too."""',
            "    said = [self.last.get(i) for i in (*self.finished, *self.running)]",
            f"    {wanted} = leader(answer for answer in said if answer is not None)",
            "poll_doubt" in needs and "    self.poll_doubt = 1 - confidence(first, second) if first else 1.0",
            "agreement" in needs and "    self.agreement = first / len(said)",
            "poll_calm" in needs and "    if favourite != self.favourite:",
            "poll_calm" in needs and "        self.favourite, self.poll_changed = favourite, self.rounds - 1",
        )

    def bounded(self, slot: str) -> str:
        """Return the text of a slot, within its range."""
        rules = SLOTS[slot]
        low, high = range_of(self.formulas[slot], SCOPES[rules.scope])
        inner = bare(self.texts[slot])
        within = rules.low <= low and high <= rules.high
        return self.texts[slot] if within else f"max({rules.low:g}, min({rules.high:g}, {inner}))"

    def factor(self) -> str:
        """Return the weight of a vote as a factor."""
        weight = self.bounded("weight")
        return f"({weight})" if re.search(r" [-+*/] | if ", re.sub(r"\(.*\)", "", weight)) else weight

    def weigh(self) -> str:
        return joined(*(self.cast_once() if self.once else self.cast_ballot()))

    def cast_once(self) -> Iterator[str | bool]:
        share = ", share: float = 1.0" if self.pruned_vote else ""
        weight = self.bounded("weight")
        if self.pruned_vote:
            weight = "share" if weight == "1" else f"share * {self.factor()}"
        yield f"def cast(self, question: Question, i: int{share}) -> None:"
        yield '    """Add the vote of branch ``i``; an absent answer is no vote."""'
        yield "    answer = self.last[i]\n    if answer is not None:"
        yield 'p["' in weight and "        p = self.params"
        yield from self.prelude("weight", True, "        ")
        yield f"        self.ballots[answer] = self.ballots.get(answer, 0.0) + {weight}"
        yield "\ndef weigh(self) -> dict[str, float]:"
        yield '    """Return the votes for each answer."""'
        if not self.tallies:
            yield "    return dict(self.ballots)"
            return
        yield self.parameters("tally")
        yield from self.prelude("tally", False, "    ")
        yield "    counted = {}\n" + self.each_answer("self.ballots")
        yield from self.tally_lines("counted[answer]")
        yield "    return counted"

    def each_answer(self, votes: str) -> str:
        """Return the line of a loop over answers, and over their votes if the formula uses them."""
        used = any(node.op == "votes" for node in self.formulas["tally"].walk())
        return f"    for answer, votes in {votes}.items():" if used else f"    for answer in {votes}:"

    def tally_lines(self, target: str) -> Iterator[str]:
        yield from (line for line in self.prelude("tally", True, "        ") if not line.strip().startswith("votes ="))
        yield f"        {target} = {self.bounded('tally')}"

    def cast_ballot(self) -> Iterator[str | bool]:
        share = ", share: float = 1.0" if self.pruned_vote else ""
        own = [line.strip() for line in self.prelude("weight", True, "")]
        ranks = [line for line in own if "_rank(question, i)" in line]  # a rank changes: the ballot keeps the level
        own = list(dict.fromkeys(line.replace("_rank", "_level") for line in own))
        names = ["answer", *["share"] * self.pruned_vote, *(line.split(" = ")[0] for line in own)]
        values = ["answer", *["share"] * self.pruned_vote, *(line.split(" = ", 1)[1] for line in own)]
        yield f"def cast(self, question: Question, i: int{share}) -> None:"
        yield '    """Add the ballot of branch ``i``; an absent answer is no vote."""'
        yield "    answer = self.last[i]\n    if answer is not None:"
        yield (
            f"        self.ballots.append(({', '.join(values)}))"
            if values[1:]
            else "        self.ballots.append((answer,))"
        )
        yield "\ndef weigh(self) -> dict[str, float]:"
        yield '    """Return the votes for each answer."""'
        yield self.parameters("weight", "tally")
        shared = dict.fromkeys([*self.prelude("weight", False, "    "), *self.prelude("tally", False, "    ")])
        yield from shared
        yield "    counted: dict[str, float] = {}"
        yield f"    for {', '.join(names)}{',' * (not names[1:])} in self.ballots:"
        for line in ranks:
            name = line.split("_rank = ")[0]
            yield f"        {name}_rank = bisect_left(self.{name}_levels, {name}_level) / len(self.{name}_levels)"
        weight = self.bounded("weight")
        if self.pruned_vote:
            weight = "share" if weight == "1" else f"share * {self.factor()}"
        yield f"        counted[answer] = counted.get(answer, 0.0) + {weight}"
        if self.tallies:
            yield self.each_answer("counted")
            yield from self.tally_lines("counted[answer]")
        yield "    return counted"
