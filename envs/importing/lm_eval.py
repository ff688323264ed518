"""Reads samples of lm-evaluation-harness, written by ``--log_samples``. They hold final answers, but no token counts.

A line holds one document under one filter. Its responses (``repeats`` of the task) are the branches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from .harness_filters import Expressions, filter_expressions
from .jsonl import objects
from .options import ImportOptions
from .rows import ImportedRow, UnreadableRow

_FAILED = "[invalid]"
"""The answer that the regular expressions of the harness give when they match nothing."""
_MARK = "####"
"""The mark before the answer in the targets of GSM8K."""
_VERDICTS = ("exact_match", "acc")
_TEXTS = ("question", "problem", "input", "query")


def prepare(paths: Sequence[Path], options: ImportOptions) -> tuple[ImportOptions, list[str]]:
    """Choose the filter whose answers are imported, and return the options with it, and notes for the user.

    The harness writes every document once for each filter. Without ``--filter``, the filter that finds the most
    answers is taken, among those that keep an answer for each response; of equal ones the first.

    Raises:
        InputError: the filter that the user names does not exist in a file.
    """
    counts = [_count(path, options) for path in paths]
    for path, count in zip(paths, counts, strict=True):
        if options.filter is not None and options.filter not in count.found:
            raise InputError(f"{path}: no filter {options.filter!r}; there are {', '.join(count.found) or 'none'}")
    total, whole = Counter[str](), set[str]()
    for count in counts:
        total.update(count.found)
        whole.update(count.partial)
    notes = []
    marked = sum(count.marked for count in counts)
    if marked and options.extract_gold is None and "gold_answer" not in options.mapping:
        notes.append(f"the gold answer is what follows {_MARK} in the target; --extract-gold takes another part")
    names = [name for name in total if name not in whole] or list(total)
    if options.filter is not None or len(total) < 2:
        return options, notes
    chosen = max(names, key=lambda name: total[name])
    listed = ", ".join(f"{name} {total[name]:,}" for name in total)
    rule = "" if options.extract else f", which finds the most answers ({listed})"
    notes.insert(0, f"answers of the filter {chosen}{rule}; --filter takes another")
    return replace(options, filter=chosen), notes


@dataclass(slots=True)
class _Count:
    """What a file holds under each of its filters."""

    found: Counter[str] = field(default_factory=Counter)
    """The answers by filter."""
    partial: set[str] = field(default_factory=set)
    """The filters that keep fewer answers than there are responses."""
    marked: int = 0
    """The number of targets with the mark of GSM8K."""


def _count(path: Path, options: ImportOptions) -> _Count:
    count, expressions = _Count(), filter_expressions(path)
    for line in objects(path):
        if isinstance(line, UnreadableRow):
            continue
        sample = line[1]
        name = _filter(sample)
        answers = _answers(sample, expressions)
        count.found[name] += sum(answer is not None for answer in answers or [])
        if answers is None:
            count.partial.add(name)
        count.marked += _MARK in str(sample.get("target"))
    return count


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield one row for each document, under the filter of the options if they name one."""
    expressions = filter_expressions(path)
    for found in objects(path):
        if isinstance(found, UnreadableRow):
            yield found
        elif options.filter is None or _filter(found[1]) == options.filter:
            row = _row(found[1], options, expressions)
            yield (
                UnreadableRow(found[0], row)
                if isinstance(row, str)
                else ImportedRow(found[0], row[0], found[1], row[1])
            )


def _filter(sample: dict[str, Any]) -> str:
    return str(sample.get("filter"))[:60]


def _row(
    sample: dict[str, Any], options: ImportOptions, expressions: Expressions
) -> tuple[dict[str, Any], dict[str, list[Any]]] | str:
    """Return the fields of a sample and its fields with one value for each branch, or the reason why it is skipped."""
    texts = _flat(sample.get("resps"))
    if texts is None or _flat(sample.get("filtered_resps")) is None:
        return "no resps and filtered_resps"
    if not all(isinstance(text, str) for text in texts):
        return "no generated text (a task of choices, scored by likelihood)"
    answers = _answers(sample, expressions)
    lists: dict[str, list[Any]] = {"text": texts}
    if answers is not None:
        lists["final_answer"] = answers
    elif options.extract is None:
        return "the filter keeps fewer answers than there are responses (--extract finds them in the texts)"
    fields: dict[str, Any] = {"question_id": sample.get("doc_id"), "question": _question(sample)}
    target = sample.get("target")
    gold = target.strip() if isinstance(target, str) else target
    verdict = next((v for v in map(sample.get, _VERDICTS) if v in (0, 1)), None) if len(texts) == 1 else None
    if isinstance(gold, str) and _MARK in gold and options.extract_gold is None:
        gold = gold.rpartition(_MARK)[2].strip() or gold
        if answers == [gold] and verdict == 0:
            verdict = None  # the harness compared the answer with the whole target
    fields |= {"gold_answer": gold, "correct": verdict if options.extract is None else None}
    return fields, lists


def _answers(sample: dict[str, Any], expressions: Expressions) -> list[Any] | None:
    """Return the answer of each response, or None if the filter keeps fewer and its expression is not known."""
    texts, answers = _flat(sample.get("resps")), _flat(sample.get("filtered_resps"))
    if texts is None or answers is None:
        return None
    if len(answers) == len(texts):
        return [_answer(answer) for answer in answers]
    find = expressions.get(_filter(sample))
    return None if find is None else [find(text) if isinstance(text, str) else None for text in texts]


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
