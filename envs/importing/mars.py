"""Reads the recordings of MARS (arXiv 2606.12935): Parquet with one trace on each row, or the pickle of the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from . import pickles
from .confidences import confidence_signals
from .datasets import parquet_batches
from .options import ImportOptions
from .pickled_arrays import PickledArray
from .pickles import CompactList
from .rows import ImportedRow, UnreadableRow

COLUMNS = ("qid", "trace_idx", "ground_truth", "extracted_answer", "confs", "probes")
GRID = 2_048
"""Tokens between two probes; a trace is also probed at its end."""
SUFFIX = ".parquet"


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield the traces of a file. Signals are computed from the confidences of the tokens.

    Raises:
        InputError: the file cannot be read, or is no recording of MARS.
    """
    for place, row in _parquet(path) if path.suffix == SUFFIX else _pickle(path):
        fields = trace_fields(row)
        yield UnreadableRow(place, fields) if isinstance(fields, str) else ImportedRow(place, fields, dict(fields))


def trace_fields(row: Mapping[str, Any]) -> dict[str, Any] | str:
    """Return the fields of a trace, or a text that says what is wrong with it.

    Args:
        row: the columns by name; ``confs`` is an array, and ``probes`` a list of objects.
    """
    confs = row["confs"]
    if confs is None or confs.ndim != 1 or not len(confs):
        return "no confs, which give the length of the trace"
    if row["extracted_answer"] is None:
        return "a trace without a final answer, which MARS counts as unfinished"
    answers: dict[int, str | None] = {}
    for probe in row["probes"] or ():
        position = probe.get("position") if isinstance(probe, Mapping) else None
        if type(position) is not int or position < 1 or (position % GRID and position != len(confs)):
            return f"a probe that lies neither at a multiple of {GRID:,} tokens nor at the end"
        answers[position] = probe.get("answer")
    depths = range(GRID, len(confs), GRID)
    signals, final = confidence_signals(confs.astype(np.float64), depths)
    return {
        "question_id": row["qid"],
        "branch": row["trace_idx"],
        "gold_answer": row["ground_truth"],
        "final_answer": row["extracted_answer"],
        "total_tokens": len(confs),
        "probe_freq": GRID,
        "probe_answers": [answers.get(depth) for depth in depths],
        "signals": signals,
        "final_signals": final,
        "missing_probes": sum(depth not in answers for depth in depths),
    }


def _parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    for batch in parquet_batches(path, COLUMNS):
        columns = {name: batch.column(name) for name in COLUMNS}
        rows = {name: column.to_pylist() for name, column in columns.items() if name != "confs"}
        for at in range(batch.num_rows):
            scalar = columns["confs"][at]
            confs = scalar.values.to_numpy(zero_copy_only=False) if scalar.is_valid else None
            yield f"row {number}", {"confs": confs} | {name: values[at] for name, values in rows.items()}
            number += 1


def _pickle(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    found = pickles.read(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: no recording of MARS: expected a dictionary with keys (qid, trace_idx)")
    for key, trace in found.items():
        if not isinstance(key, tuple) or len(key) != 2 or not isinstance(trace, dict):
            raise InputError(f"{path}: no recording of MARS: expected a dictionary with keys (qid, trace_idx)")
        row: dict[str, Any] = {name: trace.get(name) for name in COLUMNS}
        row["qid"], row["trace_idx"] = key
        yield f"trace {key[0]!r:.20}, {key[1]!r:.20}", row | {
            "confs": numbers(row["confs"]), "probes": _probes(row["probes"])
        }  # fmt: skip


def _probes(given: Any) -> list[Any]:
    """Return the probes of a pickled trace, which are a list, or a dictionary by position."""
    if isinstance(given, dict):
        return [{**probe, "position": at} if isinstance(probe, dict) else None for at, probe in given.items()]
    return list(given) if isinstance(given, CompactList) else []


def numbers(value: Any) -> Any:
    """Return the array that a pickle holds as an array or as a list of numbers; None if it is neither."""
    if isinstance(value, PickledArray):
        return value.values if value.values.dtype.kind in "fiu" else None
    return value.numbers if isinstance(value, CompactList) else None
