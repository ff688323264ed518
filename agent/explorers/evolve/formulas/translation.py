"""Writes building blocks as formulas: they become the vocabulary of the search, and old genomes stay parents."""

from __future__ import annotations

from collections.abc import Mapping

from ..genome import BLOCKS, Genome, Span, gives_up
from .expression import FALSE, Expression, L, N, S, apply, constant
from .program import DEFAULTS, Program
from .vocabulary import SCOPES

Spans = Mapping[str, Span]


def translate(genome: Genome) -> Program:
    """Return the program of ``genome``. It acts as the genome's source does, but for a few rules:

    - With "early", the vote in which running branches take part must be calm for a length, not for a part of all
      rounds; with "everyone", running branches do not vote in the end; "each" and "against" take votes for branches
      that left an answer for good; "opening" ends with the first branch that finishes.
    - Votes of branches that were pruned are counted as they come, and not after all others.
    """
    return Program.make({**_opening(genome), **_deciding(genome), **_voting(genome)})


def block(slot: str, choice: str, spans: Spans | None = None) -> dict[str, Expression]:
    """Return the formulas of one building block; the constants that ``spans`` lacks have their defaults."""
    if (slot, choice) in _FORMULAS:
        return _FORMULAS[slot, choice]
    genome = Genome.make({slot: choice, **_COMPANY.get((slot, choice), {})}, spans or {})
    program, plain = translate(genome), translate(Genome.make({}, {}))
    return {name: tree for name, tree in program.formulas.items() if tree != plain.formulas[name]}


_COMPANY: dict[tuple[str, str], dict[str, str]] = {
    ("vote", "given_up"): {"disagreement": "dissent"},
    ("typical", "upper"): {"length": "median"},
}
"""Blocks that a block has no effect without."""
_FORMULAS: dict[tuple[str, str], dict[str, Expression]] = {
    ("early", "agreement"): {"stop": apply("ge", Expression("agreement", S), constant(S, 0.4, 0.8))},
}
"""Blocks that were never building blocks of a genome: enough branches agree, finished or not (Parallel Probe)."""
VOCABULARY: tuple[tuple[str, str], ...] = tuple(
    (slot, choice)
    for slot, choices in BLOCKS.items()
    for choice in choices
    if (slot, choice) not in (("vote", "everyone"), ("vote", "finished"), ("depth", "lockstep"), ("typical", "median"))
) + tuple(_FORMULAS)
"""The building blocks that are formulas, as (slot, choice)."""


def _f(name: str, scope: str = "episode") -> Expression:
    return Expression(name, SCOPES[scope][name].type)


def _c(genome: Genome, name: str, type: str = S) -> Expression:
    return constant(type, *genome.spans[name])


def _all(*conditions: Expression) -> Expression:
    made = conditions[0]
    for each in conditions[1:]:
        made = apply("and", made, each)
    return made


def _opening(genome: Genome) -> dict[str, Expression]:
    choice = genome.blocks["opening"]
    made = {"most": _c(genome, "most", N)}
    if choice == "flood":
        return {**made, "open": _c(genome, "most", N)}
    if choice == "waves":
        size = apply("mul", apply("sub", constant(S, 1), _f("share")), _c(genome, "wave", N))
        return {**made, "open": apply("pick", _at_least(_f("running"), 1), _f("running"), size)}
    opening, at_once = _c(genome, "opening", N), _c(genome, "at_once", N)
    return {
        **made,
        "open": at_once if opening == at_once else apply("pick", _at_least(_f("finished"), 1), at_once, opening),
    }


def _at_least(one: Expression, number: float) -> Expression:
    return apply("ge", one, constant(one.type, number))


def _deciding(genome: Genome) -> dict[str, Expression]:
    made = {"stop": _stop(genome), "prune": _prune(genome)}
    if genome.blocks["depth"] == "burst":
        agrees = _f("agrees", "branch")
        made["advance"] = apply("pick", agrees, _c(genome, "burst", N), constant(N, 1))
    if "rank" in genome.spans:
        made["typical"] = _c(genome, "rank")
    return made


def _stop(genome: Genome) -> Expression:
    stop, blocks = genome.blocks["stop"], genome.blocks
    enough = apply("ge", _f("finished"), _c(genome, "complete", N))
    if stop in ("lead", "margin"):
        bar = apply("mul", apply("pow", _f("room"), _c(genome, "closing")), _c(genome, "bar", N))
        if stop == "margin":
            bar = apply("add", bar, apply("mul", _c(genome, "others"), _f("others")))
        enough = _all(enough, apply("ge", _f("lead"), bar))
    elif stop in ("overtake", "price"):
        bound, value = ("chance", "chance") if stop == "overtake" else ("price", "worth")
        enough = _all(enough, apply("ge", _c(genome, bound), _f(value)))
    if stop in ("confidence", "both", "calm"):
        enough = _all(enough, apply("ge", _c(genome, "doubt"), _f("doubt")))
    if stop in ("steady", "both"):
        enough = _all(enough, apply("ge", _f("unchanged"), _c(genome, "steady", N)))
    if stop == "calm":
        enough = _all(enough, apply("ge", _f("calm"), apply("mul", _c(genome, "calm"), _f("typical"))))
    if blocks["first"] == "firm":
        alone = apply("ge", constant(N, 1), _f("finished"))
        enough = apply("or", enough, _all(alone, apply("ge", _c(genome, "firm", N), _f("fickle"))))
    if blocks["early"] == "probes":
        calm = apply("ge", _f("poll_calm"), apply("mul", _c(genome, "quiet"), _f("rounds")))
        enough = apply("or", enough, _all(apply("ge", _c(genome, "early_doubt"), _f("poll_doubt")), calm))
    if blocks["hopeless"] == "scattered":
        many = apply("ge", _f("finished"), _c(genome, "tries", N))
        enough = apply("or", enough, _all(many, apply("not", apply("ge", _f("share"), _c(genome, "grip")))))
    return enough


