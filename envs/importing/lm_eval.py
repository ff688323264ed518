"""Reads samples of lm-evaluation-harness, written by ``--log_samples``. They hold final answers, but no token counts.

A line holds one document under one filter. Its responses (``repeats`` of the task) are the branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from .jsonl import objects
from .options import ImportOptions
from .rows import ImportedRow, UnreadableRow

_FAILED = "[invalid]"
"""The answer that the regular expressions of the harness give when they match nothing."""
_VERDICTS = ("exact_match", "acc")
_TEXTS = ("question", "problem", "input", "query")


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield one row for each document.

    Raises:
        InputError: there are several filters and the options name none, or the named one does not exist.
    """
    filters = _filters(path)
    if options.filter is not None and options.filter not in filters:
        raise InputError(f"{path}: no filter {options.filter!r}; there are {', '.join(filters) or 'none'}")
    if options.filter is None and len(filters) > 1:
        raise InputError(f"{path}: answers by several filters; name one by --filter: {', '.join(filters)}")
    for found in objects(path):
        if isinstance(found, UnreadableRow):
            yield found
        elif options.filter is None or str(found[1].get("filter")) == options.filter:
            row = _row(found[1], options)
            yield (
                UnreadableRow(found[0], row)
                if isinstance(row, str)
                else ImportedRow(found[0], row[0], found[1], row[1])
            )


def _filters(path: Path) -> list[str]:
    names: dict[str, None] = {}
    for line in objects(path):
        if not isinstance(line, UnreadableRow) and "filter" in line[1]:
            names[str(line[1]["filter"])[:60]] = None
    return list(names)


def _row(sample: dict[str, Any], options: ImportOptions) -> tuple[dict[str, Any], dict[str, list[Any]]] | str:
    """Return the fields of a sample and its fields with one value for each branch, or the reason why it is skipped."""
    texts, answers = _flat(sample.get("resps")), _flat(sample.get("filtered_resps"))
    if texts is None or answers is None:
        return "no resps and filtered_resps"
    if not all(isinstance(text, str) for text in texts):
        return "no generated text (a task of choices, scored by likelihood)"
    fields: dict[str, Any] = {"question_id": sample.get("doc_id"), "question": _question(sample)}
    target = sample.get("target")
    fields["gold_answer"] = target.strip() if isinstance(target, str) else target
    lists: dict[str, list[Any]] = {"text": texts}
    if len(answers) == len(texts):
        lists["final_answer"] = [_answer(answer) for answer in answers]
    elif options.extract is None:
        return "the filter keeps fewer answers than there are responses (--extract finds them in the texts)"
    if len(texts) == 1:
        fields["correct"] = next((v for v in map(sample.get, _VERDICTS) if v in (0, 1)), None)
    return fields, lists


def _flat(value: Any) -> list[Any] | None:
    """Return the responses to a document; the harness puts them into one more list, or not."""
    if not isinstance(value, list):
        return None
    return value[0] if len(value) == 1 and isinstance(value[0], list) else value


def _answer(answer: Any) -> Any:
    if not isinstance(answer, str):
        return answer
    return None if answer == _FAILED else answer.strip()


def _question(sample: dict[str, Any]) -> str | None:
    doc = sample.get("doc")
    if isinstance(doc, dict):
        for name in _TEXTS:
            if isinstance(doc.get(name), str):
                return str(doc[name])
    arguments = sample.get("arguments")
    while isinstance(arguments, dict | list) and arguments:  # its first leaf is the prompt
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    return arguments if isinstance(arguments, str) else None
