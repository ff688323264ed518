"""Recomputes results by question that an archive lacks: of old versions, of a forked run, or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from autotts.envs.episodes import grid
from autotts.envs.errors import DamagedFile
from autotts.envs.scoring import ForgedLog, score

from ..population.overfitting.question_results import QuestionResults
from ..records.card import Card
from .run_directory import Run


def rebuild(run: Run, each: Callable[[Sequence[Card]], Iterable[Card]] = iter) -> int:
    """Recompute missing results by question from the action logs, and return the number of versions.

    Args:
        run: the run.
        each: called with the cards of these versions; yields them one by one, for example to show progress.

    Raises:
        DamagedFile: an environment or the logs of a version are damaged.
    """
    hashes = run.config.protocol().environments
    ran = [card for card in run.archive.cards() if card.ok and card.protocol.environments == hashes]
    missing = [card for card in ran if run.archive.figures(card.id) is None]
    environments = run.environments() if missing else []
    for card in each(missing):
        p, logs = card.protocol, run.archive.logs(card.id)
        orders = range(p.first_order, p.first_order + p.orders)
        episodes = grid(environments, p.betas, orders, p.max_branches, p.max_tokens)
        try:
            if len(logs) != len(episodes):
                raise ForgedLog(f"{len(logs)} episodes, not {len(episodes)}", 0)
            run.archive.put_figures(card.id, QuestionResults.of(score(episodes, logs)))
        except ForgedLog as forged:
            raise DamagedFile(f"version {card.id} has logs that no controller can have made ({forged})") from None
    return len(missing)
