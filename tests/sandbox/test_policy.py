"""The source policy: each rule names the line and the remedy, no source makes it raise, honest controllers pass."""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive.baselines import baseline_source, every_baseline
from autotts.agent.explorers.evolve.explorer import cross, vary
from autotts.agent.explorers.evolve.genome import STARTS
from autotts.agent.explorers.evolve.render import render
from autotts.sandbox import policy
from autotts.sandbox.outcome import Verdict

HEAD = "from envs import Controller, majority\n\nclass Mine(Controller):\n    def solve(self, question):\n        "
LINE = 5
"""The line of the statement that follows `HEAD`."""

REFUSED = {  # name: (statement, text that the message must contain)
    "exec": ("exec('x = 1')", "exec"),
    "eval": ("return eval('1')", "eval"),
    "compile": ("compile('1', '', 'eval')", "compile"),
    "open": ("open('/etc/passwd')", "open"),
    "input": ("input()", "input"),
    "print": ("print(1)", "print"),
    "globals": ("globals()['x'] = 1", "globals"),
    "locals": ("locals()", "locals"),
    "vars": ("vars(question)", "vars"),
    "getattr": ("getattr(question, '_' + 'order')", "getattr"),
    "setattr": ("setattr(question, 'x', 1)", "setattr"),
    "delattr": ("delattr(question, 'log')", "delattr"),
    "__import__": ("__import__('os')", "__import__"),
    "breakpoint": ("breakpoint()", "breakpoint"),
    "memoryview": ("memoryview(b'')", "memoryview"),
    "id": ("return id(question)", "id"),
    "hash": ("return max([], key=hash)", "hash"),
    "exit": ("exit()", "exit"),
    "quit": ("quit()", "quit"),
    "under another name": ("e = eval", "eval"),
    "import os": ("import os", "os"),
    "import a part": ("import os.path as p", "os.path"),
    "from sys": ("from sys import modules", "sys"),
    "one of several": ("import math, gc", "gc"),
    "relative": ("from . import envs", "relatively"),
    "recordings": ("from envs.replay import Recording", "envs.replay"),
    "chance": ("import random\n        return random.choice([1])", "random.choice"),
    "chance by name": ("from random import shuffle", "random.shuffle"),
    "system's chance": ("from random import SystemRandom", "SystemRandom"),
    "everything": ("from random import *", "random.*"),
    "private": ("return question._order", "_order"),
    "private of a call": ("return self.random._inst", "_inst"),
    "dunder": ("return question.__class__.__subclasses__()", "__subclasses__"),
    "dunder name": ("__builtins__", "__builtins__"),
    "a frame": ("return self.solve.__globals__", "__globals__"),
    "written to": ("question._tokens = 0", "_tokens"),
    "global": ("global seen", "global"),
    "nonlocal": ("nonlocal seen", "nonlocal"),
    "in a comprehension": ("return [eval(x) for x in '1']", "eval"),
    "in a string": ("return f'{eval(1)}'", "eval"),
    "in a default": ("def f(x=open): pass", "open"),
    "in a decorator": ("@eval\n        def f(): pass", "eval"),
    "an attribute by name": ("import operator\n        return operator.attrgetter('_order')(question)", "attrgetter"),
    "a method by name": ("from operator import methodcaller", "methodcaller"),
    "a format": ("return '{0._order}'.format(question)", "format"),
    "a borrowed module": ("import dataclasses\n        return dataclasses.sys.modules", "sys"),
    "borrowed by name": ("from dataclasses import inspect", "inspect"),
    "in a match": ("match question:\n            case object(_order=x): return x", "_order"),
}


def check(statement: str) -> Verdict:
    return policy.check(HEAD + statement + "\n")


@pytest.mark.parametrize("what", REFUSED)
def test_every_rule_names_the_line_and_the_fault(what: str) -> None:
    statement, named = REFUSED[what]
    verdict = check(statement)
    assert verdict.kind == "rejected: policy", verdict
    line = (
        LINE + 1
        if statement.startswith(("import random\n", "import operator\n", "import dataclasses\n", "match"))
        else LINE
    )
    assert verdict.message.startswith(f"line {line}: ") and named in verdict.message, verdict
    assert "\n" not in verdict.message and verdict.episode is None


@pytest.mark.parametrize("statement", ["async def f(): pass", "async def f():\n            await f()"])
def test_async_is_refused(statement: str) -> None:
    assert "async" in check(statement).message


def test_the_first_refused_line_is_named() -> None:
    assert policy.check("x = 1\n\nimport os\nopen('x')\nimport sys\n").message.startswith("line 3: `os`")


