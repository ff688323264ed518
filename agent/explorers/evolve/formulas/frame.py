"""The frame: one readable `solve` loop with a formula in each slot, written as the source of a controller.

A round advances every running branch. Nothing is decided in a round in which no branch says anything new, before the
round ``due``, in which a condition that waits for time to pass may first hold (`wording.waiting`): most rounds of a
replay cost one comparison. State that no formula needs is left out.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from . import fragments as text
from .expression import FALSE, RECALLING, Expression
from .layout import bare, fitted, imports, joined, pruned, quoted
from .program import Program
from .vocabulary import PLAIN, SCOPES, SIGNAL_FORMS, SLOTS
from .voting import VotingMethods
from .wording import (
    Constants,
    Wording,
    formula,
    identifier,
    is_static,
    local_name,
    meaning,
    recalled,
    waiting,
    words_of,
)

_ADVERBS = {
    "lead": "Leading", "doubt": "Confident", "chance": "Foresighted", "share": "Decided", "unchanged": "Steady",
    "calm": "Calm", "others": "Guarded", "poll_doubt": "Polling", "room": "Closing", "first": "Counting",
}  # fmt: skip


def write(program: Program) -> str:
    """Return a complete Python module with the one `Controller` subclass that ``program`` describes."""
    return FrameSource(program).text()


class FrameSource(VotingMethods):
    """The source of one controller, and the parts of the frame's state that its formulas need."""

    def __init__(self, program: Program) -> None:
        self.formulas = program.formulas
        self.signals = program.signals
        self.constants = Constants()
        self.wordings = {slot: Wording(slot, self.constants, SCOPES[rules.scope]) for slot, rules in SLOTS.items()}
        self.prunes = self.formulas["prune"] != FALSE
        self.bursts = not self.is_plain("advance", 1)
        self.watches = any(map(self.recalls, SLOTS))
        self.listens = any(node.op == "mean" for tree in self.formulas.values() for node in tree.walk())
        timed = [slot for slot in ("stop", "prune", "open") if not self.static(slot)]
        self.waits = bool(timed) and not self.watches and not self.bursts
        self.texts: dict[str, str] = {}
        for slot, tree in self.formulas.items():
            wording = self.wordings[slot]
            if slot not in PLAIN:
                self.texts[slot] = bare(wording.of(tree))  # names all constants, in a fixed order
            if self.waits and slot in timed and slot != "open":
                self.texts[slot] = bare(waiting(tree, wording))
        self.nodes = [(slot, node) for slot, wording in self.wordings.items() for node in wording.used.values()]
        self.needs = {need for slot, node in self.nodes for need in SCOPES[SLOTS[slot].scope][node.op].needs}
        for slot in PLAIN:
            if slot == "most" or "typical" in self.needs:
                span = self.formulas[slot].span
                self.constants.spans = {self.constants.name(slot, "", span): span, **self.constants.spans}
        self.pruned_vote = self.prunes and not self.is_plain("given_up", 0)
        self.tallies = self.formulas["tally"].op != "votes"
        weight = self.formulas["weight"]
        self.once = not any(
            node.op in ("typical", "finished", "rank") for node in weight.walk()
        )  # a vote never changes
        self.polls = "poll" in self.needs
        self.always = self.polls or not self.static("stop")  # it may be time to stop when no branch has ended
        self.rounds = self.waits or bool(self.needs & {"dissent", "came", "calm", "poll_calm", "rounds"})
        self.counts_rounds = self.rounds or self.watches

    def static(self, slot: str) -> bool:
        return is_static(self.formulas[slot], self.wordings[slot].features)

    def recalls(self, slot: str) -> bool:
        return any(node.op in RECALLING for node in self.formulas[slot].walk())

    def is_plain(self, slot: str, value: float) -> bool:
        tree = self.formulas[slot]
        return tree.is_constant and tree.span == (value, value)

    def used(self, form: str) -> Iterator[Expression]:
        """Yield a node for each signal that is used in the form ``form``."""
        yield from {node.name: node for _, node in self.nodes if node.op == form}.values()

    # The module

    def text(self) -> str:
        pieces = [self.schedule(), self.solve(), self.open()]
        pieces += [self.advance()] if self.bursts else []
        pieces += [self.listen()] if self.listens else []
        pieces += [self.hear(), self.count(), self.weigh(), self.enough()]
        pieces += [self.follow()] if self.watches else []
        pieces += [self.give_up()] if self.prunes else []
        pieces += [text.OVERTAKEN] if "overtaken" in self.needs else []
        pieces += [text.WORTH] if "worth" in self.needs else []
        pieces += [self.poll()] if self.polls else []
        pieces += [*self.signal_methods(), text.VOTE]
        body = "\n\n".join(
            textwrap.indent(pruned(textwrap.dedent(piece).strip("\n")), "    ") for piece in pieces if piece
        )
        power = any(wording.capped for wording in self.wordings.values())
        signals = f"    signals = ({', '.join(map(quoted, self.signals))},)\n" if self.signals else ""
        title = self.title()
        snake = re.sub(r"(?<!^)([A-Z])", r"_\1", title).lower()
        return fitted(
            f"{self.docstring()}\n\n{imports(body)}\n\n\n" + (f"{text.POWER.strip()}\n\n\n" if power else "")
            + f'class {title}(Controller):\n    name = "{snake}"\n{signals}\n{body}\n'
        )  # fmt: skip

    def title(self) -> str:
        stop = next((_ADVERBS[node.op] for node in self.formulas["stop"].walk() if node.op in _ADVERBS), "Plain")
        prune = {node.op for node in self.formulas["prune"].walk()}
        adjectives = (
            "Heeding" * bool(self.signals) + stop + "Patient" * ("dissent" in prune) + "Brisk" * ("depth" in prune)
        )
        return adjectives + ("Trickle" if self.formulas["open"].is_constant else "Waves")

    def docstring(self) -> str:
        points = []
        for slot in SLOTS:
            shown = f'p["{slot}"]' if slot in PLAIN else self.wording_of(slot)
            default = {
                "advance": self.bursts,
                "given_up": self.pruned_vote,
                "tally": self.tallies,
                "prune": self.prunes,
            }
            if default.get(slot, True) and (slot != "typical" or "typical" in self.needs):
                points.append(words_of(slot, shown))
        averages = [each for wording in self.wordings.values() for each in wording.averages]
        meanings = dict.fromkeys(recalled(*each) for each in averages)
        meanings |= dict.fromkeys(meaning(local_name(node), node) for _, node in self.nodes)
        lines = [*points, *meanings]
        wrapped = [textwrap.fill(line, 110, initial_indent="- ", subsequent_indent="  ") for line in lines]
        return f'"""{self.gist()}\n\n' + "\n".join(wrapped) + '\n"""'

    def gist(self) -> str:
        stop = words_of("stop", self.wording_of("stop")).removeprefix("Stops when ")
        gist = f"Runs branches until {stop}"
        return (
            gist if len(gist) < 100 else "Runs branches side by side; simple formulas decide how far, and for how long."
        )

    def wording_of(self, slot: str) -> str:
        """Return the formula of a slot as a plain condition or number."""
        return bare(self.wordings[slot].of(self.formulas[slot])).replace(".get(i, 0.0)", "")

    def schedule(self) -> str:
        lines = [
            f'        "{name}": {formula(span, name in self.constants.whole)},'
            for name, span in self.constants.spans.items()
        ]
        summary = "Return every inner parameter as a monotone function of beta."
        head = f'@staticmethod\ndef schedule(beta: float) -> dict[str, float]:\n    """{summary}"""\n    return {{\n'
        return head + "\n".join(lines) + "\n    }"

    def prelude(self, slot: str, local: bool, indent: str) -> list[str]:
        """Return the lines that compute the features of a slot, those of a branch or the others."""
        found = []
        for name, node in self.wordings[slot].used.items():
            feature = SCOPES[SLOTS[slot].scope][node.op]
            if feature.local == local:
                found.append(f"{indent}{name} = {self.code(node, feature.code)}")
        return found

    def code(self, node: Expression, plain: str) -> str:
        if node.op == "lead_level":
            return f"self.{identifier(node.name)}_lead_level()"
        return f"self.{identifier(node.name)}_{node.op}(question, i)" if node.name else plain

    # Methods of the controller

    def solve(self) -> str:
        constant_width = self.formulas["open"].is_constant
        lacking = f"        if len(self.running) < {self.texts['open']}:\n            self.open(question)"
        if constant_width:
            lacking = lacking.replace("p[", "self.params[")
        return joined(
            "def solve(self, question: Question) -> str | None:",
            '    """Run branches until it is time to stop, then vote."""',
            *self.state(),
            "    self.open(question)",
            "    while self.running:",
            self.counts_rounds and self.bursts and "        self.rounds += 1",
            "        try:",
            *self.round(),
            self.waits and f"        self.due = {'inf' if self.static('open') else 'self.rounds + 1'}",
            self.watches and "        self.follow(question)",
            self.formulas["stop"] != FALSE
            and f"        if {'' if self.always else 'ended and '}self.enough(question):\n            break",
            self.prunes and "        self.give_up(question)",
            lacking if constant_width else "        self.open(question)",
            "    return self.vote()",
        )

    def round(self) -> list[str | bool]:
        """Return the code that runs one round, and hears what is new."""
        spent = "        except BudgetSpent:\n            break  # no tokens are left: what was seen until now votes"
        listen = self.listens and "        self.listen(question)"
        if self.bursts:
            return [f"            {'ended = ' * self.asks_ended}self.advance(question)", spent, listen]
        run = [
            "            said = question.step_many(self.running)",
            spent,
            self.counts_rounds and "        self.rounds += 1",
            listen,
        ]
        heard = f"{'ended = ' * self.asks_ended}self.hear(question, self.running, said)"
        if self.watches:
            news = "said != self.said and " if self.asks_ended else ""
            if news:
                return [*run, f"        ended = {news}self.hear(question, self.running, said)"]
            return [*run, f"        if said != self.said:\n            {heard}"]
        old = f"        if said == self.said{' and self.rounds < self.due' * self.waits}:"
        return [*run, f"{old}\n            continue  # nothing new", f"        {heard}"]

    @property
    def asks_ended(self) -> bool:
        """Whether it matters if a branch has ended in a round."""
        return not self.always and self.formulas["stop"] != FALSE

    def state(self) -> Iterator[str | bool]:
        needs = self.needs
        yield "    self.running: list[int] = []"
        yield "    self.finished: list[int] = []  # in order of finishing"
        yield (
            not self.bursts
            and "    self.said: list[tuple[str | None, bool]] = []  # by those running, in the last round"
        )
        yield "    self.last: dict[int, str | None] = {}  # what each branch said last"
        yield "shown" in needs and "    self.shown: dict[int, list[str]] = {}  # all that each branch has said"
        yield "showed" in needs and "    self.showed: dict[str, int] = {}  # branches that have said each answer"
        yield "showed" in needs and "    self.kept: dict[str, int] = {}  # those that say it still"
        yield "fickle" in needs and "    self.answers_shown = 0  # by those finished, in all"
        yield "came" in needs and "    self.came: dict[int, int] = {}  # round before it came to its answer"
        yield "changes" in needs and "    self.changes: dict[int, int] = {}  # of mind"
        yield "typical" in needs and "    self.lengths: list[int] = []  # of those finished, sorted"
        yield "typical" in needs and "    self.typical = 1e9  # length of those finished, in intervals"
        yield self.once and "    self.ballots: dict[str, float] = {}  # votes as they were cast"
        yield not self.once and "    self.ballots = []  # of those that finished or were pruned"
        yield "    self.votes: dict[str, float] = {}"
        yield "    self.lead: str | None = None"
        yield "ranks" in needs and "    self.first = self.second = 0.0  # votes of the best two answers"
        yield "others" in needs and "    self.others = 0.0  # votes of all but the best"
        yield "unchanged" in needs and "    self.unchanged = 0  # counts since the lead last changed"
        yield self.counts_rounds and "    self.rounds = 0"
        yield "calm" in needs and "    self.changed = 0  # round before the lead last changed"
        yield "poll_doubt" in needs and "    self.poll_doubt = 1.0"
        yield "agreement" in needs and "    self.agreement = 0.0"
        yield "poll_calm" in needs and "    self.favourite: str | None = None\n    self.poll_changed = 0"
        yield (
            "dissent" in needs and "    self.dissent: dict[int, int] = {}  # round before each branch began to disagree"
        )
        yield self.waits and "    self.due = inf  # round in which something may be decided without news"
        for node in self.used("rank"):
            yield f"    self.{identifier(node.name)}_levels: list[float] = []  # of those finished, sorted"
        for node in self.used("mean"):
            yield f"    self.{identifier(node.name)}_heard: dict[int, tuple[float, int]] = {{}}  # sum and number"
        for node in self.used("lead_level"):
            yield f"    self.{identifier(node.name)}_by_answer: dict[str | None, tuple[float, int]] = {{}}"
        for slot, wording in self.wordings.items():
            branch = SLOTS[slot].scope == "branch"
            names = [f"self.{name} = " for name, *_ in wording.averages]
            yield bool(names) and not branch and f"    {''.join(names)}0.0"
            for name, op, _, _ in wording.averages:
                yield branch and f"    self.{name}: dict[int, float] = {{}}"
                kind = "dict[int, list[float]] = {}" if branch else "list[float] = []"
                yield op == "rise" and f"    self.{name}_past: {kind}"

    def open(self) -> str:
        wanted = self.texts["open"] if self.formulas["open"].is_constant else f"max(1, {self.texts['open']})"
        return joined(
            "def open(self, question: Question) -> None:",
            '    """Open branches, so that as many run as are wanted and may be opened."""',
            "    p = self.params",
            *self.prelude("open", False, "    "),
            '    free = min(p["most"], question.max_branches) - question.width',
            f"    more = round(min(free, {wanted} - len(self.running)))",
            "    if more > 0:\n        self.running += question.branch_many(more)",
        )

    def listen(self) -> str:
        return joined(
            "def listen(self, question: Question) -> None:",
            '    """Note the signals of the running branches, once a round."""',
            "    for i in self.running:",
            *(
                text.LISTEN.strip("\n").format(name=identifier(node.name), signal=quoted(node.name))
                for node in self.used("mean")
            ),
        )

    def advance(self) -> str:
        return joined(
            "def advance(self, question: Question) -> bool:",
            '    """Run every branch for a round, some of them for more than one interval."""',
            self.parameters("advance"),
            *self.prelude("advance", False, "    "),
            "    steps = {}\n    for i in self.running:",
            *self.prelude("advance", True, "        "),
            f"        steps[i] = round(max(1, min(8, {self.texts['advance']})))",
            text.ADVANCE.strip("\n"),
        )

    def parameters(self, *slots: str) -> str | bool:
        return any('p["' in self.texts[slot] for slot in slots) and "    p = self.params"

    def enough(self) -> str:
        if self.formulas["stop"] == FALSE:
            return ""
        waits = self.waits and not self.static("stop")
        result = bare(self.texts["stop"])
        return joined(
            "def enough(self, question: Question) -> bool:",
            '    """Whether it is time to stop."""',
            self.parameters("stop"),
            *self.prelude("stop", False, "    "),
            f"    wait = {result}  # rounds, if nothing new is said" if waits else f"    return {result}",
            waits and "    self.due = min(self.due, self.rounds + wait)",
            waits and "    return wait <= 0",
        )

    def follow(self) -> str:
        lines: list[str | bool] = []
        for slot, wording in self.wordings.items():
            branch = SLOTS[slot].scope == "branch"
            if wording.averages:
                lines += self.prelude(slot, False, "    ")
                lines += ["    for i in self.running:", *self.prelude(slot, True, "        ")] if branch else []
            for name, op, first, second in wording.averages:
                indent, at = ("        ", f"self.{name}[i]") if branch else ("    ", f"self.{name}")
                now = f"self.{name}.get(i, 0.0)" if branch else at
                if op == "average":
                    lines.append(f"{indent}{at} = {now} + max(0, min(1, {second})) * ({first} - {now})")
                else:
                    past = f"self.{name}_past" + ("[i]" if branch else "")
                    earlier = f"self.{name}_past.get(i, [])" if branch else past
                    lines.append(f"{indent}{past} = [*{earlier}, {first}][-max(1, round({second})) :]")
                    lines.append(f"{indent}{at} = {past}[-1] - {past}[0]")
        return joined(
            "def follow(self, question: Question) -> None:",
            '    """Update the moving averages and the rises, once a round."""',
            "    p = self.params",
            *dict.fromkeys(lines),
        )

    def give_up(self) -> str:
        waits = self.waits and not self.static("prune")
        pruned = joined(
            "question.prune(i)",
            "self.running.remove(i)",
            not self.bursts and "self.said = []",
            self.pruned_vote and self.pruned_cast(),
        )
        test = "wait <= 0" if waits else bare(self.texts["prune"])
        return joined(
            "def give_up(self, question: Question) -> None:",
            '    """Prune the branches of which no more is hoped."""',
            self.parameters("prune"),
            *self.prelude("prune", False, "    "),
            "    for i in list(self.running):",
            *self.prelude("prune", True, "        "),
            waits and f"        wait = {bare(self.texts['prune'])}  # rounds, if nothing new is said",
            f"        if {test}:",
            textwrap.indent(pruned, "            "),
            waits and "        else:\n            self.due = min(self.due, self.rounds + wait)",
        )

    def pruned_cast(self) -> str:
        share = self.bounded("given_up").replace('p["', 'self.params["')
        lines = [line.strip() for local in (False, True) for line in self.prelude("given_up", local, "")]
        return "\n".join([*lines, f"self.cast(question, i, {share})"])

    def signal_methods(self) -> Iterator[str]:
        found = {node.name: node for _, node in self.nodes if node.op in SIGNAL_FORMS}
        ranked = {node.name for slot, node in self.nodes if node.op == "rank" and slot != "weight"}
        for name, node in found.items():
            forms = {each.op for _, each in self.nodes if each.name == name}
            words = {"name": identifier(name), "signal": name, "centre": node.span[0], "scale": node.span[1]}
            yield text.LEVEL.format(**words) if forms - {"mean"} else ""
            yield text.MEAN.format(**words) if "mean" in forms else ""
            yield text.RANK.format(**words) if name in ranked else ""
            yield text.LEAD_LEVEL.format(**words) if "lead_level" in forms else ""
