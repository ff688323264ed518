"""`autotts env`: environments on disk."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table

from envs import catalogue, store
from envs.errors import InputError
from envs.importing import importer, jsonl, published
from envs.importing.line import BranchLine
from envs.importing.options import ImportOptions, characters, pattern
from envs.importing.rows import parse_map
from envs.summary import summarize
from envs.synthetic.simulated import PREFIX, is_simulated


def import_(args: argparse.Namespace) -> int:
    """Read recorded branches into an environment file; say what was skipped. Exit code 2 if nothing was taken."""
    path = catalogue.path_of(catalogue.data_root(args.data), args.name)
    if is_simulated(args.name):
        raise InputError(f"environment name {args.name!r}: {PREFIX}... is for what a run simulates; take another")
    if path.exists() and not args.replace:
        raise InputError(f"{path}: an environment {args.name} is there already; give --replace to overwrite it")
    options = ImportOptions(
        mapping=parse_map(args.map),
        delta=args.delta,
        characters=characters(args.tokens),
        extract=pattern("--extract", args.extract),
        extract_gold=pattern("--extract-gold", args.extract_gold),
        scorer=args.scorer,
        filter=args.filter,
        split=args.split,
    )
    status = Console(stderr=True).status("reading ...")
    with status if sys.stderr.isatty() else nullcontext():
        environment, report = importer.read(
            [Path(file) for file in args.files], args.name, args.format, options,
            lambda taken: status.update(f"reading ... {taken:,} branches"),
        )  # fmt: skip
    if args.json:
        store.write_atomically(Path(args.json), json.dumps(report.document(), indent=1).encode())
    refused = environment is None or (args.strict and report.count > 0)
    if environment is not None and not refused:
        store.save(environment, path)
        size = f"{report.questions} questions, {report.branches} branches"
        print(f"{args.name}: {size} -> {path} (format {report.format})")
    for line in report.lines():
        print(line)
    if refused:
        what = "--strict allows no skipping" if environment else "no branch could be taken"
        raise InputError(f"{', '.join(report.files)}: {what}, and nothing was written: {report.first()}")
    return 0


def schema(args: argparse.Namespace) -> int:
    """Print the JSON Schema of a line of JSONL."""
    print(json.dumps(BranchLine.model_json_schema(), indent=2))
    return 0


def list_(args: argparse.Namespace) -> int:
    """List the environments under the data root."""
    root = catalogue.data_root(args.data)
    table = Table("environment", "questions", "branches", "delta", "hash")
    for name in catalogue.names(root):
        env = store.load(catalogue.path_of(root, name))
        table.add_row(name, str(len(env)), str(len(env.final_answers)), str(env.delta), env.hash[:12])
    if not table.row_count:
        print(f"no environments under {root}; see `autotts env import --help`")
        return 0
    Console().print(table)
    return 0


def show(args: argparse.Namespace) -> int:
    """Say what is in each environment."""
    for env in catalogue.find(catalogue.data_root(args.data), args.names):
        s = summarize(env)
        fewest, most = s.branches
        mean, median, tenth, longest = s.lengths
        print(f"{env.name}  {env.hash[:12]}")
        print(f"  questions      {s.questions}, {fewest if fewest == most else f'{fewest} to {most}'} branches each")
        print(f"  interval       {env.delta} tokens, probe cost {env.probe_cost}, {s.probes} probes")
        if env.signals:
            print(f"  signals        {', '.join(env.signals)}")
        print(f"  length         mean {mean:,.0f} tokens, median {median:,.0f}, 90% {tenth:,.0f}, most {longest:,.0f}")
        print(f"  one branch     {s.single:.1f}% right, {s.absent:.1f}% without an answer")
        print("  majority of    " + ", ".join(f"{n}: {value:.1f}%" for n, value in s.majority.items()))
        print(f"  settled after  {s.settled[0]:.0%} of a branch (median), {s.settled[1]:.0%} (90%)")
        print(f"  never solved   {_numbers(s.never)}")
        print(f"  always solved  {_numbers(s.always)}")
    return 0


def _numbers(questions: list[int]) -> str:
    return f"{len(questions)} questions: {', '.join(map(str, questions))}" if questions else "no question"


def export(args: argparse.Namespace) -> int:
    """Write an environment as the published JSON, or as JSONL."""
    environments = catalogue.find(catalogue.data_root(args.data), args.names)
    if len(environments) != 1:
        raise InputError("export writes one environment at a time")
    text = "".join(jsonl.write(environments[0])) if args.format == "jsonl" else published.write(environments[0]) + "\n"
    if args.output:
        store.write_atomically(Path(args.output), text.encode())
    else:
        sys.stdout.write(text)
    return 0


def validate(args: argparse.Namespace) -> int:
    """Check environment files; exit code 1 if one is damaged."""
    root = catalogue.data_root(args.data)
    bad = 0
    for name in catalogue.matching(root, args.names or ["*"]):
        try:
            print(f"{name}: sound, {store.load(catalogue.path_of(root, name)).hash[:12]}")
        except InputError as error:
            bad += 1
            print(f"{name}: {error}")
    return 1 if bad else 0


def fit(args: argparse.Namespace) -> int:
    """Fit the synthetic model to recorded environments."""
    from envs.synthetic.fitting import fit as fit_model

    models = {}
    for env in catalogue.find(catalogue.data_root(args.data), args.names):
        models[env.name] = fit_model(env).model_dump()
    text = json.dumps(models, indent=1)
    if args.output:
        store.write_atomically(Path(args.output), text.encode())
    else:
        print(text)
    return 0


def synthesize(args: argparse.Namespace) -> int:
    """Make environments from synthetic models."""
    from pydantic import ValidationError

    from envs.synthetic.model import SyntheticModel, default_models, generate

    models = default_models()
    if args.name and not args.model:
        raise InputError("--name is for a fitted model; give its file with --model")
    if args.model:
        try:
            document = json.loads(Path(args.model).read_text(encoding="utf-8"))
            models = {name: SyntheticModel.model_validate(value) for name, value in document.items()}
        except (ValueError, AttributeError, RecursionError, ValidationError):
            raise InputError(f"{args.model}: not a fitted model, as `autotts env fit` writes it") from None
        if args.name and len(models) == 1:
            models = {args.name: next(iter(models.values()))}
        else:
            models = {name if args.name is None else f"{args.name}/{name}": m for name, m in models.items()}
    root = catalogue.data_root(args.data)
    paths = {name: catalogue.path_of(root, name) for name in models}  # refuses a name before anything is written
    for name, model in models.items():
        env = generate(model, name, args.questions, args.branches, seed=args.seed)
        store.save(env, paths[name])
        print(f"{name}: {len(env)} questions, {len(env.final_answers)} branches -> {paths[name]}")
    return 0
