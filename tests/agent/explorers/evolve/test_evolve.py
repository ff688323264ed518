"""The explorer `evolve`: genomes, rendered sources, and moves against findings."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.explorers.evolve.explorer import EvolveExplorer, cross, vary
from autotts.agent.explorers.evolve.genome import BLOCKS, PARAMETERS, STARTS, Genome, difference
from autotts.agent.explorers.evolve.moves import PURPOSES, REMEDIES
from autotts.agent.explorers.evolve.render import render
from autotts.agent.records.explorer import Brief
from autotts.agent.records.version import BriefVersion, CurvePoint, Finding
from autotts.envs import Controller
from autotts.envs.contract.controller import answer_without_tokens
from autotts.envs.contract.replay import Recording, ReplayQuestion

ROOT = Path(__file__).parents[4]
BETAS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


@cache
def compiled(source: str) -> type[Controller]:
    """Return the one controller that ``source`` defines."""
    scope: dict[str, object] = {"__name__": "candidate"}
    exec(compile(source.replace("from envs import", "from autotts.envs import"), "candidate.py", "exec"), scope)
    classes = [value for value in scope.values() if isinstance(value, type) and issubclass(value, Controller)]
    (controller,) = [value for value in classes if value is not Controller]
    return controller


@cache
def random_genome(seed: int) -> Genome:
    """Return a genome with random blocks and random constants within their ranges."""
    rng = random.Random(seed)
    genome = Genome.make({slot: rng.choice(list(choices)) for slot, choices in BLOCKS.items()}, {})
    ranges = {name: (PARAMETERS[name].low, PARAMETERS[name].high) for name in genome.spans}
    return genome.with_spans(**{name: (rng.uniform(*ends), rng.uniform(*ends)) for name, ends in ranges.items()})


def version(name: str, genome: Genome | None, findings: tuple[Finding, ...] = ()) -> BriefVersion:
    """Return an archived version of ``genome``, or a seed if there is none."""
    curve = (CurvePoint(0.0, 50.0, 1e4, 1e4), CurvePoint(1.0, 60.0, 1e5, 1e4))
    if genome is None:
        return BriefVersion(name, "# a seed", curve, findings)
    return BriefVersion(name, render(genome), curve, findings, {"genome": genome.to_json()})


def finding(kind: str, share: float = 0.25, tokens: int = 1_234_000) -> Finding:
    return Finding(kind, 300, share, tokens, "A sentence.")


def brief(*parents: BriefVersion, seed: int = 3, generation: int = 2, count: int = 6) -> Brief:
    return Brief(seed, generation, count, parents, parents)


PARENTS = tuple(version(f"v{i}", genome) for i, genome in enumerate(STARTS.values()))

# Genomes


@pytest.mark.parametrize("seed", range(40))
def test_genome_round_trips_through_json(seed: int) -> None:
    genome = random_genome(seed)
    assert Genome.from_json(json.loads(json.dumps(genome.to_json()))) == genome


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"blocks": {}, "spans": []},
        {"blocks": {"opening": "sideways"}, "spans": {}},
        {"blocks": {"opening": ["flood"]}, "spans": {}},
        {"blocks": {"nowhere": "flood"}, "spans": {}},
        {"blocks": {}, "spans": {"most": [1]}},
        {"blocks": {}, "spans": {"most": [1, "2"]}},
        {"blocks": {}, "spans": {"most": [1, float("nan")]}},
        {"blocks": {}, "spans": {"luck": [1, 2]}},
    ],
)
def test_invalid_genome_raises_and_its_version_is_ignored(document: object) -> None:
    with pytest.raises(ValueError, match="genome"):
        Genome.from_json(document)
    stranger = BriefVersion("x", "# from elsewhere", (), (finding("idle_width"),), {"genome": document})
    for proposals in (EvolveExplorer().propose(brief(stranger)), EvolveExplorer().refine(brief(stranger))):
        assert len(proposals) == 6
        assert all(proposal.parents == () for proposal in proposals)


def test_genome_has_exactly_the_constants_of_its_blocks() -> None:
    genome = Genome.make({"stop": "steady"}, {"steady": (3, 5), "doubt": (0.1, 0.01)})
    assert genome.spans["steady"] == (3, 5)
    assert "doubt" not in genome.spans
    assert set(genome.spans) == {"opening", "at_once", "most", "complete", "steady"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_every_schedule_is_monotone_and_in_range(seed: int) -> None:
    genome = random_genome(seed)
    rendered = [compiled(render(genome)).schedule(step / 50) for step in range(51)]
    for name in genome.spans:
        parameter, values = PARAMETERS[name], [schedule[name] for schedule in rendered]
        assert values == sorted(values) or values == sorted(values, reverse=True)
        assert (values[-1] - values[0]) * parameter.direction >= 0
        assert parameter.low - 0.01 * abs(parameter.low) <= min(values) <= max(values) <= parameter.high * 1.01
        assert values == pytest.approx([genome.value(name, step / 50) for step in range(51)], rel=2e-3)
        assert not parameter.whole or all(isinstance(value, int) for value in values)


# Sources


def test_sources_are_short_and_pass_the_linter(tmp_path: Path) -> None:
    sources = {render(genome) for genome in (*STARTS.values(), *map(random_genome, range(120)))}
    for number, source in enumerate(sorted(sources)):
        assert source.count("\n") < 235
        (tmp_path / f"candidate_{number}.py").write_text(source)
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
        str(tmp_path),
    ]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sources_contain_only_code_of_their_blocks() -> None:
    for seed in range(120):
        genome = random_genome(seed)
        source = render(genome)
        for name in PARAMETERS:
            assert (f'self.params["{name}"]' in source) == (name in genome.spans)
        words = "typical shown showed kept came held doubt unchanged changed dissent favourite rounds due given_up"
        for word in [*words.split(), "tally", "left", "said", "ballots", "lengths"]:
            assert source.count(f"self.{word}") != 1, f"self.{word} is set and never used"


ANSWERS = st.sampled_from([None, None, "a", "b", "c", "d"])
COLUMNS = st.lists(ANSWERS, min_size=1, max_size=9)
WORLDS = st.tuples(
    st.lists(COLUMNS, min_size=1, max_size=12), st.integers(1, 20), st.sampled_from([None, None, 10, 60, 300])
)


def played(
    source: str, columns: list[list[str | None]], width: int, ceiling: int | None, beta: float
) -> tuple[object, ...]:
    """Return the answer, the branches' last answers, and the log of one episode with intervals of ten tokens."""
    recording = Recording.of(columns, [10 * len(column) - 3 for column in columns], 10)
    question = ReplayQuestion(recording, range(len(columns)), width, ceiling)
    answer = compiled(source)(beta).solve(question)
    if answer is None and question.tokens_ran_out:
        answer = answer_without_tokens(question)
    said = {columns[i][question.depth(i) - 1] for i in range(question.width) if question.depth(i)}
    if question.tokens_ran_out:  # a step of many moves some branches and then raises: their answers are not seen
        said |= {cell for i in range(question.width) for cell in columns[i][: question.depth(i)]} if answer else set()
    return answer, said, question.finish().pack()


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 300), WORLDS, st.sampled_from(BETAS))
def test_every_controller_solves_every_environment(
    seed: int, world: tuple[list[list[str | None]], int, int | None], beta: float
) -> None:
    """Checks: no illegal action, an answer if any branch has one, and the same actions when answers are renamed."""
    source = render(random_genome(seed))
    columns, width, ceiling = world
    answer, said, log = played(source, columns, width, ceiling, beta)
    assert isinstance(said, set)
    assert answer in said - {None} if said - {None} else answer is None
    names = {None: None, "a": "9", "b": "0", "c": "zz", "d": ""}
    renamed = [[names[cell] for cell in column] for column in columns]
    assert played(source, renamed, width, ceiling, beta)[::2] == (names[answer], log)  # type: ignore[index]