def _prune(genome: Genome) -> Expression:
    rules = []
    typical, disagreement = _f("typical", "branch"), genome.blocks["disagreement"]
    if disagreement != "none":
        lone = apply("ge", _f("dissent", "branch"), apply("mul", _c(genome, "patience"), typical))
        if disagreement == "dominated":
            lone = _all(apply("ge", _f("behind", "branch"), _c(genome, "behind", N)), lone)
        rules.append(lone)
    if genome.blocks["length"] != "none":
        long = apply("ge", _f("depth", "branch"), apply("mul", _c(genome, "factor"), typical))
        rules.append(_all(apply("ge", _f("finished", "branch"), _c(genome, "few", N)), long))
    if not rules:
        return FALSE
    return rules[0] if len(rules) == 1 else apply("or", *rules)


def _voting(genome: Genome) -> dict[str, Expression]:
    blocks, made = genome.blocks, dict[str, Expression]()
    if blocks["vote"] == "given_up" and gives_up(blocks):
        made["given_up"] = _c(genome, "given_up")
    if blocks["weight"] != "equal":
        finished, length = _f("finished", "ballot"), _f("length", "ballot")
        if blocks["weight"] == "ripeness":
            length = apply("sub", length, apply("mul", _c(genome, "ripe"), _f("held", "ballot")))
        known = apply("div", finished, apply("add", finished, _c(genome, "shrink", N)))
        power = apply("mul", _c(genome, "power"), known)
        made["weight"] = apply(
            "min", apply("pow", apply("div", _f("typical", "ballot"), length), power), _c(genome, "cap")
        )
    made["tally"] = _tally(genome)
    return made


def _tally(genome: Genome) -> Expression:
    choice, votes = genome.blocks["abandoned"], DEFAULTS["tally"]
    showed, kept = _f("showed", "answer"), _f("kept", "answer")
    if choice == "share":
        return apply("mul", apply("pow", apply("div", kept, showed), _c(genome, "keep")), votes)
    if choice in ("against", "each"):
        return apply("sub", votes, apply("mul", _c(genome, "against"), apply("sub", showed, kept)))
    return votes


def momentum() -> Program:
    """Return the Confidence Momentum Controller (see `autotts.controllers_archive.baselines`) as formulas.

    A smoothed confidence widens the search while it does not rise, and ends it where it is high and does not fall.
    Its constants count rounds, so it is the only program with constants in intervals. It differs in details: the
    original smooths twice a round, and its width grows by a sum where this one's grows by a factor.
    """
    sure = apply("pick", _at_least(_f("finished"), 1), apply("sub", constant(S, 1), _f("doubt")), constant(S, 0))
    smooth = apply("average", sure, constant(S, 0.91, 0.51))  # the original takes two steps a round, of 0.7 to 0.3
    rise = apply("rise", smooth, constant(N, 2, 8))
    warm = apply("ge", _f("rounds"), constant(L, 3, 11))
    high, target = apply("ge", smooth, constant(S, 0.85, 0.97)), constant(N, 1, 4)
    flat = apply("ge", constant(S, 0.04, 0.01), rise)
    level_off = _all(apply("ge", _f("rounds"), constant(L, 2, 6)), apply("not", high), flat)
    first = apply("ge", constant(L, 0.5), _f("rounds"))
    more = apply("pick", level_off, apply("add", _f("running"), target), constant(N, 0))
    rounds = _f("rounds", "branch")
    agrees = apply("and", _f("agrees", "branch"), apply("ge", rounds, constant(L, 3, 11)))
    tired = apply("ge", _f("dissent", "branch"), constant(L, 3, 12))
    enough = apply("ge", _f("finished"), constant(N, 2, 5))
    many = apply("ge", _f("running", "branch"), constant(N, 3))
    return Program.make({
        "most": constant(N, 4, 64),
        "open": apply("pick", first, constant(N, 2, 8), more),
        "advance": apply("pick", agrees, constant(N, 1, 3), constant(N, 1)),
        "stop": _all(warm, enough, high, apply("ge", rise, constant(S, -0.04, -0.01))),
        "prune": _all(tired, apply("ge", rounds, constant(L, 2, 10)), many),
    })  # fmt: skip
