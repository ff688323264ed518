"""Several explorers in one: each call goes to one of them, more often to those that improve the front per dollar."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from .base import Brief, Explorer, Proposal

_PRIOR = 0.05
"""Points of quality that every explorer is credited with at first, so that none is judged on its first luck."""
_DOLLARS = 0.02
"""What a proposal is taken to cost besides its calls: the trial of it."""
_FLOOR = 0.1
"""Part of the calls that is spread evenly, for an explorer may come into its own late."""


class Mixture:
    """An `Explorer` of explorers: a bandit over what each has added to the front, for its price (`Brief.credits`).

    Args:
        members: the explorers, by different names.
    """

    name = "mixture"
    single = True
    own = False

    def __init__(self, members: Sequence[Explorer]) -> None:
        self.members = {member.name: member for member in members}

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return what the member chosen for this slot proposes."""
        member, told = self._chosen(brief)
        return [_by(member, proposal) for proposal in member.propose(told)]

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return what the member chosen for this slot makes of the parents."""
        member, told = self._chosen(brief)
        return [_by(member, proposal) for proposal in member.refine(told)]

    def close(self) -> None:
        """See `Explorer.close`."""
        for member in self.members.values():
            member.close()

    def shares(self, brief: Brief) -> dict[str, float]:
        """Return the part of the calls that goes to each member, which depends on the credits alone."""
        worth = {}
        for name in self.members:
            credit = brief.credits.get(name)
            gain, dollars, proposals = (credit.gain, credit.dollars, credit.proposals) if credit else (0.0, 0.0, 0)
            worth[name] = (_PRIOR + gain) / (dollars + _DOLLARS * (1 + proposals))
        total = sum(worth.values())
        return {name: _FLOOR / len(worth) + (1 - _FLOOR) * value / total for name, value in worth.items()}

    def _chosen(self, brief: Brief) -> tuple[Explorer, Brief]:
        chance = random.Random(f"{brief.seed} {brief.slot}")
        shares = self.shares(brief)
        name = chance.choices(list(shares), weights=list(shares.values()))[0]
        # a stateless member would answer two slots alike: each slot has a seed of its own
        return self.members[name], replace(brief, seed=chance.getrandbits(63))


def _by(member: Explorer, proposal: Proposal) -> Proposal:
    return replace(proposal, author=proposal.author or member.name)
