"""Writes formulas as Python expressions, and names their constants."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..genome import Span
from .expression import FALSE, RECALLING, TRUE, B, Expression, L
from .program import Program, is_geometric
from .simplify import range_of
from .vocabulary import PLAIN, SCOPES, SIGNAL_FORMS, SLOTS, FormulaFeature

_COUNTS = ("finished", "unchanged", "changes", "shown", "answers")
"""Whole numbers: a constant beside one of them is a whole number too."""
_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _POWER, _ATOM = range(8)
_INFIX = {"add": (" + ", _SUM), "sub": (" - ", _SUM), "mul": (" * ", _PRODUCT), "div": (" / ", _PRODUCT)}


def identifier(name: str) -> str:
    """Return a signal's name as a Python name; names that are none get a few digits, so that no two become equal."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII).lower()
    if cleaned == name and not cleaned[0].isdigit():
        return cleaned
    return f"signal_{cleaned.strip('_')}_{zlib.crc32(name.encode()):x}"


def local_name(node: Expression) -> str:
    """Return the local name of a feature."""
    return f"{identifier(node.name)}_{node.op}" if node.name else node.op


@dataclass
class Constants:
    """The names of a program's constants: each has the name of its slot and of the feature that it stands beside.

    Attributes:
        spans: the constants by name, in the order of the slots.
        names: the name by slot, feature beside it, span, and whether it is whole.
        whole: the names of whole numbers.
    """

    spans: dict[str, Span] = field(default_factory=dict)
    names: dict[tuple[str, str, Span, bool], str] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)

    def name(self, slot: str, near: str, span: Span, whole: bool = False) -> str:
        """Return the name of a constant; equal constants beside the same feature share one."""
        key = slot, near, span, whole
        if key not in self.names:
            self.names[key] = self._new(slot if slot in PLAIN or not near else f"{slot}_{near}", span)
            if self.names[key] in ("most", "open") or whole:
                self.whole.add(self.names[key])
        return self.names[key]

    def _new(self, base: str, span: Span) -> str:
        name, number = base, 1
        while name in self.spans:
            number += 1
            name = f"{base}_{number}"
        self.spans[name] = span
        return name


