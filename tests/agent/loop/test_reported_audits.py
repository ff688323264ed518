"""A run audits in full whatever it reports, with a chance that nobody can predict."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from autotts.agent.archive.archive import pack_logs
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_report import read_report
from autotts.agent.loop.candidate_store import CandidateStore
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.reported_audits import audit_reported
from autotts.agent.records.audit import AuditRecord
from autotts.agent.records.card import Card
from autotts.agent.records.events import Event, VersionRejected
from autotts.agent.records.explorer import Brief, Proposal
from autotts.sandbox import policy
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate, Verdict

from .test_graph import Single, begin, tree

CHEAT = """
from envs import Controller, majority
class Cheat(Controller):
    def solve(self, question):
        columns = question._recording.columns
        best = majority([columns[i][-1][0] for i in question._order])
        for i in question.branch_many(question.max_branches):
            if columns[question._order[i]][-1][0] == best:
                return question.run_to_end(i)
"""


def finished(home: Path) -> Run:
    run = begin(home, generations=1, population=2)
    discover(Discovery(run, Single(), ProcessSandbox()))
    return run


def test_the_report_names_versions_that_were_audited_in_full(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    cards = {card.id: card for card in run.archive.cards()}
    assert {card.audited for card in cards.values() if card.ok} <= {"full", "sample"}
    reported = [name for name, card in cards.items() if card.generation > 0 and card.ok]
    assert reported and all(cards[name].audited == "full" for name in reported)


def test_what_is_reported_was_audited_once_more(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    reported = [id for id in read_report(run).front if run.archive.card(id).ok]  # type: ignore[union-attr]
    assert reported and all(run.archive.has_later_audit(id) for id in reported)


def test_a_version_that_comes_to_the_front_later_is_audited_in_full(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    (name, *_) = [card.id for card in run.archive.cards() if card.generation > 0 and card.ok]
    run.archive.put_audit(name, AuditRecord(audited="sample"))
    assert run.archive.card(name).audited == "sample"
    before = {id: run.archive.card(id).verdict for id in run.archive.ids()}
    audit_reported(CandidateStore(run, "process"), ProcessSandbox(), AuditSecret())
    assert run.archive.card(name).audited == "full"
    assert {id: run.archive.card(id).verdict for id in run.archive.ids()} == before
    assert run.archive.verify() == []


def test_a_conviction_before_the_report_removes_the_version(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    store = CandidateStore(run, "process")
    found = evaluate(Candidate("cheat", CHEAT), store.episodes)
    assert found.logs is not None
    honest = next(card for card in map(run.archive.card, run.archive.ids()) if card.generation > 0 and card.ok)
    update = {
        "id": "g001-cheat", "curve": tuple(found.curve), "audited": "sample",
        "source_sha256": hashlib.sha256(CHEAT.encode()).hexdigest(), "parents": (),
    }  # fmt: skip
    run.archive.add(honest.model_copy(update=update), CHEAT, pack_logs(found.logs))
    told: list[tuple[str, Verdict]] = []
    audit_reported(store, ProcessSandbox(), AuditSecret(), rejected=lambda name, verdict: told.append((name, verdict)))
    ((name, verdict),) = told
    assert name == "g001-cheat" and verdict.kind.startswith("rejected: ")
    for card in (run.archive.card(name), Run(run.home).archive.card(name)):
        assert card.verdict == verdict.kind and not card.ok and card.curve == () and card.conviction is not None
    assert [row.verdict for row in run.archive.index() if row.id == name] == [verdict.kind]


def test_convictions_are_events_of_the_run(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    seen: list[Event] = []
    Discovery(run, Single(), ProcessSandbox(), seen.append).emit(VersionRejected("v", "rejected: looked ahead", "why"))
    assert seen == [VersionRejected("v", "rejected: looked ahead", "why")]
    assert seen[0] in [logged.event for logged in run.events()]


def test_old_cards_say_nothing_about_their_audit(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    document = run.archive.card(run.archive.ids()[0]).model_dump(exclude={"audited", "conviction"})
    card = Card.model_validate(document)
    assert card.audited is None and card.conviction is None


def test_the_archive_does_not_depend_on_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = finished(tmp_path / "one")
    drawn: list[int] = []
    urandom = os.urandom

    def watched(size: int) -> bytes:
        drawn.append(size)
        return urandom(size)

    monkeypatch.setattr(os, "urandom", watched)
    two = finished(tmp_path / "two")
    assert drawn.count(32) > 2, "every audit draws a fresh nonce"
    assert tree(one.archive) == tree(two.archive)


class Convicted(Single):
    """Proposes a candidate that looks ahead."""

    def _answer(self, brief: Brief, step: str) -> list[Proposal]:
        (proposal,) = super()._answer(brief, step)
        return [replace(proposal, source=CHEAT + f"# {step} {brief.slot}\n")]


def test_a_convicted_candidate_keeps_what_shows_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "check", lambda source: Verdict("ok"))
    run = begin(tmp_path / "run", generations=1, population=1)
    discover(Discovery(run, Convicted(), ProcessSandbox()))
    (card,) = [card for card in run.archive.cards() if card.generation == 1]
    assert card.verdict.startswith("rejected: ") and card.conviction is not None
    assert card.conviction.episode < len(CandidateStore(run, "process").episodes)
