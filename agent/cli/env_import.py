"""`autotts env import`: reads recorded branches into an environment file, and reports the skipped ones."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import json_output as json_writer
from .command_parser import CommandParser
from .options import OUTPUT, Commands, add_command, count, data_root, json_output

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.importing.report import ImportReport


def add_parser(verbs: Commands) -> None:
    """Add the command."""
    command = add_command(
        verbs, "import", import_, "read recorded branches into an environment file",
        "autotts env import runs.jsonl --name gsm8k/my-model",
    )  # fmt: skip
    group = command.group("format")
    command.add_argument("files", nargs="+", metavar="FILE", help="files of the same format; see `autotts docs data`")
    group.add_argument("--name", metavar="NAME", required=True, help="benchmark/model, such as aime24/Qwen3-1.7B")
    command.group(OUTPUT).add_argument("--replace", action="store_true", help="overwrite an environment of this name")
    group.add_argument(
        "--format", default="auto",
        choices=("auto", "published", "jsonl", "inspect", "lm-eval", "batch", "hf", "table", "mars", "deepconf"),
        help="format of the files (default: auto, from their content)",
    )  # fmt: skip
    _add_fields(command)
    skips = group.add_mutually_exclusive_group()
    skips.add_argument("--allow-skips", action="store_true", help="write the others if over 1%% must be skipped")
    skips.add_argument("--strict", action="store_true", help="write nothing if a branch must be skipped")
    json_output(command)
    data_root(command)


def _add_fields(command: CommandParser) -> None:
    """Add the options that say where a file holds what an environment needs."""
    group = command.group("fields")
    group.add_argument(
        "--map", nargs="+", default=[], metavar="FIELD=PATH",
        help="where the file holds each field, such as final_answer=output.answer; * is every item of a list",
    )  # fmt: skip
    group.add_argument(
        "--delta", type=count, metavar="N",
        help="tokens of an interval, if the file does not say; or a multiple of its own, which leaves probes out",
    )  # fmt: skip
    group.add_argument(
        "--tokens", metavar="HOW",
        help="missing lengths: chars/N (a token for N characters), shared (divide the tokens of a response among its "
        "choices) or a number for every branch",
    )  # fmt: skip
    group.add_argument(
        "--extract", nargs="+", default=[], metavar="HOW",
        help="find the final answer in the text: boxed, choice, number, last-line, json:PATH, "
        "package.module:function or a regular expression (last match); of several, the first that finds one in a text",
    )  # fmt: skip
    group.add_argument(
        "--extract-gold", nargs="+", default=[], metavar="HOW",
        help="find the gold answer in its text, in the same ways",
    )  # fmt: skip
    group.add_argument("--gold", metavar="FILE", help="table of gold answers (JSONL, CSV, .xlsx, Parquet) to join")
    group.add_argument("--gold-columns", metavar="KEY=ANSWER", help="columns of that table (default: by their names)")
    group.add_argument("--requests", metavar="FILE", help="requests of a batch job: equal prompts are one question")
    group.add_argument("--question-id", metavar="REGEX", help="the part of an id that names the question")
    group.add_argument(
        "--answers", metavar="KIND", help="how answers are compared: exact, text, number, choice, math, or "
        "package.module:function (default: from the data, and the report says which)",
    )  # fmt: skip
    group.add_argument("--scorer", metavar="NAME", help="scorer of an Inspect log that holds the answers")
    group.add_argument("--filter", metavar="NAME", help="filter of lm-eval samples (default: finds most answers)")
    group.add_argument("--split", metavar="NAME", help="split of a Hugging Face data set")
    group.add_argument("--sheet", metavar="NAME", help="sheet of a workbook")


def new_environment(data: str | None, name: str, *, replaced: bool) -> Path:
    """Return the path of a new environment.

    Args:
        data: the data root, as the user gave it.
        name: its name.
        replaced: whether it may overwrite another one.

    Raises:
        InputError: the name cannot be used, or it is taken.
    """
    from autotts.envs import catalogue
    from autotts.envs.synthetic.simulated import PREFIX, is_simulated

    path = catalogue.path_of(catalogue.data_root(data), name)
    if is_simulated(name):
        raise InputError(
            f"environment name {name!r}: {PREFIX}... is reserved for simulated environments; choose another --name"
        )
    if path.exists() and not replaced:
        raise InputError(f"{path}: the environment {name} exists already; overwrite it with --replace")
    return path


def import_(args: argparse.Namespace) -> int:
    """Read recorded branches into an environment file, and print the skipped ones.

    Raises:
        InputError: the file holds no usable branch, or the name is taken or reserved.
    """
    from autotts.envs import store
    from autotts.envs.answers.extraction import extraction
    from autotts.envs.counting import counted
    from autotts.envs.importing import importer
    from autotts.envs.importing.options import ImportOptions, columns, lengths, question_pattern
    from autotts.envs.importing.rows import parse_map

    from ..reports.console.bars import shows_progress
    from ..reports.console.terminal import TerminalConsole

    path = new_environment(args.data, args.name, replaced=args.replace)
    options = ImportOptions(
        mapping=parse_map(args.map),
        delta=args.delta,
        lengths=lengths(args.tokens),
        extract=extraction("--extract", *args.extract),
        extract_gold=extraction("--extract-gold", *args.extract_gold),
        question_id=question_pattern(args.question_id),
        requests=Path(args.requests) if args.requests else None,
        gold=Path(args.gold) if args.gold else None,
        gold_columns=columns(args.gold_columns),
        scorer=args.scorer,
        filter=args.filter,
        split=args.split,
        sheet=args.sheet,
        answers=args.answers,
    )
    status = TerminalConsole(stderr=True).status("reading ...")
    with status if shows_progress() else nullcontext():
        environment, report = importer.read(
            [Path(file) for file in args.files], args.name, args.format, options,
            lambda taken: status.update(f"reading ... {taken:,} branches"),
        )  # fmt: skip
    reason = report.refusal(strict=args.strict, allow_skips=args.allow_skips)
    if reason is not None:
        report.hash = ""  # of no file
    json_writer.write(args, lambda: _import_document(report))
    if environment is not None and reason is None:
        if report.format != "published":  # the file of a published recording stays as it always was
            files = {name: Path(file).name for name in ("gold", "requests") if (file := getattr(args, name))}
            kept = argparse.Namespace(**{**vars(args), **files})  # without the directories of this machine
            words = ["--format", report.format, *_given(kept, _READING)]
            environment = replace(environment, imported=shlex.join(words))
        store.save(environment, path)
        size = f"{counted(report.questions, 'question')}, {counted(report.branches, 'branch')}"
        print(f"{args.name}: {size} -> {path} (format {report.format})")
    for line in report.lines():
        print(line)
    if reason is not None:
        hint = f"; try: {_command(args, report.suggestion)}" if report.suggestion else ""
        raise InputError(f"{', '.join(report.files)}: {reason}, so nothing was written: {report.first()}{hint}")
    return 0


def _import_document(report: ImportReport) -> BaseModel:
    from .json_documents import EnvImportDocument

    return EnvImportDocument.of(report)




def _command(args: argparse.Namespace, more: Sequence[str]) -> str:
    """Return the command that the user typed, with more options, as one line of a shell."""
    words = ["autotts", "env", "import", *args.files, "--name", args.name]
    words += [*(["--format", args.format] if args.format != "auto" else []), *_given(args, ("json", "data"))]
    words += ["--replace"] * args.replace + ["--allow-skips"] * args.allow_skips + ["--strict"] * args.strict
    words += _given(args, _READING)
    return shlex.join([*words, *(more[1:] if args.map and more[0] == "--map" else more)])


def _given(args: argparse.Namespace, options: Sequence[str]) -> list[str]:
    """Return those of ``options`` that have a value, as the words of a command line."""
    words = []
    for option in options:
        value = getattr(args, option.replace("-", "_"))
        if value:
            words += [f"--{option}", *(value if isinstance(value, list) else [str(value)])]
    return words


_READING = (
    "delta", "tokens", "extract", "extract-gold", "gold", "gold-columns", "requests", "question-id", "answers",
    "scorer", "filter", "split", "sheet", "map",
)  # fmt: skip
"""The options that say how files are read; `--map` is the last, as a suggestion may add to it."""
