"""Reads the cards of versions, with all that an archive knows about them: their hashes, origins and later audits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile, InputError

from ..records.card import CLAIMED, Card
from .audits import AUDITS, audit_file, audited
from .layout import CARD, MANIFEST, sha256
from .origins import ADVICE, ArchiveOrigins
from .shipped import archive_name
from .storage.names import is_part
from .storage.protocol import Storage
from .storage.stored_path import AnyPath

_TOGETHER = 1000
"""Cards that are asked for together."""


def read_cards(root: AnyPath, storage: Storage, versions: Sequence[str], origins: ArchiveOrigins) -> Iterator[Card]:
    """Yield the cards of versions of an archive.

    Args:
        root: where the archive is.
        storage: its storage.
        versions: ids.
        origins: where its versions come from.

    Raises:
        InputError: there is no such version.
        DamagedFile: its card, or the record of its audit, is damaged.
    """
    for version in versions:
        if not is_part(version):
            raise _missing(root, version)
    later = set(storage.names(AUDITS)) if len(versions) > 1 else {f"{AUDITS}/{version}.json" for version in versions}
    for first in range(0, len(versions), _TOGETHER):
        some = versions[first : first + _TOGETHER]
        names = [f"{version}/{file}" for version in some for file in (CARD, MANIFEST)]
        audits = [f"{AUDITS}/{version}.json" for version in some]
        found = dict(storage.read_many([*names, *(name for name in audits if name in later)]))
        for version in some:
            card = _card(root, version, found.get(f"{version}/{CARD}"), found.get(f"{version}/{MANIFEST}"), origins)
            audit = found.get(f"{AUDITS}/{version}.json")
            yield card if audit is None else audited(audit_file(root, version), audit, card)


def _card(root: AnyPath, version: str, data: bytes | None, manifest: bytes | None, origins: ArchiveOrigins) -> Card:
    path = root / version / CARD
    if data is None:
        raise _missing(root, version)
    try:
        card = Card.model_validate_json(data)
    except ValidationError as error:
        raise DamagedFile(f"{path}: not a card ({error.errors()[0]['msg']}); see `archive verify`") from None
    if card.id != version:  # ids become parts of paths, and the archive may come from somebody else
        raise DamagedFile(f"{path}: is the card of {card.id!r}; see `archive verify`")
    if card.audited is not None and version in origins.imported:
        card = card.model_copy(update={"audited": None})  # that audit too is a claim
    if card.ok and origins.claimed(version):
        card = card.model_copy(update={"verdict": CLAIMED, "message": f"its figures are claims; {ADVICE}"})
    if _expected_hash(manifest) not in (None, sha256(data)):
        raise DamagedFile(f"{path}: damaged (its content does not match its hash); see `archive verify`")
    return card


def _missing(root: AnyPath, version: str) -> InputError:
    return InputError(f"no version {version!r} in {archive_name(root)}; see `autotts lineage`")


def _expected_hash(manifest: bytes | None) -> str | None:
    """Return the hash of a card in the manifest of its version; None if the manifest has none."""
    try:
        return str(json.loads(manifest or b"")[CARD])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None  # `archive verify` reports it
