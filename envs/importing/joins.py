"""Joins rows with the tables that complete them: questions of a file of requests, and gold answers of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..dotted_paths import find
from ..errors import InputError
from .line import as_text
from .options import ImportOptions
from .rows import ImportedRow, SkippedRow, UnreadableRow

KEYS = ("custom_id", "question_id", "id", "question", "problem", "prompt")
"""The columns by which a table of gold answers is joined, the first that the table has."""
ANSWERS = ("gold_answer", "gold", "target", "answer", "final_answer", "solution")
"""The columns that hold the gold answer, the first that the table has."""
_TEXTS = ("question", "problem", "prompt")

RowsOf = Callable[[Path], Iterator[ImportedRow | UnreadableRow]]
"""Reads the rows of a file of any format."""


@dataclass(slots=True)
class Joins:
    """The tables of an import, by the id or the text of a question."""

    requests: dict[str, str] | None = None
    """The question of each request by its ``custom_id``."""
    gold: dict[str, dict[str, Any]] | None = None
    """The fields that the table of gold answers gives, by its key."""
    by_text: bool = False
    """Whether the key of the table is the text of the question, not an id."""
    by_row: bool = False
    """Whether the key of the table is the number of the row, from 0."""
    notes: list[str] = field(default_factory=list)

    def complete(self, fields: dict[str, Any]) -> None:
        """Set the question and the gold answer in ``fields``.

        Raises:
            SkippedRow: a table does not have the question.
        """
        name = _key(fields.get("question_id"))
        if self.requests is not None:
            if name not in self.requests:
                raise SkippedRow("no request of this custom_id in --requests")
            fields["question"], fields["question_id"] = self.requests[name], None
        if self.gold is not None:
            key = _key(fields.get("question")) if self.by_text else name
            if not key:
                raise SkippedRow(
                    "no question by which --gold is joined (--requests gives the questions of a batch)"
                    if self.by_text
                    else "no question_id by which --gold is joined (--map question_id=PATH says where it is)"
                )
            found = self.gold.get(key)
            if found is None and self.by_row:
                raise SkippedRow("--gold has no row of this number")
            if found is None:
                raise SkippedRow(
                    "the question is not in --gold"
                    if self.by_text
                    else "the id is not in --gold (--question-id takes the part of an id that names the question)"
                )
            if self.by_row and fields.get("gold_answer") not in (None, found["gold_answer"]):
                raise SkippedRow("--gold has another answer in the row of this number; does it belong to these traces?")
            fields.update(found)
            if self.by_row:
                return
            if "question" in found and "question_id" not in found and not self.by_text:
                fields["question_id"] = None  # several ids of one question are its branches


def joins(options: ImportOptions, rows_of: RowsOf, by_row: bool = False) -> Joins:
    """Read the tables that the options name.

    Args:
        options: the options of the import.
        rows_of: reads the rows of a table.
        by_row: whether a table that has no ids is joined by the number of its rows, instead of by its questions.

    Raises:
        InputError: a table cannot be read, lacks a column, or gives two answers to one question.
    """
    made = Joins()
    if options.requests is not None:
        made.requests = _requests(options.requests, rows_of)
    if options.gold is not None:
        _add_gold(made, options.gold, options.gold_columns, rows_of, by_row)
    return made


def _requests(path: Path, rows_of: RowsOf) -> dict[str, str]:
    questions: dict[str, str] = {}
    for place, line in _objects(path, rows_of):
        body = line.get("body", line.get("params"))  # Anthropic calls it params
        text = _question(body) if isinstance(body, dict) else None
        if "custom_id" not in line or text is None:
            raise InputError(f"--requests {path}: {place}: not a request with a custom_id and a prompt")
        name = _key(line["custom_id"])
        if questions.setdefault(name, text) != text:
            raise InputError(f"--requests {path}: {place}: custom_id {name[:60]!r} has two prompts")
    return questions


def _question(body: dict[str, Any]) -> str | None:
    """Return the last text of the user in a request."""
    given = body.get("messages", body.get("input", body.get("prompt")))
    if isinstance(given, list):
        texts = [one.get("content") for one in given if isinstance(one, dict) and one.get("role") == "user"]
        given = texts[-1] if texts else None
    if isinstance(given, list):
        given = "\n".join(str(part["text"]) for part in given if isinstance(part, dict) and "text" in part)
    return given.strip() if isinstance(given, str) and given.strip() else None


def _add_gold(
    made: Joins, path: Path, columns: tuple[str, str] | None, rows_of: RowsOf, by_row: bool
) -> None:  # fmt: skip
    table: dict[str, dict[str, Any]] = {}
    key = answer = ""
    for number, (place, row) in enumerate(_objects(path, rows_of)):
        if not key:
            key, answer = columns or _columns(path, row)
            by_row = by_row and key in _TEXTS
        name, gold = _key(find(row, key)), find(row, answer)
        if not name or gold is None:
            raise InputError(f"--gold {path}: {place}: no {key if not name else answer}")
        entry = {"gold_answer": gold}
        entry.update({k: row[k] for k in ("question", "question_id") if k != key and row.get(k) is not None})
        if by_row:
            name, entry = str(number), {"gold_answer": as_text(gold), "question": name}
        if table.setdefault(name, entry) != entry:
            raise InputError(f"--gold {path}: {place}: {key} {name[:60]!r} has two gold answers")
    if not table:
        raise InputError(f"--gold {path}: no rows")
    made.gold, made.by_row, made.by_text = table, by_row, key in _TEXTS and not by_row
    joined = "the number of the row" if by_row else key
    made.notes.append(f"gold answers: the column {answer} of {path}, joined by {joined}")


def _columns(path: Path, row: dict[str, Any]) -> tuple[str, str]:
    names = {str(name).strip().lower().replace(" ", "_"): str(name) for name in row}
    key = next((names[name] for name in KEYS if name in names), None)
    answer = next((names[name] for name in ANSWERS if name in names), None)
    if key is None or answer is None:
        listed = ", ".join(str(name)[:40] for name in list(row)[:12])
        raise InputError(
            f"--gold {path}: no column of {'ids or questions' if key is None else 'answers'};"
            f" name both by --gold-columns KEY=ANSWER; there are {listed}"
        )
    return key, answer


def _objects(path: Path, rows_of: RowsOf) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows_of(path):
        if isinstance(row, UnreadableRow) or not isinstance(row.raw, dict):
            raise InputError(f"{path}: {row.place}: {row.why if isinstance(row, UnreadableRow) else 'not an object'}")
        yield row.place, row.raw


def _key(value: Any) -> str:
    """Return an id or a text in the form in which keys are compared; '' if there is none."""
    try:
        return as_text(value).strip()
    except ValueError:
        return ""
