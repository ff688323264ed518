"""Selects the controllers of a replay: versions of an archive, files, and always the hand-written baselines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from autotts.envs.errors import InputError
from autotts.envs.store import Environment

from ... import population
from ...archive.archive import Archive, sha256
from ...archive.baselines import baseline_source, baselines_for
from ...archive.names import FoundController, version_in
from ...archive.version import ArchivedVersions
from ...records.card import Card

FRONT, ALL = "front", "all"


@dataclass(frozen=True, slots=True)
class ReplayEntry:
    """A controller of a replay."""

    label: str
    """Name in the results: a version's id, a baseline's name, or the name of a controller that a user gave."""
    source: str
    baseline: bool
    """Whether the controller is one of the hand-written controllers that ship with this program."""
    card: Card | None
    """The card in the archive; None for a controller that the archive does not have."""
    seen: tuple[str, ...] = ()
    """Hashes of the environments that its search used, if another archive has it."""
    best: bool = False
    """Whether it is the best version of the archive (`agent.archive.best`)."""


def entries(
    archive: Archive | None, select: Sequence[str] = (FRONT,), given: Sequence[FoundController] = (),
    environments: Sequence[Environment] = (),
) -> list[ReplayEntry]:
    """Return the versions that ``select`` names, then the controllers ``given``, then the baselines.

    Baselines come from this program and never from the archive, which may be anybody's: results are measured against
    them.

    Args:
        archive: the archive to choose from; None to choose from none.
        select: ``front`` (and the best version), ``all`` (every version with scores), or ids and prefixes of ids;
            nothing for no versions.
        given: controllers from files and other archives.
        environments: where they will play: baselines whose needs these do not meet are left out.

    Raises:
        InputError: an id is unknown, a name is given twice, or there is nothing to replay.
    """
    cards = archive.cards_with_beliefs() if archive else []
    best = _best(archive)
    baselines = {sha256(baseline_source(name).encode()): name for name in baselines_for(environments)}
    cards_by_source = {card.source_sha256: card for card in cards if card.generation == 0 and card.ok}
    result: dict[str, ReplayEntry] = {}
    if archive is not None:
        for card in _selected(archive, cards, select, best):
            if card.source_sha256 not in baselines:
                label = f"{card.id} (archive)" if card.id in baselines.values() else card.id
                result[label] = ReplayEntry(label, archive.source(card.id), False, card, best=card.id == best)
    if archive is not None and not result and list(select) in ([FRONT], [ALL]):
        raise InputError(f"{archive.root}: no version that a search has found and scored; see `autotts lineage --all`")
    for found in given:
        if sha256(found.candidate.source.encode()) in baselines:
            continue  # it takes part in any case
        entry = _given(found, archive, baselines.values(), best)
        if entry.label in result:
            raise InputError(f"{entry.label} is named twice")
        result[entry.label] = entry
    for digest, name in sorted(baselines.items(), key=lambda item: item[1]):
        result[name] = ReplayEntry(name, baseline_source(name), True, cards_by_source.get(digest))
    return list(result.values())


def _best(archive: Archive | None) -> str:
    """Return the id of the best version, if the search has found one; empty if not."""
    found = ArchivedVersions(archive).best if archive else None
    return found.id if found and found.discovered else ""


def _selected(archive: Archive, cards: Sequence[Card], select: Sequence[str], best: str) -> list[Card]:
    if list(select) == [FRONT]:
        front = [card for card in population.front(cards) if card.generation > 0]
        return [*front, *(card for card in cards if card.id == best and card not in front)]
    if list(select) == [ALL]:
        return [card for card in cards if card.ok and card.generation > 0]
    return [archive.card(version_in(archive, text)) for text in dict.fromkeys(select)]


def _given(found: FoundController, archive: Archive | None, taken: Collection[str], best: str) -> ReplayEntry:
    name, source = found.candidate.name, found.candidate.source
    label = f"{name} (given)" if name in taken else name
    if found.archive is None:
        return ReplayEntry(label, source, False, None)
    card = found.archive.card(found.version)
    if archive is not None and found.archive.root == archive.root:
        return ReplayEntry(label, source, False, card, best=card.id == best)
    return ReplayEntry(label, source, False, None, tuple(card.protocol.environments.values()))
