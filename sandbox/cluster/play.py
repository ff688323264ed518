"""Cuts a run into shares, and puts the results of the shares together again, in the order of the run."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes, Logs

from ..base import SandboxError
from ..kept_logs import largest_run, too_much
from ..outcome import Candidate, SandboxOutcome, Verdict
from ..sealing import RecordedQuestions
from ..share_schedule import share_size
from ..wire import PRINTED, SealedBatch
from .messages import NOWHERE, Ints, NodeSettings, QuestionBlock, Share
from .recorded import RecordedEnvironments, StoredQuestion, fresh_codes

Codes = npt.NDArray[np.uint16]
Meaning = npt.NDArray[np.int32]


@dataclass(frozen=True)
class ClusterRun:
    """A run of a candidate, from which shares are made."""

    candidate: Candidate
    batch: SealedBatch
    stored: Sequence[tuple[StoredQuestion, Codes]] | None
    """For each question of the batch, where the cluster has it, and the codes of this run; None if the questions go
    with the shares."""
    meanings: Sequence[Meaning] | None
    """What the codes of each stored question mean in this run."""

    @classmethod
    def of_recorded(cls, candidate: Candidate, episodes: Episodes, recorded: RecordedEnvironments) -> ClusterRun:
        """Return a run on recorded questions, which are sent to the cluster once."""
        batch = SealedBatch.of(episodes, seal_now=False)
        assert isinstance(batch.questions, RecordedQuestions)
        generator = np.random.default_rng(secrets.randbits(128))
        stored, meanings = [], []
        for environment, number in batch.questions.places():
            question = recorded.questions(environment)[number]
            codes, meaning = fresh_codes(question.meaning, generator)
            stored.append((question, codes))
            meanings.append(meaning)
        return cls(candidate, batch, stored, meanings)

    @classmethod
    def of_sealed(cls, candidate: Candidate, batch: SealedBatch) -> ClusterRun:
        """Return a run on questions that only this batch has, such as those of an audit."""
        return cls(candidate, batch, None, None)

    def parts(self, slots: int, runs: int = 1, each: float = 0.0) -> list[Ints]:
        """Return the episodes of each share, in ascending order.

        Episodes of one question stay together, so that a node needs few questions; a group is never divided, because
        it is one process.

        Args:
            slots: shares that are played at the same time.
            runs: runs that have these slots between them.
            each: seconds of an episode of this candidate; 0 if not known.
        """
        n, group = len(self.batch), self.batch.group
        size = share_size(n, slots, runs, each)
        if (group == group[0]).all():
            order = np.argsort(self.batch.question, kind="stable")
            return [np.sort(part) for part in np.array_split(order, math.ceil(n / size))]
        order, parts, first = np.argsort(group, kind="stable"), list[Ints](), 0
        for last in (*(np.flatnonzero(np.diff(group[order])) + 1).tolist(), n):
            if last - first >= size or last == n:
                parts.append(np.sort(order[first:last]))
                first = last
        return parts

    def share(
        self, part: Ints, session: str, settings: NodeSettings
    ) -> tuple[Share, tuple[int, ...], QuestionBlock | None]:
        """Return the share of the episodes ``part``, the stored blocks that it needs, and what goes with it."""
        batch = self.batch
        used, question = np.unique(batch.question[part], return_inverse=True)
        taken, order = np.unique(batch.order[part], return_inverse=True)
        blocks: tuple[int, ...] = ()
        inline: QuestionBlock | None = None
        codes: tuple[Codes | None, ...] = (None,) * len(used)
        place = [(0, number) for number in range(len(used))]
        if self.stored is not None:
            mine = [self.stored[q] for q in used.tolist()]
            blocks, codes = tuple(sorted({at.block for at, _ in mine})), tuple(drawn for _, drawn in mine)
            place = [(blocks.index(at.block), at.number) for at, _ in mine]
        else:
            inline = QuestionBlock.of([batch.questions[q] for q in used.tolist()])
        share = Share(
            session=session, settings=settings, candidate=self.candidate, place=np.array(place, np.int64), codes=codes,
            question=question.ravel(), orders=tuple(batch.orders[i] for i in taken.tolist()), order=order.ravel(),
            beta=batch.beta[part], seed=batch.seed[part], group=batch.group[part], max_branches=batch.max_branches,
            max_tokens=batch.max_tokens, prints=batch.prints,
        )  # fmt: skip
        return share, blocks, inline

    def meaning(self, question: int) -> Meaning:
        """Return what the codes of a question mean in this run."""
        return self.meanings[question] if self.meanings is not None else self.batch.questions[question].meaning


class ShareResults:
    """The results of the shares of a run, as they arrive.

    Args:
        run: the run.
        parts: the episodes of each share.
    """

    def __init__(self, run: ClusterRun, parts: Sequence[Ints]) -> None:
        self._run, self._parts = run, parts
        self._logs: list[Logs | None] = [None] * len(parts)
        self._printed: list[bytes] = [b""] * len(parts)
        self._bytes = 0
        self._failure: Verdict | None = None

    def add(self, number: int, outcome: SandboxOutcome) -> None:
        """Take the outcome of share ``number``.

        Raises:
            SandboxError: the node has sent no logs of these episodes.
        """
        part = self._parts[number]
        self._printed[number] = outcome.printed
        if outcome.logs is None:
            self._fail(self._of_the_run(outcome.verdict, part))
            return
        if len(outcome.logs) != len(part):
            raise SandboxError("a node sent logs of other episodes")
        logs = outcome.logs
        self._bytes += 4 * len(part) + 5 * len(logs.verbs) + 2 * len(logs.indices)  # as `kept_logs` counts them
        if self._bytes > (most := largest_run(len(self._run.batch))):
            self._fail(too_much(most))
            return
        self._logs[number] = replace(logs, answer=self._answers(part, logs.answer))

    def needed(self, number: int) -> bool:
        """Whether the outcome of share ``number`` may still matter: no episode before all of its own has failed."""
        failed = self._failure
        return failed is None or (failed.episode is not None and int(self._parts[number][0]) < failed.episode)

    def outcome(self) -> SandboxOutcome:
        """Return the outcome of the run, once all shares that matter are here."""
        printed = b"".join(self._printed)[: PRINTED + 1]
        if self._failure is not None:
            return SandboxOutcome(self._failure, printed=printed)
        order = np.concatenate(self._parts)
        logs = Logs.joined([part for part in self._logs if part is not None])
        return SandboxOutcome(Verdict("ok"), logs.take(np.argsort(order)), printed)

    def _answers(self, part: Ints, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return the answers that ``codes`` stand for in the episodes ``part``.

        Raises:
            SandboxError: a question has no such answer; the node's own sandbox should have seen that.
        """
        answers = np.empty(len(part), np.int32)
        question = self._run.batch.question[part]
        for q in np.unique(question).tolist():
            mine, meaning = question == q, self._run.meaning(q)
            if not ((codes[mine] >= 0) & (codes[mine] < len(meaning))).all():
                raise SandboxError("a node sent an answer that its question does not have")
            answers[mine] = meaning[codes[mine]]
        return answers

    def _of_the_run(self, verdict: Verdict, part: Ints) -> Verdict:
        if verdict.episode is None:
            return verdict
        episode = int(part[verdict.episode])
        where = f" [{self._run.batch.describe(episode)}]"
        return Verdict(verdict.kind, verdict.message.removesuffix(NOWHERE) + where, episode)

    def _fail(self, verdict: Verdict) -> None:
        """Keep the verdict of the earliest failure: the one that a single worker would have met."""
        if self._failure is None or _position(verdict) < _position(self._failure):
            self._failure = verdict


def _position(verdict: Verdict) -> int:
    return -1 if verdict.episode is None else verdict.episode
