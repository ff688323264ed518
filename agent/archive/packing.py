"""The packed files of a version: its action logs, and the conversation that led to it."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import fields

import numpy as np

from autotts.envs.bounded_zip import BoundedZip
from autotts.envs.episodes import Logs

MOST_LOG_BYTES = 1 << 30
"""Largest size in bytes of the unpacked action logs of a version."""
MOST_TRANSCRIPT_BYTES = 1 << 26
"""Largest size in bytes of the text of a transcript."""


def pack_logs(logs: Logs) -> bytes:
    """Return ``logs`` as a compressed file; equal logs give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, column in logs.columns().items():
            if name == "indices" and len(column) and column.max() < 256:
                column = column.astype(np.uint8)
            data = io.BytesIO()
            np.save(data, column, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data.getvalue())
    return buffer.getvalue()


def unpack_logs(packed: bytes) -> Logs:
    """Return the logs from the bytes of `pack_logs`.

    Raises:
        Exception: any error that the zip and NumPy readers raise for damaged bytes, and `TooLarge`.
    """
    with BoundedZip(io.BytesIO(packed), MOST_LOG_BYTES) as archive:
        if extra := set(archive.namelist()) - {f"{each.name}.npy" for each in fields(Logs)}:
            raise ValueError(f"unknown columns: {', '.join(sorted(extra))[:200]}")
        return Logs(**{each.name: archive.column(f"{each.name}.npy") for each in fields(Logs)})


def unpack_transcript(packed: bytes) -> str:
    """Return the text of a transcript.

    Raises:
        OSError, EOFError, zlib.error: the bytes are damaged.
        ValueError: the text is larger than `MOST_TRANSCRIPT_BYTES`.
    """
    with gzip.open(io.BytesIO(packed)) as stream:
        data = stream.read(MOST_TRANSCRIPT_BYTES + 1)
    if len(data) > MOST_TRANSCRIPT_BYTES:
        raise ValueError(f"more than {MOST_TRANSCRIPT_BYTES:,} bytes of text")
    return data.decode("utf-8", "replace")


def pack_transcript(text: str) -> bytes:
    """Return a transcript as a compressed file; equal texts give equal bytes."""
    return gzip.compress(text.encode("utf-8", "replace"), mtime=0)
