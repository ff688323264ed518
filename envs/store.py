"""Stores environments on disk: one compact, versioned file for each."""

from __future__ import annotations

import io
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import column_cache
from .bounded_zip import BoundedZip, TooLarge
from .environment import ABSENT as ABSENT
from .environment import EXTENDED_FORMAT, FORMAT, PLAIN_COLUMNS
from .environment import MAX_PROBES as MAX_PROBES
from .environment import MAX_TOKENS as MAX_TOKENS
from .environment import Environment as Environment
from .errors import DamagedFile, InputError
from .kept_file import KeptFile
from .provenance import packed, unpacked

_LOG = logging.getLogger(__name__)

_SCORES = ("verifier", "final_verifier")
_FORKS = ("parents", "fork_depths")

SUFFIX = ".env.npz"
LIMIT_VARIABLE = "AUTOTTS_ENVIRONMENT_MB"
"""Environment variable that raises the memory that an environment file may take: a number of megabytes."""
_MOST_BYTES = 1 << 30
"""Largest memory of the columns of an environment, in bytes."""
_ALWAYS = 64 << 20
"""Memory that any environment file may take, however small the file is."""
_EXPANSION = 100
"""Memory of the columns by byte of the file at the most, beyond `_ALWAYS`; recorded branches take 5 to 20."""
_MOST_TEXT = 32 << 20
"""Largest header and largest list of questions and answers, in bytes."""
_MOST_SIGNALS = 100
"""The largest number of signals of an environment, those of finished branches counted apart."""


