"""Stores recorded branches, in memory and on disk: one compact, versioned file for each environment."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import column_cache
from .bounded_zip import BoundedZip, TooLarge
from .errors import DamagedFile, InputError
from .kept_file import KeptFile
from .provenance import packed, unpacked

_LOG = logging.getLogger(__name__)

FORMAT = 1
SUFFIX = ".env.npz"
ABSENT = 0
"""The index in a vocabulary of the absent answer."""
MAX_PROBES = 2**16 - 1
"""The largest number of probes of a branch: action logs count the repetitions of a step in 16 bits."""
MAX_TOKENS = 2**31 - 1
"""The largest number of tokens of a branch, of an interval and of a probe."""

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

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Environment:
    """The questions of one benchmark with the recorded branches of one base model, as columns.

    There are Q questions, N branches of all questions, C probes (cells) of all branches, and V different answers. The
    branches of question q are ``branch_offsets[q]:branch_offsets[q + 1]``. The probes of branch b are
    ``probe_offsets[b]:probe_offsets[b + 1]``. Answers are indices into ``vocabulary``; 0 is the absent answer.
    """

    name: str
    delta: int
    """Tokens of one interval."""
    probe_cost: int
    """Tokens charged for each probe."""
    questions: tuple[str, ...]
    vocabulary: tuple[str, ...]
    gold: Ints
    """(Q,) gold answers, as indices."""
    branch_offsets: Ints
    """(Q + 1,)"""
    probe_offsets: Ints
    """(N + 1,)"""
    probe_answers: Ints
    """(C,) probe answers, as indices."""
    final_answers: Ints
    """(N,) final answers, as indices."""
    total_tokens: Ints
    """(N,) tokens of each branch."""
    signals: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    """Signals by name: (C,) a number for each probe."""
    answers: str = "exact"
    """How answers were compared at import (see `envs.answers`). Equal answers became one, so the hash leaves it out."""
    question_ids: tuple[str, ...] = ()
    """The ids of the questions in the imported files; () if they had none. Controllers and the hash do not see them."""
    imported: str = ""
    """The options of the import, as a shell takes them; "" if there were none. The hash leaves them out."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Where collected branches come from: server, model, sampling ... (`envs.provenance`). The hash leaves it out."""

    def __len__(self) -> int:
        return len(self.questions)

    def branches(self, question: int) -> range:
        """Return the branches of ``question``."""
        return range(int(self.branch_offsets[question]), int(self.branch_offsets[question + 1]))

    def label(self, question: int) -> str:
        """Return the number of ``question``, and its id if it has one, as text for the user."""
        if not self.question_ids:
            return str(question)
        id = "".join(c if c.isprintable() else "?" for c in self.question_ids[question])
        return f"{question} ({id if len(id) <= 40 else id[:39] + '…'})"

    def question_number(self, text: str) -> int:
        """Return the number of the question that ``text`` names: its number from 0, or else its id.

        Raises:
            InputError: there is no such question.
        """
        if text.isdecimal() and len(text) < 10 and int(text) < len(self):
            return int(text)
        if text in self.question_ids:
            return self.question_ids.index(text)
        ids = f", with ids such as {self.question_ids[0][:40]!r}" if self.question_ids else ""
        raise InputError(f"{self.name} has questions 0 to {len(self) - 1}{ids}, not {text[:60]!r}")

    @cached_property
    def probes(self) -> Ints:
        """(N,) the number of probes of each branch. A finished branch has one more interval than probes."""
        return np.diff(self.probe_offsets)

    @cached_property
    def hash(self) -> str:
        """The content hash: SHA-256 in hexadecimal over everything that a score depends on.

        It does not depend on compression.
        """
        digest = hashlib.sha256()
        for part in (self._meta(), *self._columns().values()):
            data = memoryview(part) if isinstance(part, bytes) else np.ascontiguousarray(part).data
            digest.update(data.nbytes.to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()

    def _meta(self) -> bytes:
        meta = {
            "format": FORMAT,
            "delta": self.delta,
            "probe_cost": self.probe_cost,
            "questions": self.questions,
            "vocabulary": self.vocabulary,
            "signals": sorted(self.signals),
        }
        return json.dumps(meta, sort_keys=True).encode()

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        columns: dict[str, npt.NDArray[Any]] = {key: getattr(self, key).astype("<i4", copy=False) for key in _COLUMNS}
        columns.update({f"signal/{key}": self.signals[key].astype("<f4", copy=False) for key in sorted(self.signals)})
        return columns

    def check(self) -> None:
        """Check that the columns agree with each other.

        Raises:
            InputError: they do not agree.
        """
        counts = len(self.questions), len(self.final_answers), len(self.probe_answers)
        for problem, wrong in (
            ("no questions", counts[0] == 0),
            (f"delta is not between 1 and {MAX_TOKENS}", not 0 < self.delta <= MAX_TOKENS),
            (f"the probe cost is not between 0 and {MAX_TOKENS}", not 0 <= self.probe_cost <= MAX_TOKENS),
            ("gold answers do not match the questions", len(self.gold) != counts[0]),
            ("branch offsets do not match", not _offsets_fit(self.branch_offsets, counts[0], counts[1])),
            ("probe offsets do not match", not _offsets_fit(self.probe_offsets, counts[1], counts[2])),
            (f"a branch with more than {MAX_PROBES} probes", bool((np.diff(self.probe_offsets) > MAX_PROBES).any())),
            ("lengths do not match the branches", len(self.total_tokens) != counts[1]),
            ("a negative length", bool((self.total_tokens < 0).any())),
            ("a question without branches", bool((np.diff(self.branch_offsets) < 1).any())),
            ("a signal does not match the probes", any(len(s) != counts[2] for s in self.signals.values())),
            ("ids do not match the questions", len(self.question_ids) not in (0, counts[0])),
            ("an absent gold answer", bool((self.gold == ABSENT).any())),
        ):
            if wrong:
                raise InputError(f"environment {self.name}: {problem}")
        for column in (self.gold, self.probe_answers, self.final_answers):
            if len(column) and not 0 <= int(column.min()) <= int(column.max()) < len(self.vocabulary):
                raise InputError(f"environment {self.name}: an answer is outside the vocabulary")


_COLUMNS = ("gold", "branch_offsets", "probe_offsets", "probe_answers", "final_answers", "total_tokens")


def _offsets_fit(offsets: Ints, groups: int, items: int) -> bool:
    if len(offsets) != groups + 1 or offsets[0] != 0 or offsets[-1] != items:
        return False
    return bool((np.diff(offsets) >= 0).all())


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
        _add(archive, "meta.json", environment._meta())
        for key, column in environment._columns().items():
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
    if column.dtype.kind not in ("f" if key.startswith("signal/") else "iu"):
        raise ValueError(f"{key} is not a column of numbers")
    if key.endswith("_offsets"):
        return np.concatenate(([0], np.cumsum(column, dtype=np.int64))).astype(np.int32)
    return column.astype(np.float32 if key.startswith("signal/") else np.int32)


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
        if meta["format"] != FORMAT:
            raise _OtherFormat(f"format {meta['format']!r}, but this version reads format {FORMAT}")
        signals = [str(key) for key in meta["signals"]]
        if len(signals) > _MOST_SIGNALS:
            raise TooLarge(f"{len(signals):,} signals, more than {_MOST_SIGNALS}")
        lengths = _lengths(archive, len(meta["questions"]), signals, most)
        for columns in _ways_to_columns(archive, file, lengths):
            environment = _environment(header, meta, columns)
            if environment.hash == header["hash"]:
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
        **{name: columns[name] for name in _COLUMNS},
    )


