"""A candidate on its way into the archive: one record, which gains a section at each station."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

from pydantic import model_validator

from autotts.envs.statistics import Point
from autotts.sandbox.outcome import Conviction, Extent

from .card import Behaviour, Card, EvaluationProtocol, FrozenModel
from .complexity import complexity
from .explorer import Proposal
from .migration import candidate_of_today
from .version import Finding

_NOT_RUN = "not run"
_LONGEST_NAME = 60


class CandidateEvaluation(FrozenModel):
    """How a candidate's evaluation ended. The scores follow from its logs, which lie beside the record."""

    verdict: str
    """A kind of `sandbox.outcome.Verdict`, or a verdict of the loop: a duplicate, or not approved."""
    message: str = ""
    """One line: what happened, and where."""
    audited: Extent | None = None
    """How far it was audited; None without an audit."""
    conviction: Conviction | None = None
    """See `Card.conviction`."""
    curve: tuple[Point, ...] = ()
    """The scaling curve; empty without scores."""
    behaviour: Behaviour | None = None
    """None without scores."""

    @property
    def ok(self) -> bool:
        """Whether the candidate ran on every episode, and is no duplicate."""
        return self.verdict == "ok"


class CandidateDiagnosis(FrozenModel):
    """The faults that a candidate's logs show, and the result of its prediction."""

    findings: tuple[Finding, ...] = ()
    outcome: str = ""
    """See `Card.outcome`."""


class CandidateRecord(FrozenModel):
    """A candidate: the proposal first, then its evaluation, then its diagnosis; each section is set once."""

    id: str
    generation: int
    asked: str
    """Name of the explorer that was asked."""
    proposal: Proposal
    island: int | None = None
    """The island that asked; None where there is only one."""
    parent_way: str = ""
    """How the population chose the first parent (`agent.population.parents`); empty if it made no choice."""
    evaluation: CandidateEvaluation | None = None
    diagnosis: CandidateDiagnosis | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return candidate_of_today(data)

    @classmethod
    def proposed(
        cls,
        proposal: Proposal,
        generation: int,
        asked: str,
        id: str | None = None,
        island: int | None = None,
        parent_ways: Mapping[str, str] = MappingProxyType({}),
    ) -> Self:
        """Return the record of a proposal.

        Args:
            proposal: the explorer's proposal.
            generation: the generation for which it was made.
            asked: the name of the explorer that was asked.
            id: the id; None derives it from the generation and the source.
            island: the island that asked.
            parent_ways: how the population chose each parent, by id.
        """
        return cls(
            id=id or f"g{generation:03d}-{_sha256(proposal.source)[:8]}",
            generation=generation,
            asked=asked,
            proposal=proposal,
            island=island,
            parent_way=parent_ways.get(next(iter(proposal.parents), ""), ""),
        )

    def in_generation(self, generation: int) -> Self:
        """Return the record with the generation, and with the id that follows from it and the source."""
        return self.model_copy(
            update={"generation": generation, "id": f"g{generation:03d}-{_sha256(self.source)[:8]}"}
        )

    @property
    def source(self) -> str:
        """The source of the proposal."""
        return self.proposal.source

    @property
    def parents(self) -> tuple[str, ...]:
        """The ids of the proposal's parents, each once."""
        return tuple(dict.fromkeys(self.proposal.parents))

    def with_evaluation(self, evaluation: CandidateEvaluation) -> Self:
        """Return the record with its evaluation.

        Raises:
            ValueError: it has one.
        """
        if self.evaluation is not None:
            raise ValueError(f"{self.id} is evaluated already")
        return self.model_copy(update={"evaluation": evaluation})

    def with_diagnosis(self, diagnosis: CandidateDiagnosis) -> Self:
        """Return the record with its diagnosis.

        Raises:
            ValueError: it has one, or no evaluation.
        """
        if self.evaluation is None or self.diagnosis is not None:
            raise ValueError(f"{self.id} {'has no evaluation' if self.evaluation is None else 'is diagnosed already'}")
        return self.model_copy(update={"diagnosis": diagnosis})

    def card(self, protocol: EvaluationProtocol, sandbox: str, interpreter: str = "cpython") -> Card:
        """Return the card of the candidate as far as the record goes.

        Args:
            protocol: the protocol of its evaluation.
            sandbox: the name of the sandbox that it ran in.
            interpreter: the interpreter of that sandbox.
        """
        given = self.proposal
        evaluation = self.evaluation or CandidateEvaluation(verdict=_NOT_RUN)
        diagnosis = self.diagnosis or CandidateDiagnosis()
        return Card(
            id=self.id, name=_name(given.source) or self.id, generation=self.generation,
            explorer=given.author or self.asked, parents=self.parents, rationale=given.rationale,
            source_sha256=_sha256(given.source), complexity=complexity(given.source), sandbox=sandbox,
            interpreter=interpreter,
            verdict=evaluation.verdict, message=evaluation.message, protocol=protocol, audited=evaluation.audited,
            conviction=evaluation.conviction, curve=evaluation.curve,
            behaviour=evaluation.behaviour, findings=diagnosis.findings, island=self.island,
            arms=tuple(arm for arm in (self.parent_way, given.arm) if arm), expects=given.expects,
            outcome=diagnosis.outcome, cost=given.cost, prompts=given.prompts, data=dict(given.data),
        )  # fmt: skip


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _name(source: str) -> str:
    """Return the name that the source assigns, read from the text because the source must not run; "" if none."""
    for line in source.splitlines():
        text = line.strip()
        if text.startswith("name = ") and text[7:8] in "\"'":
            return text[8:-1][:_LONGEST_NAME]
    return ""
