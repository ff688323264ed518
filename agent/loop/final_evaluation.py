"""The final evaluation: best versions, front and baselines on held-out questions, or else on fresh branch orders.

Fresh orders are the same questions again: they show luck with orders, and nothing of a candidate that has memorised
questions. Only held-out questions show that. The best version is then chosen by its figures there alone, because a
candidate that knows the questions of the search can look as good on them as it likes. A version that is clearly behind
a baseline in the search cannot be chosen: the held-out questions are few, and a lead there may be noise. (A bar set by
other candidates would be useless: one that has memorised questions would raise it above all honest ones.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autotts.envs.errors import InputError
from autotts.envs.seals import write_sealed
from autotts.envs.statistics import Floats
from autotts.envs.store import Environment
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.trial import trial

from .. import population
from ..archive.best import choose
from ..archive.champions import ships
from ..archive.run_directory import FIRST_FRESH_ORDER, Run
from ..archive.run_report import JSON, BudgetComparison, Optimism, QualityLead, RunReport
from ..population.overfitting.beliefs import optimism, with_beliefs
from ..population.overfitting.contributions import QualityPanel, contributions, panel
from ..population.overfitting.crossvalidation import means
from ..population.overfitting.question_results import QuestionResults
from ..records.card import Card
from .attempts import Attempts, passed_over
from .held_out import clearly_behind, gaps

FINALISTS = 4
"""Number of versions, the best by believed quality, that are evaluated in addition to the front."""
_BUDGETS = 8
"""Number of budgets at which the front is compared with the baselines."""


def evaluate_finalists(
    run: Run, environments: Sequence[Environment], sandbox: Sandbox, secret: AuditSecret,
    progress: Callable[[int], None] | None = None, evaluated: Callable[[int, int], None] | None = None,
) -> RunReport:  # fmt: skip
    """Evaluate the finalists and the baselines on held-out questions if the run has some, else on fresh branch orders.

    Write ``report.json``, and return it.

    Args:
        run: a run after its last generation.
        environments: the recorded environments of the run, for a run without held-out questions.
        sandbox: where the versions run.
        secret: the secret from which the chance of the audits comes.
        progress: called with the number of episodes that have been run since its last call.
        evaluated: called with the number of versions that have been evaluated, from 0 on, and with that of all.

    Raises:
        InputError: no version could be evaluated.
        SandboxError: the sandbox failed.
    """
    cards = run.archive.cards_with_beliefs()
    best, front, baselines = finalists(run, cards)
    episodes = run.episodes(run.held_out() or environments, FIRST_FRESH_ORDER)
    attempts = Attempts(run.staged)

    def measured(card: Card) -> LoggedEvaluation:
        candidate = Candidate(card.id, run.archive.source(card.id))
        if card.generation == 0 and ships(card):
            return evaluate(candidate, episodes, sandbox, progress)
        with attempts.of(card.id, "final evaluation") as allowed:
            if not allowed:
                return LoggedEvaluation(candidate, passed_over("final evaluation"))
            return trial(candidate, episodes, sandbox, secret=secret, progress=progress)  # audited in every episode

    chosen = {card.id: card for card in [*best, *front, *baselines]}
    results: dict[str, LoggedEvaluation] = {}
    tell = evaluated or (lambda done, of: None)
    tell(0, len(chosen))
    for name, card in chosen.items():
        results[name] = measured(card)
        tell(len(results), len(chosen))
    if not any(result.verdict.ok for result in results.values()):
        raise InputError(f"{run.home}: no version ran to its end; see `autotts lineage`")
    report = _report(run, cards, front, results)
    write_sealed(run.home / JSON, report.model_dump_json(indent=1).encode())
    return report


def finalists(run: Run, cards: Sequence[Card]) -> tuple[list[Card], list[Card], list[Card]]:
    """Return the versions of the final evaluation: the best ones and the front, discovered ones only; the baselines."""
    front = [card for card in population.front(cards, latency=run.config.latency) if card.generation > 0]
    ranked = population.ranked(cards)
    best = [card for card in ranked if card.generation > 0][:FINALISTS]
    return best, front, [card for card in ranked if card.generation == 0]


def _report(
    run: Run, cards: Sequence[Card], front: Sequence[Card], results: Mapping[str, LoggedEvaluation]
) -> RunReport:
    """Return the report.

    Args:
        run: the run, with its settings and its results by question.
        cards: the cards of all its versions.
        front: the discovered versions of the front.
        results: evaluations of the finalists and the baselines in the final evaluation, by id.
    """
    config, held_out = run.config, {env.name: len(env) for env in run.held_out()}
    measured_on = config.held_out or config.environments
    protocol = config.protocol().model_copy(
        update={"environments": measured_on, "first_order": FIRST_FRESH_ORDER, "simulated": 0.0}
    )
    finalists = [card for card in cards if card.id in results]
    again = [
        card.model_copy(update={"curve": tuple(results[card.id].curve), "protocol": protocol, "belief": None})
        for card in finalists
        if results[card.id].verdict.ok
    ]
    figures = {name: QuestionResults.of(result.scores) for name, result in results.items() if result.scores is not None}
    at = population.budgets(cards)
    fresh = list(with_beliefs(again, figures.get))
    ran, baselines = [card for card in front if card.id in figures], [card.id for card in fresh if card.generation == 0]
    behind = clearly_behind(fresh, run.archive.figures, at) if held_out else frozenset()
    chosen = choose(population.ranked([card for card in fresh if card.id not in behind] or fresh), at)
    assert chosen is not None, "a version has run"
    believed = {card.id: card for card in (fresh if held_out else front)}  # those who wrote them knew the others
    held = _budgets([believed[card.id] for card in ran], baselines, figures, at)
    first = choose(population.ranked(cards), at) if held_out else None
    optimistic = optimism(cards, run.archive.figures)
    return RunReport(
        best=chosen.id,
        protocol=protocol,
        searched={card.id: population.quality(card, at) for card in finalists},
        measured={card.id: population.quality(card, at) for card in fresh},
        curves={card.id: card.curve for card in fresh},
        front=tuple(card.id for card in ran),
        held_out=held_out,
        gaps=gaps(fresh, first.id if first else "", figures, run.archive.figures, at) if held_out else (),
        champions={"balanced": chosen.id} | _ends(held),
        leads=tuple(_leads([*ran, chosen], baselines, figures, at)),
        budgets=tuple(held),
        optimism=Optimism.of(optimistic[0].id, optimistic[1]) if optimistic else None,
        failed={name: f"{r.verdict.kind}: {r.verdict.message}" for name, r in results.items() if not r.verdict.ok},
    )


def _ends(held: Sequence[BudgetComparison]) -> dict[str, str]:
    return {"frugal": held[0].version, "accurate": held[-1].version} if held else {}


def _leads(
    front: Sequence[Card], baselines: Sequence[str], figures: Mapping[str, QuestionResults], at: Floats
) -> list[QualityLead]:
    pairs = [(version, baseline) for version in dict.fromkeys(card.id for card in front) for baseline in baselines]
    pairs = [(version, baseline) for version, baseline in pairs if version != baseline]
    if not pairs:
        return []
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    these = panel([figures[name] for name in names], at)
    row = dict(zip(names, these.values, strict=True))
    leads = means(these, [row[version] - row[baseline] for version, baseline in pairs])
    return [QualityLead(version=v, baseline=s, quality=figure) for (v, s), figure in zip(pairs, leads, strict=True)]


def _budgets(
    front: Sequence[Card], baselines: Sequence[str], figures: Mapping[str, QuestionResults], at: Floats
) -> list[BudgetComparison]:
    """Return how accurate the version with the best shrunk curve is at some budgets in the final evaluation.

    Args:
        front: the versions to choose from, with beliefs: those of the search, or those on held-out questions.
        baselines: names of the baselines.
        figures: results of all in the final evaluation.
        at: the token budgets of quality.
    """
    if not front:
        return []
    these: QualityPanel = panel([figures[front[0].id]], at)
    comparisons = []
    for tokens in at[np.unique(np.linspace(0, len(at) - 1, _BUDGETS).round().astype(int))]:
        one = np.array([tokens])
        version = max(front, key=lambda card: float(population.attained(card.believed_curve, one)[0])).id
        row = {name: contributions(figures[name], one)[0] for name in (version, *baselines)}
        accuracy, *over = means(these, [row[version], *(row[version] - row[baseline] for baseline in baselines)])
        comparisons.append(
            BudgetComparison(
                tokens=tokens, version=version, accuracy=accuracy, over=dict(zip(baselines, over, strict=True))
            )
        )
    return comparisons
