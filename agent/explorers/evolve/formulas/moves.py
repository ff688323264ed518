"""Changes and recombinations of programs: each returns another valid program, or None where nothing would change."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial

from ....records.explorer import SignalSummary
from .expression import FALSE, OPERATIONS, RECALLING, TRUE, B, Expression, L, N, S, apply, constant, replaced, rounded
from .growth import Growth
from .polarity import effects
from .program import DEFAULTS, Program, level
from .translation import VOCABULARY, block
from .vocabulary import EVERY_ROUND, PLAIN, SCOPES, SLOTS, forms_of

_STEPS = (0.12, 0.35, 0.8)
"""Standard deviations of the logarithm of a constant's factor: small steps tune, large ones explore."""
_INVENTED = {"stop": 4, "prune": 4, "weight": 4, "tally": 1, "open": 1, "advance": 1, "given_up": 0.5}
"""How often random formulas are put into each slot."""

Changed = tuple[Program, str]


class Moves:
    """The operators of a search by formulas.

    Args:
        rng: the source of all chance.
        signals: the signals that formulas may use.
        formulas: whether formulas grow at random; without it, programs are combined of blocks and constants alone.
    """

    def __init__(self, rng: random.Random, signals: Sequence[SignalSummary] = (), formulas: bool = True) -> None:
        self.rng, self.signals, self.formulas = rng, signals, formulas

    def vary(self, program: Program) -> Changed:
        """Return ``program`` after one to three random changes, and a description of them."""
        kinds: list[tuple[Callable[[Program], Changed | None], float]] = [
            (self.scale, 6),
            (self.spread, 2),
            (self.insert, 3),
        ]
        if self.formulas:
            kinds += [(self.graft, 2), (self.add_condition, 1.5), (self.point, 1), (self.hoist, 1)]
            kinds += [(self.recall, 0.5), *([(self.heed, 1.5)] if self.signals else [])]
        operators, weights = zip(*kinds, strict=True)
        words = []
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            made = self.tried(self.rng.choices(operators, weights)[0], program)
            if made is not None:
                program = made[0]
                words.append(made[1])
        return program, ", ".join(words)

    def tried(self, operator: Callable[[Program], Changed | None], program: Program) -> Changed | None:
        """Return the result of ``operator``; None if the program did not change, or would be too large."""
        try:
            made = operator(program)
        except ValueError:
            return None
        return made if made is not None and made[0].key != program.key else None

    # Constants

    def scale(self, program: Program) -> Changed | None:
        """Multiply both ends of a constant by a factor."""
        factor = math.exp(self.rng.gauss(0, self.rng.choice(_STEPS)))
        step = self.rng.gauss(0, self.rng.choice(_STEPS))

        def moved(lo: float, hi: float) -> tuple[float, float]:
            return (lo * factor, hi * factor) if min(lo, hi) > 0 else (lo + step, hi + step)

        return self._constant(program, moved)

    def spread(self, program: Program) -> Changed | None:
        """Move the ends of a constant apart or together, about their middle."""
        factor = math.exp(self.rng.gauss(0, 0.5))

        def moved(lo: float, hi: float) -> tuple[float, float]:
            if lo == hi:
                away = factor if self.rng.random() < 0.5 else 1 / factor
                return (lo / away, hi * away) if lo > 0 else (lo - math.log(away), hi + math.log(away))
            if min(lo, hi) > 0:
                middle, half = math.sqrt(lo * hi), (hi / lo) ** (factor / 2)
                return middle / half, middle * half
            middle, half = (lo + hi) / 2, (hi - lo) / 2 * factor
            return middle - half, middle + half

        return self._constant(program, moved)

    def _constant(self, program: Program, moved: Callable[[float, float], tuple[float, float]]) -> Changed | None:
        places = [
            (slot, index)
            for slot, tree in program.formulas.items()
            for index, node in enumerate(tree.walk())
            if node.is_constant and not _is_idle(program, slot)
        ]
        slot, index = self.rng.choice(places)
        tree = program.formulas[slot]
        node = list(tree.walk())[index]
        lo, hi = moved(*node.span)
        if slot in ("most", "open") and node is tree and (round(lo), round(hi)) == node.span:
            up = 1 if lo + hi > sum(node.span) else -1
            lo, hi = (end + up for end in node.span)
        made = program.with_formulas(**{slot: replaced(tree, index, constant(node.type, rounded(lo), rounded(hi)))})
        return made, f"a constant of {slot} {_span(node)} -> {_span(constant(node.type, lo, hi))}"

    def tune(self, program: Program) -> Changed | None:
        """Change one to three constants a little: a step of a local search."""
        first, words = program, []
        for _ in range(self.rng.choice((1, 2, 3))):
            factor = math.exp(self.rng.gauss(0, 0.2))
            made = self._constant(program, partial(_moved, factor=factor, rng=self.rng))
            if made is not None:
                program = made[0]
                words.append(made[1])
        return (program, ", ".join(words)) if program.key != first.key else None

    def toward(self, program: Program, slot: str, more: bool) -> Changed | None:
        """Change a constant so that a slot's value grows (or its condition holds more often), or the contrary."""
        tree = program.formulas[slot]
        known = [(index, sign) for index, sign in effects(tree, SCOPES[SLOTS[slot].scope]) if sign]
        if not known:
            return None
        index, sign = self.rng.choice(known)
        factor = math.exp(abs(self.rng.gauss(0, 0.5)) * (sign if more else -sign))
        node = list(tree.walk())[index]
        lo, hi = (end * factor if end > 0 else end + math.log(factor) for end in node.span)
        if slot in ("most", "open") and (round(lo), round(hi)) == node.span:
            lo, hi = (end + (1 if more else -1) for end in node.span)
        made = program.with_formulas(**{slot: replaced(tree, index, constant(node.type, lo, hi))})
        return made, f"a constant of {slot} {_span(node)} -> {_span(constant(node.type, lo, hi))}"

    # Formulas

    def insert(self, program: Program) -> Changed | None:
        """Put a building block into its slots, in place of their formulas or beside them."""
        slot, choice = self.rng.choice(VOCABULARY)
        made = block(slot, choice)
        formulas = dict(program.formulas)
        beside = self.rng.random() < 0.35
        for name, tree in made.items():
            if name in ("most",) and slot == "opening":
                continue  # the width stays as it was tuned
            old = formulas[name]
            if name in ("stop", "prune") and beside and old not in (TRUE, FALSE):
                tree = apply(self.rng.choice(("and", "or")), old, tree)
            formulas[name] = tree
        if slot == "opening" and choice == "flood":
            formulas["open"] = formulas["most"]
        if choice == "none" or not made:
            formulas[_slot_of(slot)] = DEFAULTS[_slot_of(slot)]
        return Program.make(formulas), f"{slot}: {choice}{' beside the present rule' if beside else ''}"

    def graft(self, program: Program) -> Changed | None:
        """Replace a part of a formula by a random one of the same type."""
        slot = self._slot()
        tree = program.formulas[slot]
        nodes = list(tree.walk())
        index = self.rng.randrange(len(nodes))
        grown = self._growth(slot).grow(nodes[index].type, self.rng.choice((1, 2, 3)))
        return program.with_formulas(**{slot: replaced(tree, index, grown)}), f"a random part in {slot}"

    def add_condition(self, program: Program) -> Changed | None:
        """Add a random condition to when to stop or whom to prune, or a random factor to a weight."""
        slot = self.rng.choice(("stop", "prune", "weight"))
        tree, growth = program.formulas[slot], self._growth(slot)
        if slot == "weight":
            return program.with_formulas(weight=apply("mul", growth.grow(S, 2), tree)), "a random factor of weight"
        added = growth.compare(1)
        old = tree if tree not in (TRUE, FALSE) else None
        made = added if old is None else apply(self.rng.choice(("and", "or")), old, added)
        return program.with_formulas(**{slot: made}), f"a random condition in {slot}"

    def heed(self, program: Program) -> Changed | None:
        """Let a signal matter: for a vote's weight, for when to stop, or for whom to prune."""
        signal, draw = self.rng.choice(self.signals), self.rng.random()
        if draw < 0.5:
            growth = self._growth("weight")
            form = level(self.rng.choice([each for each in forms_of("ballot", signal) if each != "rank"]), signal)
            factor = apply("exp", apply("mul", constant(S, rounded(self.rng.gauss(0, 1))), form))
            tree = program.formulas["weight"]
            made = factor if tree == DEFAULTS["weight"] else apply("mul", factor, tree)
            return program.with_formulas(weight=made), f"{signal.name} in the weight of a vote"
        slot = "stop" if draw < 0.75 and signal.final else "prune"
        growth = Growth(SLOTS[slot].scope, (signal,), self.rng)
        one = level(self.rng.choice(forms_of(growth.scope, signal)), signal)
        sides = [one, growth.constant_near(one)]
        self.rng.shuffle(sides)
        tree = program.formulas[slot]
        added = apply("ge", *sides)
        made = added if tree in (TRUE, FALSE) else apply(self.rng.choice(("and", "or")), tree, added)
        return program.with_formulas(**{slot: made}), f"{signal.name} in {slot}"

    def recall(self, program: Program, slot: str = "") -> Changed | None:
        """Let the past of a number matter, in a given slot or in any.

        A condition that needs a number high holds only while the number does not fall, and the contrary; or the moving
        average of a number stands in its place.
        """
        slot = slot or self.rng.choice(("stop", "stop", "prune"))
        tree, growth = program.formulas[slot], self._growth(slot)
        sides = [
            (index, node, side)
            for index, node in enumerate(tree.walk())
            if node.op == "ge"
            for side in node.args
            if side.type in (N, S) and not side.is_constant and not any(part.op in RECALLING for part in side.walk())
        ]
        if not sides:
            return None
        index, node, side = self.rng.choice(sides)
        if self.rng.random() < 0.3:
            average = growth.smoothed(side)
            made = apply("ge", *(average if each is side else each for each in node.args))
            words = "the moving average"
        else:
            made = apply("and", node, growth.trend(side, side is node.args[0]))
            words = "the trend"
        return program.with_formulas(**{slot: replaced(tree, index, made)}), f"{words} of a number in {slot}"

    def point(self, program: Program) -> Changed | None:
        """Replace an operation or a feature by another one of the same types."""
        slot = self._slot()
        tree = program.formulas[slot]
        index = self.rng.randrange(tree.size)
        node = list(tree.walk())[index]
        if node.args:
            types = tuple(each.type for each in node.args)
            others = [op for op, forms in OPERATIONS.items() if (node.type, types) in forms and op != node.op]
            if SLOTS[slot].scope not in EVERY_ROUND:
                others = [op for op in others if op not in RECALLING]
            if not others:
                return None
            new = apply(self.rng.choice(others), *node.args)
        else:
            new = self._growth(slot).leaf(node.type) if node.type != B else self._growth(slot).compare()
        return program.with_formulas(**{slot: replaced(tree, index, new)}), f"{node.op} -> {new.op} in {slot}"

    def hoist(self, program: Program) -> Changed | None:
        """Replace a part of a formula by a smaller part of itself of the same type: the formula shrinks."""
        slot = self.rng.choice([slot for slot in SLOTS if program.formulas[slot].args] or [*SLOTS])
        tree = program.formulas[slot]
        places = [
            (index, inner)
            for index, node in enumerate(tree.walk())
            for inner in list(node.walk())[1:]
            if inner.type == node.type
        ]
        if not places:
            return program.with_formulas(**{slot: DEFAULTS[slot]}), f"{slot} as by default"
        index, inner = self.rng.choice(places)
        return program.with_formulas(**{slot: replaced(tree, index, inner)}), f"a part of {slot} left out"

    def cross(self, one: Program, two: Program) -> Changed | None:
        """Return a child of two programs: whole formulas from each, or a part of a formula of one in the other."""
        if self.formulas and self.rng.random() < 0.4:
            return self._swap(one, two)
        differing = [slot for slot in SLOTS if one.formulas[slot] != two.formulas[slot]]
        taken = [slot for slot in differing if self.rng.random() < 0.5]
        if not taken or len(taken) == len(differing):
            return None
        return one.with_formulas(**{slot: two.formulas[slot] for slot in taken}), f"{', '.join(taken)} of the second"

    def _swap(self, one: Program, two: Program) -> Changed | None:
        slot = self.rng.choice([slot for slot in SLOTS if slot not in PLAIN])
        tree, donor = one.formulas[slot], two.formulas[slot]
        index = self.rng.randrange(tree.size)
        wanted = list(tree.walk())[index].type
        parts = [node for node in donor.walk() if node.type == wanted]
        if not parts:
            return None
        return one.with_formulas(
            **{slot: replaced(tree, index, self.rng.choice(parts))}
        ), f"a part of {slot} of the second"

    def _slot(self) -> str:
        slots, weights = zip(*_INVENTED.items(), strict=True)
        drawn: str = self.rng.choices(slots, weights)[0]
        return drawn

    def _growth(self, slot: str) -> Growth:
        return Growth(SLOTS[slot].scope, self.signals, self.rng)


