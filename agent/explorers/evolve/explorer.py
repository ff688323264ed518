"""The built-in explorer: evolution over building blocks, without a language model and without cost.

Wide steps (`EvolveExplorer.propose`) draw starting genomes, mutations, recombinations and remedies; a bandit chooses
the operator. Directed steps (`EvolveExplorer.refine`) apply remedies where possible: moves against the findings, each
finding weighted by its frequency and its cost. One half of the proposals are the first new drafts. The other half are
chosen from many drafts by a surrogate model of their quality (`surrogate`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ...population.bandit import draw
from ...records.explorer import Brief, Proposal
from ...records.version import BriefVersion
from .formulas.search import FormulaExplorer
from .genome import BLOCKS, STARTS, Genome, Span, difference, part
from .moves import PURPOSES, REMEDIES, ChooseMove, Move, ScaleMove, SpreadMove, urgency
from .moves import WIDE as WIDE
from .number_variants import is_given, number_variants
from .render import render
from .surrogate import Surrogate, surrogate

_TRIES = 60  # drafts per proposal: an explorer that draws only duplicates returns fewer proposals after so many
_POOL = 30  # drafts per proposal from which the surrogate model chooses


@dataclass(frozen=True, slots=True)
class EvolvedDraft:
    """A genome that may become a proposal, with a description of its changes and parents."""

    genome: Genome
    rationale: str
    parents: tuple[str, ...] = ()
    operator: str = ""
    """The operator that the bandit drew; empty if there was no choice."""


class EvolveExplorer:
    """The built-in evolutionary explorer. All chance comes from the brief's seed.

    Where the environments have signals, it searches by formulas (`formulas.search.FormulaExplorer`): no building block
    uses a signal. The only state is a cache of the last surrogate model, which the islands of a step share; the model
    follows from the versions that the brief shows.

    Args:
        guided: whether a surrogate model chooses half of the drafts.
    """

    name = "evolve"
    one_at_a_time = False
    needs_own_data = True
    writes_free_code = False  # a genome is a choice of building blocks and a few numbers

    def __init__(self, guided: bool = True) -> None:
        self._guided = guided
        self._formulas = FormulaExplorer(guided)
        self._last: tuple[list[tuple[Genome, float]], Surrogate | None] = [], None

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return starting genomes in the first generation, and proposals of all operators of `WIDE` in later ones.

        A search that was given controllers starts from them instead: one half of the first generation are their
        variants. Variants of a source without a genome differ in its numbers (`number_variants`).
        """
        if brief.signals:
            return self._formulas.propose(brief)
        made, brief = _without_genome(brief)
        return [*made, *self._propose(brief)]

    def _propose(self, brief: Brief) -> list[Proposal]:
        rng, starts = random_of(brief)
        able = [(version, genome) for version in brief.parents if (genome := genome_of(version)) is not None]
        mates = genomes_of((*brief.parents, *brief.mates))

        def draft(turn: int) -> EvolvedDraft | None:
            if not able or (brief.generation <= 1 and turn % 2):
                return start(starts[turn], None) if turn < len(starts) else start(rng.choice(starts), rng)
            operator = draw(WIDE, brief.arms, rng)
            if operator == "fresh":
                return replace(start(rng.choice(starts), rng), operator=operator)
            version, genome = able[turn % len(able)]
            others = [mate for mate in mates if mate[0] != version.id and mate[1] != genome]
            made = None
            if operator == "mutate":
                made = mutate((version.id, genome), rng)
            elif operator == "remedy":
                made = remedy(version, genome, rng)
            elif others:
                made = cross((version.id, genome), rng.choice(others), rng)
            return replace(made, operator=operator) if made else None

        return gather(brief, draft, self._guess(brief))

    def close(self) -> None:
        """Do nothing: no call takes long."""

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return variants of the parents, each changed against one or two of its findings."""
        if brief.signals:
            return self._formulas.refine(brief)
        made, brief = _without_genome(brief)
        return [*made, *self._refine(brief)]

    def _refine(self, brief: Brief) -> list[Proposal]:
        rng, starts = random_of(brief)

        def draft(turn: int) -> EvolvedDraft | None:
            version = brief.parents[turn % len(brief.parents)] if brief.parents else None
            genome = genome_of(version) if version else None
            if version is None or genome is None:
                return start(starts[turn % len(starts)], rng if turn >= len(starts) else None)
            return remedy(version, genome, rng) or mutate((version.id, genome), rng)

        return gather(brief, draft, self._guess(brief))

    def _guess(self, brief: Brief) -> Surrogate | None:
        """Return the surrogate model of all versions that the brief shows; None with too few, or if not guided."""
        if not self._guided or brief.bench is None:
            return None
        scored, last = brief.bench.scored_versions(), self._last
        examples = [(genome, quality) for data, quality in scored if (genome := read(data)) is not None]
        if examples != last[0]:
            last = self._last = examples, surrogate(examples)
        return last[1]


def _without_genome(brief: Brief) -> tuple[list[Proposal], Brief]:
    """Return variants of the parents that a user gave as a source, and the brief for the rest of the proposals."""
    given = [version for version in brief.parents if is_given(version) and genome_of(version) is None]
    if not given:
        return [], brief
    half = 2 if brief.generation <= 1 else 1  # one half of the first generation; the hand-set starts are the other
    made = number_variants(given[::half][: brief.count], brief)
    others = [version for version in brief.parents if version not in given]
    return made, replace(brief, count=brief.count - len(made), parents=others)


def random_of(brief: Brief) -> tuple[random.Random, list[str]]:
    """Return the brief's random generator, and all starts; each slot of a step begins with a different start."""
    starts = random.Random(brief.seed).sample(list(STARTS), len(STARTS))
    first = brief.slot * brief.count % len(starts)
    return random.Random(f"{brief.seed} {brief.slot}"), [*starts[first:], *starts[:first]]


