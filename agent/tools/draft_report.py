"""The quick try of a draft: what it is held against, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence

from ..population.measurement import Curve, Measurement, at_tokens, best_at, quality_gain, same_decisions
from .draft_episodes import about_part
from .search_history import DraftTrial, SearchHistory
from .text import one_line, page, table

FINDINGS = 2
"""Findings that are told of a try."""
_RISE = 1.01
"""Tokens at a beta over those at the one before, at least."""
_MOST = 3_000
"""Characters of what is told."""
_MANY = 3
"""Drafts of which the best owes a part of its lead to having been chosen."""


def rivals_of(shelf: SearchHistory, against: str | None) -> list[str]:
    """Return what drafts are held against: ``against``, or the first parent that ran; and the best version.

    Raises:
        InputError: ``against`` is unknown, or did not run.
    """
    if against is not None:
        shelf.measured(against, True)
    parents = [parent for parent in shelf.parents if parent in shelf.cards and shelf.cards[parent].ok]
    first = [against] if against is not None else parents[:1]
    return list(dict.fromkeys([*first, *(card.id for card in shelf.ranked[:1])]))


def format_trial(shelf: SearchHistory, tried: DraftTrial, rivals: Sequence[str], findings: bool) -> str:
    """Return what is told of a draft that was run: its curve beside others on the same episodes, and its faults."""
    if tried.measured is None:
        return f"{tried.name}: failed: {tried.verdict.kind}: {shelf.said(tried.verdict.message)}"
    head = [f"{tried.name}: ran on {about_part(shelf.part)}"]
    same = _same(shelf, tried.name, tried.measured, rivals)
    if same is not None:
        head.append(f"it makes the same decisions as {same} in every one of these episodes: it adds nothing")
    lines = _figures(shelf, tried.name, tried.measured, rivals)
    if findings:
        found = shelf.findings(tried.name)[:FINDINGS]
        lines += [f"- {finding.kind}: {one_line(finding.message, 160)}" for finding in found] or ["no findings"]
    return page(head, lines, 0, len(lines), _MOST)


def format_version(shelf: SearchHistory, version: str, rivals: Sequence[str]) -> str:
    """Return the figures of a version on the episodes on which drafts are tried."""
    lines = _figures(shelf, version, shelf.measured(version, True), rivals)
    return page([f"{version} on {about_part(shelf.part)}"], lines, 0, len(lines), _MOST - 500)


def _figures(shelf: SearchHistory, name: str, tried: Measurement, rivals: Sequence[str]) -> list[str]:
    """Return quality against each rival, and the curve beside the first of them."""
    held = [(rival, shelf.measured(rival, True)) for rival in rivals if rival != name]
    lines = [f"quality {tried.quality(shelf.budgets):.2f}"]
    for rival, measured in held:
        gain, (low, high) = quality_gain(measured, tried, shelf.budgets)
        best = ", the best so far" if shelf.ranked and rival == shelf.ranked[0].id else ""
        whole = f" ({shelf.quality(rival):.2f} on the whole set)" if rival in shelf.cards else ""
        lines.append(
            f"against {rival}{best}: {measured.quality(shelf.budgets):.2f} here{whole}: "
            f"{gain:+.2f} [{low:+.2f}, {high:+.2f}] (95%)"
        )
    lines += _luck(shelf, name, tried)
    lines += table(_rows(shelf, tried, held[0] if held else None), left=0)
    lines += _flat(tried)
    lines.append("baselines, front: the best of them here at these tokens; -: all spend more")
    return lines


def _luck(shelf: SearchHistory, name: str, tried: Measurement) -> list[str]:
    """Return a warning if ``tried`` is the best of many drafts."""
    drafts = [draft.measured for draft in shelf.tries.values() if draft.measured is not None]
    ours = tried.quality(shelf.budgets)
    if name not in shelf.tries or len(drafts) < _MANY or any(m.quality(shelf.budgets) > ours for m in drafts):
        return []
    return [f"it is the best of {len(drafts)} drafts on the same episodes: a part of its lead is luck"]


def _rows(shelf: SearchHistory, tried: Measurement, rival: tuple[str, Measurement] | None) -> list[tuple[str, ...]]:
    names = [f"{rival[0]} %", "tokens"] if rival else []
    rows: list[tuple[str, ...]] = [
        ("beta", "accuracy %", "tokens", "latency", *names, "baselines %", "front %", "front version")
    ]
    for i, point in enumerate(tried.curve):
        row = [f"{point.beta:g}", f"{point.accuracy:.1f}", f"{point.tokens:,.0f}", f"{point.latency:,.0f}"]
        if rival:
            other = rival[1].curve[i]
            row += [f"{other.accuracy:.1f}", f"{other.tokens:,.0f}"]
        baselines, front = (reached_at(shelf, curves, point.tokens, True) for curves in (shelf.baselines, shelf.front))
        rows.append((*row, baselines[0], *front))
    return rows


def reached_at(shelf: SearchHistory, curves: Sequence[Curve], tokens: float, part: bool) -> tuple[str, str]:
    """Return what the best of ``curves`` at ``tokens`` attains there, and its name; "-" if all spend more at least.

    The best is chosen by the whole search set, and told of the part: so it is not the luckiest there.
    """
    here = {name: shelf.measured(name, True).curve if part else curve for name, curve in curves}
    able = [(name, curve) for name, curve in curves if at_tokens(here[name], tokens) is not None]
    best = best_at(able, tokens) or (able[0][0] if able else None)
    attained = at_tokens(here[best], tokens) if best is not None else None
    return ("-", "-") if attained is None or best is None else (f"{attained:.1f}", best)


def _flat(tried: Measurement) -> list[str]:
    """Return a line if more beta does not mean more tokens."""
    pairs = zip(tried.curve[:-1], tried.curve[1:], strict=True)
    flat = [f"{low.beta:g} to {high.beta:g}" for low, high in pairs if high.tokens < _RISE * low.tokens]
    return [f"more beta must mean more tokens, but they do not rise from beta {', '.join(flat)}"] if flat else []


def _same(shelf: SearchHistory, name: str, tried: Measurement, rivals: Sequence[str]) -> str | None:
    """Return the first that did the same, of those at hand: earlier drafts, the rivals, the front, the baselines."""
    drafts = list(shelf.tries)
    at_hand = [n for n in drafts[: drafts.index(name)] if shelf.tries[n].measured is not None]
    at_hand += [rival for rival in rivals if rival != name]
    at_hand += [version for version, _ in (*shelf.front, *shelf.baselines)]
    return next((v for v in dict.fromkeys(at_hand) if same_decisions(tried.logs, shelf.measured(v, True).logs)), None)
