"""Renders ``report.md``, the report of a finished run for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from autotts.envs.counting import counted
from autotts.envs.plain_text import plain
from autotts.sandbox.sealed_extras import declared_by

from ... import population
from ...archive.best import best_version, label
from ...archive.run_directory import Run
from ...archive.run_report import ON_FRESH_ORDERS, RunReport, describe_gap, describe_optimism
from ...diagnosis.audit_extent import extent_of_versions
from ...llm.budget import Spending
from ...llm.calls import read_calls
from ...population.overfitting.crossvalidation import IntervalEstimate
from ...records.card import Card
from ...records.events import CandidateEvaluated
from ...tools.text import one_line
from ..console.display import interval
from ..markdown import code, escaped, table
from .learned import credit_rows, predictions, steps


def page(run: Run, report: RunReport, cards: Sequence[Card]) -> str:
    """Return the text of the report.

    Args:
        run: the run, with its settings, its events, and the sources of its versions.
        report: the final evaluation.
        cards: the cards of all versions, with beliefs.
    """
    parts = [f"# Results of run {escaped(run.home.name)}", "", *_summary(run, report, cards)]
    for title, lines in (
        ("The front against the hand-written controllers", _front(report, run.given_names())),
        ("How far the search has fooled itself", _optimism(report, run.given_names())),
        ("What was learned", _learned(run, cards)),
        ("Throughput and cost", _cost(run, cards)),
        ("The champions' sources", _sources(run, report, {card.id: card for card in cards})),
    ):
        parts += ["", f"## {title}", "", *lines]
    return "\n".join(parts) + "\n"


def _summary(run: Run, report: RunReport, cards: Sequence[Card]) -> Iterator[str]:
    first, count = report.protocol.first_order, report.protocol.orders
    orders = f"branch order {first:,}" if count == 1 else f"{count} branch orders from {first:,} on"
    questions = _questions(report)
    best = best_version(population.ranked(cards), population.budgets(cards), report, run.given_names())
    assert best is not None, "the report has a best version"
    kind = "best version" if best.discovered else "best baseline, and no discovered version has figures"
    yield (
        f"**{escaped(best.id)}** is the {kind}: quality {best.quality:.2f} on {questions}, "
        f"{orders}. The rule: {best.rule}."
    )
    yield ""
    for remark in best.remarks:
        yield f"{escaped(remark[0].upper() + remark[1:])}."
        yield ""
    if best.ahead:
        yield "The search should go on for longer."
        yield ""
    yield f"Search set: {escaped(', '.join(run.config.environments))}."
    if run.config.simulated:
        yield (
            f"Its choices counted {counted(len(run.config.simulated), 'simulated environment')} too, with a weight of "
            f"{run.config.simulated_weight:.0%} together ({escaped(', '.join(run.config.simulated))}). No figure here "
            "was measured on them."
        )
    yield "Quality: mean accuracy, in per cent, over token budgets. All intervals: 95%, over questions."
    yield escaped(extent_of_versions([card for card in cards if card.id in report.measured]))
    for name, why in report.failed.items():
        yield f"\n{escaped(name)} failed in the final evaluation ({escaped(plain(one_line(why, 200)))})."


_SHOWN_BY = {
    True: "what it owes to luck and to knowing the questions of the search",
    False: "its luck with branch orders in the search; whether it knows the questions cannot be seen here",
}


def _questions(report: RunReport) -> str:
    """Return the questions of the final evaluation in words."""
    if not report.held_out:
        return f"{ON_FRESH_ORDERS} (not unseen data)"
    parts = ", ".join(f"{count} of {name}" for name, count in report.held_out.items())
    total = counted(sum(report.held_out.values()), "held-out question")
    return f"{total} ({escaped(parts)}), which no candidate and no explorer has met"


def _front(report: RunReport, names: Mapping[str, str]) -> Iterator[str]:
    baselines = list(dict.fromkeys(lead.baseline for lead in report.leads))
    less = [f"less {label(baseline, names.get(baseline, ''))}" for baseline in baselines]
    if not report.front:
        yield "Nothing that was discovered is on the front. "
    yield "Quality over all budgets, and the difference from each hand-written controller, paired:"
    yield ""
    leads = {(lead.version, lead.baseline): lead.quality for lead in report.leads}
    roles = {version: role for role, version in report.champions.items()}
    rows = [
        (version, roles.get(version, ""), f"{report.measured[version]:.2f}",
         *(_signed(leads[version, baseline]) if version != baseline else "" for baseline in baselines))
        for version in dict.fromkeys(lead.version for lead in report.leads)
    ]  # fmt: skip
    yield from table(("version", "champion", "quality", *less), rows, words=2)
    if not report.budgets:
        return
    yield ""
    whose = "What the held-out questions show" if report.held_out else "What the search holds"
    yield f"{whose} to be the best within a budget, and the difference from what each attains within it:"
    yield ""
    rows = [
        (f"{row.tokens:,.0f}", row.version, interval(row.accuracy.value, row.accuracy.interval, 1),
         *(_signed(row.over[baseline], 1) for baseline in baselines))
        for row in report.budgets
    ]  # fmt: skip
    yield from table(("tokens", "version", "accuracy %", *less), rows, words=2)


def _optimism(report: RunReport, names: Mapping[str, str]) -> Iterator[str]:
    yield from (f"- {escaped(line)}" for line in describe_gap(report))
    if report.optimism is None:
        yield "Not known: there are too few questions, or no figures by question."
    else:
        yield from (f"- {escaped(line)}" for line in describe_optimism(report.optimism))
    baselines = {lead.baseline for lead in report.leads} - set(names)  # one that was given is no reference
    moved = {version: figure - report.searched[version] for version, figure in report.measured.items()}
    common = median(moved[baseline] for baseline in baselines) if baselines else 0.0
    yield ""
    yield (
        f"{'Held-out questions' if report.held_out else 'Fresh branch orders of the same questions'} are easier or "
        "harder for all: the hand-written controllers, which "
        f"nobody chose by these figures, change by {common:+.2f} (median). Where a version changes by less than they "
        f"do, the difference is an estimate of {_SHOWN_BY[bool(report.held_out)]}:"
    )
    yield ""
    rows = [
        (label(version, names.get(version, "")), f"{report.searched[version]:.2f}", f"{measured:.2f}",
         f"{moved[version] - common:+.2f}")
        for version, measured in sorted(report.measured.items(), key=lambda item: -item[1])
    ]  # fmt: skip
    yield from table(("version", "quality in the search", f"on {report.where}", "change less theirs"), rows)


def _learned(run: Run, cards: Sequence[Card]) -> Iterator[str]:
    made = predictions(cards)
    if made:
        yield "Predictions, and how many came true:"
        yield ""
        rows = [(p.explorer, p.what, str(p.made), str(p.true), f"{p.true / p.made:.0%}") for p in made]
        yield from table(("explorer", "predicted", "times", "came true", ""), rows, words=2)
        yield ""
    by_explorer, by_arm = credit_rows(cards, run.config.latency)
    for title, credits in (("Explorers", by_explorer), ("Ways (parents) and operators", by_arm)):
        if credits:
            yield f"{title}, and by how many points their versions raised the front's hypervolume:"
            yield ""
            gains = [(b.name, str(b.versions), f"{b.gain:.3f}", f"{b.dollars:.2f}") for b in credits]
            yield from table(("who", "versions", "points", "dollars"), gains)
            yield ""
    largest = steps(cards)
    if largest:
        yield "The largest steps from a parent, in points of quality, as believed and as measured:"
        yield ""
        why = [
            (s.version, s.parent, plain(one_line(s.rationale, 300)), f"{s.gain:+.2f}", f"{s.measured:+.2f}")
            for s in largest
        ]
        yield from table(("version", "parent", "why", "believed", "measured"), why, words=3)


def _cost(run: Run, cards: Sequence[Card]) -> Iterator[str]:
    evaluated = run.events_of(CandidateEvaluated)
    episodes = sum(event.episodes for event in evaluated)
    seconds = sum(event.seconds for event in evaluated)
    failed: dict[str, int] = {}
    for card in cards:
        if not card.ok:
            failed[card.verdict] = failed.get(card.verdict, 0) + 1
    counts = ", ".join(f"{escaped(kind)}: {n}" for kind, n in sorted(failed.items()))
    spent = sum((a.spending for call in read_calls(run.home / "calls") for a in call.attempts), Spending())
    last = max((card.generation for card in cards), default=0)
    yield f"- {counted(len(cards), 'version')} up to generation {last}; without scores: {counts or 'none'}"
    yield f"- {episodes:,} episodes in {seconds:,.0f} s of trials: {episodes / max(seconds, 1e-9):,.0f} a second"
    yield f"- {run.hours():.2f} hours of work in all; language models: {escaped(str(spent))}"


def _sources(run: Run, report: RunReport, by_id: dict[str, Card]) -> Iterator[str]:
    roles: dict[str, list[str]] = {}
    for role, version in report.champions.items():
        roles.setdefault(version, []).append(role)
    for version, named in roles.items():
        card = by_id[version]
        size = card.complexity
        yield f"### {', '.join(named)}: {escaped(version)}"
        yield ""
        if size is not None:
            yield f"{size.constants} free constants, {size.branches} branches."
        if uses := declared_by(run.archive.source(version)).in_words():
            yield escaped(plain(uses))
        yield f"Why it was written: {escaped(plain(one_line(card.rationale, 600)))}"
        yield ""
        yield from code(run.archive.source(version))
        yield ""


def _signed(figure: IntervalEstimate, digits: int = 2) -> str:
    low, high = figure.interval
    return f"{figure.value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
