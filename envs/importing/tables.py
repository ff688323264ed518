"""Reads tables: CSV, TSV and Excel workbooks. The first row names the columns; a row is one branch, or several.

Cells of a CSV file are text, so that lengths and verdicts are converted here, and answers are never touched.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..extras import install_command
from .line import FIELDS
from .options import ImportOptions
from .rows import ImportedRow, SkippedRow, UnreadableRow

SUFFIXES = (".csv", ".tsv", ".xlsx", ".xlsm")
MAX_WORKBOOK_BYTES = 2**29
"""The largest unpacked workbook in bytes."""
_MAX_CELL = 2**26
_ERRORS = ("#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")
_COUNTS = ("total_tokens", "probe_freq", "probe_cost", "verify_cost", "fork_depth")
_WHOLE = re.compile(r"(\d+|\d{1,3}(?:[,'\u00a0\u202f ]\d{3})+)(?:\.0*)?")
_YES, _NO = ("true", "yes", "y", "1", "right", "correct"), ("false", "no", "n", "0", "wrong", "incorrect")

_Cells = Iterator[tuple[str, list[Any]]]


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield the rows below the header. Columns are named as the fields of `BranchLine`, or mapped by ``--map``.

    Raises:
        InputError: the table cannot be read, has no header, names a column twice, or lies on one of several sheets and
            the options name none.
    """
    rows = _workbook(path, options.sheet) if path.suffix.lower() in (".xlsx", ".xlsm") else _text(path, options.sheet)
    with closing(rows) as open_rows:  # type: ignore[type-var]
        header: list[str] | None = None
        for place, cells in open_rows:
            if all(cell is None for cell in cells):
                continue
            if header is None:
                header = _header(path, cells)
            elif any(cell is not None for cell in cells[len(header) :]):
                yield UnreadableRow(place, "more cells than the header has columns")
            else:
                cells = cells + [None] * (len(header) - len(cells))
                raw = {name: cell for name, cell in zip(header, cells, strict=False) if name}
                yield ImportedRow(place, {field: raw[name] for name in raw if (field := field_of(name))}, raw)


def _header(path: Path, cells: list[Any]) -> list[str]:
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: two columns are called {twice[0]!r}; rename one")
    return names


def field_of(name: str) -> str:
    """Return the field that a column is named after (``Gold answer`` is ``gold_answer``), or ''."""
    plain = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return plain if plain in FIELDS else ""


def _text(path: Path, sheet: str | None) -> _Cells:
    if sheet is not None:
        raise InputError(f"--sheet is for workbooks, but {path} is a text file")
    csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline(2**20))
            file.seek(0)
            rows = csv.reader(file, delimiter=delimiter, strict=True)
            for row in rows:
                yield f"line {rows.line_num}", [cell.strip() or None for cell in row]
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8; save it as `CSV UTF-8`") from None
    except csv.Error as error:
        raise InputError(f"{path}: line {rows.line_num}: not CSV ({error})") from None


def _delimiter(line: str) -> str:
    return max(",;\t", key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _workbook(path: Path, sheet: str | None) -> _Cells:
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise InputError(
            f"{path}: workbooks need openpyxl: {install_command('spreadsheet')}, or save it as CSV"
        ) from None
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_WORKBOOK_BYTES:
                raise InputError(f"{path}: more than {MAX_WORKBOOK_BYTES >> 20} MiB unpacked; save it as CSV")
        values, formulas = (load_workbook(path, read_only=True, data_only=only) for only in (True, False))
        with closing(values), closing(formulas):
            name = _sheet(path, values, sheet)
            for number, (cells, written) in enumerate(zip(values[name], formulas[name], strict=False), 1):
                yield f"row {number}", [_cell(cell, other) for cell, other in zip(cells, written, strict=False)]
    except InputError:
        raise
    except Exception as error:  # the library raises errors of many types for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a workbook that can be read ({reason})") from None


def _sheet(path: Path, workbook: Any, sheet: str | None) -> str:
    filled = [one.title for one in workbook.worksheets if any(any(row) for row in one.iter_rows(values_only=True))]
    if sheet is None and len(filled) == 1:
        return str(filled[0])
    if sheet in filled:
        return str(sheet)
    if not filled:
        raise InputError(f"{path}: no sheet has a cell")
    problem = "several sheets; name one by --sheet" if sheet is None else f"no sheet {sheet!r}; there are"
    raise InputError(f"{path}: {problem}: {', '.join(map(str, filled))}")


class Uncomputed:
    """Stands for a formula whose value the workbook does not hold."""


def _cell(cell: Any, written: Any) -> Any:
    value = cell.value
    if value is None and isinstance(written.value, str) and written.value.startswith("="):
        return Uncomputed()
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool) and "%" in str(cell.number_format):
        return f"{value * 100:.12g}%"
    return value


def typed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a row with lengths as numbers and verdicts as booleans.

    Raises:
        SkippedRow: a cell holds a date, an error of the spreadsheet, or a formula without a value.
    """
    found = dict(fields)
    for name, value in fields.items():
        if isinstance(value, date | datetime | time | timedelta):
            raise SkippedRow(f"{name} is a date, as which spreadsheets read 1/2: format the column as text")
        if isinstance(value, Uncomputed):
            raise SkippedRow(f"{name} is a formula without a value: open and save the workbook, or save it as CSV")
        if value in _ERRORS:
            raise SkippedRow(f"{name} is an error of the spreadsheet")
        if name in _COUNTS and isinstance(value, str) and (whole := _WHOLE.fullmatch(value)):
            found[name] = int(re.sub(r"\D", "", whole[1]))
        elif name == "correct" and value is not None and str(value).strip().lower() in (*_YES, *_NO):
            found[name] = str(value).strip().lower() in _YES
        elif isinstance(value, bool) and name != "correct":
            found[name] = str(value).upper()
    return found