def solved(genome: Genome, *columns: list[str | None]) -> tuple[Any, int]:
    """Return a controller after one episode with intervals of ten tokens, and the number of branches it opened."""
    recording = Recording.of(columns, [10 * len(column) for column in columns], 10)
    question = ReplayQuestion(recording, range(len(columns)), 64)
    controller: Any = compiled(render(genome))(0.0)
    controller.solve(question)
    return controller, question.width


def test_margin_grows_with_votes_for_other_answers() -> None:
    one_by_one = {"opening": (1, 1), "at_once": (1, 1), "most": (64, 64), "complete": (1, 1), "bar": (2, 2)}
    lead = Genome.make({"stop": "lead"}, {**one_by_one, "closing": (0.2, 0.2)})
    margin = Genome.make({"stop": "margin"}, {**lead.spans, "others": (1, 1)})
    columns: list[list[str | None]] = [["a"], ["b"], ["a"], ["a"], ["a"], ["a"], ["a"]]
    assert solved(lead, *columns)[1] == 4  # three votes against one
    assert solved(margin, *columns)[1] == 5  # four against one: the vote for another answer raises the margin


def test_first_branch_is_enough_if_it_showed_few_answers() -> None:
    one_by_one = {"opening": (1, 1), "at_once": (1, 1), "most": (9, 9), "complete": (3, 3)}
    firm = Genome.make({"first": "firm"}, {**one_by_one, "firm": (2, 2)})
    others: list[list[str | None]] = [["a"]] * 8
    assert solved(firm, ["b", None, "b", "a"], *others)[1] == 1
    assert solved(firm, ["b", "c", "a"], *others)[1] > 1  # too many answers
    assert solved(firm, ["b", None], *others)[1] > 1  # it finished without an answer
    assert solved(firm.with_blocks(first="none"), ["a"], *others)[1] > 1


