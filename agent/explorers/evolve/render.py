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
    HEEDED,
    HELD,
    KEPT,
    LEFT,
    LONE,
    NEW,
    NOUNS,
    OPEN,
    OVERLONG,
    OVERTAKEN,
    QUIET,
    RANK,
    SAID_BY,
    SHARE,
    SHARPNESS,
    SINCE,
    SURE_OF_ONE,
    VOTE,
    WAVE,
    WHAT,
    WHO,
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
        self.leaves, self.kept = b["abandoned"] in ("against", "each"), b["abandoned"] == "share"
        self.probes, self.disagrees = b["early"] == "probes", b["disagreement"] != "none"
        self.burst = b["depth"] == "burst"
        self.patient = self.gives_up and not self.burst  # it knows how long no branch can be given up
        self.heeds = self.patient and self.disagrees  # it knows who disagrees without asking all
        self.rounds = self.calm or self.probes or self.disagrees or self.patient or (self.ripe and not self.burst)
        self.tallies = not self.short and not self.pruned_vote  # a vote never changes once it is cast

    def text(self) -> str:
        b = self.blocks
        pieces = [self.schedule(), self.solve()]
        opened = OPEN + SINCE * self.disagrees + (NEW if self.patient and b["length"] != "none" else "")
        pieces += [opened] * (b["opening"] != "flood") + [WAVE] * (b["opening"] == "waves")
        pieces += [BURST] if self.burst else []
        pieces += [self.hear(), self.count(), self.cast() if self.tallies else self.ballot(), self.weigh(), self.sure()]
        pieces += [OVERTAKEN] if self.foresees else []
        pieces += [self.settled()] if self.probes else []
        pieces += [SHARE] if self.shares else []
        pieces += [self.give_up()] if self.gives_up else []
        pieces += [self.everyone() if b["vote"] == "everyone" else VOTE]
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

        lines = used("bisect", ("insort",)) + used("math", ("ceil", "erfc", "inf", "sqrt"))
        lines += used("statistics", ("median",))
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
        flood = b["opening"] == "flood"
        opening = 'question.branch_many(min(self.params["most"], question.max_branches))' if flood else "[]"
        start = {"trickle": 'self.open(question, self.params["opening"])', "waves": "self.refill(question)"}
        lacking = {"trickle": 'len(self.running) < self.params["at_once"]', "waves": "not self.running"}
        refill = {**start, "trickle": 'self.open(question, self.params["at_once"] - len(self.running))'}
        hopeless = 'len(self.finished) >= self.params["tries"] and self.share() < self.params["grip"]'
        return _join(
            "def solve(self, question: Question) -> str | None:",
            '    """Run branches until it is time to stop, then vote."""',
            *self.state(opening),
            not flood and f"    {start[b['opening']]}",
            "    while self.running:",
            self.burst and self.rounds and "        self.rounds += 1",
            "        try:",
            *self.interval(),
            self.calm and "        if self.sure(question):\n            break",
            self.probes and f"        if {self.enough()}:\n            break",
            not self.calm and not self.probes and "        if ended and self.sure(question):\n            break",
            self.watches and "        if not news:\n            continue",
            b["hopeless"] == "scattered" and f"        if ended and {hopeless}:\n            break",
            self.gives_up and self.burst and "        self.give_up(question)",
            self.patient and "        if ended or self.rounds >= self.due:\n            self.give_up(question)",
            not flood and f"        if {lacking[b['opening']]}:\n            {refill[b['opening']]}",
            f"    return self.vote({'question' if b['vote'] == 'everyone' else ''})",
        )

    def state(self, opening: str) -> list[str | bool]:
        b = self.blocks
        said = "  # by those running, in the last interval"
        return [
            f"    self.running: list[int] = {opening}",
            "    self.finished: list[int] = []  # in order of finishing",
            not self.burst and f"    self.said: list[tuple[str | None, bool]] = []{said}",
            "    self.last: list[str | int | None] = [0] * len(self.running)  # what each branch said last; 0 before",
            self.shown
            and not self.kept
            and "    self.shown: dict[int, list[str]] = {}  # all that each branch has said",
            self.kept and "    self.shown: dict[str, dict[int, bool]] = {}  # branches that have said each answer",
            self.ripe and not self.burst and "    self.came: dict[int, int] = {}  # round before it came to its answer",
            self.ripe and self.burst and "    self.held: dict[int, int] = {}  # intervals for which it has said so",
            self.typical and "    self.lengths: list[int] = []  # of those finished, sorted",
            self.typical and f"    self.typical = inf  # {b['typical']} depth of those finished, in intervals",
            self.tallies and "    self.tally: dict[str, float] = {}  # votes as they were cast",
            self.tallies and self.leaves and "    self.left: dict[str, float] = {}  # branches that left each answer",
            not self.tallies and "    self.ballots = []  # of those finished",
            self.pruned_vote and "    self.given_up = []  # ballots of those given up",
            "    self.votes: dict[str, float] = {}",
            "    self.lead: str | None = None",
            self.doubts and "    self.doubt = 1.0  # that the leading answer is ahead",
            self.steady and "    self.unchanged = 0  # counts since the lead last changed",
            self.rounds and "    self.rounds = 0",
            self.calm and "    self.changed = 0  # round before the lead last changed",
            self.probes and "    self.favourite: str | None = None\n    self.certain = False\n    self.quiet = 0",
            self.disagrees
            and "    self.dissent = [0] * len(self.running)  # round in which each began to disagree, or 0",
            self.patient and "    self.due = inf  # round in which the next branch may be given up",
        ]

    @property
    def watches(self) -> bool:
        """Whether it has to look at every interval, even if no branch says anything new."""
        return not self.burst and (self.calm or self.probes)

    def interval(self) -> list[str | bool]:
        """Return the code that runs one interval, and hears what is new."""
        spent = "        except BudgetSpent:\n            break  # no tokens are left: what was seen until now votes"
        used = self.blocks["hopeless"] == "scattered" or not self.calm or self.patient
        if self.burst:
            return [f"            {'ended = ' if used else ''}self.advance(question)", spent]
        run = ["            said = question.step_many(self.running)", spent, self.rounds and "        self.rounds += 1"]
        hear = "self.hear(question, self.running, said)"
        if self.watches:
            news = f"        news = said != self.said{' or self.rounds >= self.due' if self.patient else ''}"
            heard = f"        ended = news and {hear}" if used else f"        if news:\n            {hear}"
            return [*run, news, heard]
        old = f"        if said == self.said{' and self.rounds < self.due' if self.patient else ''}:"
        return [*run, f"{old}\n            continue  # nothing new", f"        ended = {hear}"]

    def enough(self) -> str:
        settled = f"self.settled({'news' if self.watches else ''})"
        return settled if self.calm else f"(ended and self.sure(question)) or {settled}"

    def hear(self) -> str:
        change = _join(
            "last[i] = answer",
            self.heeds and "changed.append(i)",
            self.ripe and not self.burst and "self.came[i] = self.rounds - 1",
            self.kept and WHO,
            self.shown and not self.kept and WHAT,
        )
        vote = "self.cast(i)" if self.tallies else "self.ballots.append(self.ballot(question, i))"
        return _join(
            "def hear(self, question: Question, branches: list[int], said: list[tuple[str | None, bool]]) -> bool:",
            '    """Note what ``branches`` say now; count those that finish, and say if any did."""',
            f"    ended, {'changed, last = [], []' if self.heeds else 'last = []'}, self.last",
            "    for i, (answer, done) in zip(branches, said, strict=True):",
            self.ripe and self.burst and HELD,
            "        if answer != last[i]:",
            textwrap.indent(change, "            "),
            "        if done:\n            ended.append(i)",
            "    for i in ended:\n        self.running.remove(i)\n        self.finished.append(i)",
            self.typical and "        insort(self.lengths, question.depth(i))",
            f"        {vote}",
            "    if ended:\n        self.count()",
            self.heeds and HEEDED,
            not self.burst and "    self.said = [] if ended else said",
            "    return bool(ended)",
        )

    def count(self) -> str:
        return _join(
            "def count(self) -> None:",
            '    """Count the votes of those that have finished, and see who leads now."""',
            self.upper and RANK,
            self.typical and not self.upper and "    self.typical = median(self.lengths)",
            f"    self.votes = self.weigh({'' if self.tallies else 'self.ballots'})",
            f"    {'lead' if self.steady or self.calm else 'self.lead'} = "
            "max(self.votes, key=lambda answer: self.votes[answer], default=None)",
            self.doubts and "    first, second, *_ = *sorted(self.votes.values(), reverse=True), 0.0, 0.0",
            self.doubts and "    self.doubt = 1 - confidence(max(0, round(first)), max(0, round(second)))",
            self.steady and "    self.unchanged = self.unchanged + 1 if lead == self.lead else 1",
            self.calm and "    if lead != self.lead:\n        self.changed = self.rounds - 1",
            (self.steady or self.calm) and "    self.lead = lead",
        )

    def cast(self) -> str:
        return _join(
            "def cast(self, i: int) -> None:",
            '    """Add the vote of branch ``i``; an absent answer is no vote."""',
            "    answer = self.last[i]",
            "    if answer is not None:\n        self.tally[answer] = self.tally.get(answer, 0.0) + 1.0",
            self.leaves and "    for other in self.shown.get(i, []):\n        if other != answer:",
            self.leaves and "            self.left[other] = self.left.get(other, 0.0) + 1",
        )

    def ballot(self) -> str:
        parts = ["answer"]
        if self.short:
            parts += ["length"]
        if self.leaves:
            parts += ["[other for other in self.shown.get(i, []) if other != answer]"]
        held = "self.held[i]" if self.burst else "self.rounds - self.came[i]"
        ripe = f' - self.params["ripe"] * ({held} - 1)' if self.ripe else ""
        says = ["what branch ``i`` says", *["its length"] * self.short, *["what it has said before"] * self.leaves]
        return _join(
            "def ballot(self, question: Question, i: int):",
            f'    """Return {", ".join(says[:-1])}{" and " if says[1:] else ""}{says[-1]}."""',
            "    answer = self.last[i]" if parts[1:] else "    return self.last[i]",
            self.short and f"    length = question.depth(i){ripe}",
            bool(parts[1:]) and f"    return {', '.join(parts)}",
        )

    def weigh(self) -> str:
        if self.tallies:
            changes = [self.kept and KEPT, self.leaves and AGAINST.replace("left.get", "self.left.get")]
            copied = ["    votes = dict(self.tally)", *changes, "    return votes"]
            return _join(
                "def weigh(self) -> dict[str, float]:",
                '    """Return the votes for each answer."""',
                *(copied if any(changes) else ["    return dict(self.tally)"]),
            )
        fields = ", ".join(["answer", *["length"] * self.short, *["others"] * self.leaves])
        weight = "min(cap, (typical / length) ** power)" if self.short else "1.0"
        weight += " * share" if self.pruned_vote else ""
        each = self.blocks["abandoned"] == "each"
        vote = "weight" if self.leaves and not each else weight
        loop = _join(
            f"for {fields} in ballots:",
            self.leaves and not each and f"    weight = {weight}",
            f"    if answer is not None:\n        votes[answer] = votes.get(answer, 0.0) + {vote}",
            self.leaves and "    for other in others:",
            self.leaves and f"        left[other] = left.get(other, 0.0) + {'1' if each else 'weight'}",
        )
        shares = 'for ballots, share in ((finished, 1.0), (self.given_up, self.params["given_up"])):'
        name = "finished" if self.pruned_vote else "ballots"
        return _join(
            f"def weigh(self, {name}: list) -> dict[str, float]:",
            f'    """Return the votes of ``{name}`` for each answer; an absent answer is no vote."""',
            self.short and SHARPNESS,
            "    votes: dict[str, float] = {}",
            self.leaves and "    left: dict[str, float] = {}",
            self.pruned_vote and f"    {shares}",
            textwrap.indent(loop, "        " if self.pruned_vote else "    "),
            self.kept and KEPT,
            self.leaves and AGAINST,
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
            self.blocks["first"] == "firm" and FIRM.format(SAID_BY if self.kept else "self.shown.get(first, [])"),
            apart and '    if len(self.finished) < self.params["complete"]:\n        return False',
            ahead and '    left = max(1, min(self.params["most"], question.max_branches) - len(self.finished))',
            LEFT.get(stop, False),
            f"    return {joined if apart else f'{enough} and {joined}'}",
        )

    def settled(self) -> str:
        watches = self.watches
        return _join(
            f"def settled(self{', news: bool' if watches else ''}) -> bool:",
            '    """Whether finished and running branches have been sure of one answer for long enough."""',
            "    before = self.favourite",
            watches and "    if news:",
            textwrap.indent(SURE_OF_ONE, "        " if watches else "    "),
            QUIET,
        )

    def everyone(self) -> str:
        ballots, cast = "ballots", "    ballots = [*self.ballots, *(self.ballot(question, i) for i in running)]"
        if self.tallies:
            ballots, cast = "", "    for i in running if self.finished else []:\n        self.cast(i)"
        votes = f"    votes = self.weigh({ballots}) if self.finished else {{}}"
        return EVERYONE.replace("    votes = {}", f"{cast}\n{votes}")

    def give_up(self) -> str:
        disagreement, long = self.blocks["disagreement"], self.blocks["length"] != "none"
        dominated = disagreement == "dominated"
        lone = LONE.format(*("min(wait, ", ")") if long else ("", ""))
        return _join(
            "def give_up(self, question: Question) -> None:",
            '    """Prune the branches of which no more is hoped."""',
            self.patient and "    self.due = inf",
            dominated and "    most = max(self.votes.values(), default=0.0)",
            "    for i in list(self.running):",
            "        wait = inf  # intervals until it may be given up",
            long and OVERLONG,
            self.disagrees and DISSENT,
            dominated and DOMINATED,
            self.disagrees and (textwrap.indent(lone, "    ") if dominated else lone),
            "        if wait <= 0:",
            "            question.prune(i)",
            "            self.running.remove(i)",
            not self.burst and "            self.said = []",
            self.pruned_vote and "            self.given_up.append(self.ballot(question, i))",
            self.patient and "        else:\n            self.due = min(self.due, self.rounds + wait)",
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
