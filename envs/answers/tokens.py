"""Splits a formula, in LaTeX or typed plainly, into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .units import SYMBOLS, read_unit

COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=",
    "geq": ">=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "pm": "pm", "mp": "mp",
    "cup": "cup", "in": "in", "to": "to", "infty": "infinity", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|",
    "lbrace": "\\{", "rbrace": "\\}", "lbrack": "[", "rbrack": "]", "langle": "(", "rangle": ")",
    "emptyset": "empty", "varnothing": "empty",
    "approx": "=", "equiv": "=", "lor": "or", "vee": "or", "land": "and", "wedge": "and", "degree": "°", "circ": "°",
    "backslash": "setminus", "colon": ":",
}  # fmt: skip
"""Commands that are one operator or sign."""
_CHARACTERS = {
    "·": "*", "×": "*", "÷": "/", "≤": "<=", "≥": ">=", "⩽": "<=", "⩾": ">=", "≠": "!=", "±": "pm", "∓": "mp",
    "∪": "cup", "∈": "in", "∞": "infinity", "∅": "empty", "ℝ": "reals", "≈": "=", "√": "sqrt", "∨": "or", "∧": "and",
}  # fmt: skip
_FUNCTIONS = "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh asin acos atan log ln lg exp abs"
FUNCTIONS = frozenset(_FUNCTIONS.split())
_NAMES = FUNCTIONS | {"sqrt", "pi", "inf", "infinity", "or", "and", "frac"}
_SHORT_WORDS = "no on is in it of to at as by an am be we he us my if so do go up ok"
_STOP = frozenset(_SHORT_WORDS.split())
_ALPHABET = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron rho sigma tau upsilon phi chi psi"
    " omega"
)
_GREEK_LETTERS = dict(zip("αβγδεζηθικλμνξορστυφχψω", _ALPHABET.split(), strict=True))
_GREEK = {*_ALPHABET.split(), "ell", "hbar"}
_TOKEN = re.compile(
    r"(?P<space>\s+|\\[,;:! ]|\\q?quad(?![A-Za-z])|~|&?(?<=\d)\{,\}(?=\d))"
    r"|(?P<number>\d*\.\d*\\(?:overline|bar) ?\{\d+\}"
    r"|(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+(?:[eE][+-]?\d{1,3}(?![\d.]))?|[eE]\d{1,3}(?![\d.]))?|\.\d+|\d+\.(?!\d))"
    r"|(?P<text>\\(?:text(?:bf|it|rm|sf|tt|normal)?|mbox|hbox|math(?:rm|bf|it|sf|bb|cal|normal)|operatorname\*?|emph"
    r"|boldsymbol|vec|bm) ?\{(?P<content>[^{}]*)\})"
    r"|(?P<begin>\\begin\{(?P<matrix>[pbvBV]?matrix|array)\}(?:\{[lcr| ]*\})?)|(?P<end>\\end\{[A-Za-z]*\})"
    r"|(?P<brace>\\[{}|])|(?P<row>\\\\)|(?P<command>\\[A-Za-z]+)|(?P<letters>[^\W\d_]+)"
    r"|(?P<operator>\*\*|<=|>=|!=|==|:=|.)"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind, and its text."""

    kind: str
    """``number``, ``letter``, ``name``, ``function``, ``word``, ``unit``, ``command``, ``begin``, ``end`` or
    ``sign``."""
    text: str
    spaced: bool = False
    """Whether white space stands before it."""


def tokenize(formula: str) -> list[Token]:
    """Return the tokens of ``formula``, which `markup.undressed` has prepared."""
    tokens: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(formula):
        kind, text = match.lastgroup, match[0]
        if kind in ("content", "text"):
            after_number = bool(tokens) and tokens[-1].kind == "number"
            found = _text(match[0], match["content"], after_number)
        elif match["begin"]:
            found = [("begin", match["matrix"])]
        elif kind == "space":
            spaced = True
            continue
        elif kind == "command":
            found = [_command(text[1:])]
        elif kind == "letters":
            found = _letters(text, bool(tokens) and tokens[-1].kind == "number")
        elif kind in ("number", "end"):
            found = [(kind, text)]
        elif text in _CHARACTERS:
            found = [_named(_CHARACTERS[text])]
        else:
            found = [("sign", {"**": "^", "==": "=", ":=": "=", "\\|": "|"}.get(text, text))]
        for each_kind, each_text in found:
            tokens.append(Token(each_kind, each_text, spaced))
            spaced = False
    return tokens


def _command(name: str) -> tuple[str, str]:
    if name in FUNCTIONS:
        return "function", name
    if name in COMMANDS:
        return "sign", COMMANDS[name]
    if name in ("pi", "Pi"):
        return "name", name
    if name.startswith("var") and name[3:] in _GREEK:
        return "letter", name[3:]
    return ("letter", name) if name.lower() in _GREEK else ("command", name)


def _text(source: str, content: str, after_number: bool) -> list[tuple[str, str]]:
    """Return the tokens of ``\\text{...}``: a letter, a formula, a separator, or a word."""
    content = content.strip()
    letter = content.strip("()[] .")
    if after_number and len(content) == 1 and source.startswith("\\text") and read_unit(content) is not None:
        return [("word", content)]
    if source.startswith("\\mathbb") and letter == "R":
        return [("sign", "reals")]
    if len(letter) == 1 and letter.isalpha() and (source[1:5] != "text" or content != letter or letter.isupper()):
        return [("letter", letter)]
    if letter in ("or", "and"):
        return [("sign", letter)]
    if not content:
        return []
    if not re.search(r"[^\W\d_]", content) or source.startswith(("\\mathbf", "\\boldsymbol", "\\bm", "\\vec")):
        return [(token.kind, token.text) for token in tokenize(content)]
    return [("function", content)] if content in FUNCTIONS else [("word", content)]


def _letters(text: str, after_number: bool) -> list[tuple[str, str]]:
    """Return the tokens of a run of letters: a name, a unit, a word, or single letters that are multiplied."""
    if text in _NAMES:
        return [_named(text)]
    if after_number and text.lower() in SYMBOLS:
        return [("unit", text)]
    if len(text) == 1:
        if text in _CHARACTERS:
            return [_named(_CHARACTERS[text])]
        return [("name", "pi")] if text == "π" else [("letter", _GREEK_LETTERS.get(text, text))]
    if text.isascii() and len(text) == 2 and text.lower() not in _STOP:
        return [("letter", letter) for letter in text]
    for name in ("sqrt", "pi"):
        rest = text.removeprefix(name)
        if rest != text and len(rest) == 1:
            return [_named(name), ("letter", rest)]
    if text.lower() in ("abc", "xyz", "bca", "yzx", "zxy", "cab", "acb", "bac", "cba") and text.islower():
        return [("letter", letter) for letter in text]
    return [("word", text)]


def _named(name: str) -> tuple[str, str]:
    if name in FUNCTIONS:
        return "function", name
    if name in ("sqrt", "frac"):
        return "command", name
    if name == "pi":
        return "name", name
    return "sign", "infinity" if name == "inf" else name
