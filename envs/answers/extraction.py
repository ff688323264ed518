"""Finds the answer in a text: for importers, for graders, and for live models alike.

The ways are `boxed`, `choice`, `number`, `last-line`, ``json:PATH``, ``regex:EXPRESSION`` (or the expression alone),
and a function of one's own, ``package.module:function``.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from ..errors import InputError
from ..plugins import find_factory
from .json_value import last_json_value


@dataclass(frozen=True, slots=True)
class ExtractionWay:
    """One way to find the answer in a text."""

    name: str
    """The way as the option takes it."""
    find: Callable[[str], str | None]
    """Returns the answer in a text, stripped of spaces, or None if there is none."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The ways to find the answer in a text, in the order in which they are tried."""

    ways: tuple[ExtractionWay, ...]

    @property
    def name(self) -> str:
        """The names of the ways, as the option takes them."""
        return shlex.join(way.name for way in self.ways)

    def find(self, text: str) -> tuple[str | None, str]:
        """Return the answer that the first of the ways finds, and the name of this way; (None, "") if none does."""
        for way in self.ways:
            answer = way.find(text)
            if answer is not None:
                return answer, way.name
        return None, ""


def extraction(option: str, *texts: str) -> Extraction | None:
    """Return the ways that a user names, each in one of the forms that the module lists.

    An expression's last match is the answer, or the group of it. A function takes a text, and returns an answer or
    None.

    Args:
        option: the option, for the error.
        texts: the ways.

    Returns:
        The ways, or None if the user names none.

    Raises:
        InputError: a text has none of the forms, an expression has several groups, a function cannot be imported or
            takes no text, or a way is named twice.
    """
    twice = next((text for at, text in enumerate(texts) if text in texts[:at]), None)
    if twice is not None:
        raise InputError(f"{option}: {twice} is named twice")
    return Extraction(tuple(_way(option, text) for text in texts)) if texts else None


FORMS = "boxed, choice, number, last-line, json:PATH, package.module:function or a regular expression"
_FUNCTION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def _way(option: str, text: str) -> ExtractionWay:
    if text in WAYS:
        return ExtractionWay(text, WAYS[text])
    kind, _, rest = text.partition(":")
    if kind == "json":
        if not rest.strip("."):
            raise InputError(f"{option} {text}: name the path of the answer, as in json:result.answer")
        return ExtractionWay(text, lambda given: last_json_value(_visible(given), rest))
    if kind != "regex" and _FUNCTION.fullmatch(text):
        return ExtractionWay(text, _own_function(option, text))
    return ExtractionWay(text, _expression(option, rest if kind == "regex" else text))


def _expression(option: str, text: str) -> Callable[[str], str | None]:
    try:
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(
            f"{option}: neither {', '.join(WAYS)}, json:PATH, package.module:function nor a regular expression"
            f" ({str(error).splitlines()[0]})"
        ) from None
    if compiled.groups > 1:
        raise InputError(f"{option}: {compiled.groups} groups, but the answer is one: write the others as (?:...)")
    return lambda given: _last_match(compiled, given)


def _own_function(option: str, name: str) -> Callable[[str], str | None]:
    """Return the function of the user's called ``name``, with its faults as `InputError`."""
    function = find_factory("extraction of answers", name, "autotts.extraction", tuple(WAYS))
    try:
        inspect.signature(function).bind("")
    except TypeError:
        raise InputError(f"{option} {name}: the function must take one text") from None
    except ValueError:  # a built-in function without a signature
        pass

    def find(text: str) -> str | None:
        try:
            found = function(text)
        except Exception as error:  # code of the user may raise anything
            problem = f"{type(error).__name__}: {error}"
            raise InputError(f"{option} {name}: on a text that ends in {text[-60:]!r}: {problem}") from error
        if found is not None and not isinstance(found, str):
            raise InputError(f"{option} {name}: it returned a {type(found).__name__}, not a text or None")
        return (found.strip() or None) if found else None

    return find


def _last_match(expression: re.Pattern[str], text: str) -> str | None:
    """Return the last match in ``text`` that is not empty, or its group if there is one."""
    last = None
    for match in expression.finditer(text):
        last = match[expression.groups] if match[0] else last
    return (last.strip() or None) if last else None


THOUGHT_END = "</think>"
"""The tag with which reasoning models end their thoughts."""


def _visible(text: str) -> str:
    """Return the text after the thoughts of a reasoning model; nothing if the thoughts do not end."""
    visible = text.rpartition(THOUGHT_END)[2]
    return "" if "<think>" in visible else visible


_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")


def boxed(text: str) -> str | None:
    r"""Return the content of the last ``\boxed`` or ``\fbox``: braces may be nested, and ``\boxed 5`` needs none.

    A box that the text cuts off holds no answer.
    """
    last = None
    for match in _BOX.finditer(text):
        last = match
    if last is None:
        return None
    if text[last.end() : last.end() + 1] == "{":
        end = closing_brace(text, last.end())
        return None if end is None else text[last.end() + 1 : end].strip() or None
    return _bare(text[last.end() :])


