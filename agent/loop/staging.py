"""Candidates on their way into the archive: what is known of each so far, safe against a kill at every step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field, ValidationError, model_validator

from envs.errors import DamagedFile
from envs.statistics import Point
from envs.store import write_atomically

from ..archive.archive import sha256, unpack_logs
from ..records.card import Behaviour, Card, EvaluationProtocol, FrozenModel
from ..records.complexity import complexity
from ..records.explorer import Proposal
from ..records.migration import record_of_today
from ..records.version import Cost, Expectation, Finding


class CandidateRecord(FrozenModel):
    """A candidate: first as proposed, then with its verdict and curve, then with its findings."""

    id: str
    generation: int
    explorer: str
    source: str
    rationale: str
    parents: tuple[str, ...]
    data: dict[str, Any] = Field(default_factory=dict)
    expects: tuple[Expectation, ...] = ()
    cost: Cost = Cost()
    prompts: str = ""
    transcript: str = ""
    island: int | None = None
    arms: tuple[str, ...] = ()
    behaviour: Behaviour | None = None
    verdict: str | None = None
    message: str = ""
    curve: tuple[Point, ...] = ()
    findings: tuple[Finding, ...] | None = None
    outcome: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_version_0_1(cls, data: Any) -> Any:
        return record_of_today(data)

    def card(self, protocol: EvaluationProtocol, sandbox: str) -> Card:
        """Return the card to be archived."""
        return Card(
            id=self.id, name=_title(self), generation=self.generation, explorer=self.explorer, parents=self.parents,
            rationale=self.rationale, source_sha256=sha256(self.source.encode()),
            complexity=complexity(self.source), sandbox=sandbox,
            verdict=self.verdict or "not run", message=self.message, protocol=protocol, curve=self.curve,
            behaviour=self.behaviour, findings=self.findings or (), island=self.island, arms=self.arms,
            expects=self.expects, outcome=self.outcome, cost=self.cost, prompts=self.prompts, data=self.data,
        )  # fmt: skip


def draft(
    proposal: Proposal,
    generation: int,
    explorer: str,
    known_as: str | None = None,
    island: int | None = None,
    ways: Mapping[str, str] = MappingProxyType({}),
) -> CandidateRecord:
    """Return the draft of a proposal.

    Args:
        proposal: of an explorer.
        generation: in which it was asked for.
        explorer: its name.
        known_as: the id; else it follows from the generation and the source.
        island: on which it was asked for.
        ways: how each parent was chosen, by its id (see `population.choice`).
    """
    return CandidateRecord(
        id=known_as or f"g{generation:03d}-{sha256(proposal.source.encode())[:8]}",
        generation=generation,
        explorer=proposal.author or explorer,
        source=proposal.source,
        rationale=proposal.rationale,
        parents=tuple(dict.fromkeys(proposal.parents)),
        data=dict(proposal.data),
        expects=proposal.expects,
        cost=proposal.cost,
        prompts=proposal.prompts,
        transcript=proposal.transcript,
        island=island,
        arms=tuple(arm for arm in (ways.get(next(iter(proposal.parents), "")), proposal.arm) if arm),
    )


def _title(candidate: CandidateRecord) -> str:
    """Return the name that the source gives itself, else the id; read from the text, for nothing is run here."""
    for line in candidate.source.splitlines():
        text = line.strip()
        if text.startswith("name = ") and text[7:8] in "\"'":
            return text[8:-1][:60]
    return candidate.id


class Staging:
    """The drafts under a directory, one file each, and the logs beside them."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def put(self, candidate: CandidateRecord) -> None:
        """Write a draft, in place of what was known before."""
        write_atomically(self.home / f"{candidate.id}.json", candidate.model_dump_json().encode())

    def get(self, candidate: str) -> CandidateRecord | None:
        """Return a draft, or None if there is none.

        Raises:
            Damaged: its file is damaged.
        """
        path = self.home / f"{candidate}.json"
        try:
            return CandidateRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            raise self._damaged(path) from None

    def put_logs(self, candidate: str, logs: bytes) -> None:
        """Keep a draft's packed logs."""
        write_atomically(self.home / f"{candidate}.npz", logs)

    def logs(self, candidate: str) -> bytes | None:
        """Return a draft's packed logs, or None.

        Raises:
            Damaged: their file is damaged.
        """
        path = self.home / f"{candidate}.npz"
        if not path.exists():
            return None
        packed = path.read_bytes()
        try:
            unpack_logs(packed)
        except Exception:  # damaged bytes make the readers of zip and numpy raise whatever comes
            raise self._damaged(path) from None
        return packed

    def _damaged(self, path: Path) -> DamagedFile:
        """Return the error; without drafts and checkpoint, a run goes through what is archived and makes them anew."""
        run = self.home.parent
        return DamagedFile(f"{path}: damaged; remove {self.home} and {run / 'checkpoint.sqlite'}, and resume")

    def put_answer(self, place: str, drafts: Sequence[CandidateRecord]) -> None:
        """Keep what an explorer has answered in one place of the search, so that it is not asked again."""
        text = json.dumps([draft.model_dump(mode="json") for draft in drafts])
        write_atomically(self.home / f"{place}.answer", text.encode())

    def answer(self, place: str) -> list[CandidateRecord] | None:
        """Return what an explorer has answered in a place, or None if it has not.

        Raises:
            Damaged: the file is damaged.
        """
        path = self.home / f"{place}.answer"
        try:
            return [CandidateRecord.model_validate(item) for item in json.loads(path.read_bytes())]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            raise DamagedFile(f"{path}: damaged; remove it, and resume") from None

    def clear(self) -> None:
        """Remove all drafts."""
        shutil.rmtree(self.home, ignore_errors=True)
