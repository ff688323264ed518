"""Makes an environment of kept episodes: their revealed parts, on which any controller can be replayed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..contract.replay import shuffled
from ..errors import InputError
from ..store import ABSENT, Environment
from .kept_episode import KeptEpisode

NO_GOLD = "(no gold answer)"
"""Stands for a gold answer that is not known. No branch gives it."""
_ABSENT_TEXT = "ERR"


def as_environment(name: str, episodes: Sequence[KeptEpisode], order: int = 0) -> Environment:
    """Return an environment whose questions are ``episodes``, in that order.

    Under the branch order ``order``, and with the budget of the episodes, a controller opens the branches of each
    question as they were opened live. So the controller that made the episodes repeats them. A branch that was
    never opened, and what follows a branch that did not finish, have no answers: other controllers score lower here
    than they would live.

    Args:
        name: the name of the environment.
        episodes: at least one; all with the same interval and price of a probe.
        order: the branch order that repeats the episodes.

    Raises:
        InputError: there are no episodes, or their intervals or prices differ.
    """
    if not episodes:
        raise InputError(f"{name}: no episodes to make an environment of")
    first = episodes[0].settings
    for episode in episodes:
        if (episode.settings.delta, episode.settings.probe_cost) != (first.delta, first.probe_cost):
            raise InputError(
                f"{name}: episode {episode.id} has intervals of {episode.settings.delta} tokens and probes of "
                f"{episode.settings.probe_cost}, but episode {episodes[0].id} has {first.delta} and {first.probe_cost}"
            )
        if episode.forks:
            raise InputError(f"{name}: episode {episode.id} has forks, which an environment of episodes cannot hold")
    codes: dict[str | None, int] = {None: ABSENT}
    probes: list[int] = []
    finals: list[int] = []
    sizes: list[int] = []
    tokens: list[int] = []
    branches: list[int] = []
    gold: list[int] = []
    for episode in episodes:
        columns = episode.columns()
        placed = dict(zip(shuffled(len(columns), order), columns, strict=True))
        for _, (answers, total) in sorted(placed.items()):
            *before, last = (codes.setdefault(answer, len(codes)) for answer in answers)
            probes += before
            finals.append(last)
            sizes.append(len(before))
            tokens.append(total)
        branches.append(len(columns))
        gold.append(codes.setdefault(NO_GOLD if episode.gold is None else episode.gold, len(codes)))
    environment = Environment(
        name=name,
        delta=first.delta,
        probe_cost=first.probe_cost,
        questions=tuple(episode.question for episode in episodes),
        vocabulary=(_ABSENT_TEXT, *(answer for answer in codes if answer is not None)),
        gold=np.array(gold, np.int32),
        branch_offsets=np.cumsum([0, *branches], dtype=np.int32),
        probe_offsets=np.cumsum([0, *sizes], dtype=np.int32),
        probe_answers=np.array(probes, np.int32),
        final_answers=np.array(finals, np.int32),
        total_tokens=np.array(tokens, np.int32),
        answers=episodes[0].answers,
        question_ids=tuple(episode.id for episode in episodes),
    )
    environment.check()
    return environment
