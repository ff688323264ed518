"""Several explorers in one: each call goes to one of them, more often to those that raise the front per dollar."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from ..population.bandit import draw
from ..records.explorer import Brief, Explorer, Proposal


class MixtureExplorer:
    """An `Explorer` of explorers: a bandit over what each has added to the front, for its price (`Brief.credits`).

    Args:
        members: the explorers, by different names.
    """

    name = "mixture"
    one_at_a_time = True
    needs_own_data = False

    def __init__(self, members: Sequence[Explorer]) -> None:
        self.members = {member.name: member for member in members}

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return what the member chosen for this slot proposes."""
        member, narrowed = self._chosen(brief)
        return [_by(member, proposal) for proposal in member.propose(narrowed)]

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return what the member chosen for this slot makes of the parents."""
        member, narrowed = self._chosen(brief)
        return [_by(member, proposal) for proposal in member.refine(narrowed)]

    def close(self) -> None:
        """See `Explorer.close`."""
        for member in self.members.values():
            member.close()

    def _chosen(self, brief: Brief) -> tuple[Explorer, Brief]:
        chance = random.Random(f"{brief.seed} {brief.slot}")
        name = draw(list(self.members), brief.credits, chance)
        # a stateless member would answer two slots alike: each slot has a seed of its own
        return self.members[name], replace(brief, seed=chance.getrandbits(63))


def _by(member: Explorer, proposal: Proposal) -> Proposal:
    return replace(proposal, author=proposal.author or member.name)