def test_a_syntax_error_has_its_own_verdict() -> None:
    verdict = policy.check("x = 1\nclass Mine(:\n")
    assert verdict.kind == "syntax" and verdict.message.startswith("line 2: ")


@pytest.mark.parametrize(
    "statement",
    [
        "import math, statistics\n        from collections import Counter\n        return Counter('a')",
        "import random\n        return random.Random(self.beta).random()",
        "from __future__ import annotations",
        "self._seen = []\n        return self._count(question)",
        "return type(self).__name__",
        "return sorted([1, 2], key=lambda x: -x)",
        "return {i: question.depth(i) for i in question.active}",
        "try:\n            question.step(0)\n        except Exception:\n            raise ValueError",
        "import itertools as it\n        return next(it.count())",
    ],
)
def test_common_constructs_are_allowed(statement: str) -> None:
    if statement.startswith("from __future__"):
        assert policy.check(statement + "\n" + HEAD + "return None").ok
    else:
        assert check(statement).ok, check(statement)


# Odd sources


def test_long_sources_are_refused() -> None:
    assert policy.check("x = 1\n" * 10_900).kind == "rejected: policy"  # short enough, but with too many nodes
    verdict = policy.check("#" * (1 << 20))
    assert verdict.kind == "rejected: policy" and str(1 << 20) in verdict.message


@pytest.mark.parametrize(
    "source",
    [
        "(" * 5000 + ")" * 5000,
        "x = " + "-" * 30_000 + "1",
        "x = " + "[" * 90 + "]" * 90,
        "x = " + "+".join(["1"] * 5000),
        "x" + ".a" * 20_000,
        "x = " + "lambda: " * 5000 + "0",
        "if x:\n" + "".join(" " * i + "if x:\n" for i in range(1, 99)) + " " * 99 + "pass",
        "x = " + "not " * 10_000 + "1",
        "f'" + "{x:" * 100 + "}" * 100 + "'",
    ],
)
def test_deeply_nested_sources_are_refused(source: str) -> None:
    verdict = policy.check(source)
    assert verdict.kind in ("rejected: policy", "syntax") and "\n" not in verdict.message


@pytest.mark.parametrize(
    "source",
    ["x = 1\0", "\0", "x = '\ud800'", "\ud800 = 1", "\ufeffx = 1", "# coding: latin-7\nx = 1", "# coding: nothing\nx",
     "x = 1\r\ny = (\r", "\x1a", "\f\v", "x = " + "9" * 5000, "\u2028import os", "x = 1 if"],
)  # fmt: skip
def test_odd_characters_never_raise(source: str) -> None:
    assert policy.check(source).kind in ("ok", "syntax", "rejected: policy")


def test_names_are_compared_after_unicode_normalisation() -> None:
    assert check("return \N{FULLWIDTH LATIN SMALL LETTER E}val('1')").kind == "rejected: policy"


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_check_never_raises(source: str) -> None:
    assert policy.check(source).kind in ("ok", "syntax", "rejected: policy")


PIECES = [
    "import ", "from ", "envs", "os", "x", ".", "_y", "(", ")", "\n", "    ", ":", "def ", "class ", "= ", "1",
    "lambda ", "async ", "await ", "global ", "'", '"', "f'{", "}", "[", "]", ",", "@", "\\", "eval", "\0",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_check_never_raises_on_random_python_tokens(source: str) -> None:
    assert policy.check(source).kind in ("ok", "syntax", "rejected: policy")


# Honest controllers


@cache
def evolved(count: int, seed: int = 0) -> tuple[str, ...]:
    """Return the sources of ``count`` different controllers of the built-in explorer."""
    rng = random.Random(seed)
    genomes = list(STARTS.values())
    sources = {render(genome): None for genome in genomes}
    while len(sources) < count:
        one, other = rng.choice(genomes), rng.choice(genomes)
        child = cross(("one", one), ("other", other), rng) if rng.random() < 0.5 else None
        genome = child.genome if child else vary(one, rng)[0]
        if render(genome) not in sources:
            genomes.append(genome)
            sources[render(genome)] = None
    return tuple(sources)


@pytest.mark.parametrize("name", every_baseline())
def test_baselines_pass_the_policy(name: str) -> None:
    assert policy.check(baseline_source(name)).ok


def test_evolved_controllers_pass_the_policy() -> None:
    sources = evolved(200)
    assert len(sources) == 200
    assert [policy.check(source).message for source in sources if not policy.check(source).ok] == []


def test_sources_can_be_parsed_in_several_threads() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(policy.parse, [baseline_source("parallel_probe")] * 400))
    finally:
        sys.setswitchinterval(interval)
