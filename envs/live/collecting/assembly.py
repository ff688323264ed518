"""Makes the environment of a collection: columns, gold answers, merged answers, and the provenance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ... import provenance as provenance_limits
from ...answers.comparison import AnswerComparison, compare_answers
from ...counting import counted
from ...environment import FORK_RULES
from ...errors import InputError
from ...importing.collector import BranchCollector
from ...importing.line import BranchLine
from ...importing.published import ABSENT_TEXT
from ...signals import GROUP_TOKENS
from ...store import ABSENT, Environment
from ..exchange import TokenUse
from ..request_signals import confidence_columns
from .collection import BranchCollection, CollectedBranch
from .questions import CollectQuestion

ACCURACY, AGREEMENT = "accuracy", "agreement"
"""The objectives of an environment: with gold answers, and without."""


@dataclass(slots=True)
class CollectedEnvironment:
    """An environment, and what a reader of its figures should know."""

    environment: Environment
    comparison: AnswerComparison
    notes: list[str] = field(default_factory=list)


def assemble(collection: BranchCollection, name: str, provenance: Mapping[str, str]) -> CollectedEnvironment:
    """Return the environment of all questions whose branches are finished.

    Without gold answers, the gold answer of a question is the majority of its own branches; of answers with equally
    many votes, the one that the earliest branch gave.

    Raises:
        InputError: no question can be taken.
    """
    has_gold = collection.questions[0].gold is not None
    notes: list[str] = []
    collector = BranchCollector()
    left_out: list[str] = []
    for number, question in enumerate(collection.questions):
        if not collection.complete(number):
            continue
        gold = question.gold or _first_answer(collection.branches[number])
        if gold is None:
            left_out.append(question.place)
            continue
        for branch in collection.branches[number]:
            collector.add(_line(collection, question, gold, branch))
    if not collector.branches:
        raise InputError("no question has an answer, so there is no environment: see --extract and --probe-suffix")
    if left_out:
        some = ", ".join(left_out[:5]) + (", ..." if len(left_out) > 5 else "")
        notes.append(f"{counted(len(left_out), 'question')} left out, as no branch has an answer ({some})")
    collector.settle()
    collector.settle_forks()
    made, comparison = compare_answers(collector.environment(name), collection.reader.equivalence.name)
    if not has_gold:
        made = _with_majority(made)
    notes += _lost_notes(collection)
    objective = ACCURACY if has_gold else f"{AGREEMENT}: gold answers are majorities of the branches themselves"
    return CollectedEnvironment(
        replace(
            made,
            signals=dict(sorted(made.signals.items())),
            final_signals=dict(sorted(made.final_signals.items())),
            provenance=_fitting({"objective": objective, **provenance}),
        ),
        comparison,
        notes,
    )


def _line(collection: BranchCollection, question: CollectQuestion, gold: str, branch: CollectedBranch) -> BranchLine:
    probed = not collection.width_only
    signals = branch.signals
    if branch.confidences is not None and branch.probes:  # lost, so that the last probe has the last interval
        ends = branch.ends[: len(branch.probes)]
        columns, last = confidence_columns(branch.confidences, ends, collection.settings.group_tokens)
        signals = signals | {name: [*values, last[name]] for name, values in columns.items()}
    fields: dict[str, Any] = {
        "question": question.text, "question_id": question.id, "gold_answer": gold, "branch": branch.number,
        "final_answer": branch.answer, "total_tokens": branch.tokens,
        "probe_freq": collection.settings.delta if probed else None,
        "probe_answers": branch.probes if probed else None,
        "probe_cost": collection.settings.probe_cost, "signals": signals if branch.probes else None,
        "final_signals": branch.final_signals or None,
    }  # fmt: skip
    if collection.verified:
        scores = branch.scores + [None] * (len(branch.probes) - len(branch.scores))  # a lost branch has fewer
        fields |= {"verifier_scores": scores, "final_verifier_score": branch.final_score}
        fields["verify_cost"] = collection.settings.verify_cost
    if collection.forks:
        fields |= {"parent_branch": branch.parent, "fork_depth": branch.fork_depth or None, "fork_rule": FORK_RULES[0]}
    return BranchLine.model_validate(fields)


def _first_answer(branches: Sequence[CollectedBranch]) -> str | None:
    """Return a final answer that stands for the gold one until the majority is known."""
    return next((b.answer for b in branches if b.answer is not None and b.answer != ABSENT_TEXT), None)


def _with_majority(made: Environment) -> Environment:
    """Return ``made`` with the majority of its own branches as the gold answer of each question."""
    gold = made.gold.copy()
    for question in range(len(made)):
        branches = made.branches(question)
        finals = [int(made.final_answers[b]) for b in branches if made.is_root[b]]
        votes = Counter(answer for answer in finals if answer != ABSENT)  # counted in the order of the branches
        gold[question] = max(votes, key=votes.__getitem__)
    order = dict.fromkeys([ABSENT])  # the vocabulary in the order of arrival, a gold answer first, as everywhere
    for question in range(len(made)):
        order.setdefault(int(gold[question]))
        for b in made.branches(question):
            cells = made.probe_answers[made.probe_offsets[b] : made.probe_offsets[b + 1]].tolist()
            order.update(dict.fromkeys([*cells, int(made.final_answers[b])]))
    number = np.zeros(len(made.vocabulary), np.int32)
    number[list(order)] = np.arange(len(order), dtype=np.int32)
    return replace(
        made, vocabulary=tuple(made.vocabulary[code] for code in order), gold=number[gold],
        probe_answers=number[made.probe_answers], final_answers=number[made.final_answers],
    )  # fmt: skip


def _lost_notes(collection: BranchCollection) -> list[str]:
    lost = [branch for row in collection.branches for branch in row if branch.lost]
    if not lost:
        return []
    named = [f"question {branch.question} branch {branch.number}" for branch in lost[:5]]
    some = ", ".join(named) + (", ..." if len(lost) > 5 else "")
    verb = "was" if len(lost) == 1 else "were"
    return [f"{counted(len(lost), 'branch')} {verb} lost and has no answer ({some}): {lost[0].lost}"]


def described(
    collection: BranchCollection, *, model: str, template: str, level: str, program: str, questions: str,
    template_text: str, system: str, verifier: str = "", alternatives: int = 0,
) -> dict[str, str]:  # fmt: skip
    """Return the provenance of a collection.

    Args:
        collection: the collection.
        model: the name of the model.
        template: the hash of the chat template, "" if only the server knows it.
        level: what the server lets a controller do.
        program: name and version of this program.
        questions: the name of the file of questions.
        template_text: the template of the user's message, "" for none.
        system: the system message, "" for none.
        verifier: the name of the verifier, "" for none.
        alternatives: the alternatives to each token that were asked for.
    """
    settings = collection.settings
    first = collection.sessions[0] if collection.sessions else None
    servers = dict.fromkeys(server for session in collection.sessions for server in session.servers)
    found = {
        "server": ", ".join(servers),
        "model": model,
        "level": level,
        "sampling": json.dumps(asdict(settings.sampling)),
        "seed": "none" if settings.seed is None else str(settings.seed),
        "chat template": template or "known to the server alone",
        "questions from": questions,
        "template": template_text,
        "system": system,
        "delta": str(settings.delta),
        "branch tokens": str(settings.branch_tokens),
        "probe suffix": settings.probe_suffix,
        "probe tokens": str(settings.probe_tokens),
        "extract": collection.reader.names["extract"],
        "collected": first.date if first else "",
        "tokens": use_in_words(collection.use),
        "probe use": use_in_words(collection.probe_use),
        "verifier": verifier,
        "alternatives": str(alternatives) if level == "full" else "",
        "group tokens": str(settings.group_tokens) if settings.group_tokens != GROUP_TOKENS else "",
        "forks": f"{collection.forks} at each of {collection.fork_at} intervals" if collection.forks else "",
        "program": program,
    }
    return {name: value for name, value in found.items() if value}


def use_in_words(use: TokenUse) -> str:
    """Return the tokens by kind, as text for the user."""
    return ", ".join(f"{getattr(use, each.name):,} {each.name}" for each in fields(use))


def _fitting(provenance: dict[str, str]) -> dict[str, str]:
    """Return a provenance that a file may hold: too long values are cut."""
    while len(json.dumps(list(provenance.items()))) > provenance_limits.MOST_BYTES:
        longest = max(provenance, key=lambda name: len(provenance[name]))
        provenance[longest] = provenance[longest][: len(provenance[longest]) // 2] + "..."
    return provenance
