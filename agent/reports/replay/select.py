"""Selects the controllers of a replay: versions of an archive, and always the hand-written baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotts.envs.errors import InputError

from ... import population
from ...archive.archive import Archive, sha256
from ...archive.baselines import baseline_names, baseline_source
from ...records.card import Card

FRONT, ALL = "front", "all"


@dataclass(frozen=True, slots=True)
class ReplayEntry:
    """A controller of a replay."""

    label: str
    """Name in the results: a version's id, or a baseline's name."""
    source: str
    baseline: bool
    """Whether the controller is one of the hand-written controllers that ship with this program."""
    card: Card | None
    """The card in the archive; None for a baseline that the archive does not have."""


def entries(archive: Archive, select: Sequence[str] = (FRONT,)) -> list[ReplayEntry]:
    """Return the versions that ``select`` names, followed by the baselines.

    Baselines come from this program and never from the archive, which may be anybody's: results are measured against
    them.

    Args:
        archive: the archive to choose from.
        select: ``front``, ``all`` (every version with scores), or ids and prefixes of ids.

    Raises:
        InputError: an id is unknown, or there is nothing to replay.
    """
    cards = archive.cards_with_beliefs()
    baselines = {sha256(baseline_source(name).encode()): name for name in baseline_names()}
    if list(select) == [FRONT]:
        chosen = [card for card in population.front(cards) if card.generation > 0]
    elif list(select) == [ALL]:
        chosen = [card for card in cards if card.ok and card.generation > 0]
    else:
        chosen = [archive.card(archive.resolve(text)) for text in dict.fromkeys(select)]
    cards_by_source = {card.source_sha256: card for card in cards if card.generation == 0 and card.ok}
    result: dict[str, ReplayEntry] = {}
    for card in chosen:
        if card.source_sha256 not in baselines:
            label = f"{card.id} (archive)" if card.id in baselines.values() else card.id
            result[label] = ReplayEntry(label, archive.source(card.id), False, card)
    if not result and list(select) in ([FRONT], [ALL]):
        raise InputError(f"{archive.root}: no version that a search has found and scored; see `autotts lineage --all`")
    for digest, name in sorted(baselines.items(), key=lambda item: item[1]):
        result[name] = ReplayEntry(name, baseline_source(name), True, cards_by_source.get(digest))
    return list(result.values())
