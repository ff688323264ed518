"""The tables and sentences of the replay report as text, shared by the HTML page and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from autotts.envs.counting import counted
from autotts.envs.episodes import MAX_BRANCHES
from autotts.envs.plain_text import plain

from ...records.version import GIVEN
from ..console.display import interval
from .comparisons import LOSS, TIE, WIN, Bounds, PairedComparison
from .ranks import AHEAD, LOST, OPEN, TRANSFERRED
from .results import EqualAccuracyRow, ReplayResults, ReplayRow
from .work import REFERENCE

About = Literal["place", "questions", "betas", "ranks", "failures", "environments", "controllers"]
NONE = "-"
NEVER = "not reached"
_NOTHING_NEW = "nothing was held out, for the search had seen all of them, so nothing can be said to have transferred"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of text."""

    about: About
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    """Number of leading columns that hold words; the others hold numbers."""
    place: str = ""
    """The environment (or the mean) of the table, if it is about only one."""


def reference_name(results: ReplayResults) -> str:
    """Return the name of the reference in sentences."""
    width = min(MAX_BRANCHES, results.settings.max_branches)
    return f"{REFERENCE} at its full width ({width} branches)"


def summary(results: ReplayResults) -> list[str]:
    """Return the summary of the report, as sentences."""
    versions = [c for c in results.controllers if not c.baseline]
    new = f", {results.held_out} of which the search had not seen" if results.held_out else f": {_NOTHING_NEW}"
    if all(c.explorer == GIVEN for c in versions):
        new = ""
    lines = [
        f"{counted(len(versions), 'version')} and {len(results.controllers) - len(versions)} hand-written baselines on"
        f" {counted(len(results.environments), 'environment')}{new}; {_orders(results)}."
    ]
    lines += _transfer(results)
    equal = {row.controller: row for row in results.equal if row.environment == results.overall}
    base = next((point for point in results.reference if point.environment == results.overall), None)
    if base is None:
        lines.append(f"Nothing can be saved against {reference_name(results)}: it failed, see below.")
    if base and results.ranking:
        searched = [rank for rank in results.ranking.ranks if rank.gain and rank.searched is not None]
        highest = max(searched, key=lambda rank: rank.searched or 0.0, default=None)
        first = (results.best, "the best version of the search, ")
        if not results.best and highest is not None and len(searched) > 1:
            first = (highest.controller, "which had the highest quality of these in the search, ")
        elif not results.best and highest is not None:
            first = (highest.controller, "")
        for label, role in (first, (results.ranking.best_baseline, "the best baseline here, ")):
            if label in equal:
                lines.append(f"{plain(label)}, {role}{_saving(equal[label], results)}")
    lines += _audits(results)
    if results.failures:
        lines.append(f"{counted(len(results.failures), 'evaluation')} failed: see the failures below.")
    return lines


def _audits(results: ReplayResults) -> list[str]:
    """Return how far the controllers were audited. A sampled audit may miss a candidate that cheats in few episodes."""
    full = [c for c in results.controllers if c.audit == "full"]
    sampled = [c for c in results.controllers if c.audit not in ("", "full")]
    shipped = all(c.baseline for c in sampled)
    lines = [f"Audited in full: {', '.join(plain(c.label) for c in full)}."] if full else []
    if sampled:
        why = "the baselines, which ship with the program" if shipped else ", ".join(
            f"{plain(c.label)} {c.audit}" for c in sampled if not c.baseline
        )  # fmt: skip
        lines.append(f"Audited on a sample: {why}.")
    return lines


def _transfer(results: ReplayResults) -> list[str]:
    if results.ranking is None:
        return ["Nothing is ranked: that needs two betas, and a baseline that ran on every environment."]
    gains = [rank.gain for rank in results.ranking.ranks if rank.gain]
    if not gains:
        return ["No version ran on every environment, so none can be said to have transferred."]
    count = Counter(gain.verdict for gain in gains)
    line = (
        f"Of {counted(len(gains), 'version')}, {count[TRANSFERRED] + count[AHEAD]} better here than the best baseline"
        f" ({results.ranking.best_baseline}), {count[LOST]} worse, {count[OPEN]} not decided."
    )
    if results.ranking.spearman is None or results.ranking.spearman_ci is None:
        return [line]
    agreement = interval(results.ranking.spearman, results.ranking.spearman_ci, 2)
    return [line, f"Rank correlation of the search's order with the order here: {agreement}."]


def _saving(row: EqualAccuracyRow, results: ReplayResults) -> str:
    equal = row.equal
    if equal.saved_pct is None:
        return f"does not reach the accuracy of {reference_name(results)} at any beta."
    saved = _bounded(equal.saved_pct, equal.saved_ci, 1)
    cost = "" if row.dollars is None else f"; 1,000 questions then cost ${row.dollars:,.2f}"
    line = f"saves {saved} per cent of the tokens of {reference_name(results)} at equal accuracy{cost}."
    if None in equal.saved_ci:
        line += f" ({NEVER}: with some choices of the questions it does not reach that accuracy at any beta.)"
    return line


