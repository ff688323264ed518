"""The vote of the branches of a live episode, and the confidence in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..contract.controller import confidence


@dataclass(frozen=True, slots=True)
class BranchVote:
    """The votes of the branches that are not pruned; each votes for the last answer that it has shown."""

    answer: str | None
    """The answer of the episode, which need not have the most votes; None for no answer."""
    votes: tuple[tuple[str, int], ...]
    """Each answer with its votes, most votes first; of equal ones, the one that was shown first."""
    silent: int
    """Branches without an answer."""

    @classmethod
    def of(cls, answer: str | None, answers: Iterable[str | None]) -> BranchVote:
        """Return the vote.

        Args:
            answer: the answer of the episode.
            answers: the last answer of each branch that is not pruned, in the order of opening.
        """
        shown = list(answers)
        counts = Counter(each for each in shown if each is not None)
        return cls(answer, tuple(counts.most_common()), len(shown) - counts.total())

    @property
    def confidence(self) -> float:
        """The probability that the answer is more likely than its strongest rival; 0 without an answer.

        See `envs.contract.controller.confidence`.
        """
        if self.answer is None:
            return 0.0
        mine = next((votes for answer, votes in self.votes if answer == self.answer), 0)
        rival = next((votes for answer, votes in self.votes if answer != self.answer), 0)
        return confidence(mine, rival)