@dataclass
class Wording:
    """The Python text of one formula.

    Attributes:
        text: an expression over local names, over ``p`` (the parameters), and over the state of averages.
        used: the features in it, by local name.
        averages: the expressions with a state, in the order in which they must be updated: name, and node.
    """

    slot: str
    constants: Constants
    features: Mapping[str, FormulaFeature]
    used: dict[str, Expression] = field(default_factory=dict)
    averages: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Of each expression with a state: its name, operation, and the texts of its arguments."""
    recalled: dict[Expression, str] = field(default_factory=dict)
    capped: bool = False
    """Whether the text calls `power`."""

    def of(self, tree: Expression, level: int = _OR, near: str = "") -> str:
        """Return the text of ``tree``, in parentheses where an operator around it binds as tightly as ``level``."""
        made, own = self._text(tree, near)
        return f"({made})" if own < level else made

    def _text(self, tree: Expression, near: str) -> tuple[str, int]:
        if tree in (TRUE, FALSE):
            return str(tree == TRUE), _ATOM
        if tree.is_constant:
            lo, hi = tree.span
            if lo == hi and lo in (0.0, 1.0):
                return f"{lo:g}", _ATOM
            return f'p["{self.constants.name(self.slot, near, tree.span)}"]', _ATOM
        if not tree.args:
            self.used[local_name(tree)] = tree
            return local_name(tree), _ATOM
        if tree.op in RECALLING:
            return self._recalled(tree), _ATOM
        return self._operation(tree, near)

    def _recalled(self, tree: Expression) -> str:
        if tree in self.recalled:
            return self.recalled[tree]
        first, second = self.of(tree.args[0]), self.of(tree.args[1], near=_near(tree.op, tree.args, 1, ""))
        name = f"{self.slot}_{tree.op}"
        if taken := sum(each[1] == tree.op for each in self.averages):
            name += f"_{taken + 1}"
        self.averages.append((name, tree.op, first, second))
        self.recalled[tree] = f"self.{name}.get(i, 0.0)" if SLOTS[self.slot].scope == "branch" else f"self.{name}"
        return self.recalled[tree]

    def _operation(self, tree: Expression, near: str) -> tuple[str, int]:
        op, args = tree.op, tree.args
        nears = [_near(op, args, i, near) for i in range(len(args))]
        say: Callable[[int, int], str] = lambda i, level: self.of(args[i], level, nears[i])  # noqa: E731
        if op in _INFIX:
            sign, level = _INFIX[op]
            right = level + 1 if op in ("sub", "div") else level
            if op == "div" and range_of(args[1], self.features)[0] <= 0:
                return f"{say(0, level)} / max(0.1, {say(1, _OR)})", level
            return f"{say(0, level)}{sign}{say(1, right)}", level
        if op == "pow":
            base, exponent = (range_of(each, self.features) for each in args)
            if base[0] >= 0 and base[1] <= 1e10 and exponent[0] >= 0 and exponent[1] <= 9:
                return f"{say(0, _ATOM)} ** {say(1, _POWER)}", _POWER
            self.capped = True
            return f"power({say(0, _OR)}, {say(1, _OR)})", _ATOM
        if op == "exp":
            within = range_of(args[0], self.features)
            inner = say(0, _OR)
            return (f"exp({inner})" if within[0] >= -9 and within[1] <= 9 else f"exp(max(-9, min(9, {inner})))"), _ATOM
        if op in ("min", "max"):
            return f"{op}({say(0, _OR)}, {say(1, _OR)})", _ATOM
        if op == "pick":
            return f"{say(1, _AND)} if {say(0, _AND)} else {say(2, _AND)}", -1
        if op == "ge":
            return self._comparison(args[0], args[1], ">=", "<="), _COMPARE
        if op == "not":
            if args[0].op == "ge":
                return self._comparison(args[0].args[0], args[0].args[1], "<", ">"), _COMPARE
            return f"not {say(0, _COMPARE)}", _NOT
        level = _AND if op == "and" else _OR
        texts = [
            f"({self.of(each)})" if op == "or" and each.op == "and" else say(i, level) for i, each in enumerate(args)
        ]
        return f" {op} ".join(texts), level

    def _comparison(self, one: Expression, two: Expression, sign: str, turned: str) -> str:
        """Return a comparison with a constant on its right side."""
        left, right = self._side(one, two), self._side(two, one)
        return f"{right} {turned} {left}" if one.is_constant else f"{left} {sign} {right}"

    def _side(self, tree: Expression, other: Expression) -> str:
        if tree.is_constant and other.op in _COUNTS:
            return f'p["{self.constants.name(self.slot, other.op, tree.span, whole=True)}"]'
        return self.of(tree, _SUM, _nearest(other))


def waiting(tree: Expression, wording: Wording) -> str:
    """Return the text of the number of rounds after which the condition ``tree`` may first hold; 0 if it holds now.

    The number is right as long as nothing is said that is new. A condition on something that changes every round, other
    than by growing, is looked at in the next round.
    """
    if tree.op in ("and", "or") and not is_static(tree, wording.features):
        one, two = tree.args
        if tree.op == "and":
            for condition, rest in ((one, two), (two, one)):
                if is_static(condition, wording.features) and not is_static(rest, wording.features):
                    later = waiting(rest, wording)
                    later = f"({later})" if " if " in later else later
                    return f"{later} if {wording.of(condition)} else inf"
        texts = [waiting(each, wording) for each in (one, two)]
        return f"{'max' if tree.op == 'and' else 'min'}({', '.join(texts)})"
    if tree.op == "ge" and tree.args[0].op in wording.features and wording.features[tree.args[0].op].grows:
        timer, bound = tree.args
        if is_static(bound, wording.features):
            text = wording.of(bound, _SUM, timer.op)
            return f"{text} - {wording.of(timer, _PRODUCT)}"
    later = "inf" if is_static(tree, wording.features) else "1"
    return f"0 if {wording.of(tree)} else {later}"


def is_static(tree: Expression, features: Mapping[str, FormulaFeature]) -> bool:
    """Return whether the value of ``tree`` changes only when branches say something new."""
    return not any(
        node.op in RECALLING or (node.op in features and (features[node.op].grows or features[node.op].varies))
        for node in tree.walk()
    )


_ENDINGS = {"pow": "power", "min": "cap", "max": "floor"}


def _near(op: str, args: tuple[Expression, ...], index: int, outer: str) -> str:
    """Return what a constant at ``index`` of an operation is named after: mostly the feature beside it.

    A bar that is added or scaled, and a length in typical lengths, are named after what they are compared with.
    """
    beside = [each for position, each in enumerate(args) if position != index and each.type != B]
    own = next((_nearest(each) for each in beside if _nearest(each)), "")
    scales = op in ("add", "sub") or (op == "mul" and any(each.args or each.type == L for each in beside))
    name = outer if (scales or not own) and outer else own
    if op in RECALLING and index == 1:
        return "weight" if op == "average" else "rounds"
    return f"{name}_{_ENDINGS[op]}" if op in _ENDINGS and args[index].is_constant and name else name


def _nearest(tree: Expression) -> str:
    """Return the local name of the first feature in ``tree``."""
    return next(
        (local_name(node) for node in tree.walk() if not node.args and not node.is_constant and node.type != B), ""
    )


def words_of(slot: str, text: str) -> str:
    """Return a sentence that states the formula of a slot; ``text`` is its Python text."""
    plain = re.sub(r'p\["(\w+)"\]', r"`\1`", text).replace("self.", "")
    return SLOTS[slot].words.format(plain)


def meaning(name: str, node: Expression) -> str:
    """Return a line that explains a feature."""
    scope = next(scope for scope, features in SCOPES.items() if node.op in features)
    words = SCOPES[scope][node.op].words
    return f"`{name}`: {words.format(name=node.name) if node.op in SIGNAL_FORMS else words}"


def recalled(name: str, op: str, first: str, second: str) -> str:
    """Return a line that explains an average or a rise."""
    of = f"the moving average of {first} over rounds, of which the latest weighs {second}"
    if op == "rise":
        of = f"the rise of {first} within {second} rounds"
    return re.sub(r'p\["(\w+)"\]', r"`\1`", f"`{name}`: {of}").replace("self.", "")


def formula(span: Span, whole: bool) -> str:
    """Return a constant as an expression in beta."""
    lo, hi = span
    if lo == hi:
        return f"{lo:g}"
    if is_geometric(span):
        text = f"{lo:g} * {hi / lo:.4g}**beta"
    else:
        slope = "beta" if abs(hi - lo) == 1 else f"{abs(hi - lo):.4g} * beta"
        text = f"{lo:g} {'+' if hi > lo else '-'} {slope}" if lo else (slope if hi > lo else f"-{slope}")
    return f"round({text})" if whole else text


def uses(program: Program, op: str) -> bool:
    """Return whether any formula of ``program`` has the node ``op``."""
    return any(node.op == op for tree in program.formulas.values() for node in tree.walk())
