"""Finds the regular expressions of a task's filters in the results that lm-evaluation-harness writes with samples.

With ``repeats``, the filters of a task keep the first answer or the majority, and the samples no longer hold the
others: the expression of the filter finds them again in the responses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .jsonl import parse

Expressions = dict[str, Callable[[str], str | None]]
"""For each filter, the function that finds the answer in a response."""
_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.jsonl")
_KEEPS = ("take_first", "take_first_k", "majority_vote")
"""Steps of a filter that choose among answers, and change none."""
_MAX_BYTES = 2**26


def filter_expressions(path: Path) -> Expressions:
    """Return the expressions of the filters of the samples in ``path``, as far as the results beside it tell them."""
    match = _SAMPLES.fullmatch(path.name)
    results = path.with_name(f"results_{match['date']}.json") if match else None
    if match is None or results is None or not results.is_file() or results.stat().st_size > _MAX_BYTES:
        return {}
    document = parse(results.read_bytes())
    configs = document.get("configs") if isinstance(document, dict) else None
    config = configs.get(match["task"]) if isinstance(configs, dict) else None
    filters = config.get("filter_list") if isinstance(config, dict) else None
    found: Expressions = {}
    for entry in filters if isinstance(filters, list) else []:
        find = _expression(entry.get("filter")) if isinstance(entry, dict) else None
        if find is not None:
            found[str(entry.get("name"))[:60]] = find
    return found


def _expression(steps: Any) -> Callable[[str], str | None] | None:
    """Return the function of a filter that consists of one regular expression and of choices among answers."""
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return None
    regexes = [step for step in steps if step.get("function") == "regex"]
    if len(regexes) != 1 or any(step.get("function") not in ("regex", *_KEEPS) for step in steps):
        return None
    text, select = regexes[0].get("regex_pattern"), regexes[0].get("group_select", 0)
    try:
        expression = re.compile(text)
    except (re.error, TypeError, OverflowError, RecursionError):
        return None
    return (lambda response: _find(expression, select, response)) if isinstance(select, int) else None


def _find(expression: re.Pattern[str], select: int, response: str) -> str | None:
    """Return what the harness finds: match number ``select``, and of its groups the first that is not empty."""
    matches = expression.findall(response)
    if not matches or not -len(matches) <= select < len(matches):
        return None
    match = matches[select]
    if isinstance(match, tuple):
        match = next((group for group in match if group), "")
    return str(match).strip() or None
