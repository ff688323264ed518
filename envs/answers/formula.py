"""Parses the tokens of a formula into a tree."""

from __future__ import annotations

from collections.abc import Sequence

from .cursor import END, TokenCursor
from .number import decimal, rounding_step
from .spelled import NOT_UNITS
from .tokens import Token
from .tree import Node, Unreadable, is_proper_fraction, negative, number
from .units import CURRENCIES, read_unit

_MAX_DEPTH = 25
_CLOSING = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
_RELATIONS = ("=", "<", ">", "<=", ">=", "!=")
_SEPARATORS = (",", ";", "or", "and")
_ROUNDING = {"lfloor": ("floor", "rfloor"), "lceil": ("ceiling", "rceil")}
_INVERSE = {name: f"arc{name}" for name in ("sin", "cos", "tan")}
_SHORT = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}


def parse(tokens: Sequence[Token]) -> Node:
    """Return the tree of a formula.

    Raises:
        Unreadable: the tokens are no formula of the grammar.
    """
    parser = _FormulaParser(tokens)
    node = parser.sequence()
    if parser.next is not END:
        raise Unreadable
    return node


class _FormulaParser(TokenCursor):
    """A parser by recursive descent. Methods for signs of a lower rank call those of the next higher rank."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self.depth = 0
        self.bars = 0

    # sequences, relations, unions

    def sequence(self) -> Node:
        items, separators = [self.relation()], set()
        while self.sign(*_SEPARATORS):
            separator = self.take().text
            if self.sign("or", "and"):
                separator = self.take().text
            separators.add("," if separator == ";" else separator)
            items.append(self.relation())
        if len(items) == 1:
            return items[0]
        return Node("list", tuple(items), "or" if separators <= {"or", ","} and "or" in separators else ",")

    def relation(self) -> Node:
        label = self._function_of()
        items, signs = [label if label is not None else self.union()], []
        while self.sign(*_RELATIONS):
            signs.append(self.take().text)
            items.append(self.union())
        if signs:
            return Node("relation", tuple(items), " ".join(signs))
        if self.sign("in"):
            self.take()
            return Node("member", (items[0], self.union()))
        return items[0]

    def _function_of(self) -> Node | None:
        """Read ``f(x)`` before ``=``, and return its letter."""
        if self.next.kind != "letter":
            return None
        head = self.tokens[self.place : self.place + 5]
        kinds, texts = [token.kind for token in head], [token.text for token in head]
        if kinds != ["letter", "sign", "letter", "sign", "sign"] or [texts[1], *texts[3:]] != ["(", ")", "="]:
            return None
        self.place += 4
        return Node("letter", text=texts[0])

    def union(self) -> Node:
        items = [self.quantity()]
        while self.sign("cup"):
            self.take()
            items.append(self.quantity())
        return items[0] if len(items) == 1 else Node("union", tuple(items))

    def quantity(self) -> Node:
        """Read a sum, and the unit after it."""
        node = self.sum()
        words: list[str] = []
        while self.next.kind in ("word", "unit"):
            words.append(self.take().text)
            if self.sign("^"):
                self.take()
                words.append("^" + self._digits())
            after = self.tokens[self.place + 1 : self.place + 2]
            if self.sign("/") and after and after[0].kind in ("word", "unit", "letter"):
                self.take()
                words += ["/", self.take().text]
        if not words:
            return node
        text = " ".join(words).replace(" / ", "/").replace(" ^", "^")
        if len(words) > 6 or not NOT_UNITS.isdisjoint(text.lower().split()):
            raise Unreadable
        return Node("quantity", (node,), text) if read_unit(text) is not None else node

    def _digits(self) -> str:
        braces = self.sign("{")
        if braces:
            self.take()
        token = self.take()
        if braces:
            self.expect("}")
        if token.kind != "number":
            raise Unreadable
        return token.text

    # sums and products

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise Unreadable
        node = self.signed()
        while self.sign("+", "-", "pm", "mp"):
            sign = self.take().text
            term = self.signed()
            if sign in ("pm", "mp"):
                term = Node("plus or minus", (term,), sign)
            node = Node("add", (node, negative(term) if sign == "-" else term))
        self.depth -= 1
        return node

    def signed(self) -> Node:
        if self.sign("+", "-", "pm", "mp"):
            sign = self.take().text
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise Unreadable
            term = self.signed()
            self.depth -= 1
            if sign == "+":
                return term
            return negative(term) if sign == "-" else Node("plus or minus", (term,), sign)
        return self.product()

    def product(self) -> Node:
        before = self.next
        node = self.factor()
        whole = before.kind == "number" and before.text.isdecimal() and node.kind == "number"
        while True:
            if self.sign("*", "/"):
                sign = self.take().text
                factor = self.signed() if self.sign("-", "+") else self.factor()
                node = Node("divide" if sign == "/" else "multiply", (node, factor))
            elif self.starts_factor():
                token, last = self.next, self.tokens[self.place - 1]
                if token.kind == last.kind == "number":
                    raise Unreadable
                factor = self.factor()
                mixed = whole and token.text.endswith("frac")
                if mixed and factor.kind == "quantity" and is_proper_fraction(factor.parts[0]):
                    node = Node("quantity", (Node("add", (node, factor.parts[0])),), factor.text)
                    continue
                mixed = mixed and is_proper_fraction(factor)
                node = Node("add" if mixed else "multiply", (node, factor))
            else:
                return node
            whole = False

    def starts_factor(self) -> bool:
        token = self.next
        if token.kind == "sign":
            if token.text == "|":
                return not self.bars
            return token.text in ("(", "[", "{", "\\{", "infinity", "¤")
        if token.kind == "command":
            return token.text not in ("rfloor", "rceil", "over", "choose")
        return token.kind in ("number", "letter", "name", "function", "begin")

    def factor(self) -> Node:
        node = self.base()
        while True:
            if self.sign("!"):
                self.take()
                node = Node("function", (node,), "factorial")
            elif self.sign("°", "%"):
                node = Node("quantity", (node,), self.take().text)
            elif self.sign("^"):
                self.take()
                degree = self._degree()
                node = Node("quantity", (node,), "°") if degree else Node("power", (node, self.exponent()))
            else:
                return node

    def _degree(self) -> bool:
        """Read a raised degree sign, if there is one."""
        for signs in (["°"], ["{", "°", "}"]):
            if [token.text for token in self.tokens[self.place : self.place + len(signs)]] == signs:
                self.place += len(signs)
                return True
        return False

    def exponent(self) -> Node:
        if self.sign("-", "+"):
            return negative(self.exponent()) if self.take().text == "-" else self.exponent()
        return self.group("{") if self.sign("{") else self.base()

    def argument(self) -> Node:
        """Read ``{...}``, or one digit or letter, as after ``\\frac``."""
        if self.sign("{"):
            return self.group("{")
        token = self.next
        if token.kind == "number" and len(token.text) > 1 and token.text.isdecimal():
            rest = Token("number", token.text[1:])
            self.tokens = [*self.tokens[: self.place], rest, *self.tokens[self.place + 1 :]]
            return number(int(token.text[0]))
        return self.base()

    # operands

    def base(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "letter":
            return self._letter(token.text)
        if token.kind == "name":
            return Node("constant", text="pi") if token.text == "pi" else Node("letter", text=token.text)
        if token.kind == "function":
            return self.function(token.text)
        if token.kind == "begin":
            return self.matrix(token.text)
        if token.kind == "command":
            return self._command(token.text)
        if token.kind != "sign":
            raise Unreadable
        if token.text in _CLOSING:
            self.place -= 1
            return self.group(token.text)
        if token.text == "|":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return Node("function", (node,), "abs")
        if token.text == "infinity":
            return Node("constant", text="infinity")
        if token.text == "empty":
            return Node("set")
        if token.text == "reals":
            infinity = Node("constant", text="infinity")
            return Node("tuple", (negative(infinity), infinity), "()")
        if token.text == "¤" or token.text in CURRENCIES:
            amount = self.signed() if self.sign("-") else self.factor()
            return Node("quantity", (amount,), CURRENCIES.get(token.text, "dollar"))
        raise Unreadable

    def _number(self, token: Token) -> Node:
        node = number(decimal(token.text), rounding_step(token.text))
        if self.sign("_"):
            self.take()
            return Node("based", (node,), self._digits())
        return node

    def _letter(self, name: str) -> Node:
        if name == "C" and self.sign("("):
            arguments = self.group("(")
            if arguments.kind == "tuple" and len(arguments.parts) == 2:
                return Node("binomial", arguments.parts)
            return Node("multiply", (Node("letter", text=name), arguments))
        if self.sign("_"):
            self.take()
            name += "_" + self._subscript()
        elif name in ("e", "i"):
            return Node("constant", text=name)
        return Node("letter", text=name)

    def _subscript(self) -> str:
        if not self.sign("{"):
            return self.take().text
        self.take()
        parts = []
        while not self.sign("}"):
            if self.sign("{"):
                raise Unreadable
            parts.append(self.take().text)
        self.take()
        return "".join(parts)

    def _command(self, name: str) -> Node:
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            return Node("divide", (self.argument(), self.argument()))
        if name == "sqrt":
            degree = number(2)
            if self.sign("["):
                self.take()
                degree = self.sum()
                self.expect("]")
            return Node("root", (self.group("{") if self.sign("{") else self.base(), degree))
        if name in ("binom", "dbinom", "tbinom"):
            return Node("binomial", (self.argument(), self.argument()))
        if name in _ROUNDING:
            function, closing = _ROUNDING[name]
            node = self.sum()
            if not self.command(closing):
                raise Unreadable
            self.take()
            return Node("function", (node,), function)
        raise Unreadable

    def function(self, name: str) -> Node:
        name = _SHORT.get(name, name)
        base = power = None
        for _ in range(2):
            if self.sign("_") and name == "log" and base is None:
                self.take()
                base = self.argument()
            elif self.sign("^") and power is None:
                self.take()
                power = self.exponent()
        argument = self._applied()
        if power is not None and name in _INVERSE and power == negative(number(1)):
            return Node("function", (argument,), _INVERSE[name])
        node = Node("function", (argument,), name)
        if base is not None:
            node = Node("divide", tuple(Node("function", (part,), "ln") for part in (argument, base)))
        return node if power is None else Node("power", (node, power))

    def _applied(self) -> Node:
        """Read the argument of a function: a group, or factors up to the next function."""
        if self.sign("(", "{", "["):
            node = self.group(self.tokens[self.place].text)
            return node if not self.sign("^") else self._raised(node)
        node = self.factor()
        while self.starts_factor() and self.tokens[self.place].kind != "function" and not self.sign("(", "|"):
            node = Node("multiply", (node, self.factor()))
        return node

    def _raised(self, node: Node) -> Node:
        self.take()
        return Node("power", (node, self.exponent()))

    def group(self, opening: str) -> Node:
        """Read what stands in brackets: a formula, a tuple, an interval, or a set."""
        self.expect(opening)
        bars, self.bars = self.bars, 0
        if opening == "\\{" and self.sign("\\}"):
            self.take()
            return Node("set")
        head = [token.text for token in self.tokens[self.place + 1 : self.place + 4]]
        of_reals = 2 * (head[:2] == ["in", "reals"])
        if opening == "\\{" and head[of_reals : of_reals + 1] in (["|"], [":"]) and self.next.kind == "letter":
            self.place += 2 + of_reals  # the numbers for which the condition holds
            node = self.sequence()
            self.expect("\\}")
            return node
        items = [self.relation()]
        while self.sign(",", ";"):
            self.take()
            items.append(self.relation())
        if opening == "{" and self.command("over", "choose") and len(items) == 1:
            kind = "divide" if self.take().text == "over" else "binomial"
            items = [Node(kind, (items[0], self.sum()))]
        self.bars = bars
        if opening in ("{", "\\{"):
            self.expect(_CLOSING[opening])
            return items[0] if opening == "{" and len(items) == 1 else Node("set", tuple(items))
        closing = self.expect(")", "]")
        if len(items) == 1:
            if closing != _CLOSING[opening] or items[0].kind == "relation":
                raise Unreadable
            return items[0]
        return Node("tuple", tuple(items), opening + closing)

    def matrix(self, name: str) -> Node:
        """Read the rows of a matrix up to its end."""
        cells, widths, width = [], [], 0
        while True:
            cells.append(self.sum())
            width += 1
            if self.sign("&"):
                self.take()
                continue
            widths.append(width)
            width = 0
            if self.sign("\\\\"):
                self.take()
            if self.next.kind == "end":
                self.take()
                break
        if len(set(widths)) != 1:
            raise Unreadable
        kind = "determinant" if name in ("vmatrix", "Vmatrix") else "matrix"
        return Node("matrix", tuple(cells), f"{len(widths)} x {widths[0]} {kind}")