def save(environment: Environment, path: Path | KeptFile) -> None:
    """Write ``environment`` to ``path`` atomically."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        header: dict[str, Any] = {"name": environment.name, "hash": environment.hash}
        if environment.answers != "exact":  # files of answers that are compared exactly stay as they always were
            header["answers"] = environment.answers
        if environment.question_ids:
            header["question_ids"] = list(environment.question_ids)
        if environment.imported:
            header["imported"] = environment.imported
        if environment.provenance:
            header["provenance"] = packed(environment.provenance)
        _add(archive, "header.json", json.dumps(header, sort_keys=True).encode())
        _add(archive, "meta.json", environment.meta())
        for key, column in environment.columns().items():
            _add(archive, f"{key}.npy", _pack(key, column))
    write_atomically(path, buffer.getvalue())


def _pack(key: str, column: npt.NDArray[Any]) -> bytes:
    """Return a column as a .npy file in its smallest integer type, offsets as differences, as both compress better."""
    if key.endswith("_offsets"):
        column = np.diff(column)
    if column.dtype.kind == "i" and len(column):
        smallest = max(np.min_scalar_type(int(column.min())).itemsize, np.min_scalar_type(int(column.max())).itemsize)
        column = column.astype(f"<u{smallest}" if column.min() >= 0 else "<i4")
    buffer = io.BytesIO()
    np.save(buffer, column, allow_pickle=False)
    return buffer.getvalue()


def _unpacked(key: str, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if column.dtype.kind not in ("f" if _holds_numbers(key) else "iu"):
        raise ValueError(f"{key} is not a column of numbers")
    if key.endswith("_offsets"):
        return np.concatenate(([0], np.cumsum(column, dtype=np.int64))).astype(np.int32)
    return column.astype(np.float32 if _holds_numbers(key) else np.int32)


def _holds_numbers(key: str) -> bool:
    """Return whether the column ``key`` holds numbers with a fraction."""
    return key.startswith(("signal/", "final_signal/")) or key in _SCORES


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # a fixed time: equal content gives equal files
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def load(path: Path) -> Environment:
    """Read an environment file, and check its hash. The columns of a large one are mapped (see `column_cache`).

    Raises:
        InputError: the file is missing, or has another format version.
        DamagedFile: the file is damaged.
    """
    try:
        environment = _read(path)
        environment.check()
    except FileNotFoundError:
        raise InputError(f"{path}: no such environment file") from None
    except _OtherFormat as error:
        raise InputError(f"{path}: {error}") from None
    except TooLarge as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # with damaged bytes, the readers of zip, JSON and numpy may raise any exception
        raise DamagedFile(f"{path}: not a readable environment file ({error}); import it again") from error
    _LOG.debug("%s: %d questions, hash %s", path, len(environment), environment.hash[:12])
    return environment


class _OtherFormat(Exception):
    """The file was written by another version of this program."""


def _read(path: Path) -> Environment:
    """Return the environment in a file, after a check of its hash."""
    most = _most_bytes(path.stat().st_size)
    with path.open("rb") as file, BoundedZip(file, most + 2 * _MOST_TEXT) as archive:
        header = json.loads(archive.content("header.json", _MOST_TEXT))
        meta = json.loads(archive.content("meta.json", _MOST_TEXT))
        if meta["format"] not in (FORMAT, EXTENDED_FORMAT):
            raise _OtherFormat(
                f"format {meta['format']!r}, but this version reads formats {FORMAT} and {EXTENDED_FORMAT}"
            )
        lengths = _lengths(archive, len(meta["questions"]), _further(meta), most)
        for columns in _ways_to_columns(archive, file, lengths):
            environment = _environment(header, meta, columns)
            if environment.hash == header["hash"] and environment.format == meta["format"]:
                return environment
    raise ValueError("its content does not match its hash")


def _ways_to_columns(
    archive: BoundedZip, file: io.BufferedReader, lengths: dict[str, int]
) -> Iterator[column_cache.Columns]:
    """Yield the columns of a file, mapped if they are large; once more from the file, if the first were refused."""

    def unpack(name: str) -> npt.NDArray[Any]:
        return _unpacked(name, archive.column(f"{name}.npy"))

    if 4 * sum(lengths.values()) >= column_cache.MAPPED_FROM:
        key = column_cache.file_key(file)
        kept = column_cache.mapped(key, lengths)
        if kept is None and column_cache.keep(key, ((name, unpack(name)) for name in lengths)):
            kept = column_cache.mapped(key, lengths)
        if kept is not None:
            yield kept
            column_cache.discard(key)
    yield {name: unpack(name) for name in lengths}


def _further(meta: dict[str, Any]) -> dict[str, str]:
    """Return the columns of a file beside those that every file has, and whether each goes with probes or branches.

    Raises:
        TooLarge: there are too many signals.
    """
    probes, branches = meta["signals"], meta.get("final_signals", [])
    if len(probes) + len(branches) > _MOST_SIGNALS:
        raise TooLarge(f"{len(probes) + len(branches):,} signals, more than {_MOST_SIGNALS}")
    found = {f"signal/{key!s}": "probe_answers" for key in probes}
    found |= {f"final_signal/{key!s}": "final_answers" for key in branches}
    if meta.get("verify_cost") is not None:
        found |= dict(zip(_SCORES, ("probe_answers", "final_answers"), strict=True))
    if meta.get("fork_rule") is not None:
        found |= dict.fromkeys(_FORKS, "final_answers")
    return found


def _environment(header: dict[str, Any], meta: dict[str, Any], columns: column_cache.Columns) -> Environment:
    return Environment(
        name=str(header["name"]),
        delta=int(meta["delta"]),
        probe_cost=int(meta["probe_cost"]),
        questions=tuple(meta["questions"]),
        vocabulary=tuple(meta["vocabulary"]),
        signals={str(key): columns[f"signal/{key}"] for key in meta["signals"]},
        answers=str(header.get("answers", "exact")),
        question_ids=tuple(map(str, header.get("question_ids", ()))),
        imported=str(header.get("imported", "")),
        provenance=unpacked(header.get("provenance")),
        final_signals={str(key): columns[f"final_signal/{key}"] for key in meta.get("final_signals", ())},
        verify_cost=int(meta.get("verify_cost") or 0),
        fork_rule=str(meta.get("fork_rule") or "recorded"),
        **{name: columns[name] for name in (*PLAIN_COLUMNS, *_SCORES, *_FORKS) if name in columns},
    )


def _most_bytes(size: int) -> int:
    """Return the memory that the columns of a file of ``size`` bytes may take."""
    given = os.environ.get(LIMIT_VARIABLE, "")
    if given.isascii() and given.isdecimal() and len(given) < 10:
        return int(given) << 20
    return min(_MOST_BYTES, max(_ALWAYS, _EXPANSION * size))


def _lengths(archive: BoundedZip, questions: int, further: dict[str, str], most: int) -> dict[str, int]:
    """Return the length of each column, after a check of the declared ones and of their memory; none is unpacked.

    Args:
        archive: the file.
        questions: the number of questions.
        further: see `_further`.
        most: the memory of the columns, in bytes.

    Raises:
        TooLarge: the columns would take more than ``most`` bytes.
        ValueError: the lengths do not match, or a column is missing.
    """
    length = {key: archive.length(f"{key}.npy") for key in (*PLAIN_COLUMNS, *further)}
    needed = 4 * sum(length.values())
    if needed > most:
        raise TooLarge(
            f"its columns would take {needed / 2**20:,.0f} MB, and {most / 2**20:,.0f} MB are allowed for a file of "
            f"this size; if you trust it, set {LIMIT_VARIABLE} to a larger number of megabytes"
        )
    branches, probes = length["final_answers"], length["probe_answers"]
    wanted = {"gold": questions, "branch_offsets": questions, "probe_offsets": branches, "total_tokens": branches}
    wanted |= {key: length[items] for key, items in further.items()}
    for key, number in wanted.items():
        if length[key] != number:
            raise ValueError(f"{key} has {length[key]:,} entries, not {number:,}")
    if probes > branches * MAX_PROBES:
        raise ValueError(f"more than {MAX_PROBES:,} probes of a branch")
    return {key: n if not key.endswith("_offsets") else n + 1 for key, n in length.items()}


def write_atomically(path: Path | KeptFile, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically: a reader sees the old file or the new one, never a part of it.

    Raises:
        OSError: the file could not be written. ``filename`` is ``path``, and no temporary file is left.
    """
    if not isinstance(path, Path):
        path.write_bytes(data)
        return
    with naming_os_errors(path):
        _write_whole(path, data)


@contextmanager
def naming_os_errors(path: Path | KeptFile) -> Iterator[None]:
    """Set ``filename`` of each `OSError` in the context to ``path``: some errors, such as a full disk, name no file."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise
