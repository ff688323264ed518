"""`autotts env`: imports, lists, shows, exports, validates, fits and synthesizes environments."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import env_import, env_synthesize
from . import json_output as json_writer
from .options import OUTPUT, Commands, add_command, add_group, data_root, json_output

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

    from autotts.envs.store import Environment
    from autotts.envs.summary import Summary


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = add_group(commands, "env", "recorded environments: import, list, show, export, validate, fit, synthesize")
    env_import.add_parser(verbs)
    add_command(
        verbs, "schema", schema, "print the JSON Schema of a JSONL line for `import`", "autotts env schema",
        prints_data=True,
    )  # fmt: skip
    command = add_command(verbs, "list", list_, "list the environments under the data root", "autotts env list")
    data_root(command)
    json_output(command)
    for name, function, help, example in (
        ("show", show, "print a summary of environments", "'synthetic/*'"),
        ("export", export, "write an environment as the published JSON, or as JSONL", "synthetic/small -o small.json"),
        ("validate", validate, "check environment files against their hashes", "'aime24/*'"),
        ("fit", fit, "fit the synthetic model to recorded environments", "'aime24/*' -o models.json"),
    ):
        command = add_command(
            verbs, name, function, help, f"autotts env {name} {example}", prints_data=name in ("export", "fit")
        )
        command.add_argument(
            "names", nargs="*" if name == "validate" else "+", metavar="NAME", help="names or patterns of environments"
        )
        if name in ("export", "fit"):
            command.group(OUTPUT).add_argument(
                "-o", "--output", metavar="FILE", help="file to write (default: standard output)"
            )
        if name in ("show", "validate"):
            json_output(command)
        if name == "show":
            command.group(OUTPUT).add_argument(
                "--list-questions", action="store_true", help="also list the questions: number, id, gold answer, text"
            )
        if name == "export":
            command.group(OUTPUT).add_argument(
                "--format", choices=("published", "jsonl"), default="published", help="default: published"
            )
        data_root(command)
    env_synthesize.add_parser(verbs)


def schema(args: argparse.Namespace) -> int:
    """Print the JSON Schema of a line of JSONL."""
    from autotts.envs.importing.line import BranchLine

    print(json.dumps(BranchLine.model_json_schema(), indent=2))
    return 0


def list_(args: argparse.Namespace) -> int:
    """List the environments under the data root."""
    from rich.table import Table

    from autotts.envs import catalogue, store

    from ..reports.console.terminal import TerminalConsole

    root = catalogue.data_root(args.data)
    found = {name: store.load(catalogue.path_of(root, name)) for name in catalogue.names(root)}
    json_writer.write(args, lambda: _list_document(root, found))
    table = Table("environment", "questions", "branches", "interval", "hash")
    for name, env in found.items():
        table.add_row(name, str(len(env)), str(len(env.final_answers)), str(env.delta), env.hash[:12])
    if not table.row_count:
        print(f"no environments under {root}; see `autotts env import --help`")
        return 0
    TerminalConsole().print(table)
    return 0


def _list_document(root: Path, found: Mapping[str, Environment]) -> BaseModel:
    from .json_documents import EnvListDocument
    from .json_rows import EnvironmentRow

    return EnvListDocument(
        data=str(root), environments=tuple(EnvironmentRow.of(name, env) for name, env in found.items())
    )  # fmt: skip


def show(args: argparse.Namespace) -> int:
    """Print a summary of each environment."""
    from autotts.envs import catalogue
    from autotts.envs.summary import summarize

    from ..reports.console.terminal import console

    found = [(env, summarize(env)) for env in catalogue.find(catalogue.data_root(args.data), args.names)]
    json_writer.write(args, lambda: _show_document(found))
    for env, s in found:
        print("\n".join(summary_lines(env, s)))
        if args.list_questions:
            console().print(_questions(env))
    return 0


def summary_lines(env: Environment, s: Summary) -> list[str]:
    """Return the figures of an environment as lines of text for the user."""
    from autotts.envs.answers.comparison import comparison_in_words
    from autotts.envs.plain_text import LINE, plain

    fewest, most = s.branches
    mean, median, tenth, longest = s.lengths
    probes = f"{s.probes:,} probes, cost of a probe {env.probe_cost}" if s.probes else "no probes (width only)"
    votes = [f"{n}: {value:.1f}%" for n, value in s.majority.items() if n > 1]
    lines = [
        f"{env.name}  {env.hash[:12]}",
        f"  questions      {s.questions}, {fewest if fewest == most else f'{fewest} to {most}'} branches each",
        f"  interval       {env.delta:,} tokens, {probes}",
        *([f"  imported with  {env.imported}"] if env.imported else []),
        *(f"  {plain(name[:40]):14} {plain(value[:LINE])}" for name, value in _provenance(env)),
        f"  answers        {comparison_in_words(env.answers)}",
        *([f"  signals        {', '.join(env.signal_names)}"] if env.signal_names else []),
        *([f"  verifier       {env.verify_cost:,} tokens a verification"] if env.verifier is not None else []),
        *_fork_lines(env, s),
        *_separation_lines(s),
        f"  length         mean {mean:,.0f} tokens, median {median:,.0f}, 90% {tenth:,.0f}, most {longest:,.0f}",
        f"  one branch     {s.single:.1f}% right, {s.absent:.1f}% without an answer",
    ]
    if votes:
        lines.append(f"  majority of    {', '.join(votes)} right, mean of 100 branch orders; absent answers vote")
    if s.probes:
        lines.append(f"  settled after  {s.settled[0]:.0%} of a branch (median), {s.settled[1]:.0%} (90%)")
    lines.append(f"  never solved   {_labels(env, s.never)}")
    lines.append(f"  always solved  {_labels(env, s.always)}")
    return lines


def _provenance(env: Environment) -> Iterator[tuple[str, str]]:
    """Yield the provenance, with the truth about simulated parts in words."""
    from autotts.envs.synthetic.parts import PROVENANCE, simulated_parts

    truth = simulated_parts(env)
    for name, value in env.provenance.items():
        if name == PROVENANCE and truth is not None:
            yield from ((name, line) for line in truth.lines())
        else:
            yield name, value


def _fork_lines(env: Environment, s: Summary) -> Iterator[str]:
    from autotts.envs.roots import fork_depths_in_words

    if env.parents is None:
        return
    at = fork_depths_in_words([env])
    decided = "" if s.inheritance is None else f"; their ends are decided before the fork in {s.inheritance:.0%}"
    rule = "the nearest is taken for one that is not there" if env.fork_rule == "nearest" else "others are refused"
    yield f"  forks          {s.forks:,} at depth {at or 'none'}, {rule}{decided}"


def _separation_lines(s: Summary) -> Iterator[str]:
    """Yield how well numbers tell right from wrong: the line of a number that is nowhere says so."""
    from autotts.envs.signals import STANDARD

    for name, found in s.separations.items():
        known = STANDARD.get(name)
        lower = " (lower is surer)" if known and known.higher_is == "less sure" else ""
        parts = [f"{value:.2f} {where}" for value, where in ((found.unfinished, "at intervals"),
                 (found.finished, "finished")) if value is not None]  # fmt: skip
        yield f"  right > wrong  {name}{lower}: {', '.join(parts) or 'no pair of branches to compare'}"


def _show_document(found: Sequence[tuple[Environment, Summary]]) -> BaseModel:
    from .json_documents import EnvShowDocument

    return EnvShowDocument.of(found)


def _labels(env: Environment, questions: list[int]) -> str:
    from autotts.envs.counting import counted

    if not questions:
        return "no question"
    return f"{counted(len(questions), 'question')}: {', '.join(map(env.label, questions))}"


def _questions(env: Environment) -> Table:
    """Return a table with the number, the id, the gold answer and the text of each question."""
    from rich.table import Table
    from rich.text import Text

    from autotts.envs.plain_text import plain

    table = Table("question", "id", "gold answer", "right", "text")
    for q, text in enumerate(env.questions):
        branches = env.branches(q)
        right = int((env.final_answers[branches.start : branches.stop] == env.gold[q]).sum())
        cells = (env.question_ids[q] if env.question_ids else "", env.vocabulary[env.gold[q]], " ".join(text.split()))
        id, gold, line = (Text(plain(cell if len(cell) <= 60 else cell[:59] + "…")) for cell in cells)
        table.add_row(str(q), id, gold, f"{right} of {len(branches)}", line)
    return table


def export(args: argparse.Namespace) -> int:
    """Write an environment as the published JSON, or as JSONL."""
    from autotts.envs import catalogue, store
    from autotts.envs.importing import jsonl, published

    environments = catalogue.find(catalogue.data_root(args.data), args.names)
    if len(environments) != 1:
        raise InputError(
            f"{' '.join(args.names)}: {len(environments)} environments, but `env export` writes one at a time"
        )
    text = "".join(jsonl.write(environments[0])) if args.format == "jsonl" else published.write(environments[0]) + "\n"
    if args.output:
        store.write_atomically(Path(args.output), text.encode())
    else:
        sys.stdout.write(text)
    return 0


def validate(args: argparse.Namespace) -> int:
    """Check environment files; return exit code 1 if one is damaged."""
    from autotts.envs import catalogue, store

    root = catalogue.data_root(args.data)
    hashes: dict[str, str | None] = {}
    problems: dict[str, str] = {}
    for name in catalogue.matching(root, args.names or ["*"]):
        try:
            hashes[name] = store.load(catalogue.path_of(root, name)).hash
            print(f"{name}: sound, {str(hashes[name])[:12]}")
        except InputError as error:
            hashes[name], problems[name] = None, str(error)
            print(f"{name}: {error}")
    json_writer.write(args, lambda: _validate_document(hashes, problems))
    return 1 if problems else 0


def _validate_document(hashes: Mapping[str, str | None], problems: Mapping[str, str]) -> BaseModel:
    from .json_documents import EnvValidateDocument
    from .json_rows import ValidationRow

    rows = [ValidationRow(name=name, hash=hash, problem=problems.get(name, "")) for name, hash in hashes.items()]
    return EnvValidateDocument(rows)


def fit(args: argparse.Namespace) -> int:
    """Fit the synthetic model to recorded environments."""
    from autotts.envs import catalogue, store
    from autotts.envs.synthetic.fitting import fit as fit_model

    from ..reports.console.bars import ProgressBars

    found = catalogue.find(catalogue.data_root(args.data), args.names)
    with ProgressBars() as bars:
        models = {env.name: fit_model(env).model_dump() for env in bars.over("fit", found)}
    text = json.dumps(models, indent=1)
    if args.output:
        store.write_atomically(Path(args.output), text.encode())
    else:
        print(text)
    return 0
