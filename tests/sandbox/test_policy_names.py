"""The source policy follows names: no other name, alias or class leads to what is private; honest idioms pass."""

from __future__ import annotations

import textwrap

import pytest

from autotts.sandbox import policy

TRICKS = {  # name: (source before the controller, body of solve, text that the message must contain)
    "self as the parameter of a function": (
        "def peek(self):\n    return self._order",
        "return peek(question)",
        "_order",
    ),
    "cls as the parameter of a function": ("def peek(cls):\n    return cls._order", "return peek(question)", "_order"),
    "self of a lambda": ("", "return (lambda self: self._order)(question)", "_order"),
    "self of a nested function": ("", "def peek(self):\n    return self._order\nreturn peek(question)", "_order"),
    "self assigned": ("", "self = question\nreturn self._order", "_order"),
    "self in a for": ("", "for self in [question]:\n    return self._order", "_order"),
    "self in a comprehension": ("", "return [self._order for self in [question]]", "_order"),
    "self by a walrus": ("", "return (self := question) and self._order", "_order"),
    "self by a walrus in a comprehension": ("", "[self := x for x in [question]]\nreturn self._order", "_order"),
    "self unpacked": ("", "[self, *rest] = [question]\nreturn self._order", "_order"),
    "self imported": ("", "import collections as self\nreturn self._sys", "_sys"),
    "self in a with": ("", "with question as self:\n    return self._order", "_order"),
    "self in an except": ("", "try:\n    1 / 0\nexcept Exception as self:\n    return self._x", "_x"),
    "self captured": ("", "match question:\n    case self:\n        return self._order", "_order"),
    "self captured as": ("", "match question:\n    case object() as self:\n        return self._order", "_order"),
    "self rebound for a nested function": (
        "",
        "def f():\n    return self._order\nself = question\nreturn f()",
        "_order",
    ),
    "self in a module": ("self = object()\nx = self._order", "return x", "_order"),
    "self in a class": ("class A:\n    self = object()\n    x = self._order", "return A.x", "_order"),
    "a static method": (
        "class A:\n    @staticmethod\n    def f(self):\n        return self._order",
        "return A.f(question)",
        "_o",
    ),
    "a decorator that keeps the function": (
        "kept = []\n\ndef keep(f):\n    kept.append(f)\n    return f\n\nclass A:\n    @keep\n    def f(self):\n"
        "        return self._order",
        "return kept[0](question)",
        "_order",
    ),
    "a method called on the class": (
        "class A:\n    _order = 0\n    def f(self):\n        return self._order",
        "return A.f(question)",
        "`f`",
    ),
    "a method of its own class": ("", "self._order = 0\nreturn Mine.peek(question)", "`peek`"),
    "a method of the type": ("", "self._order = 0\nreturn type(self).peek(question)", "`peek`"),
    "a method of __class__": ("", "self._order = 0\nreturn self.__class__.peek(question)", "`peek`"),
    "a method of an alias": (
        "class A:\n    _order = 0\n    def f(self):\n        return self._order\n\nB = A",
        "return B.f(question)",
        "`A`",
    ),
    "another class for the question": (
        "class A:\n    def f(self):\n        return self",
        "question.__class__ = A()\nreturn question.f()",
        "__class__",
    ),
    "a seed that is the order": ("", "return self._seed", "_seed"),
    "a private import": ("from collections import _sys", "return _sys.modules", "_sys"),
    "a private import under another name": ("from collections import _sys as s", "return s.modules", "_sys"),
    "all of a module": ("from operator import *", "return attrgetter('_order')(question)", "import *"),
    "all of another": ("from string import *", "return Formatter()", "import *"),
    "a builtin through enum": ("from enum import bltns", "return bltns.eval('1')", "bltns"),
    "a builtin through an attribute": ("import enum", "return enum.bltns.eval('1')", "bltns"),
    "a module under another name": ("import enum as e", "return e.bltns.eval('1')", "bltns"),
    "a module in a variable": ("import enum", "e = enum\nreturn e.bltns.eval('1')", "`enum` is a module"),
    "a module as an argument": ("import enum", "f = lambda e: e.bltns\nreturn f(enum).eval('1')", "is a module"),
    "a module in a module": ("import collections.abc", "return collections.abc.sys.modules", "sys"),
    "a module in a module, imported": ("from collections import abc as a", "return a.sys.modules", "sys"),
    "chance under another name": ("import random as r", "return r.choice([1])", "random.choice"),
    "the recordings": ("import envs", "return envs.replay.Recording", "replay"),
    "the recordings, imported": ("from envs import ReplayQuestion", "return ReplayQuestion", "ReplayQuestion"),
    "attributes by names in a tuple": (
        "import functools",
        "functools.update_wrapper(self, question, ('_order',), ())\nreturn self._x",
        "update_wrapper",
    ),
    "attributes by names of a decorator": (
        "from functools import wraps",
        "wraps(question, ('_order',), ())(self)\nreturn self._x",
        "wraps",
    ),
    "annotations that are evaluated": (
        "from typing import get_type_hints\n\nclass A:\n    x: 'eval(1)'",
        "return get_type_hints(A)",
        "get_type_hints",
    ),
    "annotations that are dispatched on": (
        "import functools",
        "f = functools.singledispatch(len)\nreturn f",
        "singledispatch",
    ),
    "a pattern by position": (
        "from abc import ABC\nfrom dataclasses import dataclass\n\n@dataclass\nclass A(ABC):\n    _order: list",
        "A.register(type(question))\nmatch question:\n    case A(x):\n        return x",
        "pattern",
    ),
    "a pattern of a builtin that is none": (
        "from enum import Enum as int",
        "match question:\n    case int(x):\n        return x",
        "pattern",
    ),
    "a class made at run time": ("", "return type('X', (), {'__match_args__': ('_order',)})", "`type`"),
    "type under another name": ("", "t = type\nreturn t('X', (), {})", "`type`"),
    "a metaclass": ("class M(type):\n    pass\n\nclass A(metaclass=M):\n    pass", "return A", "metaclass"),
    "a hook for instances": (
        "class M:\n    def __instancecheck__(self, x):\n        return True",
        "return M",
        "instance",
    ),
    "a hook for attributes": (
        "class A:\n    def __getattr__(self, name):\n        return name",
        "return A().x",
        "getattr",
    ),
}

