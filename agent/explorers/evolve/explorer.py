"""The built-in explorer: evolution over building blocks, with no language model and at no cost.

Wide steps (`EvolveExplorer.propose`) are starting genomes, mutations, recombinations and remedies; a bandit chooses.
Directed steps (`EvolveExplorer.refine`) are remedies where there are any: moves against the findings, each finding
weighted by how often it shows and what it costs. Half of what is proposed are the first drafts that are new; the other
half are chosen among many by a guess of what they are worth (`surrogate`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ...population import qualities
from ...population.bandit import draw
from ...records.explorer import Brief, Proposal
from ...records.version import Finding, Version
from .genome import BLOCKS, STARTS, Genome, Span, difference, part
from .moves import PURPOSES, REMEDIES, ChooseMove, Move, ScaleMove, SpreadMove
from .render import render
from .surrogate import Surrogate, surrogate

_TRIES = 60  # drafts for each proposal wanted, before an explorer that finds only duplicates gives fewer
_POOL = 30  # drafts for each proposal wanted, of which those are proposed that are believed to be good

WIDE = ("mutate", "cross", "fresh", "remedy")
"""The operators of wide steps, arms of a bandit. Fresh are starting genomes, changed a little."""


@dataclass(frozen=True, slots=True)
class EvolvedDraft:
    """A genome on its way to becoming a proposal, and the words for what was done to whom."""

    genome: Genome
    rationale: str
    parents: tuple[str, ...] = ()
    operator: str = ""
    """Which a bandit drew; empty where there was no choice."""


class EvolveExplorer:
    """The built-in evolutionary explorer. All chance comes from the brief's seed; kept is the last guess alone, which
    follows from what the brief shows, so that the slots of a step (islands) share it.

    Args:
        guided: whether half of the drafts are chosen by a guess of what they are worth.
    """

    name = "evolve"
    one_at_a_time = False
    needs_own_data = True

    def __init__(self, guided: bool = True) -> None:
        self._guided = guided
        self._last: tuple[list[tuple[Genome, float]], Surrogate | None] = [], None

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return starting genomes in the first generation, and a mix of all wide steps in later ones."""
        rng, starts = chance(brief)
        able = [(version, genome) for version in brief.parents if (genome := genome_of(version)) is not None]
        mates = genomes_of((*brief.parents, *brief.mates))

        def draft(turn: int) -> EvolvedDraft | None:
            if brief.generation <= 1 or not able:
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
        """Do nothing: it is done at once."""

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return variants of the parents, each changed for one or two of its findings."""
        rng, starts = chance(brief)

        def draft(turn: int) -> EvolvedDraft | None:
            version = brief.parents[turn % len(brief.parents)] if brief.parents else None
            genome = genome_of(version) if version else None
            if version is None or genome is None:
                return start(starts[turn % len(starts)], rng if turn >= len(starts) else None)
            return remedy(version, genome, rng) or mutate((version.id, genome), rng)

        return gather(brief, draft, self._guess(brief))

    def _guess(self, brief: Brief) -> Surrogate | None:
        """Return what is believed of genomes after all that the brief lets one look at."""
        if not self._guided or brief.bench is None:
            return None
        shelf = brief.bench.shelf
        tried = [(genome, card) for card in shelf.cards.values() if card.ok and (genome := read(card.data)) is not None]
        found = qualities([card for _, card in tried], shelf.budgets).tolist()
        known, last = [(genome, quality) for (genome, _), quality in zip(tried, found, strict=True)], self._last
        if known != last[0]:
            last = self._last = known, surrogate(known)
        return last[1]


def chance(brief: Brief) -> tuple[random.Random, list[str]]:
    """Return the source of chance of a brief, and all starts, those first that no other slot of its step has first."""
    starts = random.Random(brief.seed).sample(list(STARTS), len(STARTS))
    first = brief.slot * brief.count % len(starts)
    return random.Random(f"{brief.seed} {brief.slot}"), [*starts[first:], *starts[:first]]


def gather(brief: Brief, draft: Callable[[int], EvolvedDraft | None], guess: Surrogate | None = None) -> list[Proposal]:
    """Return proposals from the drafts of turns 0, 1, ..., without what the brief or an earlier draft has already.

    Args:
        brief: what is wanted.
        draft: makes the draft of a turn, or finds nothing to do.
        guess: by which half of the proposals are chosen, among `_POOL` times as many drafts as are wanted.
    """
    sources = {version.source for version in (*brief.parents, *brief.mates, *brief.front)}
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
        for place in guess.choose([made.genome for made in others], 2 * guessed, rng):
            if len(proposals) < brief.count:
                add(others[place])
    return proposals


def read(data: Mapping[str, Any]) -> Genome | None:
    """Return the genome that an earlier step left in a version's data; None for a seed, or for what cannot be read."""
    try:
        return Genome.from_json(data.get("genome"))
    except ValueError:
        return None


def genome_of(version: Version) -> Genome | None:
    """Return the genome that an earlier step left in ``version``; None for a seed, or for what cannot be read."""
    return read(version.data)


def genomes_of(versions: Sequence[Version]) -> list[tuple[str, Genome]]:
    """Return id and genome of every version that has one."""
    return [(version.id, genome) for version in versions if (genome := genome_of(version)) is not None]


# Operators: each returns a draft, or None where it found nothing to change


def start(name: str, rng: random.Random | None) -> EvolvedDraft:
    """Return a starting genome as it is, or with a little change if there is a source of chance."""
    if rng is None:
        return EvolvedDraft(STARTS[name], f"A hand-set start: {name}.")
    genome, words = vary(STARTS[name], rng)
    return EvolvedDraft(genome, f"Fresh blood from a hand-set start ({name}), changed at random: {words}.")


def mutate(parent: tuple[str, Genome], rng: random.Random) -> EvolvedDraft | None:
    """Return the parent with one to three random changes of blocks or constants."""
    genome, words = vary(parent[1], rng)
    return EvolvedDraft(genome, f"A random mutation of {parent[0]}: {words}.", (parent[0],)) if words else None


def vary(genome: Genome, rng: random.Random) -> tuple[Genome, str]:
    """Return ``genome`` after one to three random moves, and the words for them."""
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
    """Return a child that takes each slot, with its constants, from either parent."""
    taken = {slot: rng.random() < 0.5 for slot in BLOCKS}
    blocks = {slot: (one if mine else two)[1].blocks[slot] for slot, mine in taken.items()}
    spans: dict[str, Span] = {}
    for slot, mine in taken.items():
        giver = (one if mine else two)[1]
        spans |= {name: giver.spans[name] for name in BLOCKS[slot][blocks[slot]]}
    child = Genome.make(blocks, spans)
    differing = [slot for slot in BLOCKS if part(one[1], slot) != part(two[1], slot)]
    first = ", ".join(slot for slot in differing if taken[slot])
    second = ", ".join(slot for slot in differing if not taken[slot])
    if not first or not second:
        return None
    return EvolvedDraft(child, f"A recombination: {first} from {one[0]}, {second} from {two[0]}.", (one[0], two[0]))


def remedy(version: Version, genome: Genome, rng: random.Random) -> EvolvedDraft | None:
    """Return the version with a move against one of its findings, now and then against two."""
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


def urgency(findings: Sequence[Finding]) -> list[float]:
    """Return a weight for each finding: how often it shows, and its part of the tokens that all of them cost."""
    total = max(1, sum(finding.tokens for finding in findings))
    return [finding.share + finding.tokens / total + 1e-6 for finding in findings]
