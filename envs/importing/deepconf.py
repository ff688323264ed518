"""Reads the traces that DeepConf (arXiv 2508.15260) pickles: one file for each question and run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from . import pickles
from .confidences import confidence_signals, group_signals
from .mars import numbers
from .options import ImportOptions
from .pickles import CompactList
from .rows import ImportedRow, UnreadableRow

LISTS = ("all_traces", "warmup_traces", "final_traces")
STOPPED = "gconf_threshold"
"""Why a trace ended that the method stopped before its end."""


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield the traces of a file. Signals are computed from the confidences of the tokens, every ``--delta`` tokens.

    Raises:
        InputError: the file cannot be read, or holds no traces of DeepConf.
    """
    found = pickles.read(path)
    if not isinstance(found, dict) or not any(isinstance(found.get(name), CompactList) for name in LISTS):
        raise InputError(f"{path}: no traces of DeepConf: expected a dictionary with one of {', '.join(LISTS)}")
    question = {
        "question_id": found.get("question_id"), "question": found.get("question"),
        "gold_answer": found.get("ground_truth"),
    }  # fmt: skip
    for name in LISTS:
        for number, trace in enumerate(found.get(name) or ()):
            place = f"{name} {number}"
            fields = trace_fields(trace, options.delta) if isinstance(trace, dict) else "not a dictionary"
            if isinstance(fields, str):
                yield UnreadableRow(place, fields)
            else:
                made = question | fields
                yield ImportedRow(place, made, dict(made))


def trace_fields(trace: Mapping[str, Any], delta: int | None) -> dict[str, Any] | str:
    """Return the fields of a trace, or a text that says what is wrong with it.

    Args:
        trace: the trace by its keys.
        delta: tokens of an interval; None if the trace has none.
    """
    if trace.get("stop_reason") == STOPPED:
        return "a trace that DeepConf stopped before its end"
    confs, total = numbers(trace.get("confs")), trace.get("num_tokens")
    if type(total) is not int or total < 0:
        return "no num_tokens, which is the length of the trace"
    if confs is not None and abs(len(confs) - total) > 1:  # the token that ends a text may have none
        return "confs has another length than num_tokens"
    fields = {
        "final_answer": trace.get("extracted_answer"), "total_tokens": total, "correct": trace.get("is_correct"),
        "text": trace.get("text"),
    }  # fmt: skip
    depths = range(delta, total, delta) if delta else range(0)
    if delta:
        fields |= {"probe_freq": delta, "probe_answers": [None] * len(depths)}
    if confs is not None and len(confs):
        values = confs.astype(np.float64)
        signals, final = confidence_signals(values, [depth for depth in depths if depth < len(values)])
        fields["final_signals"] = final
        if delta:
            fields["signals"] = {name: [*column, None][: len(depths)] for name, column in signals.items()}
        return fields
    groups, lowest = numbers(trace.get("group_confs")), trace.get("min_conf")
    final = group_signals(groups.astype(np.float64)) if groups is not None else {}
    if not final and isinstance(lowest, float):
        final = {"lowest_group": lowest}
    return fields | ({"final_signals": final} if final else {})
