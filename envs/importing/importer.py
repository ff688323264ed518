"""Imports files into an environment: reads rows, maps their fields, checks and collects branches, and reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..answers import equivalence
from ..answers.comparison import compare_answers
from ..answers.extraction import plain_number
from ..counting import counted
from ..dotted_paths import leads_somewhere
from ..errors import InputError
from ..store import MAX_TOKENS, Environment
from . import batches, datasets, deepconf, inspect_logs, jsonl, lm_eval, mars, published, tables
from .collector import BranchCollector
from .detection import FORMATS, detect
from .joins import Joins, joins
from .line import FIELDS, BranchLine, as_text, complaint
from .missing_fields import OptionSuggestion, missing_fields
from .options import ImportOptions, Lengths
from .plausibility import Extracted, warnings
from .report import ImportReport
from .rows import FormatReader, ImportedRow, SkippedRow, UnreadableRow, branches

READERS: dict[str, FormatReader] = {
    "jsonl": jsonl.read,
    "inspect": inspect_logs.read,
    "lm-eval": lm_eval.read,
    "batch": batches.read,
    "hf": datasets.read,
    "table": tables.read,
    "mars": mars.read,
    "deepconf": deepconf.read,
}
"""The reader of each format. A new format needs a module with a reader, and a line here."""
_CHECKED = [name for name in FIELDS if name != "text"]  # only two options read ``text``, so its type is not checked
_ONLY = {"scorer": ("inspect",), "filter": ("lm-eval",), "split": ("hf",), "requests": ("batch",), "sheet": ("table",)}


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
    if kind == "lm-eval":
        options, notes = lm_eval.prepare(paths, options)
        report.notes += notes
    joined = joins(options, _rows_of, by_row=kind == "mars")
    report.notes += joined.notes
    collector = BranchCollector(options.delta)
    importer = _RowImporter(collector, options, report, joined, kind, len(paths) > 1)
    for path in paths:
        for row in READERS[kind](path, options):
            importer.add(path, row)
            if collector.branches % 1000 == 0:
                progress(collector.branches)
    importer.refuse_unseen_paths()
    importer.settle()
    importer.add_notes(listed=kind in ("jsonl", "hf", "table"))
    report.suggestion = importer.suggestion.words()
    if not collector.branches:
        return None, report
    importer.refuse_whole_texts()
    environment, comparison = compare_answers(
        collector.environment(name), options.answers, collector.right(), collector.compared
    )
    report.add_comparison(comparison)
    importer.add_verdict_notes(environment.answers)
    report.describe(environment)
    report.warnings += warnings(environment, importer.extracted, options.extract)
    return environment, report


def _rows_of(path: Path) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield the rows of a table that completes an import."""
    kind = detect(path)
    if kind not in ("jsonl", "batch", "hf", "table"):
        raise InputError(f"{path}: expected JSONL, CSV, .xlsx or Parquet, but the format is {kind}")
    return READERS["jsonl" if kind == "batch" else kind](path, ImportOptions())


def _check_options(kind: str, options: ImportOptions) -> None:
    for option, kinds in _ONLY.items():
        if getattr(options, option) is not None and kind not in kinds:
            raise InputError(f"--{option} is for {', '.join(kinds)}, but the format is {kind}")
    if options.lengths.shared and kind != "batch":
        raise InputError(f"--tokens shared is for batch, but the format is {kind}")
    if options.gold_columns is not None and options.gold is None:
        raise InputError("--gold-columns names the columns of --gold, which is missing")
    if options.delta is not None and not 0 < options.delta <= MAX_TOKENS:
        raise InputError(f"--delta is {options.delta}, but must be between 1 and {MAX_TOKENS}")


def _published(paths: Sequence[Path], name: str, options: ImportOptions, report: ImportReport) -> Environment:
    if len(paths) > 1:
        raise InputError("the published JSON holds a whole environment: import its files one by one")
    if replace(options, answers=None) != ImportOptions():
        raise InputError("the published JSON takes no options: leave out --map, --delta, --tokens and --extract")
    environment, comparison = compare_answers(published.read(paths[0], name), options.answers, recording=True)
    report.add_comparison(comparison)
    report.describe(environment)
    report.warnings += warnings(environment, Extracted(), None)
    return environment


