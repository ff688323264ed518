"""Trying a candidate of a run: it is given up early, or measured, and audited as closely as it is good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from envs.scoring import score
from sandbox.base import Sandbox
from sandbox.evaluation import Evaluation
from sandbox.outcome import Candidate
from sandbox.trial import trial

from .. import population
from ..archive.archive import pack_logs, unpack_logs
from ..diagnosis.behaviour import behaviour
from ..diagnosis.findings import diagnose
from ..population.overfitting.question_results import QuestionResults
from ..records.card import DUPLICATE, Behaviour, Card
from ..records.version import Finding
from .candidate_store import CandidateStore
from .final_evaluation import FINALISTS
from .screening.screen import Screener
from .staging import CandidateRecord


class CandidateEvaluator:
    """Tries drafts, and finds out what they did wrong.

    Args:
        stock: of the run.
        sandbox: where drafts run.
        progress: called now and then with the number of episodes that have been played since.
    """

    def __init__(self, stock: CandidateStore, sandbox: Sandbox, progress: Callable[[int], None]) -> None:
        self._stock, self._sandbox, self._progress = stock, sandbox, progress
        self._config = stock.run.config

    @cached_property
    def _screening(self) -> Screener | None:
        """What gives up poor candidates early, if that is wanted."""
        c, stock = self._config, self._stock
        if not c.screening:
            return None
        return Screener(stock.recorded, len(stock.episodes), stock.logs, c.screening_risk, c.seed, c.latency)

    def tried(self, waiting: CandidateRecord, present: Sequence[Card]) -> tuple[dict[str, Any], int]:
        """Try a draft after the ``present`` versions; return what is known of it then, and the episodes it took.

        Its action logs are kept beside the draft, and its figures in the archive.
        """
        known: dict[str, Any] = {"verdict": "ok", "message": ""}
        stock = self._stock

        def elite(found: Evaluation) -> bool:
            """Note what the draft does, and whether it is good enough for the audit of every episode."""
            assert found.logs is not None and found.scores is not None
            logs = stock.of_recorded(found.logs)
            scores = found.scores if len(logs) == len(found.logs) else score(stock.recorded, logs)
            known.update(behaviour=behaviour(scores, logs), curve=tuple(found.curve))
            twin = self._twin(waiting, present, known["behaviour"])
            if twin is not None:  # its scores are known, and it earns nothing by them
                known.update(verdict=DUPLICATE, message=f"decides as {twin.id} does, in every episode")
                return False
            return self._is_elite(waiting.model_copy(update=known), present, QuestionResults.of(found.scores))

        result = trial(
            Candidate(waiting.id, waiting.source), stock.episodes, self._sandbox, elite=elite,
            seed=self._config.seed, progress=self._progress,
            steps=self._screening.steps(present) if self._screening and waiting.generation > 0 else None,
        )  # fmt: skip
        if result.logs is None or result.scores is None:
            return {"verdict": result.verdict.kind, "message": result.verdict.message}, result.played
        stock.staging.put_logs(waiting.id, pack_logs(result.logs))
        stock.archive.put_figures(waiting.id, QuestionResults.of(result.scores))
        return known, result.played

    def findings(self, tried: CandidateRecord) -> tuple[Finding, ...]:
        """Return what a draft did wrong; nothing of one that has no logs."""
        packed = self._stock.staging.logs(tried.id)
        if tried.verdict != "ok" or packed is None:
            return ()
        logs = self._stock.of_recorded(unpack_logs(packed))
        return tuple(diagnose(score(self._stock.recorded, logs), logs))

    def _is_elite(self, new: CandidateRecord, present: Sequence[Card], figures: QuestionResults) -> bool:
        """Whether a draft with its scores would be on the front, or among those that the last choice looks at."""
        archive = self._stock.archive
        cards = [*present, self._stock.carded(new)]
        cards = archive.with_beliefs(cards, lambda version: figures if version == new.id else archive.figures(version))
        best = [*population.front(cards, latency=self._config.latency), *population.ranked(cards)[:FINALISTS]]
        return new.id in {other.id for other in best}

    def _twin(self, new: CandidateRecord, present: Sequence[Card], found: Behaviour) -> Card | None:
        """Return the first version that makes the same decisions, if ``new`` is not hand-written too."""
        for card in present if new.generation > 0 else ():
            same = card.behaviour is not None and card.behaviour.decisions == found.decisions
            if card.ok and same and card.protocol == self._config.protocol():
                return card
        return None
