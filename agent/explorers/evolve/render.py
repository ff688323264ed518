"""Renders a genome as the source of a controller: only the blocks in use, as a person would write them."""

from __future__ import annotations

import re
import textwrap

from .fragments import (
    ADVERBS,
    AGAINST,
    BURST,
    DISSENT,
    DOMINATED,
    ENDS,
    EVERYONE,
    FIRM,
    KEPT,
    LEAVERS,
    LEFT,
    NOUNS,
    OPEN,
    OVERLONG,
    OVERTAKEN,
    RANK,
    SETTLED,
    SHARE,
    SHARPNESS,
    VOTE,
    WAVE,
    WIDTHS,
    WORDS,
)
from .genome import PARAMETERS, Genome, gives_up, measures_lengths

_FROM_ENVS = ("BudgetSpent", "Controller", "Question", "confidence", "leader", "majority")


def render(genome: Genome) -> str:
    """Return a complete Python module with the one `Controller` subclass that ``genome`` describes."""
    return _Source(genome).text()


class _Source:
    """The source of one controller, and the parts of its state that the blocks in use need."""

    def __init__(self, genome: Genome) -> None:
        self.genome = genome
        b = self.blocks = genome.blocks
        self.foresees = b["stop"] in ("overtake", "price")
        self.doubts = b["stop"] in ("confidence", "both", "calm")
        self.steady, self.calm = b["stop"] in ("steady", "both"), b["stop"] == "calm"
        self.gives_up = gives_up(b)
        self.pruned_vote = b["vote"] == "given_up"
        self.shares = b["hopeless"] == "scattered" or b["opening"] == "waves"
        self.short, self.ripe = b["weight"] != "equal", b["weight"] == "ripeness"
        self.typical = measures_lengths(b)
        self.upper = b["typical"] == "upper"
        self.shown = b["abandoned"] != "ignored" or b["first"] == "firm"
        self.leaving = {"against": "weight", "each": "1"}.get(b["abandoned"])
        self.rounds = self.calm or b["early"] == "probes"
        self.voters = "[*self.finished, *self.given_up]" if self.pruned_vote else "self.finished"

    def text(self) -> str:
        b = self.blocks
        pieces = [self.schedule(), self.solve()]
        pieces += [OPEN] * (b["opening"] != "flood") + [WAVE] * (b["opening"] == "waves")
        pieces += [BURST] if b["depth"] == "burst" else []
        pieces += [self.step(), self.count(), self.weigh(), self.sure()]
        pieces += [OVERTAKEN] if self.foresees else []
        pieces += [SETTLED] if b["early"] == "probes" else []
        pieces += [SHARE] if self.shares else []
        pieces += [self.give_up()] if self.gives_up else []
        pieces += [EVERYONE if b["vote"] == "everyone" else VOTE]
        body = "\n\n".join(textwrap.indent(textwrap.dedent(piece).strip("\n"), "    ") for piece in pieces)
        adjectives = "Patient" * (b["disagreement"] != "none") + "Brisk" * (b["length"] != "none")
        title = ADVERBS[b["stop"]] + adjectives + NOUNS[b["opening"]]
        snake = re.sub(r"(?<!^)([A-Z])", r"_\1", title).lower()
        return (
            f"{self.docstring()}\n\n{self.imports(body)}\n\n\nclass {title}(Controller):\n"
            f'    name = "{snake}"\n\n{body}\n'
        )

    def imports(self, body: str) -> str:
        def used(module: str, names: tuple[str, ...]) -> list[str]:
            used_names = [name for name in names if name == "Controller" or re.search(rf"(?<!\.)\b{name}\b", body)]
            return [f"from {module} import {', '.join(used_names)}"] if used_names else []

        lines = used("math", ("ceil", "erfc", "inf", "sqrt")) + used("statistics", ("median",))
        return "\n".join([*lines, "", *used("envs", _FROM_ENVS)]).lstrip("\n")

    def docstring(self) -> str:
        points = [WORDS[slot][choice] for slot, choice in self.blocks.items() if choice in WORDS.get(slot, {})]
        wrapped = [textwrap.fill(point, 110, initial_indent="- ", subsequent_indent="  ") for point in points]
        return f'"""{self.gist()}\n\n' + "\n".join(wrapped) + '\n"""'

    def gist(self) -> str:
        return f"Runs {WIDTHS[self.blocks['opening']]}, {ENDS[self.blocks['stop']]}."

    def schedule(self) -> str:
        lines = [f'        "{name}": {_formula(name, *span)},' for name, span in self.genome.spans.items()]
        summary = "Return every inner parameter as a monotone function of beta."
        head = f'@staticmethod\ndef schedule(beta: float) -> dict[str, float]:\n    """{summary}"""\n    return {{\n'
        return head + "\n".join(lines) + "\n    }"

    def solve(self) -> str:
        b = self.blocks
        flood, probes = b["opening"] == "flood", b["early"] == "probes"
        opening = 'question.branch_many(min(self.params["most"], question.max_branches))' if flood else "[]"
        start = {"trickle": 'self.open(question, self.params["opening"])', "waves": "self.refill(question)"}
        refill = {**start, "trickle": 'self.open(question, self.params["at_once"] - len(self.running))'}
        run = "advance(question)" if b["depth"] == "burst" else "step(question, self.running)"
        sure = "self.sure(question)" if self.calm else "ended and self.sure(question)"
        if probes:
            sure = f"{sure if self.calm else f'({sure})'} or self.settled()"
        hopeless = 'len(self.finished) >= self.params["tries"] and self.share() < self.params["grip"]'
        return _join(
            "def solve(self, question: Question) -> str | None:",
            '    """Run branches until it is time to stop, then vote."""',
            f"    self.running: list[int] = {opening}",
            "    self.finished: list[int] = []  # in order of finishing",
            self.pruned_vote and "    self.given_up: list[int] = []",
            "    self.last: dict[int, str | None] = {}  # what each branch said last",
            self.shown and "    self.shown: dict[int, list[str]] = {}  # all that each branch has said",
            self.ripe and "    self.held: dict[int, int] = {}  # intervals for which it has said so",
            self.typical and f"    self.typical = inf  # {b['typical']} depth of those finished, in intervals",
            "    self.votes: dict[str, float] = {}",
            "    self.lead: str | None = None",
            self.doubts and "    self.doubt = 1.0  # that the leading answer is ahead",
            self.steady and "    self.unchanged = 0  # counts since the lead last changed",
            self.rounds and "    self.rounds = 0",
            self.calm and "    self.changed = 0  # round in which the lead last changed",
            probes and "    self.favourite: str | None = None\n    self.quiet = 0",
            b["disagreement"] != "none" and "    self.against: dict[int, int] = {}  # intervals of dissent on end",
            not flood and f"    {start[b['opening']]}",
            "    while self.running:",
            "        try:",
            f"            {'' if self.calm and b['hopeless'] == 'none' else 'ended = '}self.{run}",
            "        except BudgetSpent:",
            "            break  # no tokens are left: what was seen until now votes",
            self.rounds and "        self.rounds += 1",
            f"        if {sure}:\n            break",
            b["hopeless"] == "scattered" and f"        if ended and {hopeless}:\n            break",
            self.gives_up and "        self.give_up(question)",
            not flood and f"        {refill[b['opening']]}",
            f"    return self.vote({'question' if b['vote'] == 'everyone' else ''})",
        )

    def step(self) -> str:
        return _join(
            "def step(self, question: Question, branches: list[int]) -> bool:",
            '    """Run ``branches`` for one interval side by side; count those that finish, and say if any did."""',
            "    ended = []",
            "    for i, (answer, done) in zip(branches, question.step_many(branches), strict=True):",
            self.ripe and "        self.held[i] = self.held.get(i, 0) + 1 if answer == self.last.get(i) else 1",
            "        self.last[i] = answer",
            self.shown and "        shown = self.shown.setdefault(i, [])",
            self.shown and "        if answer is not None and answer not in shown:\n            shown.append(answer)",
            "        if done:\n            ended.append(i)",
            "    for i in ended:\n        self.running.remove(i)\n        self.finished.append(i)",
            "    if ended:\n        self.count(question)",
            "    return bool(ended)",
        )

    def count(self) -> str:
        return _join(
            "def count(self, question: Question) -> None:",
            '    """Count the votes of those that have finished, and see who leads now."""',
            self.upper and RANK,
            self.typical and not self.upper and "    self.typical = median(question.depth(i) for i in self.finished)",
            f"    self.votes = self.weigh(question, {self.voters})",
            f"    {'lead' if self.steady or self.calm else 'self.lead'} = "
            "max(self.votes, key=lambda answer: self.votes[answer], default=None)",
            self.doubts and "    first, second, *_ = *sorted(self.votes.values(), reverse=True), 0.0, 0.0",
            self.doubts and "    self.doubt = 1 - confidence(max(0, round(first)), max(0, round(second)))",
            self.steady and "    self.unchanged = self.unchanged + 1 if lead == self.lead else 1",
            self.calm and "    if lead != self.lead:\n        self.changed = self.rounds",
            (self.steady or self.calm) and "    self.lead = lead",
        )

    def weigh(self) -> str:
        abandoned = self.blocks["abandoned"]
        length = "length" if self.ripe else "question.depth(i)"
        loop = _join(
            self.ripe and 'length = question.depth(i) - self.params["ripe"] * (self.held[i] - 1)',
            f"weight = {f'min(cap, (self.typical / {length}) ** power)' if self.short else '1.0'}",
            self.pruned_vote and 'if i in self.given_up:\n    weight *= self.params["given_up"]',
            "answer = self.last[i]",
            "if answer is not None:\n    votes[answer] = votes.get(answer, 0.0) + weight",
            self.leaving is not None and f"{LEAVERS}{self.leaving}",
        )
        return _join(
            "def weigh(self, question: Question, voters: list[int]) -> dict[str, float]:",
            '    """Return the votes of ``voters`` for each answer; an absent answer is no vote."""',
            self.short and SHARPNESS,
            "    votes: dict[str, float] = {}",
            self.leaving is not None and "    left: dict[str, float] = {}",
            "    for i in voters:",
            textwrap.indent(loop, "        "),
            abandoned == "share" and KEPT,
            self.leaving is not None and AGAINST,
            "    return votes",
        )

    def sure(self) -> str:
        stop = self.blocks["stop"]
        conditions = {
            "doubt": 'self.doubt <= self.params["doubt"]',
            "unchanged": 'self.unchanged >= self.params["steady"]',
            "calm": 'self.rounds - self.changed >= self.params["calm"] * self.typical',
            "overtake": 'self.overtaken(left) <= self.params["chance"]',
            "price": 'worth <= self.params["price"]',
            "lead": "first - second >= bar",
            "margin": "first - second >= bar",
        }
        asked = ["doubt"] * self.doubts + ["unchanged"] * self.steady + ["calm"] * self.calm
        joined = " and ".join(conditions[name] for name in asked or [stop])
        enough = 'len(self.finished) >= self.params["complete"]'
        ahead = stop in (*LEFT, "overtake")  # the block considers the votes still to come
        apart = ahead or len(asked) > 1  # the condition does not fit on one line
        return _join(
            "def sure(self, question: Question) -> bool:",
            '    """Whether the finished branches have settled the question."""',
            self.blocks["first"] == "firm" and FIRM,
            apart and '    if len(self.finished) < self.params["complete"]:\n        return False',
            ahead and '    left = max(1, min(self.params["most"], question.max_branches) - len(self.finished))',
            LEFT.get(stop, False),
            f"    return {joined if apart else f'{enough} and {joined}'}",
        )

    def give_up(self) -> str:
        disagreement, length = self.blocks["disagreement"], self.blocks["length"]
        why = ["hopeless"] * (length != "none") + ["dissents"] * (disagreement != "none")
        return _join(
            "def give_up(self, question: Question) -> None:",
            '    """Prune the branches of which no more is hoped."""',
            "    for i in list(self.running):",
            length == "median" and OVERLONG,
            disagreement != "none" and DISSENT,
            disagreement == "dominated" and DOMINATED,
            f"        if {' or '.join(why)}:",
            "            question.prune(i)",
            "            self.running.remove(i)",
            self.pruned_vote and "            self.given_up.append(i)",
        )


def _join(*lines: str | bool) -> str:
    """Join the lines that are strings; a line that its block does not need is False."""
    return "\n".join(line for line in lines if isinstance(line, str))


def _formula(name: str, lo: float, hi: float) -> str:
    """Return a constant as an expression in beta."""
    parameter = PARAMETERS[name]
    if lo == hi:
        return f"{lo:g}"
    if parameter.geometric:
        formula = f"{lo:g} * {hi / lo:.4g}**beta"
    else:
        slope = "beta" if abs(hi - lo) == 1 else f"{abs(hi - lo):.4g} * beta"
        formula = f"{lo:g} {'+' if hi > lo else '-'} {slope}"
    return f"round({formula})" if parameter.whole else formula