def test_abandoned_answers_lose_votes_by_branch_weight_or_equally() -> None:
    everyone = {"opening": (3, 3), "most": (3, 3), "complete": (3, 3), "against": (1, 1), "power": (1, 1)}
    columns: list[list[str | None]] = [["b", "a"], ["b"], ["b", "b", "a", "a", "a", "a", "a", "a"]]
    votes = {}
    for choice in ("against", "each"):
        genome = Genome.make(
            {"weight": "shortness", "abandoned": choice}, {**everyone, "shrink": (0, 0), "cap": (6, 6)}
        )
        votes[choice] = solved(genome, *columns)[0].votes
    first, second, third = (2 / len(column) for column in columns)
    assert votes["against"] == pytest.approx({"a": first + third, "b": second - first - third})
    assert votes["each"] == pytest.approx({"a": first + third, "b": second - 2})


def test_typical_length_is_the_median_or_a_higher_rank() -> None:
    columns: list[list[str | None]] = [["a"] * length for length in (9, 2, 4, 3, 6)]
    everyone = {"opening": (5, 5), "most": (5, 5), "complete": (5, 5), "rank": (0.8, 0.8)}
    for choice, typical in (("median", 4), ("upper", 6)):
        genome = Genome.make({"weight": "shortness", "typical": choice}, everyone)
        assert solved(genome, *columns)[0].typical == typical
    assert Genome.make({"typical": "upper"}, {}).blocks["typical"] == "median"  # no block uses the typical length


@pytest.mark.parametrize("seed", range(30))
def test_only_absent_answers_give_no_answer(seed: int) -> None:
    assert played(render(random_genome(seed)), [[None] * n for n in (1, 4, 2, 9)], 64, None, 1.0)[0] is None


# Proposals


