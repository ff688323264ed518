"""Audits that versions got after they were archived: one file for each version, beside the folders of the versions."""

from __future__ import annotations

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import content, write_sealed

from ..records.audit import AuditRecord
from ..records.card import Card
from .storage.stored_path import AnyPath

AUDITS = "audits"
"""The directory of these files. A conviction there counts: the version has no scores any more."""


def audit_file(root: AnyPath, version: str) -> AnyPath:
    """Return the path of the later audit of a version of the archive at ``root``."""
    return root / AUDITS / f"{version}.json"


def write_audit(root: AnyPath, version: str, audit: AuditRecord) -> None:
    """Store an audit of a version of the archive at ``root``.

    Raises:
        OSError: the file could not be written.
    """
    write_sealed(audit_file(root, version), audit.model_dump_json(indent=1).encode())


def audited(path: AnyPath, record: bytes, card: Card) -> Card:
    """Return a card with the later audit of its version.

    Args:
        path: the record of the audit, for the message.
        record: its content.
        card: the card.

    Raises:
        DamagedFile: the record is damaged.
    """
    try:
        return AuditRecord.model_validate_json(content(path, record)).on(card)
    except ValidationError as error:
        raise DamagedFile(f"{path}: not the record of an audit ({error}); see `archive verify`") from None
