"""From a genome to the source of its controller: only the blocks in use, written as a person would write them."""

from __future__ import annotations

import re
import textwrap

from .fragments import (
    ADVERBS,
    BURST,
    DISSENT,
    ENDS,
    HOPELESS,
    NOUNS,
    OPEN,
    OPEN_WITH_DEPTH,
    OVERLONG,
    REFILL,
    SETTLED,
    WIDTHS,
    WORDS,
)
from .genome import PARAMETERS, Genome

_FROM_ENVS = ("BudgetSpent", "Controller", "Question", "confidence", "leader", "majority", "weighted_majority")


def render(genome: Genome) -> str:
    """Return a complete Python module with the one `Controller` subclass that ``genome`` describes."""
    return _Source(genome).text()


class _Source:
    """The text of one controller, and what of its state the blocks in use need."""

    def __init__(self, genome: Genome) -> None:
        self.genome = genome
        b = self.blocks = genome.blocks
        self.doubts = b["stop"] in ("confidence", "both", "calm")
        self.leads = b["stop"] != "confidence" or b["depth"] == "burst" or b["disagreement"] == "finished"
        self.shares = b["hopeless"] == "scattered" or b["opening"] == "waves"
        self.lengths = b["length"] != "none" or b["weight"] == "length" or b["stop"] == "calm"
        self.typical = "fmean" if b["length"] == "mean" else "median"

    def text(self) -> str:
        b = self.blocks
        pieces = [self.schedule(), self.solve()]
        pieces += [OPEN if not self.lengths else OPEN_WITH_DEPTH] if b["opening"] != "flood" else []
        pieces += [REFILL[b["opening"]]] if b["opening"] != "flood" else []
        pieces += [BURST] if b["depth"] == "burst" else []
        pieces += [self.step(), self.count(), self.sure()]
        pieces += [SETTLED] if b["early"] == "probes" else []
        pieces += [HOPELESS] if b["hopeless"] == "scattered" else []
        pieces += [DISSENT[b["disagreement"]]] if b["disagreement"] != "none" else []
        pieces += [OVERLONG] if b["length"] != "none" else []
        pieces += [self.vote()]
        body = "\n\n".join(textwrap.indent(textwrap.dedent(piece).strip("\n"), "    ") for piece in pieces)
        adjectives = "Patient" * (b["disagreement"] != "none") + "Brisk" * (b["length"] != "none")
        title = ADVERBS[b["stop"]] + adjectives + NOUNS[b["opening"]]
        snake = re.sub(r"(?<!^)([A-Z])", r"_\1", title).lower()
        return (
            f"{self.docstring()}\n\n{self.imports(body)}\n\n\nclass {title}(Controller):\n"
            f'    """{self.gist("A policy that runs")}"""\n\n    name = "{snake}"\n\n{body}\n'
        )

    def imports(self, body: str) -> str:
        def used(module: str, names: tuple[str, ...]) -> list[str]:
            found = [name for name in names if name == "Controller" or re.search(rf"(?<!\.)\b{name}\b", body)]
            return [f"from {module} import {', '.join(found)}"] if found else []

        lines = used("math", ("ceil", "inf")) + used("statistics", ("fmean", "median"))
        return "\n".join([*lines, "", *used("envs", _FROM_ENVS)]).lstrip("\n")

    def docstring(self) -> str:
        points = [WORDS[slot][choice] for slot, choice in self.blocks.items() if choice in WORDS[slot]]
        wrapped = [textwrap.fill(point, 110, initial_indent="- ", subsequent_indent="  ") for point in points]
        return f'"""{self.gist("Runs")}\n\n' + "\n".join(wrapped) + '\n"""'

    def gist(self, verb: str) -> str:
        return f"{verb} {WIDTHS[self.blocks['opening']]}, {ENDS[self.blocks['stop']]}."

    def schedule(self) -> str:
        lines = [f'        "{name}": {_formula(name, *span)},' for name, span in self.genome.spans.items()]
        what = "Return every inner parameter as a monotone function of beta."
        head = f'@staticmethod\ndef schedule(beta: float) -> dict[str, float]:\n    """{what}"""\n    return {{\n'
        return head + "\n".join(lines) + "\n    }"

    def solve(self) -> str:
        b = self.blocks
        flood, burst = b["opening"] == "flood", b["depth"] == "burst"
        opening = 'question.branch_many(min(self.params["most"], question.max_branches))' if flood else "[]"
        depth = " = dict.fromkeys(self.running, 0)" if flood else ": dict[int, int] = {}"
        steady, calm = b["stop"] in ("steady", "both"), b["stop"] == "calm"
        stops = ["self.sure()"]
        stops += ["self.settled()"] * (b["early"] == "probes") + ["self.hopeless()"] * (b["hopeless"] == "scattered")
        stop = stops[0] if len(stops) == 1 else f"({' or '.join(stops)})"
        start = {"trickle": 'self.open(question, self.params["opening"])', "waves": "self.refill(question)"}
        return _join(
            "def solve(self, question: Question) -> str | None:",
            '    """Run branches until it is time to stop, then vote."""',
            f"    self.running: list[int] = {opening}",
            "    self.finished: list[int] = []  # in order of finishing",
            "    self.last: dict[int, str | None] = {}  # what each branch said last",
            self.lengths and f"    self.depth{depth}  # in intervals",
            self.lengths and f"    self.typical = inf  # {self.typical.removeprefix('f')} depth of those finished",
            "    self.votes: list[str | None] = []",
            self.leads and "    self.lead: str | None = None",
            self.doubts and "    self.doubt = 1.0  # that the leading answer is ahead",
            self.shares and "    self.share = 0.0  # of the votes, for the leading answer",
            steady and "    self.unchanged = 0  # votes since the lead last changed",
            calm and "    self.rounds = self.changed = 0  # rounds run, and at the last change of lead",
            b["early"] == "probes" and "    self.favourite: str | None = None\n    self.quiet = 0",
            b["disagreement"] != "none" and "    self.against: dict[int, int] = {}  # intervals of dissent on end",
            not flood and f"    {start[b['opening']]}",
            f"    while self.running and not {stop}:",
            "        try:",
            f"            self.{'advance(question)' if burst else 'step(question, self.running)'}",
            "        except BudgetSpent:",
            "            break  # no tokens are left: what was seen until now votes",
            calm and "        self.rounds += 1",
            b["disagreement"] != "none" and "        self.give_up_dissenters(question)",
            b["length"] != "none" and "        self.give_up_overlong(question)",
            not flood and "        self.refill(question)",
            "    return self.vote()",
        )

    def step(self) -> str:
        return _join(
            "def step(self, question: Question, branches: list[int]) -> None:",
            '    """Run ``branches`` for one interval side by side, and count those that finish."""',
            "    ended = []",
            "    for i, (answer, done) in zip(branches, question.step_many(branches), strict=True):",
            "        self.last[i] = answer",
            self.lengths and "        self.depth[i] += 1",
            "        if done:",
            "            ended.append(i)",
            "    for i in ended:",
            "        self.running.remove(i)",
            "        self.finished.append(i)",
            "        self.count(self.last[i])",
        )

    def count(self) -> str:
        stop = self.blocks["stop"]
        names = f"{'lead' if self.leads else '_'}, first, {'second' if self.doubts else '_'}"
        only_lead = not self.doubts and not self.shares
        return _join(
            "def count(self, answer: str | None) -> None:",
            '    """Add the final answer of a branch to the votes, and see who leads now."""',
            self.lengths and f"    self.typical = {self.typical}(self.depth[i] for i in self.finished)",
            self.blocks["absent"] == "left_out" and "    if answer is None:\n        return",
            "    self.votes.append(answer)",
            f"    {'lead = majority(self.votes)' if only_lead else f'{names} = leader(self.votes)'}",
            self.doubts and "    self.doubt = 1 - confidence(first, second)",
            self.shares and "    self.share = first / len(self.votes)",
            stop in ("steady", "both") and "    self.unchanged = self.unchanged + 1 if lead == self.lead else 1",
            stop == "calm" and "    if lead != self.lead:\n        self.changed = self.rounds",
            self.leads and "    self.lead = lead",
        )

    def sure(self) -> str:
        conditions = ['len(self.votes) >= self.params["complete"]']
        conditions += ['self.doubt <= self.params["doubt"]'] * self.doubts
        conditions += ['self.unchanged >= self.params["steady"]'] * (self.blocks["stop"] in ("steady", "both"))
        calm = 'self.rounds - self.changed >= self.params["calm"] * self.typical'
        conditions += [calm] * (self.blocks["stop"] == "calm")
        joined = " and ".join(conditions)
        if len(joined) > 100:
            joined = "(\n        " + "\n        and ".join(conditions) + "\n    )"
        return _join(
            "def sure(self) -> bool:",
            '    """Whether the finished branches have settled the question."""',
            f"    return {joined}",
        )

    def vote(self) -> str:
        everyone, weighted = self.blocks["vote"] == "everyone", self.blocks["weight"] == "length"
        who = "(*self.finished, *self.running)" if everyone else "self.finished"
        whose, last = ("all not given up", "self.last.get(i)") if everyone else ("those finished", "self.last[i]")
        weigh = '    power = self.params["power"]\n    return weighted_majority('
        weigh += "(self.last[i], min(1.0, self.typical / self.depth[i]) ** power) for i in voters)"
        return _join(
            "def vote(self) -> str | None:",
            f'    """Return the answer with {"most weight" if weighted else "most votes"} among {whose}."""',
            f"    voters = [i for i in {who} if {last} is not None]",
            "    if not voters:  # then anything that any branch has said",
            "        voters = [i for i, answer in self.last.items() if answer is not None]",
            weigh if weighted else "    return majority(self.last[i] for i in voters)",
        )


def _join(*lines: str | bool) -> str:
    """Join the lines that are there: a line that its block does not need is False."""
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
