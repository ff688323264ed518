"""The explorer `evolve` over formulas: drafts of programs from defaults, building blocks, parents and findings."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from ....population.bandit import draw
from ....records.explorer import Brief, Proposal, SignalSummary
from ....records.version import BriefVersion
from ..genome import STARTS, Genome
from ..moves import PURPOSES, WIDE, urgency
from ..number_variants import is_given, number_variants
from .expression import S, apply, constant
from .frame import write
from .moves import Changed, Moves, continued, without_signal
from .program import Program, level
from .program_surrogate import ProgramSurrogate, program_surrogate
from .translation import VOCABULARY, block, translate

_TRIES = 60  # drafts per proposal: an explorer that draws only duplicates returns fewer proposals after so many
_EARNING = 3  # of the best versions, those that are tried without their signals
_POOL = 30  # drafts per proposal from which the surrogate model chooses


@dataclass(frozen=True, slots=True)
class ProgramDraft:
    """A program that may become a proposal."""

    program: Program
    rationale: str
    parents: tuple[str, ...] = ()
    operator: str = ""
    """The operator that the bandit drew; empty if there was no choice."""
    before: Program | None = None
    """The program that it was made from, if it is a change of one program."""


class FormulaExplorer:
    """The built-in evolutionary explorer. All chance comes from the brief's seed.

    The only state is a cache of the last surrogate model, which follows from the versions that the brief shows.

    Args:
        guided: whether a surrogate model chooses half of the drafts.
        formulas: whether formulas grow at random; without it, building blocks and constants alone are combined.
        starts: whether the search begins with the hand-set starts; without them it begins with the defaults, and with
            the defaults and one building block or signal.
    """

    name = "formulas"
    one_at_a_time = False
    needs_own_data = True
    writes_free_code = False  # a program is a few formulas over the features of an episode

    def __init__(self, guided: bool = True, formulas: bool = True, starts: bool = True) -> None:
        self._guided, self._formulas, self._starts = guided, formulas, starts
        self._last: tuple[list[tuple[Program, float]], ProgramSurrogate | None] = [], None

    def close(self) -> None:
        """Do nothing: no call takes long."""

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return starting programs in the first generation, and proposals of all operators in later ones."""
        made, brief = _variants_of_given(brief)
        rng = random.Random(f"{brief.seed} {brief.slot}")
        moves = Moves(rng, brief.signals, self._formulas)
        starts = self._starting(brief)
        able = [(version, program) for version in brief.parents if (program := program_of(version.data)) is not None]
        mates = [
            (version.id, program)
            for version in (*brief.parents, *brief.mates)
            if (program := program_of(version.data)) is not None
        ]

        def drafted(turn: int) -> ProgramDraft | None:
            if not able or (brief.generation <= 1 and turn % 2):
                if turn < len(starts):
                    return ProgramDraft(starts[turn][0], f"A start: {starts[turn][1]}.")
                return _fresh(starts, moves)
            operator = draw(WIDE, brief.arms, rng)
            if operator == "fresh":
                return replace(_fresh(starts, moves), operator=operator)
            version, program = able[turn % len(able)]
            if operator == "cross":
                others = [mate for mate in mates if mate[0] != version.id and mate[1].key != program.key]
                found = _cross((version.id, program), rng.choice(others), moves) if others else None
            elif operator == "remedy":
                found = _remedy(version, program, moves)
            else:
                found = _mutated(version, program, moves)
            return replace(found, operator=operator) if found else None

        return [*made, *_gathered(brief, drafted, self._guess(brief))]

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return variants of the best versions: without a signal, tuned, simpler, or changed against a finding."""
        made, brief = _variants_of_given(brief)
        rng = random.Random(f"{brief.seed} {brief.slot}")
        moves = Moves(rng, brief.signals, self._formulas)
        starts = self._starting(brief)
        qualities = self._qualities(brief)

        def drafted(turn: int) -> ProgramDraft | None:
            version = brief.parents[turn % len(brief.parents)] if brief.parents else None
            program = program_of(version.data) if version else None
            if version is None or program is None:
                start, words = starts[turn % len(starts)]
                return ProgramDraft(start, f"A start: {words}.") if turn < len(starts) else _fresh(starts, moves)
            if (plain := _without_signals(version, program, qualities, turn)) is not None:
                return plain
            operators = {
                "tune": 4.0,
                "continue": 2.0,
                "remedy": 3.0,
                "simplify": 1.0 if self._formulas else 0.0,
                "mutate": 2.0,
            }
            drawn = rng.choices(list(operators), list(operators.values()))[0]
            if drawn == "continue":
                found = _further(version, program, qualities)
            elif drawn == "remedy":
                found = _remedy(version, program, moves)
            elif drawn == "mutate":
                found = _mutated(version, program, moves)
            else:
                changed = moves.tried(moves.tune if drawn == "tune" else moves.hoist, program)
                words = "Constants tuned" if drawn == "tune" else "Simpler"
                found = _draft(version, program, changed, words) if changed else None
            return found or _mutated(version, program, moves)

        return [*made, *_gathered(brief, drafted, self._guess(brief))]

    def _starting(self, brief: Brief) -> list[tuple[Program, str]]:
        """Return the starting programs with their descriptions; each slot of a step begins with another one."""
        if self._starts:
            found = [(translate(genome), name) for name, genome in STARTS.items()]
        else:
            plain = Program.make({})
            singles = [_with(plain, slot, choice) for slot, choice in VOCABULARY]
            found = [(plain, "the defaults"), *(each for each in singles if each is not None)]
        rng = random.Random(brief.seed)
        ordered = rng.sample(found, len(found)) if self._starts else [found[0], *rng.sample(found[1:], len(found) - 1)]
        heeding = _heeding(found[0][0], brief.signals) if self._formulas else []
        # every second start heeds a signal, until each was tried: nobody knows what they tell
        for place, start in enumerate(rng.sample(heeding, len(heeding))):
            ordered.insert(1 + 2 * place, start)
        first = brief.slot * brief.count % len(ordered)
        return [*ordered[first:], *ordered[:first]]

    def _qualities(self, brief: Brief) -> Mapping[str, float]:
        """Return the quality of each program that was measured, by its key."""
        return {program.key: quality for program, quality in self._measured(brief)}

    def _measured(self, brief: Brief) -> list[tuple[Program, float]]:
        scored = brief.bench.scored_versions() if brief.bench else ()
        return [(program, quality) for data, quality in scored if (program := program_of(data)) is not None]

    def _guess(self, brief: Brief) -> ProgramSurrogate | None:
        """Return the surrogate model of all versions that the brief shows; None with too few, or if not guided."""
        if not self._guided:
            return None
        examples = self._measured(brief)
        if examples != self._last[0]:
            self._last = examples, program_surrogate(examples)
        return self._last[1]


def program_of(data: Mapping[str, Any]) -> Program | None:
    """Return the program in the data of a version, or that of its building blocks; None if there is neither."""
    kind = next((kind for kind in ("program", "genome") if kind in data), None)
    return _read(kind, json.dumps(data[kind])) if kind else None


@lru_cache(maxsize=8192)
def _read(kind: str, text: str) -> Program | None:
    """Return a program from its JSON. Each step of a long run reads all versions: a program is simplified once."""
    document = json.loads(text)
    try:
        return Program.from_json(document) if kind == "program" else translate(Genome.from_json(document))
    except ValueError:
        return None


def _variants_of_given(brief: Brief) -> tuple[list[Proposal], Brief]:
    """Return variants of the parents that a user gave as a source, and the brief for the rest of the proposals."""
    given = [version for version in brief.parents if is_given(version) and program_of(version.data) is None]
    if not given:
        return [], brief
    half = 2 if brief.generation <= 1 else 1  # one half of the first generation; the starts are the other
    made = number_variants(given[::half][: brief.count], brief)
    others = [version for version in brief.parents if version not in given]
    return made, replace(brief, count=brief.count - len(made), parents=others)


def _gathered(
    brief: Brief, drafted: Callable[[int], ProgramDraft | None], guess: ProgramSurrogate | None
) -> list[Proposal]:
    """Return proposals from the drafts of turns 0, 1, ..., without duplicates of known versions or of each other."""
    shown = (*brief.parents, *brief.mates, *brief.front)
    known = {program.key for version in shown if (program := program_of(version.data)) is not None}
    known |= set(map(str, guess.known)) if guess else set()
    sources = {version.source for version in shown}
    proposals: list[Proposal] = []

    def add(made: ProgramDraft) -> None:
        if made.program.key in known or len(proposals) >= brief.count:
            return
        known.add(made.program.key)
        source = write(made.program)
        if source not in sources:
            sources.add(source)
            data: dict[str, Any] = {"program": made.program.to_json()}
            if made.before is not None:
                data["before"] = made.before.to_json()
            proposals.append(Proposal(source, made.rationale, made.parents, data, arm=made.operator))

    drafts = _drafts(drafted, _TRIES * brief.count)
    rng = random.Random(f"{brief.seed} {brief.slot} guess")
    guessed = (brief.count + rng.randrange(2)) // 2 if guess else 0
    while len(proposals) < brief.count - guessed and (made := next(drafts, None)):
        add(made)
    if guess and guessed:
        pool = {made.program.key: made for made in islice(drafts, _POOL * guessed) if made.program.key not in known}
        others = list(pool.values())
        for index in guess.choose([made.program for made in others], 2 * guessed, rng):
            add(others[index])
    while len(proposals) < brief.count and (made := next(drafts, None)):
        add(made)
    return proposals


def _drafts(drafted: Callable[[int], ProgramDraft | None], most: int) -> Iterator[ProgramDraft]:
    for turn in range(most):
        made = drafted(turn)
        if made is not None:
            yield made


def _heeding(program: Program, signals: Sequence[SignalSummary]) -> list[tuple[Program, str]]:
    """Return ``program`` with votes that weigh more by each signal, and less, with descriptions."""
    made = []
    for signal in signals:
        form = level("level" if signal.final else "mean", signal)
        for words, sign in (("more", 0.7), ("less", -0.7)):
            weight = apply("exp", apply("mul", constant(S, sign), form))
            made.append((program.with_formulas(weight=weight), f"votes weigh {words} by {signal.name}"))
    return made


def _with(program: Program, slot: str, choice: str) -> tuple[Program, str] | None:
    """Return ``program`` with one building block; None if that changes nothing."""
    made = program.with_formulas(**block(slot, choice))
    return (made, f"{slot}: {choice}") if made.key != program.key else None


def _draft(version: BriefVersion, before: Program, changed: Changed, words: str) -> ProgramDraft:
    return ProgramDraft(changed[0], f"{words}, from {version.id}: {changed[1]}.", (version.id,), before=before)


def _fresh(starts: Sequence[tuple[Program, str]], moves: Moves) -> ProgramDraft:
    """Return a start with up to four more building blocks, and with random changes."""
    program, name = moves.rng.choice(starts)
    added = []
    for _ in range(moves.rng.choice((0, 0, 2, 4))):
        if (made := moves.tried(moves.insert, program)) is not None:
            program = made[0]
            added.append(made[1])
    program, words = moves.vary(program)
    changes = ", ".join([*added, words])
    return ProgramDraft(program, f"Fresh blood from a start ({name}), changed at random: {changes}.")


def _mutated(version: BriefVersion, program: Program, moves: Moves) -> ProgramDraft | None:
    made = moves.vary(program)
    return _draft(version, program, made, "A random mutation") if made[0].key != program.key else None


def _cross(one: tuple[str, Program], two: tuple[str, Program], moves: Moves) -> ProgramDraft | None:
    made = moves.tried(lambda program: moves.cross(program, two[1]), one[1])
    if made is None or made[0].key == two[1].key:
        return None
    return ProgramDraft(made[0], f"A recombination of {one[0]} and {two[0]}: {made[1]}.", (one[0], two[0]))


_REMEDIES: dict[str, tuple[tuple[str, bool], ...]] = {
    "stopped_early": (("stop", False),),
    "pruned_right": (("prune", False),),
    "idle_tokens": (("stop", True), ("prune", True)),
    "idle_width": (("most", False), ("open", False)),
    "hopeless": (("most", False), ("stop", True), ("prune", True)),
}
"""Slots whose value may help against each kind of finding if it grows (True) or falls (False)."""


def _remedy(version: BriefVersion, program: Program, moves: Moves) -> ProgramDraft | None:
    """Return the version with one constant moved against one of its findings."""
    findings = [each for each in version.findings if each.kind in _REMEDIES and each.episodes > 0]
    if not findings:
        return None
    finding = moves.rng.choices(findings, weights=urgency(findings))[0]
    slot, more = moves.rng.choice(_REMEDIES[finding.kind])
    made = None
    if finding.kind == "stopped_early" and moves.formulas and moves.rng.random() < finding.share:
        made = moves.tried(lambda each: moves.recall(each, slot), program)
    made = made or moves.tried(lambda each: moves.toward(each, slot, more), program)
    if made is None:
        return None
    cost = f", {finding.tokens:,} tokens" if finding.tokens else ""
    shows = f"{finding.kind} shows in {finding.share:.1%} of its episodes ({finding.episodes:,}{cost})"
    rationale = f"From {version.id}. {shows}, so {PURPOSES[finding.kind]}: {made[1]}."
    return ProgramDraft(made[0], rationale, (version.id,), before=program)


def _without_signals(
    version: BriefVersion, program: Program, qualities: Mapping[str, float], turn: int
) -> ProgramDraft | None:
    """Return the version without one of its signals, unless that was measured: a signal must earn its place."""
    for signal in program.signals if turn < _EARNING else ():
        for long in (None, 1.0, 2.0):
            plain = without_signal(program, signal, long)
            if plain.key not in qualities:
                return ProgramDraft(
                    plain, f"{version.id} without {signal}: is it of use?", (version.id,), before=program
                )
    return None


def _further(version: BriefVersion, program: Program, qualities: Mapping[str, float]) -> ProgramDraft | None:
    """Return the version with its constants moved once more as they last were, if that step raised the quality."""
    try:
        before = Program.from_json(version.data["before"]) if "before" in version.data else None
        if before is None or qualities.get(program.key, 0.0) <= qualities.get(before.key, 100.0):
            return None
        made = continued(before, program)
    except ValueError:
        return None
    if made is None or made.key == program.key:
        return None
    rationale = f"One more step from {version.id}: the constants move on as they did, which raised the quality."
    return ProgramDraft(made, rationale, (version.id,), before=program)
