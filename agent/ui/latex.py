"""A LaTeX table for papers: one row per controller, accuracy and tokens for each environment."""

from __future__ import annotations

from collections.abc import Sequence

from autotts.envs.statistics import Point

from ..records.card import Card

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def escaped(text: str) -> str:
    """Return ``text`` escaped for LaTeX: names may hold any character."""
    return "".join(_SPECIAL.get(c, c if c.isprintable() else " ") for c in text)


def latex(cards: Sequence[Card], environments: Sequence[str], beta: float) -> str:
    """Return the table at one beta; it needs the LaTeX package booktabs."""
    heads = " & ".join(rf"\multicolumn{{2}}{{c}}{{{escaped(name)}}}" for name in environments)
    lines = [
        f"% accuracy in per cent and mean tokens of a question at beta = {beta:g}; 95% intervals in brackets",
        rf"\begin{{tabular}}{{l{'rr' * len(environments)}}}",
        r"\toprule",
        rf"Method & {heads} \\",
        " ".join(rf"\cmidrule(lr){{{2 * i + 2}-{2 * i + 3}}}" for i in range(len(environments))),
        " & ".join(["", *[r"Acc. & Tokens"] * len(environments)]) + r" \\",
        r"\midrule",
    ]
    for card in cards:
        at = {p.environment: p for p in card.curve if abs(p.beta - beta) < 1e-9}
        lines.append(" & ".join([escaped(card.id), *(_cells(at.get(name)) for name in environments)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _cells(point: Point | None) -> str:
    if point is None:
        return "-- & --"
    low, high = point.accuracy_ci
    return f"{point.accuracy_pct:.1f} [{low:.1f}, {high:.1f}] & {point.mean_tokens:,.0f}"