@pytest.mark.parametrize("step", ["propose", "refine"])
@pytest.mark.parametrize("generation", [1, 4])
def test_same_brief_gives_the_same_proposals(step: str, generation: int) -> None:
    parents = [version(f"v{i}", random_genome(i), tuple(map(finding, REMEDIES))) for i in range(4)]
    asked = brief(*parents, version("seed", None), generation=generation, count=20)
    proposals = getattr(EvolveExplorer(), step)(asked)
    assert proposals == getattr(EvolveExplorer(), step)(asked)
    assert len(proposals) == 20
    assert len({proposal.source for proposal in proposals} | {parent.source for parent in asked.parents}) == 25
    for proposal in proposals:
        assert render(Genome.from_json(proposal.data["genome"])) == proposal.source
        assert json.loads(json.dumps(proposal.data)) == proposal.data
        assert proposal.rationale
        assert all(parent in proposal.rationale for parent in proposal.parents)


def test_first_generation_uses_all_starting_genomes() -> None:
    for asked in (brief(generation=1, count=len(STARTS)), brief(version("seed", None), count=len(STARTS))):
        proposals = EvolveExplorer().propose(asked)
        assert {proposal.source for proposal in proposals} == {render(genome) for genome in STARTS.values()}
        assert all(proposal.parents == () for proposal in proposals)


def test_later_generations_use_all_wide_operators() -> None:
    words = [
        proposal.rationale.split()[1].rstrip(":") for proposal in EvolveExplorer().propose(brief(*PARENTS, count=60))
    ]
    assert {"blood", "random", "recombination"} == set(words)


def test_seeds_are_answered_with_starts_that_name_no_parent() -> None:
    proposals = EvolveExplorer().refine(brief(version("asc", None, (finding("idle_tokens"),)), count=4))
    assert [proposal.parents for proposal in proposals] == [()] * 4


def test_briefs_without_parents_or_with_count_zero() -> None:
    assert len(EvolveExplorer().refine(brief(count=3))) == 3
    assert EvolveExplorer().propose(brief(count=0)) == EvolveExplorer().refine(brief(*PARENTS, count=0)) == []


def test_recombination_takes_whole_slots() -> None:
    one, two = ("v1", random_genome(1)), ("v2", random_genome(2))
    children = [child for seed in range(20) if (child := cross(one, two, random.Random(seed)))]
    assert children
    for child in children:
        assert child.parents == ("v1", "v2")
        for slot, choice in child.genome.blocks.items():
            assert choice in (one[1].blocks[slot], two[1].blocks[slot]) or (slot, choice) == ("vote", "finished")


@pytest.mark.parametrize("kind", list(REMEDIES))
def test_each_finding_is_answered_by_its_moves(kind: str) -> None:
    """The moves belong to the finding, and the rationale states the finding with its numbers."""
    for number, genome in enumerate(STARTS.values()):
        reached = [after for move in REMEDIES[kind] if (after := move.apply(genome))]
        asked = brief(version("v7", genome, (finding(kind),)), seed=number, count=1)
        for proposal in EvolveExplorer().refine(asked):
            if reached:
                assert Genome.from_json(proposal.data["genome"]) in reached
                assert f"{kind} shows in 25.0% of its episodes (300, 1,234,000 tokens)" in proposal.rationale
                assert PURPOSES[kind] in proposal.rationale
            assert proposal.parents == ("v7",)


def test_worse_finding_is_answered_more_often() -> None:
    parent = version("v1", STARTS[next(iter(STARTS))], (finding("stopped_early", 0.4, 0), finding("hopeless", 0.01, 0)))
    words = [EvolveExplorer().refine(brief(parent, seed=seed, count=1))[0].rationale for seed in range(40)]
    first = [word.split(". ")[0] for word in words if word.startswith("From v1. ")]
    assert len(first) == 40
    assert sum("stopped_early" in word for word in words) > 30


def test_unknown_findings_are_ignored() -> None:
    (proposal,) = EvolveExplorer().refine(brief(version("v1", random_genome(5), (finding("new_kind"),)), count=1))
    assert proposal.rationale.startswith("A random mutation of v1: ")


@pytest.mark.parametrize("seed", range(40))
def test_vary_describes_its_changes(seed: int) -> None:
    genome = random_genome(seed)
    after, words = vary(genome, random.Random(seed))
    assert words == difference(genome, after)
    assert bool(words) == (after != genome)
