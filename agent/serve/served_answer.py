"""The answer to one request, and its parts in JSON: choice, usage, and the object `autotts`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from autotts.envs.contract.controller import confidence
from autotts.envs.live.exchange import TokenUse

from .final_text import FinalText
from .parts import QuestionEpisode

Result = Literal["ok", "deadline", "ended", "tokens", "fallback", "no answer"]
"""How an episode ended, for logs and metrics.

ok: the controller answered. deadline: the vote so far, because the time was over. ended: the same, because the
gateway ended. tokens: the limit on tokens was reached. fallback: the vote so far, because the controller broke the
contract or its sandbox failed. no answer: the controller answered None.
"""


@dataclass(frozen=True, slots=True)
class Vote:
    """The votes for the answer, among the latest answers of the branches that were not pruned."""

    answer: str | None
    votes: int
    """Branches whose latest answer is ``answer``."""
    second: int
    """Votes of the most frequent other answer."""
    voters: int
    """Branches that have shown an answer."""

    @property
    def confidence(self) -> float | None:
        """The probability that the answer is likelier than the second: `envs.contract.controller.confidence`."""
        return None if self.answer is None else round(confidence(self.votes, self.second), 6)


def vote(latest: dict[int, str | None], answer: str | None) -> Vote:
    """Return the votes for ``answer``."""
    counts: dict[str, int] = {}
    for each in latest.values():
        if each is not None:
            counts[each] = counts.get(each, 0) + 1
    own = counts.get(answer, 0) if answer is not None else 0
    second = max((n for each, n in counts.items() if each != answer), default=0)
    return Vote(answer, own, second, sum(counts.values()))


@dataclass(slots=True)
class ServedAnswer:
    """The answer to one request."""

    episode: str
    """The id of the episode."""
    controller: str
    controller_hash: str
    beta: float
    seed: int
    limits: dict[str, float | None]
    """The limits that held: max_branches, max_tokens, deadline (seconds)."""
    text: FinalText
    result: Result
    vote: Vote
    branches: dict[str, int]
    """Branches by what became of them."""
    use: TokenUse
    """Tokens of the branches."""
    probe_use: TokenUse
    """Tokens of the probes."""
    tokens: int
    """Tokens of the episode as the contract counts them, which `max_tokens` limits."""
    actions: int
    """Calls of the controller that may have cost tokens: steps, advances, probes, runs to the end."""
    critical_tokens: int
    critical_seconds: float
    seconds: float = 0.0
    """Seconds from the arrival of the request to its answer."""
    verdict: tuple[str, str] | None = None
    """(kind, message) of a verdict that is not ok."""
    unused: list[str] = field(default_factory=list)
    """Fields of the request that had no effect."""
    model_answer: dict[str, Any] | None = None
    """The model's own completion, in place of an episode that gave no text."""

    @property
    def finish_reason(self) -> str:
        """``length`` if the tokens or the time ended the episode, else ``stop``."""
        return "length" if self.result in ("deadline", "ended", "tokens") else "stop"

    @property
    def usage(self) -> dict[str, Any]:
        """The object ``usage``: all requests of all branches and probes, as the server of the model counts them."""
        total = TokenUse()
        total.add(self.use)
        total.add(self.probe_use)
        own = (self.model_answer or {}).get("usage") or {}
        prompt = total.prefilled + total.cached + int(own.get("prompt_tokens") or 0)
        completion = total.generated + total.cancelled + int(own.get("completion_tokens") or 0)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": total.cached},
        }

    @property
    def details(self) -> dict[str, Any]:
        """The object ``autotts``."""
        kinds = {
            "branches": self.use.generated,
            "probes": self.probe_use.generated,
            "prefilled": self.use.prefilled + self.probe_use.prefilled,
            "cached": self.use.cached + self.probe_use.cached,
            "cancelled": self.use.cancelled + self.probe_use.cancelled,
            "episode": self.tokens,
        }
        details: dict[str, Any] = {
            "episode": self.episode,
            "controller": {"name": self.controller, "hash": self.controller_hash},
            "beta": self.beta,
            "seed": self.seed,
            "limits": self.limits,
            "result": self.result,
            "answer": self.vote.answer,
            "text_from": self.text.source if self.model_answer is None else "model",
            "branch": self.text.branch,
            "branches": self.branches,
            "votes": {"answer": self.vote.votes, "second": self.vote.second, "all": self.vote.voters},
            "confidence": self.vote.confidence,
            "tokens": kinds,
            "actions": self.actions,
            "requests": self.use.requests + self.probe_use.requests,
            "critical_path": {"tokens": self.critical_tokens, "seconds": round(self.critical_seconds, 6)},
            "seconds": round(self.seconds, 6),
        }
        if self.verdict is not None:
            details["verdict"] = {"kind": self.verdict[0], "message": self.verdict[1]}
        if self.unused:
            details["unused"] = self.unused
        return details


def branch_counts(episode: QuestionEpisode) -> dict[str, int]:
    """Return the number of branches by what became of them."""
    branches = episode.branches
    return {
        "opened": len(branches),
        "finished": sum(branch.finished and not branch.lost for branch in branches),
        "pruned": sum(branch.pruned for branch in branches),
        "lost": sum(bool(branch.lost) for branch in branches),
    }