def place_table(results: ReplayResults, place: str) -> ReportTable:
    """Return a table with one row per controller: at one beta, and at equal accuracy."""
    equal = {row.controller: row for row in results.equal if row.environment == place}
    rows = [row for row in results.rows if row.point.environment == place and row.point.beta == results.focus]
    base = next((point for point in results.reference if point.environment == place), None)
    priced = results.price is not None
    columns = ("controller", "accuracy %", "gain, points", "tokens", "saved %", "won/tied/lost",
               "equal: tokens", "equal: saved %", "equal: reached %")  # fmt: skip
    note = f"At beta {results.focus:g}, and with the fewest tokens that reach the reference's accuracy (equal)."
    if base:
        dollars = "" if results.price is None else f", ${base.mean_tokens * results.price / 1000:,.2f}"
        note += (
            f" Reference: {reference_name(results)}, {interval(base.accuracy_pct, base.accuracy_ci, 1)} %,"
            f" {interval(base.mean_tokens, base.mean_tokens_ci, 0)} tokens{dollars}."
        )
    return ReportTable(
        "place", f"Against self-consistency: {place}", note,
        (*columns, "$", "equal: $") if priced else columns,
        tuple(
            (plain(row.controller), *_accuracy(row), *_tokens(row), _score(row.against),
             *_equal(equal.get(row.controller)), *((_dollars(row), _equal_dollars(equal.get(row.controller)))
                                                   if priced else ()))
            for row in rows
        ),
        place=place,
    )  # fmt: skip


def beta_table(results: ReplayResults) -> ReportTable:
    """Return the table of the curves over all environments: every controller at every beta."""
    rows = [row for row in results.rows if row.point.environment == results.overall]
    priced = results.price is not None
    columns = (
        "controller", "beta", "accuracy %", "gain, points", "tokens", "saved %", "won/tied/lost", "latency, tokens",
    )  # fmt: skip
    return ReportTable(
        "betas",
        f"Every beta: {results.overall}",
        "Gain and saving are against the reference, paired by question and branch order.",
        (*columns, "$") if priced else columns,
        tuple(
            (plain(row.controller), f"{row.point.beta:g}", *_accuracy(row), *_tokens(row), _score(row.against),
             f"{row.point.mean_latency:,.0f}", *((_dollars(row),) if priced else ()))
            for row in rows
        ),
    )  # fmt: skip


def question_table(results: ReplayResults, place: str) -> ReportTable:
    """Return the table of each controller's outcome on each question of an environment."""
    rows = [row for row in results.rows if row.point.environment == place and row.point.beta == results.focus]
    return ReportTable(
        "questions",
        f"Question by question: {place}",
        f"At beta {results.focus:g}, one sign a question in their order: {WIN} right more often than the reference,"
        f" {TIE} as often, {LOSS} less often.",
        ("controller", "questions"),
        tuple((plain(row.controller), row.against.outcomes) for row in rows if row.against),
        words=2,
        place=place,
    )


def rank_table(results: ReplayResults) -> ReportTable | None:
    """Return the table of ranks in the search and in this replay."""
    if results.ranking is None:
        return None
    low, high = results.ranking.budgets
    above = "Transferred" if results.held_out else "Ahead (nothing was held out)"
    return ReportTable(
        "ranks",
        "Rank stability",
        f"Quality: mean accuracy over token budgets, here from {low:,.0f} to {high:,.0f} tokens. Gain: quality less"
        f" that of the best baseline, here {results.ranking.best_baseline}, paired by question. Optimism: the gain"
        f" that the search saw less the gain here. {above}: the interval of the gain lies above 0; lost: below.",
        ("controller", "verdict", "rank in search", "rank here", "quality in search", "quality here",
         "gain in search", "gain here", "optimism"),
        tuple(
            (plain(rank.controller), rank.gain.verdict if rank.gain else "baseline",
             _number(rank.searched_rank, 1, "g"), f"{rank.rank:g} [{rank.rank_ci[0]:g}, {rank.rank_ci[1]:g}]",
             _number(rank.searched, 2), interval(rank.quality, rank.quality_ci, 2),
             *(("", "", "") if rank.gain is None else (
                 _number(rank.gain.searched, 2), interval(rank.gain.here, rank.gain.here_ci, 2),
                 NONE if rank.gain.optimism is None or rank.gain.optimism_ci is None
                 else interval(rank.gain.optimism, rank.gain.optimism_ci, 2))))
            for rank in results.ranking.ranks
        ),
        words=2,
    )  # fmt: skip


