"""Tables, scaling curves and the tree of versions, as text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from autotts.envs.counting import counted
from autotts.envs.plain_text import plain
from autotts.envs.statistics import Floats, Interval, Point

from ... import population
from ...records.card import DUPLICATE, Behaviour, Card


def interval(value: float, ci: Interval, digits: int) -> str:
    """Return a figure with its 95% interval."""
    return f"{value:z,.{digits}f} [{ci[0]:z,.{digits}f}, {ci[1]:z,.{digits}f}]"


def curve_table(rows: Sequence[tuple[str, Point]]) -> Table:
    """Return a table with one row for each (controller, point)."""
    table = Table("controller", "environment", "beta", "accuracy %", "tokens", "latency, tokens", "episodes")
    for column in table.columns[2:]:
        column.justify = "right"
    for name, p in rows:
        table.add_row(
            name, p.environment, f"{p.beta:g}",
            interval(p.accuracy_pct, p.accuracy_ci, 1), interval(p.mean_tokens, p.mean_tokens_ci, 0),
            f"{p.mean_latency:,.0f}", str(p.episodes),
        )  # fmt: skip
    return table


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], width: int = 90, height: int = 24) -> str:
    """Return a plot of accuracy (per cent) against mean tokens (logarithmic).

    Args:
        lines: points (tokens, accuracy) of each curve, by name.
        width: width of the plot in characters.
        height: height of the plot in lines.
    """
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    for marker, (name, points) in zip("o+x*#@%&$=~^abcdefgh", lines.items(), strict=False):
        ordered = sorted(points)
        xs, ys = [x for x, _ in ordered], [y for _, y in ordered]
        if xs:
            plotext.plot(xs, ys, marker="braille")
            plotext.scatter(xs, ys, marker=marker, label=name)
    plotext.xscale("log")
    everything = [x for points in lines.values() for x, _ in points if x > 0]
    if everything:
        low, high = min(everything), max(everything)
        ticks = [m * 10**e for e in range(2, 9) for m in (1, 2, 5) if low <= m * 10**e <= high]
        plotext.xticks(ticks, [f"{t:,}" for t in ticks])
    plotext.xlabel("mean tokens of a question")
    plotext.ylabel("accuracy %")
    return str(plotext.uncolorize(plotext.build()))


LEGEND = (
    "quality in the search (shrunk quality ± standard error of its difference from its parent; free constants + "
    "branches in the code)"
)


def version_tree(
    cards: Sequence[Card], everything: bool, latency: bool = False, best: str = "",
    names: Mapping[str, str] | None = None,
) -> Tree:  # fmt: skip
    """Return the versions as a tree by first parent.

    Args:
        cards: the versions.
        everything: whether to draw all of them; otherwise the front and the best version, with their ancestors.
        latency: whether latency is an objective of the front.
        best: id of the best version; empty if there is none.
        names: names of the controllers that the run was given, by id.
    """
    by_id = {card.id: card for card in cards}
    on_front = {card.id for card in population.front(cards, latency=latency)}
    shown = set(by_id) if everything else _ancestry([*sorted(on_front), best], by_id)
    at = population.budgets(cards)
    count = "" if len(shown) == len(cards) else f"{len(shown)} of "
    marks = f"* on the front{', > the best' if best else ''}{'; --all draws every version' if count else ''}"
    generations = counted(len({card.generation for card in cards}), "generation")
    root = Tree(f"{count}{counted(len(cards), 'version')}, {generations} ({marks})\n{LEGEND}")
    nodes: dict[str, Tree] = {}

    def line(card: Card) -> Text:
        others = f" + {', '.join(card.parents[1:])}" if len(card.parents) > 1 else ""
        score = f"{population.quality(card, at):5.2f}{belief(card, at)}" if card.ok else f"{card.verdict}"
        mark = f"{'*' if card.id in on_front else ' '}{'>' if card.id == best else ' '}"
        name = (names or {}).get(card.id, card.name)
        return Text(plain(f"{mark} {card.id}  {score}  {name}{others}{remarks(card)}"))

    waiting = sorted((card for card in cards if card.id in shown), key=lambda c: (c.generation, c.id))
    ids = {card.id for card in waiting}
    while waiting:  # a parent may be of the same generation, and come later in it
        first = next((c for c in waiting if all(p in nodes for p in c.parents[:1] if p in ids)), waiting[0])
        waiting.remove(first)
        parent = next((nodes[p] for p in first.parents if p in nodes), root)
        nodes[first.id] = parent.add(line(first))
    return root


def belief(card: Card, at: Floats) -> str:
    """Return the shrunk quality of a version with its standard error, and its complexity, in brackets."""
    size = f"; {card.complexity.constants}+{card.complexity.branches}" if card.complexity else ""
    return f" ({population.merit(card, at):5.2f} ±{card.belief.error:.2f}{size})" if card.belief else ""


def remarks(card: Card) -> str:
    """Return island, behaviour, or the duplicate of a version, in brackets."""
    parts = [] if card.island is None else [f"island {card.island}"]
    if card.verdict == DUPLICATE:
        parts.append(card.message)
    elif card.behaviour is not None:
        parts.append(behaviour_summary(card.behaviour))
    return f"  ({'; '.join(parts)})" if parts else ""


def behaviour_summary(behaviour: Behaviour) -> str:
    """Return the behaviour in a few words: mean branches and intervals, pruned tokens, the critical path."""
    return (
        f"{behaviour.width:.1f} wide, {behaviour.depth:.1f} deep, {behaviour.pruned:.0%} of tokens pruned, "
        f"{behaviour.latency:.0%} on the critical path"
    )


def _ancestry(ids: Sequence[str], by_id: Mapping[str, Card]) -> set[str]:
    reached: set[str] = set()
    waiting = list(ids)
    while waiting:
        version = waiting.pop()
        if version in by_id and version not in reached:
            reached.add(version)
            waiting += by_id[version].parents
    return reached