class _RowImporter:
    """Adds the branches of rows to a collector, one row at a time, and reports the skipped ones."""

    def __init__(
        self,
        collector: BranchCollector,
        options: ImportOptions,
        report: ImportReport,
        joined: Joins,
        kind: str,
        several: bool,
    ) -> None:
        self.collector = collector
        self.options = options
        self.report = report
        self.joined = joined
        self.table = kind == "table"
        self.several = several
        self.estimated = 0
        self.missing_probes = 0
        """The number of probes that a recording of MARS should have, and has not."""
        self.extracted = Extracted()
        self.blank = 0
        """The number of branches for which a table has empty cells."""
        self.whole = 0
        """The number of branches whose answer is their whole text."""
        self.lists = any("*" in path for path in options.mapping.values())
        """Whether the mapping makes several branches of a row."""
        self.keys: dict[str, None] = {}
        self.unseen = dict(options.mapping)
        """The mapped fields whose path has led nowhere so far."""
        self.suggestion = OptionSuggestion(options)

    def add(self, path: Path, row: ImportedRow | UnreadableRow) -> None:
        place = f"{path} {row.place}" if self.several else row.place
        self.report.rows += 1
        if isinstance(row, UnreadableRow):
            self.report.skip_row(place, row.why)
            return
        if isinstance(row.raw, dict) and len(self.keys) < 100:
            self.keys.update(dict.fromkeys(str(key) for key in row.raw))
        for name in [name for name, path in self.unseen.items() if leads_somewhere(row.raw, path)]:
            del self.unseen[name]
        for number, fields in enumerate(self._branches(place, row)):
            where = f"{place} branch {number}" if row.lists or self.lists else place
            try:
                self._branch(fields, row.raw, where)
            except ValidationError as error:
                self.report.skip(where, complaint(error))
            except SkippedRow as why:
                self.report.skip(where, str(why))

    def _branches(self, place: str, row: ImportedRow) -> Iterator[dict[str, Any]]:
        starred = [name for name, path in self.options.mapping.items() if "*" in path]
        try:
            for fields in branches(row, self.options.mapping):
                if self.table and starred and all(fields[name] is None for name in starred):
                    self.blank += 1
                else:
                    yield fields
        except SkippedRow as why:
            hint = " (a cell holds no list: take Parquet or JSONL, or a column for each branch)" if self.table else ""
            self.report.skip_row(place, f"{why}{hint}")

    def _branch(self, fields: dict[str, Any], raw: Any, place: str) -> None:
        if self.table:
            fields = tables.typed(fields)
        if self.options.question_id is not None:
            fields["question_id"] = self._part(fields.get("question_id"))
        self.joined.complete(fields)
        lacks, text = missing_fields(fields, self.options), fields.get("text")
        if lacks:
            self.suggestion.add(raw, [name for name, _ in lacks], text)
            raise SkippedRow("; ".join(why for _, why in lacks))
        way = self._extract(fields, text)
        self._gold(fields)
        estimated = self._estimate(fields, text)
        line = BranchLine.model_validate({name: fields[name] for name in _CHECKED if name in fields})
        self.collector.add(line, place)
        self.missing_probes += fields.get("missing_probes") or 0
        self.estimated += estimated
        self.whole += _is_whole(line.final_answer, text) and way is None
        if way is not None:
            self.extracted.add(line.final_answer, way)

    def _part(self, name: Any) -> str:
        """Return the part of an id that names the question."""
        pattern = self.options.question_id
        match = pattern.search(str(name)) if pattern is not None and name is not None else None
        if pattern is None or match is None:
            raise SkippedRow("--question-id finds nothing in question_id")
        return str(match[pattern.groups])

    def _extract(self, fields: dict[str, Any], text: Any) -> str | None:
        """Find the answer in the text; return the name of the way that found it, or None if this is not asked for."""
        if self.options.extract is None:
            return None
        fields["final_answer"], way = self.options.extract.find(text)
        return way

    def _gold(self, fields: dict[str, Any]) -> None:
        gold, options = fields.get("gold_answer"), self.options
        if isinstance(gold, int | float) and options.extract_gold is not None:
            with suppress(ValueError):  # not a number: `BranchLine` says so
                gold = as_text(gold)
        if not isinstance(gold, str):
            return
        if options.extract_gold is not None:
            fields["gold_answer"] = options.extract_gold.find(gold)[0]
            if fields["gold_answer"] is None:
                raise SkippedRow("--extract-gold finds nothing in gold_answer")
        elif options.extract is not None and options.extract.name == "number":
            fields["gold_answer"] = plain_number(gold) or gold  # in the form in which the answers are extracted

    def _estimate(self, fields: dict[str, Any], text: Any) -> bool:
        lengths = self.options.lengths
        if fields.get("total_tokens") is not None:
            return bool(fields.get(batches.SHARED))
        if lengths.each is not None:
            fields["total_tokens"] = lengths.each
        elif lengths.characters is not None and isinstance(text, str):
            fields["total_tokens"] = math.ceil(len(text) / lengths.characters)
        return fields.get("total_tokens") is not None

    def settle(self) -> None:
        """Bring the branches to one interval, and report those that are dropped for another one."""
        notes, dropped = self.collector.settle()
        self.report.notes += notes
        for place in dropped:
            self.report.skip(place, "probes at an interval of which the common one is no multiple (--delta names one)")
        for place, why in self.collector.settle_forks():
            self.report.skip(place, why)

    def refuse_unseen_paths(self) -> None:
        """Raise an error if a path of the mapping leads nowhere in every row.

        Raises:
            InputError: there is such a path.
        """
        if not self.unseen or not self.keys:
            return
        wrong = "; ".join(f"no line has the key `{path}` (--map {name}={path})" for name, path in self.unseen.items())
        raise InputError(f"{', '.join(self.report.files)}: {wrong}; keys: {_listed(self.keys)}")

    def refuse_whole_texts(self) -> None:
        """Raise an error if most answers are the whole texts of their branches, of which no two are ever equal.

        Raises:
            InputError: they are.
        """
        if self.options.extract is None and 2 * self.whole > self.collector.branches:
            raise InputError(
                f"{', '.join(self.report.files)}: {self.whole:,} of {self.collector.branches:,} answers are the whole"
                " texts of their branches, so that hardly two are equal: --extract number, choice, boxed, last-line or"
                " a regular expression finds the answer in them ('(?s).*' takes them as they are)"
            )

    def add_verdict_notes(self, kind: str) -> None:
        """Add notes on answers that are right by the mark of a file alone.

        Args:
            kind: how answers are compared, see `envs.answers`.
        """
        compared_here = self.collector.compared is None or self.options.answers is not None
        branches, mixed = self.collector.merged(equivalence(kind).same if compared_here else str.__eq__)
        if branches:
            self.report.notes.append(
                f"{counted(branches, 'branch')} right by mark alone: the answer became the gold answer"
            )
        if mixed:
            self.report.notes.append(
                f"in {counted(mixed, 'question')} several right answers became one, and wrong ones that differ as much"
                " did not: a vote is easier"
            )

    def add_notes(self, listed: bool) -> None:
        """Add notes to the report: estimates, extracted answers, missing probes, and unused keys.

        Args:
            listed: whether to name the keys of the rows that the import did not use.
        """
        collector, notes, options = self.collector, self.report.notes, self.options
        if self.estimated:
            notes.append(_estimate_note(self.estimated, options.lengths))
        if self.extracted.texts:
            assert options.extract is not None
            notes.append(f"the answers are what --extract finds in the texts: {self.extracted.text(options.extract)}")
            if self.report.format in ("inspect", "lm-eval"):
                notes.append("the verdicts of the file are left out, as they are on other answers")
        if self.missing_probes:
            notes.append(f"{counted(self.missing_probes, 'probe')} are missing, as beyond the prober's context: absent")
        if self.blank:
            notes.append(f"{counted(self.blank, 'branch')} with empty cells only, taken as not there")
        if collector.bare and collector.probed and options.delta is None:
            notes.append(f"{counted(collector.bare, 'branch')} without probe_answers, though others have some")
        if options.delta and collector.bare:
            bare = counted(collector.bare, "branch")
            notes.append(f"{bare} without an answer before the end: --delta only counts the tokens")
        used = {path.split(".")[0] for path in options.mapping.values()}
        unused = [key for key in self.keys if not _is_used(key, used)]
        if listed and unused:
            notes.append(f"unused keys: {_listed(unused)}")


