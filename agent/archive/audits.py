"""Audits that versions got after they were archived: one file for each version, beside the folders of the versions."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed, write_sealed

from ..records.audit import AuditRecord
from ..records.card import Card

AUDITS = "audits"
"""The directory of these files. A conviction there counts: the version has no scores any more."""


def audit_file(root: Path, version: str) -> Path:
    """Return the path of the later audit of a version of the archive at ``root``."""
    return root / AUDITS / f"{version}.json"


def write_audit(root: Path, version: str, audit: AuditRecord) -> None:
    """Store an audit of a version of the archive at ``root``.

    Raises:
        OSError: the file could not be written.
    """
    write_sealed(audit_file(root, version), audit.model_dump_json(indent=1).encode())


def with_audit(root: Path, card: Card) -> Card:
    """Return the card of a version of the archive at ``root`` with its later audit, if it got one.

    Raises:
        DamagedFile: the record of the audit is damaged.
    """
    path = audit_file(root, card.id)
    try:
        return AuditRecord.model_validate_json(read_sealed(path)).on(card)
    except FileNotFoundError:
        return card
    except (OSError, ValidationError) as error:
        raise DamagedFile(f"{path}: not the record of an audit ({error}); see `archive verify`") from None