def gather(brief: Brief, draft: Callable[[int], EvolvedDraft | None], guess: Surrogate | None = None) -> list[Proposal]:
    """Return proposals from the drafts of turns 0, 1, ..., without duplicates of the brief's versions or of each other.

    Args:
        brief: the task.
        draft: returns the draft of a turn, or None if the operator cannot change anything.
        guess: surrogate model that chooses half of the proposals, from `_POOL` drafts per proposal.
    """
    known = (*brief.parents, *brief.mates, *brief.front)
    sources = {version.source for version in known}
    # an earlier `evolve` wrote other sources of the same genomes
    sources |= {render(genome) for version in known if (genome := genome_of(version)) is not None}
    proposals: list[Proposal] = []

    def add(made: EvolvedDraft) -> None:
        source = render(made.genome)
        if source not in sources:
            sources.add(source)
            data = {"genome": made.genome.to_json()}
            proposals.append(Proposal(source, made.rationale, made.parents, data, arm=made.operator))

    drafts = (made for turn in range(_TRIES * brief.count) if (made := draft(turn)))
    rng = random.Random(f"{brief.seed} {brief.slot} guess")
    guessed = (brief.count + rng.randrange(2)) // 2 if guess else 0
    while len(proposals) < brief.count - guessed and (made := next(drafts, None)):
        add(made)
    if guess and guessed:
        pool = {made.genome.key: made for made in islice(drafts, _POOL * guessed) if made.genome.key not in guess.known}
        others = list(pool.values())
        for index in guess.choose([made.genome for made in others], 2 * guessed, rng):
            if len(proposals) < brief.count:
                add(others[index])
    return proposals


def read(data: Mapping[str, Any]) -> Genome | None:
    """Return the genome in the data of a version; None for a hand-written version or unreadable data."""
    try:
        return Genome.from_json(data.get("genome"))
    except ValueError:
        return None


