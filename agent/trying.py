"""The quick try of a draft: what it is held against, and what is told of it."""

from __future__ import annotations

from .measured import Measured, at_tokens, best_at, quality_gain, same_decisions
from .part import about_part
from .shelf import Shelf, Try
from .wording import one_line, page, table

FINDINGS = 4
"""Findings that are told of a try."""
_RISE = 1.01
"""Tokens at a beta over those at the one before, at least."""
_MOST = 3_000
"""Characters of what is told."""


def rival_of(shelf: Shelf, against: str | None) -> str | None:
    """Return what drafts are held against: ``against``, or the first parent that ran, or the best version.

    Raises:
        InputError: ``against`` is unknown, or did not run.
    """
    if against is not None:
        shelf.measured(against, True)
        return against
    parents = (parent for parent in shelf.parents if parent in shelf.cards and shelf.cards[parent].ok)
    return next(parents, shelf.ranked[0].id if shelf.ranked else None)


def told(shelf: Shelf, tried: Try, against: str | None, findings: bool) -> str:
    """Return what is told of a draft that was run: its curve beside others on the same episodes, and its faults."""
    if tried.measured is None:
        return f"{tried.name}: failed: {tried.verdict.kind}: {shelf.said(tried.verdict.message)}"
    head = [f"{tried.name}: ran on {about_part(shelf.part)}"]
    rival = (against, shelf.measured(against, True)) if against not in (None, tried.name) and against else None
    same = _same(shelf, tried.name, tried.measured, against)
    if same is not None:
        head.append(f"it makes the same decisions as {same} in every one of these episodes: it adds nothing")
    lines = []
    if rival is not None:
        gain, (low, high) = quality_gain(rival[1], tried.measured, shelf.budgets)
        ours, theirs = (measured.quality(shelf.budgets) for measured in (tried.measured, rival[1]))
        lines.append(
            f"quality {ours:.2f}, {rival[0]} here {theirs:.2f}: "
            f"{gain:+.2f} [{low:+.2f}, {high:+.2f}] (mean accuracy % over token budgets; 95%, paired)"
        )
    lines += table(_rows(shelf, tried.measured, rival), left=0)
    lines += _flat(tried.measured)
    lines.append("seeds, front: what the best of them at these tokens attains on the same episodes")
    if findings:
        found = shelf.findings(tried.name)[:FINDINGS]
        lines += [f"- {finding.kind}: {one_line(finding.message, 260)}" for finding in found] or ["no findings"]
    return page(head, lines, 0, len(lines), _MOST)


def _rows(shelf: Shelf, tried: Measured, rival: tuple[str, Measured] | None) -> list[tuple[str, ...]]:
    names = [f"{rival[0]} %", "tokens"] if rival else []
    rows: list[tuple[str, ...]] = [
        ("beta", "accuracy %", "tokens", "latency", *names, "seeds %", "front %", "front version")
    ]
    for i, point in enumerate(tried.curve):
        row = [f"{point.beta:g}", f"{point.accuracy:.1f}", f"{point.tokens:,.0f}", f"{point.latency:,.0f}"]
        if rival:
            other = rival[1].curve[i]
            row += [f"{other.accuracy:.1f}", f"{other.tokens:,.0f}"]
        best = [best_at(curves, point.tokens) for curves in (shelf.seeds, shelf.front)]
        for version in best:
            attained = at_tokens(shelf.measured(version, True).curve, point.tokens) if version else None
            row.append("-" if attained is None else f"{attained:.1f}")
        rows.append((*row, best[1] or "-"))
    return rows


def _flat(tried: Measured) -> list[str]:
    """Return a line if more beta does not mean more tokens."""
    pairs = zip(tried.curve[:-1], tried.curve[1:], strict=True)
    flat = [f"{low.beta:g} to {high.beta:g}" for low, high in pairs if high.tokens < _RISE * low.tokens]
    return [f"more beta must mean more tokens, but they do not rise from beta {', '.join(flat)}"] if flat else []


def _same(shelf: Shelf, name: str, tried: Measured, against: str | None) -> str | None:
    """Return the first that did the same, of those at hand: earlier drafts, the rival, the front, the seeds."""
    drafts = list(shelf.tries)
    at_hand = [n for n in drafts[: drafts.index(name)] if shelf.tries[n].measured is not None]
    at_hand += [against] if against is not None and against != name else []
    at_hand += [version for version, _ in (*shelf.front, *shelf.seeds)]
    return next((v for v in dict.fromkeys(at_hand) if same_decisions(tried.logs, shelf.measured(v, True).logs)), None)