def failure_table(results: ReplayResults) -> ReportTable | None:
    """Return the table of failures."""
    if not results.failures:
        return None
    rows = tuple((plain(f.controller), f.environment, f.kind, plain(f.message)) for f in results.failures)
    note = "A controller that fails on one environment has no results there, and none over all environments."
    return ReportTable("failures", "Failures", note, ("controller", "environment", "verdict", "message"), rows, words=4)


def environment_table(results: ReplayResults) -> ReportTable:
    """Return the table of environments."""
    return ReportTable(
        "environments",
        "Environments",
        "Searched: a version's search used it, so that only the branch orders are new.",
        ("environment", "hash", "searched", "questions", "branches"),
        tuple(
            (env.name, env.hash[:16], "yes" if env.searched else "no", f"{env.questions:,}",
             f"{env.branches:,}")
            for env in results.environments
        ),
        words=3,
    )  # fmt: skip


def controller_table(results: ReplayResults) -> ReportTable:
    """Return the table of controllers."""
    return ReportTable(
        "controllers",
        "Controllers",
        "Identified by the hash of the source. Names are what their authors chose.",
        ("controller", "name", "explorer", "parents", "sha256 of the source", "audit", "generation"),
        tuple(
            (plain(c.label), plain(c.name), plain(c.explorer), plain(", ".join(c.parents)) or NONE,
             c.source_sha256[:16], c.audit or NONE, str(c.generation))
            for c in results.controllers
        ),
        words=6,
    )  # fmt: skip


def protocol(results: ReplayResults) -> str:
    """Return a sentence about the protocol of all measurements."""
    settings = results.settings
    tokens = "no limit on tokens" if settings.max_tokens is None else f"at most {settings.max_tokens:,} tokens"
    betas = ", ".join(f"{beta:g}" for beta in settings.betas)
    price = "" if results.price is None else f" Dollars are of 1,000 questions, at ${results.price:g} a million tokens."
    return (
        f"Beta {betas}; {_orders(results)}; at most {settings.max_branches} branches, {tokens}."
        f" Brackets hold 95% intervals: bootstrap over questions, paired where two controllers are compared.{price}"
    )


def _orders(results: ReplayResults) -> str:
    settings = results.settings
    if settings.orders == 1:
        return f"branch order {settings.first_order}"
    return f"branch orders {settings.first_order} to {settings.first_order + settings.orders - 1}"


def _accuracy(row: ReplayRow) -> tuple[str, str]:
    point, other = row.point, row.against
    return interval(point.accuracy_pct, point.accuracy_ci, 1), interval(other.gain, other.gain_ci, 2) if other else NONE


def _tokens(row: ReplayRow) -> tuple[str, str]:
    point, other = row.point, row.against
    saved = interval(other.saved_pct, other.saved_ci, 1) if other else NONE
    return interval(point.mean_tokens, point.mean_tokens_ci, 0), saved


def _score(other: PairedComparison | None) -> str:
    return "/".join(str(other.outcomes.count(sign)) for sign in (WIN, TIE, LOSS)) if other else NONE


def _equal(row: EqualAccuracyRow | None) -> tuple[str, str, str]:
    if row is None:
        return NONE, NONE, NONE
    equal = row.equal
    tokens = NEVER if equal.tokens is None else _bounded(equal.tokens, equal.tokens_ci, 0)
    saved = NEVER if equal.saved_pct is None else _bounded(equal.saved_pct, equal.saved_ci, 1)
    return tokens, saved, f"{equal.reached_pct:.0f}"


def _dollars(row: ReplayRow) -> str:
    return NONE if row.dollars is None or row.dollars_ci is None else interval(row.dollars, row.dollars_ci, 2)


def _equal_dollars(row: EqualAccuracyRow | None) -> str:
    return NONE if row is None or row.dollars is None else f"{row.dollars:,.2f}"


def _bounded(value: float, ci: Bounds, digits: int) -> str:
    low, high = (NEVER if bound is None else f"{bound:z,.{digits}f}" for bound in ci)
    return f"{value:z,.{digits}f} [{low}, {high}]"


def _number(value: float | None, digits: int, kind: str = "f") -> str:
    return NONE if value is None else f"{value:g}" if kind == "g" else f"{value:,.{digits}f}"


def everything(results: ReplayResults) -> Sequence[ReportTable]:
    """Return all tables in the order of the report."""
    several = [place for place in results.places if place != results.overall] or [results.overall]
    tables = [
        place_table(results, results.overall), rank_table(results), failure_table(results),
        *(place_table(results, place) for place in several if place != results.overall),
        *(question_table(results, place) for place in several),
        beta_table(results), environment_table(results), controller_table(results),
    ]  # fmt: skip
    return [table for table in tables if table is not None and table.rows]