def _most_bytes(size: int) -> int:
    """Return the memory that the columns of a file of ``size`` bytes may take."""
    given = os.environ.get(LIMIT_VARIABLE, "")
    if given.isascii() and given.isdecimal() and len(given) < 10:
        return int(given) << 20
    return min(_MOST_BYTES, max(_ALWAYS, _EXPANSION * size))


def _lengths(archive: BoundedZip, questions: int, signals: list[str], most: int) -> dict[str, int]:
    """Return the length of each column, after a check of the declared ones and of their memory; none is unpacked.

    Raises:
        TooLarge: the columns would take more than ``most`` bytes.
        ValueError: the lengths do not match, or a column is missing.
    """
    length = {key: archive.length(f"{key}.npy") for key in _COLUMNS}
    length |= {f"signal/{key}": archive.length(f"signal/{key}.npy") for key in signals}
    needed = 4 * sum(length.values())
    if needed > most:
        raise TooLarge(
            f"its columns would take {needed / 2**20:,.0f} MB, and {most / 2**20:,.0f} MB are allowed for a file of "
            f"this size; if you trust it, set {LIMIT_VARIABLE} to a larger number of megabytes"
        )
    branches, probes = length["final_answers"], length["probe_answers"]
    wanted = {"gold": questions, "branch_offsets": questions, "probe_offsets": branches, "total_tokens": branches}
    wanted |= {f"signal/{key}": probes for key in signals}
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
