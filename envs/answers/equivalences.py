"""The kinds of comparison of answers, and what all of them have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from ..errors import InputError
from ..extras import install_command
from ..plugins import find_factory
from .choice import read_choice
from .number import read_number
from .quantity import same_quantity
from .text import fold, fold_markup

KINDS = ("exact", "text", "number", "choice", "math")
"""The built-in kinds. A function of one's own is named as ``package.module:function``."""
FORMS = f"{'|'.join(KINDS)}|package.module:function"


class Equivalence(Protocol):
    """Says which answers are the same. Every implementation is symmetric, deterministic, and never raises.

    It need not be transitive: 50 and 0.5 are both the same as 50%, and differ from each other. `group` makes classes.
    """

    @property
    def name(self) -> str:
        """The kind, as in `equivalence`."""
        ...

    def same(self, first: str, second: str) -> bool:
        """Return whether two answers are the same."""
        ...

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return marks of ``answer``: answers that are the same share at least one. Most others share none."""
        ...


def equivalence(name: str) -> Equivalence:
    """Return the comparison called ``name``: one of `KINDS`, or ``package.module:function``.

    A function takes two answers and returns whether they are the same.

    Raises:
        InputError: there is no such kind or function, or ``math`` is asked for and its packages are not installed.
    """
    if name == "math":
        if not math_is_installed():
            raise InputError(f"--answers math needs math-verify: {install_command('math')}")
        from .mathematics import MathEquivalence

        return MathEquivalence()
    if name == "number":
        return NumberEquivalence()
    if name in _KEYS:
        return KeyedEquivalence(name, _KEYS[name])
    if ":" not in name:
        raise InputError(f"--answers {name}: use one of {', '.join(KINDS)}, or your own as package.module:function")
    function = find_factory("comparison of answers", name, "autotts.answers", KINDS)
    try:
        inspect.signature(function).bind("", "")
    except TypeError:
        raise InputError(f"--answers {name}: the function must take two answers") from None
    except ValueError:  # a built-in function without a signature
        pass
    return FunctionEquivalence(name, function)


def math_is_installed() -> bool:
    """Return whether the packages of the extra ``math`` are installed. Imports nothing."""
    return find_spec("math_verify") is not None


def _choice_key(answer: str) -> Hashable:
    chosen = read_choice(answer)
    return chosen if chosen is not None else fold_markup(answer)


_KEYS: dict[str, Callable[[str], Hashable]] = {"exact": str, "text": fold, "choice": _choice_key}


@dataclass(frozen=True, slots=True)
class KeyedEquivalence:
    """Answers are the same if their keys are equal."""

    name: str
    key: Callable[[str], Hashable]

    def same(self, first: str, second: str) -> bool:
        """Return whether the keys are equal."""
        return first == second or self.key(first) == self.key(second)

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return the key."""
        return (self.key(answer),)


@dataclass(frozen=True, slots=True)
class NumberEquivalence:
    """Answers that are numbers are the same if the numbers are; any others if their folded texts are."""

    name: str = "number"

    def same(self, first: str, second: str) -> bool:
        """Return whether the numbers, or else the texts, are equal."""
        if first == second:
            return True
        one, other = read_number(first), read_number(second)
        if one is None or other is None:
            return one is other and fold_markup(first) == fold_markup(second)
        return same_quantity(one, other)

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return marks of the number, or the folded text."""
        number = read_number(answer)
        return (fold_markup(answer),) if number is None else number.marks()


@dataclass(frozen=True, slots=True)
class FunctionEquivalence:
    """A function of the user's. It is asked in one order only, so that the comparison is symmetric."""

    name: str
    function: Callable[[str, str], object]

    def same(self, first: str, second: str) -> bool:
        """Return the verdict of the function.

        Raises:
            InputError: the function raised an exception.
        """
        if first == second:
            return True
        first, second = sorted((first, second))
        try:
            return bool(self.function(first, second))
        except Exception as error:  # code of the user may raise anything
            problem = f"{type(error).__name__}: {error}"
            raise InputError(f"--answers {self.name}: on {first[:60]!r} and {second[:60]!r}: {problem}") from error

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return one mark for all: only the function knows."""
        return (None,)