HONEST = {
    "attributes and helpers": ("", "self._seen = []\nself._helper(question)\nreturn self._best"),
    "a nested function": ("", "self._n = 0\ndef add(x):\n    self._n += x\nadd(1)\nreturn None"),
    "a lambda and comprehensions": (
        "",
        "self._w = {}\nreturn max([1], key=lambda i: self._w.get(i, 0)) and [self._w[i] for i in self._w]",
    ),
    "another name for self": (
        "class A:\n    def __init__(this, x):\n        this._x = x\n    def get(this):\n        return this._x",
        "return A(1).get()",
    ),
    "class methods, static methods and properties": (
        "class A:\n    _n = 2\n    @classmethod\n    def make(cls):\n        return cls(), cls._n\n    @staticmethod\n"
        "    def twice(x):\n        return 2 * x\n    @property\n    def n(self):\n        return self._n\n"
        "    @n.setter\n    def n(self, value):\n        self._n = value",
        "return A.make()[0].n + A.twice(3) + A._n_",
    ),
    "a data class": (
        "from dataclasses import dataclass, field\n\n@dataclass(slots=True, order=True)\nclass A:\n    count: int = 0\n"
        "    seen: list = field(default_factory=list)\n    _sum: float = field(default=0.0, repr=False)\n"
        "    def add(self, x):\n        self._sum += x\n        self.count += 1\n        return self",
        "return A().add(1).count",
    ),
    "classes as factories, types and errors": (
        "from collections import defaultdict\n\nclass Stop(Exception):\n    pass\n\nclass A:\n    def __init__(self):\n"
        "        self._n = 0\n    def same(self, other: 'A') -> A:\n        return isinstance(other, (A, Stop))",
        "try:\n    return defaultdict(A)[1].same(A())\nexcept (Stop, ValueError):\n    return None",
    ),
    "a base class that is called": (
        "class Base(Controller):\n    def __init__(self, beta, seed=0):\n        super().__init__(beta, seed)\n"
        "        self._n = 1\n\nclass Other(Base):\n    def __init__(self, beta, seed=0):\n"
        "        Base.__init__(self, beta, seed)\n        self._tokens = self._n",
        "return None",
    ),
    "enums, named tuples and patterns": (
        "import enum\nfrom typing import NamedTuple\n\nclass Phase(enum.Enum):\n    WIDE = 1\n\nclass P(NamedTuple):\n"
        "    i: int\n    answer: str = ''",
        "match P(1), 3:\n    case P(i=1, answer=a), int(x) if x:\n        return a\n    case _:\n"
        "        return Phase.WIDE",
    ),
    "a class as a value": (
        "class Wide:\n    def run(self, q):\n        self._n = 1\n        return q.tokens",
        "made = [Wide][0]()\nreturn made.run(question)",
    ),
    "modules": (
        "import collections\nimport math\nimport statistics as st\nfrom collections import abc, Counter",
        "c: abc.Sequence = collections.deque(maxlen=3)\nreturn st.median(c) + math.inf + collections.abc.Sized",
    ),
    "local names of modules that are not imported": (
        "",
        "numbers, copy = [], 1\nnumbers.append(copy)\nreturn numbers[0]",
    ),
    "a type as a key": ("", "return type(question.tokens) is int and type(self).__name__"),
}


def source(before: str, body: str) -> str:
    """Return a controller whose `solve` has the given body."""
    peek = "    def peek(self):\n        return self._order\n"
    helper = "    def _helper(self, question):\n        self._best = None\n"
    return (
        f"from envs import Controller\n{before}\n\nclass Mine(Controller):\n{peek if 'peek' in body else ''}{helper}"
        f"    def solve(self, question):\n{textwrap.indent(body, ' ' * 8)}\n"
    )


@pytest.mark.parametrize("what", TRICKS)
def test_tricks_with_names_are_refused(what: str) -> None:
    before, body, named = TRICKS[what]
    verdict = policy.check(source(before, body))
    assert verdict.kind == "rejected: policy" and named in verdict.message, verdict
    assert verdict.message.startswith("line ") and "\n" not in verdict.message


@pytest.mark.parametrize("what", HONEST)
def test_honest_idioms_pass(what: str) -> None:
    verdict = policy.check(source(*HONEST[what]).replace(" + A._n_", ""))
    assert verdict.ok, verdict


def test_printing_is_the_only_thing_that_a_draft_may_do_more() -> None:
    assert policy.check(source("", "print(question.tokens)"), prints=True).ok
    assert not policy.check(source("", "print(question._tokens)"), prints=True).ok
