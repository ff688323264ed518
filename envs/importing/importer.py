"""Imports files into an environment: reads rows, maps their fields, checks and collects branches, and reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import InputError
from ..store import MAX_TOKENS, Environment
from . import datasets, inspect_logs, jsonl, lm_eval, published
from .collector import BranchCollector
from .detection import FORMATS, detect
from .line import FIELDS, BranchLine, complaint
from .options import ImportOptions, last_match
from .report import ImportReport
from .rows import FormatReader, ImportedRow, SkippedRow, UnreadableRow, branches

READERS: dict[str, FormatReader] = {
    "jsonl": jsonl.read,
    "inspect": inspect_logs.read,
    "lm-eval": lm_eval.read,
    "hf": datasets.read,
}
"""The reader of each format. A new format needs a module with a reader, and a line here."""
_CHECKED = [name for name in FIELDS if name != "text"]  # only two options read ``text``, so its type is not checked
_ONLY = {"scorer": ("inspect",), "filter": ("lm-eval",), "split": ("hf",)}


def read(
    paths: Sequence[Path],
    name: str,
    format: str = "auto",
    options: ImportOptions = ImportOptions(),  # noqa: B008  # it is immutable
    progress: Callable[[int], None] = lambda taken: None,
) -> tuple[Environment | None, ImportReport]:
    """Read the branches of ``paths``, all of one format, into one environment.

    Args:
        paths: files, or directories of data sets.
        name: the name of the environment.
        format: one of `FORMATS`, or ``auto``.
        options: settings of the import.
        progress: called from time to time with the number of branches so far.

    Returns:
        The environment, or None if no branch could be imported; and a report of imported and skipped rows.

    Raises:
        InputError: a file as a whole cannot be read, or an option does not belong to the format.
    """
    detected = {str(path): detect(path) for path in paths}  # even if ``format`` is given, to report a missing file
    kinds = {format} if format != "auto" else set(detected.values())
    if len(kinds) > 1:
        listed = ", ".join(f"{path} ({kind})" for path, kind in detected.items())
        raise InputError(f"files of several formats: {listed}; import them one by one, or give --format")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("a file is given twice")
    kind = kinds.pop()
    report = ImportReport(name, kind, [str(path) for path in paths])
    _check_options(kind, options)
    if kind == "published":
        return _published(paths, name, options, report), report
    collector = BranchCollector(options.delta)
    importer = _RowImporter(collector, options, report, len(paths) > 1)
    for path in paths:
        for row in READERS[kind](path, options):
            importer.add(path, row)
            if collector.branches % 1000 == 0:
                progress(collector.branches)
    importer.add_notes(listed=kind in ("jsonl", "hf"))
    if not collector.branches:
        return None, report
    environment = collector.environment(name)
    report.describe(environment)
    return environment, report


def _check_options(kind: str, options: ImportOptions) -> None:
    for option, kinds in _ONLY.items():
        if getattr(options, option) is not None and kind not in kinds:
            raise InputError(f"--{option} is for {', '.join(kinds)}, but the format is {kind}")
    if options.delta is not None and not 0 < options.delta <= MAX_TOKENS:
        raise InputError(f"--delta is {options.delta}, but must be between 1 and {MAX_TOKENS}")


def _published(paths: Sequence[Path], name: str, options: ImportOptions, report: ImportReport) -> Environment:
    if len(paths) > 1:
        raise InputError("the published JSON holds a whole environment: import its files one by one")
    if options != ImportOptions():
        raise InputError("the published JSON takes no options: leave out --map, --delta, --tokens and --extract")
    environment = published.read(paths[0], name)
    report.describe(environment)
    return environment


class _RowImporter:
    """Adds the branches of rows to a collector, one row at a time, and reports the skipped ones."""

    def __init__(self, collector: BranchCollector, options: ImportOptions, report: ImportReport, several: bool) -> None:
        self.collector = collector
        self.options = options
        self.report = report
        self.several = several
        self.estimated = 0
        self.extracted = 0
        self.lists = any("*" in path.split(".") for path in options.mapping.values())
        """Whether the mapping makes several branches of a row."""
        self.keys: dict[str, None] = {}

    def add(self, path: Path, row: ImportedRow | UnreadableRow) -> None:
        place = f"{path} {row.place}" if self.several else row.place
        if isinstance(row, UnreadableRow):
            self.report.skip(place, row.why)
            return
        if isinstance(row.raw, dict) and len(self.keys) < 100:
            self.keys.update(dict.fromkeys(str(key) for key in row.raw))
        for number, fields in enumerate(self._branches(place, row)):
            where = f"{place} branch {number}" if row.lists or self.lists else place
            try:
                self._branch(fields)
            except ValidationError as error:
                self.report.skip(where, complaint(error))
            except SkippedRow as why:
                self.report.skip(where, str(why))

    def _branches(self, place: str, row: ImportedRow) -> Iterator[dict[str, Any]]:
        try:
            yield from branches(row, self.options.mapping)
        except SkippedRow as why:
            self.report.skip(place, str(why))

    def _branch(self, fields: dict[str, Any]) -> None:
        text, options = fields.get("text"), self.options
        extracted = estimated = False
        if options.extract is not None and isinstance(text, str):
            fields["final_answer"] = last_match(options.extract, text)
            extracted = True
        if options.extract_gold is not None and isinstance(fields.get("gold_answer"), str):
            fields["gold_answer"] = last_match(options.extract_gold, fields["gold_answer"])
            if fields["gold_answer"] is None:
                raise SkippedRow("--extract-gold finds nothing in gold_answer")
        if options.characters is not None and fields.get("total_tokens") is None and isinstance(text, str):
            fields["total_tokens"] = math.ceil(len(text) / options.characters)
            estimated = True
        if fields.get("gold_answer") is None:
            raise SkippedRow("no gold_answer (--map says where it is)")
        if fields.get("total_tokens") is None:
            raise SkippedRow("no total_tokens (--map says where they are, --tokens estimates them)")
        self.collector.add(BranchLine.model_validate({name: fields[name] for name in _CHECKED if name in fields}))
        self.estimated += estimated
        self.extracted += extracted

    def add_notes(self, listed: bool) -> None:
        """Add notes to the report: estimates, extracted and merged answers, missing probes, and unused keys.

        Args:
            listed: whether to name the keys of the rows that the import did not use.
        """
        collector, notes, options = self.collector, self.report.notes, self.options
        if self.estimated:
            notes.append(f"lengths of {self.estimated} branches are estimates: chars/{options.characters:g}")
        if self.extracted:
            notes.append(f"the answers of {self.extracted} branches are what --extract finds in their texts")
        renamed, mixed = collector.merged()
        if renamed:
            notes.append(f"{renamed} branches are right by their mark alone: their answer became the gold answer")
        if mixed:
            notes.append(
                f"in {mixed} questions several right answers became one, and wrong ones did not: a vote is easier"
            )
        if collector.bare and collector.probed and options.delta is None:
            notes.append(f"{collector.bare} branches have no probe_answers, though others have")
        if options.delta and collector.bare:
            notes.append(f"{collector.bare} branches have no answer before their end: --delta only counts their tokens")
        used = {path.split(".")[0] for path in options.mapping.values()}
        unused = [key for key in self.keys if key not in FIELDS and key not in used]
        if listed and unused:
            more = ", ..." if len(unused) > 12 else ""
            notes.append(f"unused keys: {', '.join(key[:40] for key in unused[:12])}{more}")


__all__ = ["FORMATS", "read"]
