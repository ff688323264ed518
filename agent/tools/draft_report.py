"""The report of a draft's try: comparison with other versions, curve and findings."""

from __future__ import annotations

from collections.abc import Sequence

from ..population.measurement import Curve, Measurement, at_tokens, best_at, quality_gain, same_decisions
from .draft_episodes import about_part
from .search_history import DraftTrial, SearchHistory
from .text import one_line, page, table

FINDINGS = 2
"""Findings that the report of a try shows."""
_RISE = 1.01
"""Smallest ratio of tokens between successive betas that counts as a rise."""
_MOST = 3_000
"""Characters of a report."""
_MANY = 3
"""Drafts from which on the report warns that the best draft's lead is partly luck."""


def references_of(history: SearchHistory, against: str | None) -> list[str]:
    """Return the versions that a draft is compared with: ``against``, or the first parent that ran; and the best one.

    Raises:
        InputError: ``against`` is unknown or did not run.
    """
    if against is not None:
        history.measured(against, True)
    parents = [parent for parent in history.parents if parent in history.cards and history.cards[parent].ok]
    first = [against] if against is not None else parents[:1]
    return list(dict.fromkeys([*first, *(card.id for card in history.ranked[:1])]))


def format_trial(history: SearchHistory, tried: DraftTrial, references: Sequence[str], findings: bool) -> str:
    """Return the report of a draft that was run: quality against references, curve beside others, and findings."""
    if tried.measured is None:
        return f"{tried.name}: failed: {tried.verdict.kind}: {history.sanitize(tried.verdict.message)}"
    head = [f"{tried.name}: ran on {about_part(history.part)}"]
    same = _same(history, tried.name, tried.measured, references)
    if same is not None:
        head.append(f"it makes the same decisions as {same} in every one of these episodes: it adds nothing")
    lines = _results(history, tried.name, tried.measured, references)
    if findings:
        shown = history.findings(tried.name)[:FINDINGS]
        lines += [f"- {finding.kind}: {one_line(finding.message, 160)}" for finding in shown] or ["no findings"]
    return page(head, lines, 0, len(lines), _MOST)


def format_version(history: SearchHistory, version: str, references: Sequence[str]) -> str:
    """Return the results of a version on the episodes on which drafts are tried."""
    lines = _results(history, version, history.measured(version, True), references)
    return page([f"{version} on {about_part(history.part)}"], lines, 0, len(lines), _MOST - 500)


def _results(history: SearchHistory, name: str, tried: Measurement, references: Sequence[str]) -> list[str]:
    """Return the quality against each reference, and the curve beside the first reference."""
    compared = [(reference, history.measured(reference, True)) for reference in references if reference != name]
    lines = [f"quality {tried.quality(history.budgets):.2f}"]
    for reference, measured in compared:
        gain, (low, high) = quality_gain(measured, tried, history.budgets)
        best = ", the best so far" if history.ranked and reference == history.ranked[0].id else ""
        whole = f" ({history.quality(reference):.2f} on the whole set)" if reference in history.cards else ""
        lines.append(
            f"against {reference}{best}: {reference} has {measured.quality(history.budgets):.2f} here{whole}; "
            f"difference {gain:+.2f} [{low:+.2f}, {high:+.2f}] (95%)"
        )
    lines += _luck(history, name, tried)
    lines += table(_rows(history, tried, compared[0] if compared else None), left=0)
    lines += _flat(tried)
    lines.append("baselines %, front %: accuracy of the best of them here at the same tokens; -: all need more tokens")
    return lines


def _luck(history: SearchHistory, name: str, tried: Measurement) -> list[str]:
    """Return a warning if ``tried`` is the best of several drafts."""
    drafts = [draft.measured for draft in history.tries.values() if draft.measured is not None]
    ours = tried.quality(history.budgets)
    if name not in history.tries or len(drafts) < _MANY or any(m.quality(history.budgets) > ours for m in drafts):
        return []
    return [f"it is the best of {len(drafts)} drafts on the same episodes: part of its lead is luck"]


def _rows(
    history: SearchHistory, tried: Measurement, reference: tuple[str, Measurement] | None
) -> list[tuple[str, ...]]:
    names = [f"{reference[0]} %", "tokens"] if reference else []
    rows: list[tuple[str, ...]] = [
        ("beta", "accuracy %", "tokens", "latency", *names, "baselines %", "front %", "front version")
    ]
    for i, point in enumerate(tried.curve):
        row = [f"{point.beta:g}", f"{point.accuracy:.1f}", f"{point.tokens:,.0f}", f"{point.latency:,.0f}"]
        if reference:
            other = reference[1].curve[i]
            row += [f"{other.accuracy:.1f}", f"{other.tokens:,.0f}"]
        baseline, _ = reached_at(history, history.baselines, point.tokens, True)
        rows.append((*row, baseline, *reached_at(history, history.front, point.tokens, True)))
    return rows


def reached_at(history: SearchHistory, curves: Sequence[Curve], tokens: float, part: bool) -> tuple[str, str]:
    """Return the accuracy and the name of the best of ``curves`` at ``tokens``; "-" if all need more tokens.

    With ``part``, the best is chosen on the whole search set and its accuracy is that on the part: otherwise the
    choice would favour luck on the part.
    """
    here = {name: history.measured(name, True).curve if part else curve for name, curve in curves}
    able = [(name, curve) for name, curve in curves if at_tokens(here[name], tokens) is not None]
    best = best_at(able, tokens) or (able[0][0] if able else None)
    attained = at_tokens(here[best], tokens) if best is not None else None
    return ("-", "-") if attained is None or best is None else (f"{attained:.1f}", best)


def _flat(tried: Measurement) -> list[str]:
    """Return a warning if the tokens do not rise with beta."""
    pairs = zip(tried.curve[:-1], tried.curve[1:], strict=True)
    flat = [f"{low.beta:g} to {high.beta:g}" for low, high in pairs if high.tokens < _RISE * low.tokens]
    return [f"more beta must mean more tokens, but they do not rise from beta {', '.join(flat)}"] if flat else []


def _same(history: SearchHistory, name: str, tried: Measurement, references: Sequence[str]) -> str | None:
    """Return the first of these with the same decisions: earlier drafts, references, front, baselines; None if none."""
    drafts = list(history.tries)
    others = [n for n in drafts[: drafts.index(name)] if history.tries[n].measured is not None]
    others += [reference for reference in references if reference != name]
    others += [version for version, _ in (*history.front, *history.baselines)]
    return next((v for v in dict.fromkeys(others) if same_decisions(tried.logs, history.measured(v, True).logs)), None)
