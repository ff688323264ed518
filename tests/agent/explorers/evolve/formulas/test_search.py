"""The search by formulas: its proposals, its use of signals, and old genomes as parents."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from autotts.agent.explorers.evolve.formulas.expression import Expression, S, apply, constant
from autotts.agent.explorers.evolve.formulas.frame import write
from autotts.agent.explorers.evolve.formulas.moves import Moves, continued, without_signal
from autotts.agent.explorers.evolve.formulas.program import DEFAULTS, Program, level
from autotts.agent.explorers.evolve.formulas.program_surrogate import ProgramSurrogate
from autotts.agent.explorers.evolve.formulas.search import FormulaExplorer, program_of
from autotts.agent.explorers.evolve.formulas.translation import VOCABULARY, block, translate
from autotts.agent.explorers.evolve.genome import STARTS
from autotts.agent.explorers.evolve.render import render
from autotts.agent.records.explorer import Brief
from autotts.agent.records.version import BriefVersion
from tests.agent.explorers.evolve.test_evolve import finding

from .programs import SIGNALS, random_program

CONFIDENCE = level("level", SIGNALS[0])


class Bench:
    """Stands for the workbench of a brief: it knows the qualities of some versions."""

    def __init__(self, scored: Sequence[tuple[Mapping[str, Any], float]]) -> None:
        self._scored = scored

    def scored_versions(self) -> Sequence[tuple[Mapping[str, Any], float]]:
        return self._scored


def version(name: str, program: Program, **data: Any) -> BriefVersion:
    findings = tuple(map(finding, ("stopped_early", "pruned_right", "idle_tokens", "idle_width", "hopeless")))
    return BriefVersion(name, write(program), (), findings, {"program": program.to_json(), **data})


def brief(*parents: BriefVersion, generation: int = 3, count: int = 8, scored: Sequence[float] = ()) -> Brief:
    bench: Any = Bench([(each.data, quality) for each, quality in zip(parents, scored, strict=False)])
    return Brief(5, generation, count, parents, parents, parents, signals=SIGNALS[:1], bench=bench)


PARENTS = tuple(version(f"v{seed}", random_program(seed, SIGNALS[:1])) for seed in range(10))


@pytest.mark.parametrize("step", ["propose", "refine"])
@pytest.mark.parametrize("generation", [1, 4])
def test_same_brief_gives_the_same_new_programs(step: str, generation: int) -> None:
    asked = brief(*PARENTS, generation=generation, scored=range(10))
    proposals = getattr(FormulaExplorer(), step)(asked)
    assert proposals == getattr(FormulaExplorer(), step)(asked)
    assert len(proposals) == 8
    assert len({proposal.source for proposal in proposals} | {parent.source for parent in PARENTS}) == 18
    for proposal in proposals:
        assert json.loads(json.dumps(proposal.data)) == proposal.data
        assert write(Program.from_json(proposal.data["program"])) == proposal.source
        assert all(parent in proposal.rationale for parent in proposal.parents)


def test_search_from_defaults_begins_with_each_block_and_each_signal_alone() -> None:
    proposals = FormulaExplorer(starts=False).propose(Brief(1, 1, 100, (), (), signals=SIGNALS[:1]))
    assert Program.from_json(proposals[0].data["program"]) == Program.make({})
    programs = [Program.from_json(proposal.data["program"]) for proposal in proposals]
    plain = Program.make({})
    singles = {plain.with_formulas(**block(*each)).key for each in VOCABULARY}
    assert singles <= {program.key for program in programs}
    assert sum(program.signals == ("confidence",) for program in programs) >= 2


def test_hand_set_starts_come_first_if_they_are_wanted() -> None:
    proposals = FormulaExplorer().propose(Brief(1, 1, len(STARTS), (), ()))
    found = {Program.from_json(proposal.data["program"]).key for proposal in proposals}
    assert found == {translate(genome).key for genome in STARTS.values()}


def test_a_signal_must_earn_its_place() -> None:
    """The best versions are tried again without their signals, until that has been measured."""
    heeding = Program.make({"weight": apply("exp", CONFIDENCE)})
    plain = without_signal(heeding, "confidence")
    assert plain == Program.make({})
    first = FormulaExplorer().refine(brief(version("v1", heeding), count=1, scored=(60.0,)))
    assert program_of(first[0].data) == plain
    again = brief(version("v1", heeding), version("v2", plain), count=1, scored=(60.0, 59.0))
    assert program_of(FormulaExplorer().refine(again)[0].data) != plain


def test_signals_are_left_out_with_their_conditions() -> None:
    sure = apply("ge", CONFIDENCE, constant(S, 1))
    stop = apply("or", DEFAULTS["stop"], sure)
    assert without_signal(Program.make({"stop": stop}), "confidence") == Program.make({})
    assert without_signal(Program.make({"stop": sure}), "confidence") == Program.make({})


def test_a_step_that_helped_is_taken_again() -> None:
    before = Program.make({"stop": apply("ge", constant(S, 0.2), Expression("doubt", S))})
    after = Program.make({"stop": apply("ge", constant(S, 0.1), Expression("doubt", S))})
    made = continued(before, after)
    assert made is not None
    assert made.formulas["stop"].args[0].span == (0.05, 0.05)
    assert continued(before, Program.make({})) is not None
    assert continued(before, random_program(1)) is None


def test_old_genomes_are_parents() -> None:
    genome = STARTS["six side by side, a margin over all others"]
    old = BriefVersion("old", render(genome), (), (), {"genome": genome.to_json()})
    assert program_of(old.data) == translate(genome)
    proposals = FormulaExplorer().refine(Brief(2, 3, 4, (old,), (old,)))
    assert len(proposals) == 4
    assert {proposal.parents for proposal in proposals} == {("old",)}
    assert program_of({"genome": {"blocks": 3}}) is program_of({}) is None


@pytest.mark.parametrize("formulas", [True, False])
def test_moves_keep_programs_valid_and_describe_what_they_did(formulas: bool) -> None:
    moves = Moves(random.Random(3), SIGNALS, formulas)
    program, kinds = Program.make({}), set[str]()
    for _ in range(120):
        made, words = moves.vary(program)
        assert bool(words) == (made.key != program.key) or made.key == program.key
        assert Program.make(made.formulas) == made
        kinds |= {word.split()[0] for word in words.split(", ") if word}
        program = made if made.size < 60 else Program.make({})
    assert kinds


def test_the_past_of_a_number_may_matter() -> None:
    """A doubt that must be low must not rise either, or has fallen; or its moving average must be low."""
    doubt = Expression("doubt", S)
    found = set()
    for seed in range(40):
        made = Moves(random.Random(seed)).recall(Program.make({}), "stop")
        assert made is not None
        stop = made[0].formulas["stop"]
        comparisons = [node for node in stop.walk() if node.op == "ge"]
        if stop.op == "ge":
            found.add("the moving average is low")
            assert stop.args[1].op == "average"
            continue
        assert stop.op == "and"
        assert DEFAULTS["stop"] in comparisons
        (trend,) = (each for each in comparisons if each != DEFAULTS["stop"])
        if trend.args[0].op == "average":
            found.add("below its moving average")
            assert trend.args == (apply("average", doubt, trend.args[0].args[1]), doubt)
        else:
            found.add("has fallen" if trend.args[0].span[0] < 0 else "does not rise much")
            assert trend.args[1].op == "rise"
    assert len(found) == 4
    assert Moves(random.Random(1)).recall(Program.make({}), "prune") is None


def test_surrogate_predicts_constants_and_blocks() -> None:
    moves = Moves(random.Random(1), (), formulas=False)

    def true_quality(program: Program) -> float:
        return 60 + 2 * (program.formulas["weight"] != DEFAULTS["weight"]) + program.formulas["most"].span[1] / 64

    programs = list({(made := moves.vary(Program.make({}))[0]).key: made for _ in range(240)}.values())
    seen, others = programs[: len(programs) // 2], programs[len(programs) // 2 :]
    means, _ = ProgramSurrogate(seen, list(map(true_quality, seen))).believed(others)
    errors = [abs(mean - true_quality(program)) for mean, program in zip(means, others, strict=True)]
    assert sum(errors) / len(errors) < 0.35
