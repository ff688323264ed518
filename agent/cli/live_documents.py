"""The JSON of the commands that ask a live model."""

from __future__ import annotations

from autotts.envs.live.exchange import Level, TokenUse

from ..live.asking import LiveAnswer
from .json_rows import Document


class AnswerVotes(Document):
    """An answer, and the branches that gave it."""

    answer: str
    votes: int


class TokenCounts(Document):
    """Tokens and requests, as the server counts them."""

    generated: int
    prefilled: int
    """Tokens of prompts that were computed anew."""
    cached: int
    """Tokens of prompts that came from the prefix cache."""
    cancelled: int
    """Generated for requests that were cancelled or failed, as far as they are known."""
    requests: int
    """Attempts, with those that failed."""
    retries: int

    @classmethod
    def of(cls, use: TokenUse) -> TokenCounts:
        """Return the counts of ``use``."""
        return cls(
            generated=use.generated, prefilled=use.prefilled, cached=use.cached, cancelled=use.cancelled,
            requests=use.requests, retries=use.retries,
        )  # fmt: skip


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
    branch_use: TokenCounts
    probe_use: TokenCounts

    @classmethod
    def of(cls, controller: str, beta: float, model: str, level: Level, found: LiveAnswer) -> AskDocument:
        """Return the document of an answer."""
        return cls(
            controller=controller, beta=beta, model=model, level=level, verdict=found.verdict.kind,
            message=found.verdict.message, answer=found.answer, confidence=found.vote.confidence,
            votes=tuple(AnswerVotes(answer=answer, votes=votes) for answer, votes in found.vote.votes),
            silent=found.vote.silent, text=found.text, branches=found.branches, pruned=found.pruned, lost=found.lost,
            tokens=found.tokens, latency=found.latency, seconds=found.seconds, elapsed=found.elapsed,
            branch_use=TokenCounts.of(found.use), probe_use=TokenCounts.of(found.probe_use),
        )  # fmt: skip