def continued(before: Program, after: Program) -> Program | None:
    """Return ``after`` with every constant moved once more as from ``before``; None if the formulas differ in shape."""
    formulas = {}
    for slot, tree in after.formulas.items():
        made = _continued(before.formulas[slot], tree)
        if made is None:
            return None
        formulas[slot] = made
    return Program.make(formulas)


def _continued(before: Expression, after: Expression) -> Expression | None:
    if (before.op, before.type, len(before.args), before.name) != (after.op, after.type, len(after.args), after.name):
        return None
    if after.is_constant:
        ends = (x + (x - b) if min(b, x) <= 0 else x * x / b for b, x in zip(before.span, after.span, strict=True))
        return constant(after.type, *ends)
    parts = [_continued(one, two) for one, two in zip(before.args, after.args, strict=True)]
    if any(part is None for part in parts):
        return None
    return Expression(after.op, after.type, tuple(part for part in parts if part is not None), after.span, after.name)


def _moved(lo: float, hi: float, *, factor: float, rng: random.Random) -> tuple[float, float]:
    """Return a constant's ends times ``factor``, or one of them alone; numbers that may be negative are shifted."""
    ends = rng.choice(((1, 1), (1, 0), (0, 1))) if lo != hi else (1, 1)
    if min(lo, hi) > 0:
        return lo * factor ** ends[0], hi * factor ** ends[1]
    return lo + math.log(factor) * ends[0], hi + math.log(factor) * ends[1]