def _listed(keys: Collection[str]) -> str:
    """Return the first keys as text for the user."""
    return ", ".join([*(key[:40] for key in list(keys)[:12]), *(["..."] if len(keys) > 12 else [])])


def _is_used(key: str, used: set[str]) -> bool:
    """Return whether a key of a row is a field, or mapped to one."""
    if key in FIELDS or tables.field_of(key) or key in used:
        return True
    stars = [part.partition("*") for part in used if "*" in part and part != "*"]
    return any(key.startswith(before) and key.endswith(after) for before, _, after in stars)


def _is_whole(answer: str | None, text: Any) -> bool:
    """Return whether an answer of several words is the whole text; scorers change its case."""
    if answer is None or not isinstance(text, str) or len(answer.split()) < 2:
        return False
    return answer.strip().casefold() == text.strip().casefold()


def _estimate_note(count: int, lengths: Lengths) -> str:
    branches = counted(count, "branch")
    if lengths.shared:
        return f"lengths of {branches} are shares of their response's tokens: they add up, but each is an estimate"
    if lengths.each is not None:
        return f"lengths of {branches} are not known: each counts {lengths.each:,} tokens, so that cost is width"
    return f"lengths of {branches} are estimates: chars/{lengths.characters:g}"


__all__ = ["FORMATS", "read"]
