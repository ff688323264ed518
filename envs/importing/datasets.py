"""Reads Hugging Face data sets from disk: directories of `save_to_disk`, and Parquet files. Rows are as in JSONL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..extras import install_command
from .jsonl import parse
from .options import ImportOptions
from .rows import ImportedRow, UnreadableRow

SUFFIXES = (".arrow", ".parquet")
_BATCH = 256
_SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}$")
_SPLITS = ("train", "test", "validation", "dev")


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield the rows of a directory, or of one file.

    Raises:
        InputError: the extra ``parquet`` is not installed, there is no data, there are several splits and the options
            name none, or a file is damaged.
    """
    try:
        import pyarrow
    except ImportError:
        raise InputError(f"data sets need pyarrow: {install_command('parquet')}") from None
    for file in _files(path, options.split):
        place = f"{file.relative_to(path)} row" if path.is_dir() else "row"
        try:
            for number, row in enumerate(_rows(file)):
                yield ImportedRow(f"{place} {number}", row, row)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise InputError(f"{file}: cannot be read ({str(error).splitlines()[0]})") from None


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a Parquet file; none if it cannot be read, or pyarrow is missing."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_schema
    except ImportError:
        return ()
    try:
        return tuple(map(str, read_schema(path).names))
    except (ArrowException, OSError, ValueError):
        return ()


def parquet_batches(path: Path, columns: Sequence[str], rows: int = 16) -> Iterator[Any]:
    """Yield the batches of a Parquet file.

    Args:
        path: the file.
        columns: the columns to read; all must be there.
        rows: rows of a batch.

    Raises:
        InputError: the extra ``parquet`` is not installed, a column is missing, or the file is damaged.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise InputError(f"Parquet needs pyarrow: {install_command('parquet')}") from None
    try:
        with ParquetFile(path) as table:
            missing = [name for name in columns if name not in table.schema_arrow.names]
            if missing:
                raise InputError(f"{path}: no column {missing[0]}")
            for batch in table.iter_batches(batch_size=rows, columns=list(columns)):
                batch.validate(full=True)  # without this, a damaged batch would crash the process
                yield batch
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow

    if file.suffix == ".parquet":
        from pyarrow.parquet import ParquetFile

        with ParquetFile(file) as table:
            yield from _each(table.iter_batches(batch_size=_BATCH))
        return
    with pyarrow.memory_map(str(file)) as source:
        try:
            batches = pyarrow.ipc.open_stream(source)
        except pyarrow.ArrowInvalid:  # the other Arrow format, which has an index at its end
            source.seek(0)
            opened = pyarrow.ipc.open_file(source)
            batches = map(opened.get_batch, range(opened.num_record_batches))
        yield from _each(batches)


def _each(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        batch.validate(full=True)  # without this, a damaged batch would crash the process
        for start in range(0, batch.num_rows, _BATCH):
            yield from batch.slice(start, _BATCH).to_pylist()


def _files(path: Path, split: str | None) -> list[Path]:
    """Return the files of the data set, in order."""
    if not path.is_dir():
        if split is not None:
            _one([_split(path)], split, path)
        return [path]
    kinds = _document(path / "dataset_dict.json").get("splits")
    if isinstance(kinds, list):
        path = _inside(path, _one([str(kind) for kind in kinds], split, path))
    state = _document(path / "state.json")
    if state and split is not None and not isinstance(kinds, list):
        _one([str(state.get("_split") or "")], split, path)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(f"{path}: the data set is a selection of rows; save it again after flatten_indices()")
    listed = state.get("_data_files")
    if isinstance(listed, list):
        names = [str(item.get("filename")) if isinstance(item, dict) else "" for item in listed]
        return [_inside(path, name) for name in names]
    files = sorted(file for suffix in SUFFIXES for file in path.rglob("*" + suffix) if file.is_file())
    if not files:
        raise InputError(
            f"{path}: no data set: no state.json, no {' or '.join(SUFFIXES)}; name files of other formats one by one"
        )
    splits = {file: _split(file) for file in files}
    if split is not None or len(set(splits.values())) > 1:
        name = _one(sorted(set(splits.values())), split, path)
        files = [file for file in files if splits[file] == name]
    return files


def _split(file: Path) -> str:
    """Return the split that the name of the file or of its directory gives, or ''."""
    shard = _SHARD.match(file.stem)
    if shard and shard[1] != "data":  # `save_to_disk` uses this name for the files of every split
        return shard[1]
    return next((name for name in (file.stem, file.parent.name) if name in _SPLITS), "")


def _one(splits: list[str], split: str | None, path: Path) -> str:
    """Return the chosen split: ``split``, or the only one of ``splits``; '' stands for files without a split.

    Raises:
        InputError: the split does not exist, or there are several and none is chosen.
    """
    if split is None and len(splits) == 1:
        return splits[0]
    if split in splits:
        return split
    if not any(splits):
        raise InputError(f"{path}: there are no splits" + (f", so no {split!r}; leave out --split" if split else ""))
    available = ", ".join(name or "'' (files of no split)" for name in splits)
    problem = "several splits; name one by --split" if split is None else f"no split {split!r}; there are"
    raise InputError(f"{path}: {problem}: {available}")


def _inside(path: Path, name: str) -> Path:
    """Return the file ``name`` inside the directory ``path``. The name comes from the data set, which is not trusted.

    Raises:
        InputError: the name leads out of the directory, or the file is missing.
    """
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise InputError(f"{path}: names a file outside itself: {name[:60]!r}")
    if not (path / name).exists():
        raise InputError(f"{path}: {name} is missing")
    return path / name


def _document(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    document = parse(file.read_bytes())
    if isinstance(document, str):
        raise InputError(f"{file}: {document}")
    return document