def closing_brace(text: str, start: int) -> int | None:
    """Return the place of the brace that closes the one at ``start``. An escaped brace is a sign of its own."""
    depth, at = 0, start
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    return None


def _bare(text: str) -> str | None:
    """Return the beginning of ``text`` up to a space or a dollar sign outside braces."""
    at = 0
    while at < len(text) and not text[at].isspace() and text[at] not in "$}":
        if text[at] == "{":
            end = closing_brace(text, at)
            if end is None:
                return None
            at = end
        at += 1
    return text[:at].removesuffix("\\)").removesuffix("\\]").rstrip(".,;") or None


_DRESS = r"(?:\s|[:=*_$({\[]|\\(?:text|textbf|mathrm|mathbf|boxed)|(?i:\bis\b|\boption\b|\bchoice\b))*"
_PHRASE = r"(?i:\b(?:answer|choice|option))\b" + _DRESS
_NAMED = re.compile(
    _PHRASE
    + r"(?:([B-HJ])(?![A-Za-z0-9'])|(A)(?![A-Za-z0-9']|\s+(?!because|since|as|and|or|is)[a-z])|(I)(?=[\s.)*}\]$]*$))",
    re.MULTILINE,
)
"""A and I are words as well."""
_BRACKETED = re.compile(r"[(\[*]\s*([A-Ja-j])\s*[)\]*]")
_ALONE = re.compile(r"[\s*$({\[]*([A-Ja-j])(?:[\s.*$)}\]]*|[).:]\s.*)")
_INNER = re.compile(r"(?:\\(?:text|textbf|mathrm|mathbf)\s*)?[{(\s]*([A-Ja-j])[)}\s.]*")


def choice(text: str) -> str | None:
    """Return the letter, A to J, of the choice that ``text`` names last, in capitals.

    A box comes first, then a phrase such as "the answer is (B)", then a letter in brackets, then a line of one letter.
    """
    text = _visible(text)
    box = boxed(text)
    if box is not None and (inner := _INNER.fullmatch(box)):
        return inner[1].upper()
    named = [match[match.lastindex or 0] for match in _NAMED.finditer(text)]
    if named:
        return named[-1]
    bracketed = _BRACKETED.findall(text)
    if bracketed:
        return str(bracketed[-1]).upper()
    line = last_line(text)
    alone = _ALONE.fullmatch(line) if line else None
    return alone[1].upper() if alone else None


_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_WHOLE = rf"[-+\u2212]?\$?(?:{_DIGITS})(?:[eE][-+]?\d+)?"
_FRACTION = r"(?:(?P<minus>-)\s?)?\\[dtc]?frac\s*\{\s*(?P<top>-?\d+)\s*\}\s*\{\s*(?P<bottom>\d+)\s*\}"
_NUMBER = re.compile(
    rf"{_FRACTION}|(?<![\w.^])(?<![\^_]\{{)(?:(?<=\))[-+])?(?P<number>{_WHOLE})(?P<over>\s?/\s?\d+(?![\d.]))?"
)


def number(text: str) -> str | None:
    r"""Return the last number of ``text`` in plain digits: ``1,200.50`` is ``1200.5``, ``\frac{3}{4}`` is ``3/4``.

    An exponent or an index, as in ``km^2``, is not a number of its own.
    """
    last = None
    for match in _NUMBER.finditer(_visible(text)):
        last = match
    return None if last is None else _plain(last)


def plain_number(text: str) -> str | None:
    """Return ``text`` in plain digits if it is one number and nothing else, or None."""
    match = _NUMBER.fullmatch(text.strip())
    return None if match is None else _plain(match)


def _plain(match: re.Match[str]) -> str:
    if match["number"] is None:
        return f"{'-' * (match['minus'] == '-')}{match['top']}/{match['bottom']}".replace("--", "")
    digits = match["number"].replace(",", "").replace("$", "").replace("\u2212", "-")
    value = f"{Decimal(digits):f}" if len(digits) < 60 else digits
    if "." in value:
        value = value.rstrip("0").rstrip(".")
    value = "0" if value in ("-0", "") else value
    return value + (match["over"] or "").replace(" ", "")


_LABEL = re.compile(r"(?i)[\s*#>]*(?:the\s+)?(?:final\s+)?answer(?:\s+is)?\s*[:=]?+[\s*]*+(?=\S)")


def last_line(text: str) -> str | None:
    """Return the last line of ``text`` that is not blank, without a label such as ``Answer:`` and without emphasis."""
    lines = [line.strip() for line in _visible(text).splitlines() if line.strip()]
    if not lines:
        return None
    line = _LABEL.sub("", lines[-1], count=1) if _LABEL.match(lines[-1]) else lines[-1].lstrip("# ")
    return line.strip().strip("*").strip() or None


WAYS: dict[str, Callable[[str], str | None]] = {
    "boxed": boxed,
    "choice": choice,
    "number": number,
    "last-line": last_line,
}
"""The named ways to find an answer."""
