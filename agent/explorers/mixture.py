"""The explorer `mixture`: a bandit gives each call to one of several explorers, by what they add per dollar."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from ..population.bandit import draw
from ..records.explorer import Brief, Explorer, Proposal


class MixtureExplorer:
    """An `Explorer` that draws one of its members for each call, with a bandit over their credits (`Brief.credits`).

    Args:
        members: the explorers; their names must differ.
    """

    name = "mixture"
    one_at_a_time = True
    needs_own_data = False

    def __init__(self, members: Sequence[Explorer]) -> None:
        self.members = {member.name: member for member in members}
        self.writes_free_code = any(getattr(member, "writes_free_code", True) for member in members)

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return the proposals of the member that is drawn for this slot."""
        member, brief = self._draw(brief)
        return [_by(member, proposal) for proposal in member.propose(brief)]

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return the variants of the parents from the member that is drawn for this slot."""
        member, brief = self._draw(brief)
        return [_by(member, proposal) for proposal in member.refine(brief)]

    def close(self) -> None:
        """Close all members."""
        for member in self.members.values():
            member.close()

    def _draw(self, brief: Brief) -> tuple[Explorer, Brief]:
        rng = random.Random(f"{brief.seed} {brief.slot}")
        name = draw(list(self.members), brief.credits, rng)
        # a stateless member would give two slots the same answer, so each slot gets its own seed
        return self.members[name], replace(brief, seed=rng.getrandbits(63))


def _by(member: Explorer, proposal: Proposal) -> Proposal:
    return replace(proposal, author=proposal.author or member.name)
