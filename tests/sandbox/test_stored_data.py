"""The bound on stored data: wherever a source hides what it knows, and far above every honest controller."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import autotts
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.explorers.evolve.genome import STARTS
from autotts.agent.explorers.evolve.moves import ChooseMove  # noqa: F401
from autotts.agent.records.complexity import complexity
from autotts.sandbox import policy
from autotts.sandbox.stored_data import MOST_PROGRAM, MOST_VALUES, NOTABLE_VALUES, stored_data

from ..memorising import packed

RULE = baseline_source("self_consistency")
NAMES = "abcdefghijklmnopqrstuvwxyz"


def words(count: int, size: int = 12) -> list[str]:
    chance = Random(1)
    return ["".join(chance.choices(NAMES, k=size)) for _ in range(count)]


def conditions(depth: int, chance: Random) -> str:
    """Return nested conditions whose shape, and little else, holds the data."""
    if depth == 0:
        return f"return answers[{chance.randrange(6)}]\n"
    inner = [textwrap.indent(conditions(depth - 1, chance), "    ") for _ in range(2)]
    look = f"answers[{chance.randrange(9)}] == answers[{chance.randrange(9)}]"
    return f"if {look}:\n{inner[0]}else:\n{inner[1]}"


HIDING: dict[str, Callable[[], str]] = {
    "one base85 string": lambda: f"KNOWN = {packed(46_000)!r}",
    "bytes": lambda: f"KNOWN = {Random(2).randbytes(9_000)!r}",
    "many short strings": lambda: f"KNOWN = {tuple(packed(24_000)[i : i + 3] for i in range(0, 24_000, 3))!r}",
    "a large integer": lambda: f"KNOWN = {hex(Random(3).getrandbits(8 * 12_000))}",
    "many small integers": lambda: f"KNOWN = {[Random(i).randrange(1000) for i in range(6_000)]!r}",
    "arithmetic": lambda: "KNOWN = [" + ", ".join(
        f"{Random(i).randrange(90)} * {Random(-i).randrange(90)} + {Random(i * i).randrange(90)}" for i in range(2_500)
    ) + "]",
    "floats": lambda: f"KNOWN = {[Random(i).random() for i in range(1_500)]!r}",
    "names": lambda: "class Known:\n" + "".join(f"    {word} = 1\n" for word in words(1_200)),
    "parts of f-strings": lambda: "KNOWN = [" + ", ".join(f'f"{word}{{1}}"' for word in words(1_200)) + "]",
    "a docstring": lambda: f"def known():\n    {packed(24_000)!r}\n",
    "keywords of a call": lambda: "KNOWN = dict(" + ", ".join(f"{word}=1" for word in words(1_200)) + ")",
    "conditions": lambda: "def known(answers):\n" + textwrap.indent(conditions(10, Random(4)), "    "),
    "None, True and False": lambda: "KNOWN = " + repr(
        [Random(i).choice((None, True, False, "None", "True", b"")) for i in range(19_000)]),
}  # fmt: skip


@pytest.mark.parametrize("way", HIDING)
def test_data_are_refused_wherever_they_hide(way: str) -> None:
    verdict = policy.check(f"{RULE}\n{HIDING[way]()}\n")
    assert verdict.kind in ("rejected: stores data", "rejected: policy"), verdict
    if verdict.kind == "rejected: policy":  # an older bound on the size of the source or of its tree
        assert "characters" in verdict.message or "too large" in verdict.message


def test_a_filter_of_46_kb_exceeds_the_bound_by_far() -> None:
    stored = stored_data(policy.parse(f"{RULE}\n{HIDING['one base85 string']()}"))
    assert stored.values > 8 * MOST_VALUES and stored.program > 3 * MOST_PROGRAM
    assert policy.check(f"{RULE}\n{HIDING['one base85 string']()}").message.startswith("it stores 3")


def honest() -> dict[str, str]:
    """Return all baselines, all versions that ship, and 400 evolved controllers."""
    found = {name: baseline_source(name) for name in baseline_names()}
    for archive in ("shipped:evolve", "shipped:explorer"):
        found |= {f"{archive} {version.id}": version.source for version in autotts.open_archive(archive)}
    found |= {f"evolved {i}": source for i, source in enumerate(evolved(400))}
    return found


def evolved(count: int) -> list[str]:
    from autotts.agent.explorers.evolve.explorer import start
    from autotts.agent.explorers.evolve.render import render

    chance, starts, made = random.Random(0), sorted(STARTS), dict[str, None]()
    while len(made) < count:
        made[render(start(chance.choice(starts), chance).genome)] = None
    return list(made)


def test_every_honest_controller_is_far_below_and_keeps_its_complexity() -> None:
    import ast

    for name, source in honest().items():
        stored = stored_data(policy.parse(source))
        assert stored.values < NOTABLE_VALUES * 0.75 and stored.program < MOST_PROGRAM * 0.5, (name, stored)
        numbers = sum(
            type(node.value) in (int, float, complex) and node.value not in (0, 1)
            for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)
        )  # fmt: skip
        measured = complexity(source)
        assert measured is not None and measured.constants == numbers, name
        assert not stored.fault and EvolveExplorer.writes_free_code is False


def test_stored_data_are_part_of_complexity() -> None:
    plain, full = complexity(RULE), complexity(f"{RULE}\nKNOWN = {packed(4_000)!r}\n")
    assert plain is not None and full is not None and full.constants > plain.constants + 100


def test_comments_layout_and_docstrings_of_an_honest_controller_do_not_count_as_values() -> None:
    text = Path(policy.__file__).read_text()  # a long English text with code
    bare, commented = stored_data(policy.parse(RULE)), stored_data(policy.parse(RULE + "".join(
        f"# {line}\n" for line in text.splitlines())))  # fmt: skip
    assert bare == commented
    one, many = (
        stored_data(policy.parse(f'def f():\n    """{"A plain sentence about the rule. " * count}"""\n{RULE}'))
        for count in (1, 40)
    )
    assert many.values == one.values
