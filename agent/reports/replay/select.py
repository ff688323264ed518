"""Which controllers are replayed: a selection of an archive, and always the hand-written ones beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envs.errors import InputError

from ... import population
from ...archive.archive import Archive, sha256
from ...archive.baselines import baseline_names, baseline_source
from ...records.card import Card

FRONT, ALL = "front", "all"


@dataclass(frozen=True, slots=True)
class ReplayEntry:
    """A controller of a replay."""

    label: str
    """What figures call it: a version's id, or a baseline's name."""
    source: str
    baseline: bool
    """Whether it is one of the hand-written controllers that ship with this program."""
    card: Card | None
    """What the search wrote down of it; None for a baseline that the archive does not have."""


def entries(archive: Archive, select: Sequence[str] = (FRONT,)) -> list[ReplayEntry]:
    """Return the versions that ``select`` names, and after them the baselines.

    Baselines come from this program, never from the archive, which may be anybody's: figures are measured against
    them.

    Args:
        archive: to choose from.
        select: ``front``, ``all`` (every version whose search ended with scores), or ids and beginnings of ids.

    Raises:
        InputError: an id that is none, or nothing to replay.
    """
    cards = archive.believed()
    baselines = {sha256(baseline_source(name).encode()): name for name in baseline_names()}
    if list(select) == [FRONT]:
        chosen = [card for card in population.front(cards) if card.generation > 0]
    elif list(select) == [ALL]:
        chosen = [card for card in cards if card.ok and card.generation > 0]
    else:
        chosen = [archive.card(archive.resolve(text)) for text in dict.fromkeys(select)]
    known = {card.source_sha256: card for card in cards if card.generation == 0 and card.ok}
    found: dict[str, ReplayEntry] = {}
    for card in chosen:
        if card.source_sha256 not in baselines:
            label = f"{card.id} (archive)" if card.id in baselines.values() else card.id
            found[label] = ReplayEntry(label, archive.source(card.id), False, card)
    if not found and list(select) in ([FRONT], [ALL]):
        raise InputError(f"{archive.root}: no version that a search has found and scored; see `autotts lineage --all`")
    for digest, name in sorted(baselines.items(), key=lambda item: item[1]):
        found[name] = ReplayEntry(name, baseline_source(name), True, known.get(digest))
    return list(found.values())
