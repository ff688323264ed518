"""The JSON of the commands that ask a live model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from autotts.envs.live.exchange import Level
from autotts.envs.live.repetition import EpisodeComparison
from autotts.envs.statistics import Floats, Interval
from autotts.envs.store import Environment

from ..live.asking import LiveAnswer
from ..live.fidelity import Fidelity, LiveResult, Measure, live_table
from .json_rows import Document, TokensByKind


class AnswerVotes(Document):
    """An answer, and the branches that gave it."""

    answer: str
    votes: int


class AskDocument(Document):
    """The answer to one live question."""

    controller: str
    beta: float
    model: str
    level: Level
    """What the server lets a controller do with a branch."""
    verdict: str
    """`ok`, or how the controller failed."""
    message: str
    """What happened, where it failed."""
    answer: str | None
    confidence: float
    """The probability that the answer is more likely than its strongest rival, given their votes."""
    votes: tuple[AnswerVotes, ...]
    """Most votes first."""
    silent: int
    """Branches without an answer; those that were pruned are left out here, as in the votes."""
    text: str
    """The text of the shortest finished branch that gave the answer; empty if none did."""
    branches: int
    pruned: int
    lost: tuple[str, ...]
    """A line for each request that was lost for good."""
    tokens: int
    """Tokens of all branches, plus the price of the probes, as in replay."""
    latency: int
    """Tokens on the critical path, as in replay."""
    seconds: float
    """Seconds on the critical path."""
    elapsed: float
    """Seconds from the question to the answer."""
    branch_use: TokensByKind
    probe_use: TokensByKind

    @classmethod
    def of(cls, controller: str, beta: float, model: str, level: Level, found: LiveAnswer) -> AskDocument:
        """Return the document of an answer."""
        return cls(
            controller=controller, beta=beta, model=model, level=level, verdict=found.verdict.kind,
            message=found.verdict.message, answer=found.answer, confidence=found.vote.confidence,
            votes=tuple(AnswerVotes(answer=answer, votes=votes) for answer, votes in found.vote.votes),
            silent=found.vote.silent, text=found.text, branches=found.branches, pruned=found.pruned, lost=found.lost,
            tokens=found.tokens, latency=found.latency, seconds=found.seconds, elapsed=found.elapsed,
            branch_use=TokensByKind.of(found.use), probe_use=TokensByKind.of(found.probe_use),
        )  # fmt: skip


class FidelityRow(Document):
    """One measure of a controller at one beta, live and in replay, over the same questions."""

    beta: float
    measure: Measure
    """Accuracy is in per cent, the others in tokens."""
    live: float
    replay: float
    """Mean over branch orders: the prediction."""
    difference: float
    """Live minus replay."""
    difference_ci: Interval
    """97.5% interval over questions: both accuracy and tokens then hold with 95%."""
    agrees: bool
    """Whether the interval holds 0."""


class MeasureRow(Document):
    """Means over the episodes of one question."""

    accuracy_pct: float
    tokens: float
    latency: float


class FidelityQuestionRow(Document):
    """One question at one beta: the mean of its live episodes, and the prediction of replay."""

    beta: float
    question: int
    id: str
    """Its id, if the questions have ids."""
    live: MeasureRow
    replay: MeasureRow


class KeptEpisodeRow(Document):
    """A kept episode beside its replay."""

    episode: str
    same: bool
    differences: tuple[str, ...]


class FidelityDocument(Document):
    """A controller's live episodes against replay: on collected questions, or kept episodes one by one."""

    controller: str
    environment: str
    """Empty for kept episodes."""
    hash: str
    """Content hash of the environment."""
    agrees: bool
    """Whether accuracy and tokens agree at each beta, or each kept episode is the same in replay."""
    rows: tuple[FidelityRow, ...] = ()
    questions: tuple[FidelityQuestionRow, ...] = ()
    episodes: tuple[KeptEpisodeRow, ...] = ()

    @classmethod
    def of_collected(
        cls, controller: str, environment: Environment, found: Sequence[Fidelity],
        live: Mapping[float, Sequence[LiveResult]], predicted: Mapping[float, Floats],
    ) -> FidelityDocument:  # fmt: skip
        """Return the document of a comparison on collected questions."""
        return cls(
            controller=controller, environment=environment.name, hash=environment.hash,
            agrees=all(each.agrees for each in found),
            rows=tuple(
                FidelityRow(
                    beta=each.beta, measure=figure.measure, live=figure.live, replay=figure.replay,
                    difference=figure.difference, difference_ci=figure.interval, agrees=figure.agrees,
                )
                for each in found
                for figure in each.figures
            ),
            questions=tuple(
                FidelityQuestionRow(
                    beta=beta, question=question, live=_row(row), replay=_row(predicted[beta][question].tolist()),
                    id=environment.question_ids[question] if environment.question_ids else "",
                )
                for beta, results in live.items()
                for question, row in _by_question(results)
            ),
        )  # fmt: skip

    @classmethod
    def of_kept(cls, controller: str, compared: Sequence[EpisodeComparison]) -> FidelityDocument:
        """Return the document of kept episodes."""
        rows = tuple(
            KeptEpisodeRow(episode=each.episode, same=each.same, differences=each.differences) for each in compared
        )
        return cls(controller=controller, environment="", hash="", agrees=all(row.same for row in rows), episodes=rows)


def _by_question(results: Sequence[LiveResult]) -> Iterator[tuple[int, list[float]]]:
    questions, table = live_table(results)
    yield from zip(questions, table.tolist(), strict=True)


def _row(values: Sequence[float]) -> MeasureRow:
    accuracy, tokens, latency = values
    return MeasureRow(accuracy_pct=accuracy, tokens=tokens, latency=latency)