def genome_of(version: BriefVersion) -> Genome | None:
    """Return the genome of ``version``; None for a hand-written version or unreadable data."""
    return read(version.data)


def genomes_of(versions: Sequence[BriefVersion]) -> list[tuple[str, Genome]]:
    """Return id and genome of each version that has a genome."""
    return [(version.id, genome) for version in versions if (genome := genome_of(version)) is not None]


# Operators: each returns a draft, or None if it cannot change anything


def start(name: str, rng: random.Random | None) -> EvolvedDraft:
    """Return a starting genome, unchanged without ``rng``, otherwise slightly changed."""
    if rng is None:
        return EvolvedDraft(STARTS[name], f"A hand-set start: {name}.")
    genome, words = vary(STARTS[name], rng)
    return EvolvedDraft(genome, f"Fresh blood from a hand-set start ({name}), changed at random: {words}.")


def mutate(parent: tuple[str, Genome], rng: random.Random) -> EvolvedDraft | None:
    """Return the parent with one to three random changes of blocks or constants."""
    genome, words = vary(parent[1], rng)
    return EvolvedDraft(genome, f"A random mutation of {parent[0]}: {words}.", (parent[0],)) if words else None


def vary(genome: Genome, rng: random.Random) -> tuple[Genome, str]:
    """Return ``genome`` after one to three random moves, and a description of the changes."""
    first = genome
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.3:
            slot = rng.choice(list(BLOCKS))
            move: Move = ChooseMove(
                slot, rng.choice([choice for choice in BLOCKS[slot] if choice != genome.blocks[slot]])
            )
        else:
            kind = ScaleMove if rng.random() < 0.7 else SpreadMove
            move = kind(rng.choice(list(genome.spans)), math.exp(rng.gauss(0, 0.4)))
        genome = move.apply(genome) or genome
    return genome, difference(first, genome)


def cross(one: tuple[str, Genome], two: tuple[str, Genome], rng: random.Random) -> EvolvedDraft | None:
    """Return a child that takes each slot, with its constants, from one of the parents at random."""
    taken = {slot: rng.random() < 0.5 for slot in BLOCKS}
    blocks = {slot: (one if mine else two)[1].blocks[slot] for slot, mine in taken.items()}
    spans: dict[str, Span] = {}
    for slot, mine in taken.items():
        donor = (one if mine else two)[1]
        spans |= {name: donor.spans[name] for name in BLOCKS[slot][blocks[slot]]}
    child = Genome.make(blocks, spans)
    differing = [slot for slot in BLOCKS if part(one[1], slot) != part(two[1], slot)]
    first = ", ".join(slot for slot in differing if taken[slot])
    second = ", ".join(slot for slot in differing if not taken[slot])
    if not first or not second:
        return None
    return EvolvedDraft(child, f"A recombination: {first} from {one[0]}, {second} from {two[0]}.", (one[0], two[0]))


def remedy(version: BriefVersion, genome: Genome, rng: random.Random) -> EvolvedDraft | None:
    """Return the version changed by a move against one of its findings; with probability 0.3, against two."""
    findings = [finding for finding in version.findings if finding.kind in REMEDIES and finding.episodes > 0]
    first, words = genome, []
    for _ in range(2 if rng.random() < 0.3 else 1):
        if not findings:
            break
        finding = rng.choices(findings, weights=urgency(findings))[0]
        findings.remove(finding)
        moves = rng.sample(REMEDIES[finding.kind], len(REMEDIES[finding.kind]))
        after = next((better for move in moves if (better := move.apply(genome))), None)
        if after:
            cost = f", {finding.tokens:,} tokens" if finding.tokens else ""
            shows = f"{finding.kind} shows in {finding.share:.1%} of its episodes ({finding.episodes:,}{cost})"
            words.append(f"{shows}, so {PURPOSES[finding.kind]}: {difference(genome, after)}.")
            genome = after
    return EvolvedDraft(genome, f"From {version.id}. {' '.join(words)}", (version.id,)) if genome != first else None
