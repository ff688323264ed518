"""Reads records that earlier versions of the program wrote: old keys become the new ones before validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BASELINE = "baseline"
"""The explorer of generation 0: the controllers that people wrote."""
_OLD_BASELINE = "seed"  # its name in schema 1


def renamed(data: Any, names: Mapping[str, str]) -> Any:
    """Return ``data`` with its old keys renamed; anything but a dictionary comes back as it is.

    A document that has an old key and its new name too keeps both, so that validation refuses it.

    Args:
        data: what a model validator gets before validation.
        names: the new name of each old key.
    """
    if not isinstance(data, dict) or not data.keys() & names.keys():
        return data
    return {names[key] if key in names and names[key] not in data else key: value for key, value in data.items()}


def baseline_explorer(name: str) -> str:
    """Return the explorer's name as it is written today: schema 1 called that of the baselines "seed"."""
    return BASELINE if name == _OLD_BASELINE else name


def record_of_today(data: Any) -> Any:
    """Return the document of a card or of a staged candidate with today's explorer and keys of findings.

    Schema 1 called the explorer of generation 0 "seed", and the branch order of a finding's evidence ``seed``.
    """
    if not isinstance(data, dict):
        return data
    findings, explorer = data.get("findings"), data.get("explorer")
    if isinstance(findings, list | tuple):
        data = {**data, "findings": [_finding(finding) for finding in findings]}
    return {**data, "explorer": baseline_explorer(explorer)} if isinstance(explorer, str) else data


def card_of_today(data: Any) -> Any:
    """Return the document of a card in today's schema; `EvaluationProtocol` renames the keys of the protocol itself."""
    if not isinstance(data, dict) or data.get("schema_version") != 1:
        return data
    return {**record_of_today(data), "schema_version": 2}


def _finding(data: Any) -> Any:
    if not isinstance(data, dict) or not isinstance(data.get("worst"), list | tuple):
        return data
    return {**data, "worst": [renamed(case, {"seed": "order"}) for case in data["worst"]]}
