"""Reads records that earlier versions of the program wrote: old keys become the new ones before validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BASELINE = "baseline"
"""The explorer of generation 0: the controllers that people wrote."""
_OLD_BASELINE = "seed"  # its name in schema 1
_PROPOSAL = ("source", "rationale", "parents", "data", "expects", "cost", "prompts", "transcript")


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


def card_of_today(data: Any) -> Any:
    """Return the document of a card in today's schema.

    Schema 1 called the explorer of generation 0 "seed", and the branch order of a finding's evidence ``seed``. The
    keys of the protocol are renamed by `EvaluationProtocol` itself.
    """
    if not isinstance(data, dict) or data.get("schema_version") != 1:
        return data
    findings, explorer = data.get("findings", ()), data.get("explorer")
    if isinstance(findings, list | tuple):
        findings = [_finding(finding) for finding in findings]
    if isinstance(explorer, str):
        explorer = baseline_explorer(explorer)
    return {**data, "schema_version": 2, "findings": findings, "explorer": explorer}


def candidate_of_today(data: Any) -> Any:
    """Return the document of a staged candidate in today's schema.

    Schema 1 kept all fields of a candidate in one dictionary. It did not keep the outcome of the prediction, so its
    findings are left out: a candidate without a diagnosis is diagnosed again, from the logs beside it.
    """
    if not isinstance(data, dict) or "proposal" in data:
        return data
    arms = data.get("arms")
    arms = arms if isinstance(arms, list) and arms else [""]
    proposal = {key: data[key] for key in _PROPOSAL if key in data}
    evaluation = {key: data[key] for key in ("verdict", "message", "curve", "behaviour") if data.get(key) is not None}
    explorer = data.get("explorer")
    return {
        "id": data.get("id"),
        "generation": data.get("generation"),
        "asked": baseline_explorer(explorer) if isinstance(explorer, str) else explorer,
        "proposal": {**proposal, "arm": arms[-1]},
        "island": data.get("island"),
        "parent_way": arms[0] if len(arms) > 1 else "",
        "evaluation": evaluation if "verdict" in evaluation else None,
    }


def _finding(data: Any) -> Any:
    if not isinstance(data, dict) or not isinstance(data.get("worst"), list | tuple):
        return data
    return {**data, "worst": [renamed(case, {"seed": "order"}) for case in data["worst"]]}
