"""Each published method acts and answers as its statement says, on random worlds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest

from . import literal
from .literal import Paper
from .worlds import controller, opened, play, random_world

Statement = Callable[[Paper, dict[str, float], int], "str | None"]


@dataclass
class Method:
    """A baseline, what it reads, and its statement: paper, inner parameters and width, seed."""

    statement: Statement
    signals: Sequence[str] = ()
    verifier: bool = False
    forks: bool = False
    params: dict[str, float] = field(default_factory=dict)


def _width(paper: Paper, params: dict[str, float], name: str = "width") -> int:
    return int(min(params[name], paper.max_branches, len(paper.roots) if paper.world.parents is None else 64))


METHODS: dict[str, Method] = {
    "deepconf_offline": Method(
        lambda paper, p, _: literal.deepconf_offline(paper, _width(paper, p), p["eta"]), ["lowest_group"]
    ),
    "deepconf_low": Method(
        lambda paper, p, _: literal.deepconf_online(paper, _width(paper, p), 10, p["consensus"]), ["lowest_group"]
    ),
    "deepconf_high": Method(
        lambda paper, p, _: literal.deepconf_online(paper, _width(paper, p), 90, p["consensus"]), ["lowest_group"]
    ),
    "deer": Method(lambda paper, p, _: literal.deer(paper, p["threshold"]), ["answer_confidence"]),
    "dynasor": Method(lambda paper, p, _: literal.dynasor(paper, int(p["probes"])), ["answer_hesitation"]),
    "certainty_index": Method(
        lambda paper, p, _: literal.certainty_index(paper, _width(paper, p), p["threshold"])
    ),
    "best_of_n": Method(lambda paper, p, _: literal.best_of_n(paper, _width(paper, p), False), verifier=True),
    "weighted_best_of_n": Method(lambda paper, p, _: literal.best_of_n(paper, _width(paper, p), True), verifier=True),
    "beam_search": Method(
        lambda paper, p, _: literal.beam_search(paper, _width(paper, p, "beams")), verifier=True, forks=True
    ),
    "dvts": Method(lambda paper, p, _: literal.dvts(paper, _width(paper, p, "branches")), verifier=True, forks=True),
    "particle_filter": Method(
        lambda paper, p, seed: literal.particle_filter(paper, _width(paper, p, "particles"), seed),
        verifier=True, forks=True,
    ),
    "fork_at_uncertainty": Method(
        lambda paper, p, _: literal.fork_at_uncertainty(paper, _width(paper, p)), ["confidence"], forks=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_acts_and_answers_as_its_statement_says(name: str) -> None:
    method = METHODS[name]
    answers = set()
    for number in range(150):
        chance = Random(f"{name} {number}")
        branches = chance.choice((3, 24, 40))
        world = random_world(chance, method.signals, method.verifier, method.forks, branches)
        if name == "dynasor":
            rows = world.signals["answer_hesitation"]
            hesitates = [[float(value is not None and value > -0.1) for value in row] for row in rows]
            world.signals["answer_hesitation"] = hesitates
        params = {"consensus": 0.6} if name.startswith("deepconf_") and number % 3 == 0 else {}
        kind = controller(name, **params)
        beta, order, most = chance.choice((0, 0.3, 0.7, 0.9, 1)), number, chance.choice((8, 64))
        played = play(kind, world, beta, order, most, seed=number)
        roots, everything = opened(world, kind, order), world.recording().seen_by(kind).order(order)
        paper = Paper(world, roots[:most], everything, min(most, len(everything)))
        answer = method.statement(paper, kind.schedule(beta), number)
        assert (played.answer, played.depths, played.tokens) == (answer, paper.depth, paper.tokens), (number, beta)
        answers.add(answer)
    assert len(answers) > 2