def without_signal(program: Program, signal: str, long: float | None = None) -> Program:
    """Return ``program`` without a signal: as if the signal had its usual value, its conditions left out.

    Args:
        program: a program.
        signal: a name.
        long: whether conditions for pruning become conditions on the length instead: a branch that has run for so many
            typical lengths. Pruning by noise prunes long branches more often, which may help.
    """
    depth = None if long is None else apply("ge", _DEPTH, apply("mul", constant(S, long), _TYPICAL))
    return Program.make({
        slot: _without(tree, signal, depth if slot == "prune" else None) or DEFAULTS[slot]
        for slot, tree in program.formulas.items()
    })  # fmt: skip


_DEPTH, _TYPICAL = Expression("depth", L), Expression("typical", L)


def _without(tree: Expression, signal: str, instead: Expression | None = None) -> Expression | None:
    """Return ``tree`` without ``signal``, with another condition ``instead`` of its own; None if nothing is left."""
    if tree.name == signal:
        return constant(S, 0.5 if tree.op == "rank" else 0.0)
    if tree.type == B and tree.op == "ge":
        return instead if any(node.name == signal for node in tree.walk()) else tree
    if tree.op in ("and", "or"):
        left = [made for each in tree.args if (made := _without(each, signal, instead)) is not None]
        return apply(tree.op, *left) if len(left) == 2 else left[0] if left else None
    if tree.op == "pick":
        condition, yes, no = (_without(each, signal, instead) for each in tree.args)
        return no if condition is None or yes is None else apply("pick", condition, yes, no or yes)
    parts = [_without(each, signal, instead) for each in tree.args]
    if any(part is None for part in parts):
        return None
    return Expression(tree.op, tree.type, tuple(part for part in parts if part is not None), tree.span, tree.name)


def _is_idle(program: Program, slot: str) -> bool:
    """Return whether the constant of a slot has no effect, or would rather be a formula."""
    tree = program.formulas[slot]
    if slot == "given_up":
        return bool(program.formulas["prune"] == FALSE) or (tree.is_constant and tree.span == (0, 0))
    if slot == "typical":
        return not any(node.op == "typical" for each in program.formulas.values() for node in each.walk())
    return slot in ("weight", "advance") and tree.is_constant


def _slot_of(block_slot: str) -> str:
    """Return the slot of a program in which the blocks of ``block_slot`` mostly are."""
    return {
        "opening": "open", "depth": "advance", "stop": "stop", "first": "stop", "early": "stop", "hopeless": "stop",
        "typical": "typical", "disagreement": "prune", "length": "prune", "vote": "given_up", "weight": "weight",
        "abandoned": "tally",
    }[block_slot]  # fmt: skip


def _span(node: Expression) -> str:
    lo, hi = node.span
    return f"{lo:g}" if lo == hi else f"{lo:g}..{hi:g}"
