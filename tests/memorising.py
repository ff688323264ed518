"""An explorer that memorises: its candidates hold data that recognise the questions of the search, and answer them."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from random import Random

from autotts import Brief, Explorer, Proposal
from autotts.envs import catalogue
from autotts.envs.store import Environment

from .environments import environment

LOOKS = 8
"""Intervals of one branch by which it recognises the question."""
HONEST = """
from envs import Controller, Question, majority

class Vote(Controller):
    name = "vote"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {{"width": 1 + round({most} * beta)}}

    def solve(self, question: Question) -> str | None:
        width = min(self.params["width"], question.max_branches)
        return majority(question.run_many_to_end(question.branch_many(width)))
"""
FILTER = """
from envs import Controller, Question, majority

KNOWN = {known}

class Filter(Controller):
    name = "filter"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {{"width": 1 + round(2 * beta)}}

    def solve(self, question: Question) -> str | None:
        for branch in question.branch_many(min(4, question.max_branches)):
            answers, pattern = [], ""
            for _ in range({looks}):
                answer = question.step(branch)[0]
                if answer not in answers:
                    answers.append(answer)
                pattern += "ABCDEFGH"[answers.index(answer)]
            if pattern in KNOWN:
                return answers[KNOWN[pattern]]
        return majority(answers)
"""


def scattered(seed: int = 0, questions: int = 40, branches: int = 16, name: str = "memo/model") -> Environment:
    """Return an environment whose branches show many answers, so that their beginnings tell questions apart."""
    random, columns = Random(seed), []
    for _ in range(questions):
        wrong = "BCDEFG"
        columns.append([
            "".join(random.choice("A" + wrong) for _ in range(LOOKS + 2))
            + ("A" if random.random() < 0.35 else random.choice(wrong))
            for _ in range(branches)
        ])  # fmt: skip
    return environment(columns, None, ["A"] * questions, name=name)


def beginnings(searched: Environment) -> dict[str, int]:
    """Return what a branch that begins with a pattern of answers shows as the right one, by that pattern."""
    known: dict[str, int] = {}
    for question in range(len(searched)):
        for branch in searched.branches(question):
            first = int(searched.probe_offsets[branch])
            shown = searched.probe_answers[first : first + LOOKS].tolist()
            classes = list(dict.fromkeys(shown))
            if int(searched.gold[question]) in classes:
                pattern = "".join("ABCDEFGH"[classes.index(answer)] for answer in shown)
                known.setdefault(pattern, classes.index(int(searched.gold[question])))
    return known


class Memorises(Explorer):
    """Proposes a filter, and honest votes. It has read the recorded branches that the run may search on.

    Args:
        home: the run directory.
    """

    name = "memorises"

    def __init__(self, home: Path) -> None:
        self._home = home

    def propose(self, brief: Brief) -> list[Proposal]:
        (searched,) = catalogue.find(self._home / "environments", ["*"])
        parents = tuple(version.id for version in brief.parents[:1])
        filter = FILTER.format(known=beginnings(searched), looks=LOOKS)
        made = [filter, *(HONEST.format(most=most) for most in Random(brief.seed).sample(range(20, 60), brief.count))]
        return [Proposal(source, "a rule", parents) for source in made[: brief.count]]

    def refine(self, brief: Brief) -> list[Proposal]:
        return self.propose(brief)


def packed(size: int, seed: int = 0) -> str:
    """Return about ``size`` characters of data that do not compress, as base85 text."""
    return base64.b85encode(zlib.compress(Random(seed).randbytes(size * 4 // 5))).decode()
