"""The results of a replay as data files: JSON, and a Parquet table."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

from .comparisons import LOSS, TIE, WIN
from .results import ReplayResults, ReplayRow


def document(results: ReplayResults) -> bytes:
    """Return ``results.json``; its rows contain all fields of the rows of `evaluate --json`, and more."""
    content = dataclasses.asdict(results)
    content["rows"] = [_row(row) for row in results.rows]
    return json.dumps(content, indent=1, allow_nan=False).encode()


def parquet_available() -> None:
    """Raise `InputError` if the extra `parquet` is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise InputError(f"Parquet needs pyarrow: {install_command('parquet')}") from None


def parquet(results: ReplayResults) -> bytes:
    """Return ``results.parquet``: one row per controller, environment and beta; intervals take two columns."""
    parquet_available()
    import pyarrow
    from pyarrow.parquet import write_table

    rows = [_flat(_row(row)) for row in results.rows]
    names = dict.fromkeys(name for row in rows for name in row)
    table = pyarrow.table({name: [row.get(name) for row in rows] for name in names})
    buffer = io.BytesIO()
    write_table(table, buffer)
    return buffer.getvalue()


def _row(row: ReplayRow) -> dict[str, Any]:
    other = row.against
    fields = {"controller": row.controller, **dataclasses.asdict(row.point)}
    if other is not None:
        fields |= dataclasses.asdict(other)
        fields |= {name: other.outcomes.count(sign) for name, sign in (("wins", WIN), ("ties", TIE), ("losses", LOSS))}
    if row.dollars is not None:
        fields |= {"dollars": row.dollars, "dollars_ci": row.dollars_ci}
    return fields


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with each interval as two fields, ``_low`` and ``_high``."""
    flat = {}
    for name, value in row.items():
        if name.endswith("_ci"):
            flat[name.removesuffix("ci") + "low"], flat[name.removesuffix("ci") + "high"] = value
        else:
            flat[name] = value
    return flat
