"""`autotts collect`: asks a live model every question many times, and makes an environment of the branches."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotts.envs.defaults import ALTERNATIVES
from autotts.envs.errors import InputError

from . import json_output as json_writer
from . import live_options, verifier_options
from .command_parser import BUDGET, OUTPUT
from .live_options import ANSWERS, BRANCHES, ServerAddress
from .messages import notice, warn
from .options import Commands, add_command, amount, count, data_root, fork_depths, hours, json_output, share, whole

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.live.answer_reader import AnswerReader
    from autotts.envs.live.collecting.estimate import CollectEstimate, RangeEstimate
    from autotts.envs.live.collecting.questions import QuestionFile
    from autotts.envs.live.collecting.session import CollectOutcome, CollectPlan
    from autotts.envs.live.collecting.spending import TokenPrices
    from autotts.envs.live.exchange import Endpoint
    from autotts.envs.live.settings import LiveSettings

_QUESTIONS = "questions"
_MOST_LOST = 0.1


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = add_command(
        commands, "collect", collect, "make an environment: ask a live model every question many times",
        "autotts collect questions.jsonl --name sums/my-model --base-url http://127.0.0.1:8000/v1 --branches 64",
        "autotts collect questions.jsonl --name sums/tiny --dry-run",
    )  # fmt: skip
    command.add_argument(
        "questions_file", metavar="QUESTIONS",
        help="questions, with or without gold answers: JSONL, a table, Parquet, or a Hugging Face data set on disk",
    )  # fmt: skip
    group = command.group(_QUESTIONS)
    group.add_argument(
        "--map", nargs="+", default=[], metavar="FIELD=PATH",
        help="where the file holds question, messages, gold_answer and question_id (default: their usual keys)",
    )  # fmt: skip
    group.add_argument("--split", metavar="NAME", help="split of a Hugging Face data set")
    group.add_argument("--sheet", metavar="NAME", help="sheet of a workbook")
    group.add_argument("--questions", type=count, metavar="N", help="take the first N questions (default: all)")
    group.add_argument(
        "--template", metavar="TEXT",
        help="message to the model, with {question} in it and \\n for a line break (default: the question alone)",
    )  # fmt: skip
    group.add_argument("--system", metavar="TEXT", help="system message (default: none)")
    group.add_argument(
        "--allow-skips", action="store_true", help="leave out rows without a question, or without a usable gold answer"
    )
    live_options.add_server(command, several=True)
    live_options.add_sampling(command)
    live_options.add_branches(command, budget=False)
    command.set_defaults(max_tokens=None)
    command.group(BRANCHES).add_argument(
        "--probe-cost", type=whole, default=0, metavar="N",
        help="tokens that replay charges for a probe (default: 0; what probes really cost is in the provenance)",
    )  # fmt: skip
    _add_forks(command.group(BRANCHES))
    live_options.add_answers(command)
    verifier_options.add_verifier(command, "that replay charges for a verification")
    command.group(ANSWERS).add_argument(
        "--extract-gold", nargs="+", default=[], metavar="HOW",
        help="find the gold answer in its text, as --extract does (default: take it as it stands)",
    )  # fmt: skip
    _add_budget(command.group(BUDGET))
    group = command.group(OUTPUT)
    group.add_argument("--name", metavar="NAME", help="benchmark/model, such as aime24/Qwen3-1.7B")
    group.add_argument(
        "-o", "--output", metavar="FILE", help="file to write, which ends in .env.npz (default: in the data root)"
    )
    group.add_argument("--replace", action="store_true", help="overwrite an environment of this name")
    group.add_argument(
        "--restart", action="store_true", help="drop what an earlier command has collected, and ask for all again"
    )
    group.add_argument(
        "--dry-run", action="store_true", help="collect a few branches, which are kept, and estimate the whole"
    )
    json_output(command)
    data_root(command)


def _add_forks(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--fork-at", metavar="N[,N...]", help="intervals after which each running branch is forked")
    group.add_argument("--forks", type=count, metavar="N", help="forks of a branch at each of them (default: 2)")
    group.add_argument(
        "--alternatives", type=count, default=ALTERNATIVES, metavar="N",
        help=f"likeliest tokens over which a token's confidence is a mean (default: {ALTERNATIVES}; DeepConf: 20)",
    )  # fmt: skip


def _add_budget(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--max-tokens-total", type=count, metavar="N",
        help="generate at most N tokens, of branches and probes, over all commands that collect this environment",
    )  # fmt: skip
    group.add_argument("--max-dollars", type=amount, metavar="N", help="spend at most N dollars, over all of them")
    group.add_argument("--max-hours", type=hours, metavar="N", help="stop this command after N hours")
    group.add_argument(
        "--price-in", type=amount, metavar="DOLLARS",
        help="price of a million prompt tokens, cached or not (default: those of --prices)",
    )  # fmt: skip
    group.add_argument(
        "--price-out", type=amount, metavar="DOLLARS",
        help="price of a million generated tokens (default: that of --prices)",
    )  # fmt: skip
    group.add_argument(
        "--prices", metavar="FILE", help="prices of models, before the built-in ones (default: $AUTOTTS_PRICES)"
    )
    group.add_argument(
        "--max-lost", type=share, default=_MOST_LOST, metavar="SHARE",
        help=f"stop if more than this share of the branches is lost (default: {_MOST_LOST:g})",
    )  # fmt: skip


def collect(args: argparse.Namespace) -> int:
    """Collect; return 0 when the environment is written, 130 at a limit or after Ctrl-C, 1 after a failure.

    Raises:
        InputError: the questions, a server, an option or the journal of an earlier command cannot be used.
    """
    import asyncio

    from autotts.envs.live.collecting.session import CollectWatcher
    from autotts.envs.live.collecting.session import collect as collect_branches

    from ..reports.console.collecting import CollectDisplay

    name, path = target(args)
    questions = questions_of(args)
    with live_options.chosen_servers(args) as servers:
        plan = plan_of(args, name, path, questions)
        endpoints = [(server.base_url, connection(args, server)) for server in servers]
        display = CollectDisplay()
        watcher = CollectWatcher(progress=display.report, notice=warn)
        try:
            with display:
                outcome = asyncio.run(collect_branches(plan, endpoints, watcher))
        except KeyboardInterrupt:
            warn(f"interrupted; what was collected is kept in {plan.home}: the same command goes on")
            return 130
    return _finish(args, plan, path, outcome)


def target(args: argparse.Namespace) -> tuple[str, Path]:
    """Return the name and the file of the environment.

    Raises:
        InputError: there is neither, or one cannot be used.
    """
    from autotts.envs import catalogue
    from autotts.envs.store import SUFFIX

    from .env_import import new_environment

    if args.output is None:
        if args.name is None:
            raise InputError("--name is missing: benchmark/model, such as aime24/Qwen3-1.7B")
        return args.name, new_environment(args.data, args.name, replaced=args.replace)
    path = Path(args.output)
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise InputError(f"--output {args.output}: the name of an environment file ends in {SUFFIX}")
    name = args.name or path.name.removesuffix(SUFFIX)
    catalogue.path_of(Path(), name)  # a wrong name raises before anything is asked
    if path.exists() and not args.replace:
        raise InputError(f"{path} exists already; overwrite it with --replace")
    return name, path


def questions_of(args: argparse.Namespace) -> QuestionFile:
    """Read the questions, and tell which fields they were found in.

    Raises:
        InputError: see `read_questions`.
    """
    from autotts.envs.answers.extraction import extraction
    from autotts.envs.counting import counted
    from autotts.envs.live.collecting.questions import FIELDS, QuestionOptions, read_questions

    mapping: dict[str, str] = {}
    for pair in args.map:
        field, _, place = pair.partition("=")
        if field not in FIELDS or not place:
            raise InputError(f"--map {pair}: expected FIELD=PATH with one of {', '.join(FIELDS)}")
        mapping[field] = place
    options = QuestionOptions(
        mapping=mapping,
        template=_template(args) or None,
        system=args.system or None,
        extract=extraction("--extract", *(args.extract or ["boxed"])),
        extract_gold=extraction("--extract-gold", *args.extract_gold),
        answers=args.answers,
        split=args.split,
        sheet=args.sheet,
        most=args.questions,
        allow_skips=args.allow_skips,
    )
    found = read_questions(Path(args.questions_file), options)
    keys = ", ".join(f"{field} in {key}" for field, key in found.keys.items())
    notice(f"{counted(len(found.questions), 'question')} ({keys})")
    for note in found.notes:
        notice(note)
    if not found.has_gold:
        notice("no gold answers: the majority of the branches of a question stands for its gold answer (agreement)")
    return found


def _template(args: argparse.Namespace) -> str:
    """Return the template with its line breaks; "" for none."""
    return (args.template or "").replace("\\n", "\n")


def plan_of(args: argparse.Namespace, name: str, path: Path, questions: QuestionFile) -> CollectPlan:
    """Return what is to be collected, and how."""
    from autotts.envs.live.collecting.journal import SUFFIX
    from autotts.envs.live.collecting.session import CollectPlan
    from autotts.envs.live.collecting.spending import CollectLimits
    from autotts.envs.store import SUFFIX as FILE_SUFFIX

    def settings(model: str, context: int | None) -> LiveSettings:
        found = live_options.live_settings(args, model, context)
        return replace(found, probe_cost=args.probe_cost)

    def reader(model: str) -> AnswerReader:
        chosen = questions.answers if questions.has_gold else args.answers
        return live_options.answer_reader(argparse.Namespace(**{**vars(args), "answers": chosen}), model)

    if args.forks and args.fork_at is None:
        raise InputError("--forks is for forks: --fork-at says where they are")
    fork_at = () if args.fork_at is None else fork_depths(args.fork_at)
    if 0 in fork_at or len(set(fork_at)) < len(fork_at):
        raise InputError("--fork-at: expected different numbers of intervals, from 1 on")
    return CollectPlan(
        name, path.with_name(path.name.removesuffix(FILE_SUFFIX) + SUFFIX), Path(args.questions_file).name, questions,
        settings, reader, lambda model: _prices(args, model), template=_template(args), system=args.system or "",
        limits=CollectLimits(args.max_tokens_total, args.max_dollars, args.max_hours), concurrency=args.concurrency,
        most_lost=args.max_lost, restart=args.restart, dry_run=args.dry_run, alternatives=args.alternatives,
        verifier=verifier_options.chosen_verifier(args), fork_at=fork_at, forks=(args.forks or 2) if fork_at else 0,
    )  # fmt: skip


def _prices(args: argparse.Namespace, model: str) -> TokenPrices | None:
    """Return the prices of the model; None if they are not known.

    Raises:
        InputError: they are not known, and there is a limit on dollars.
    """
    from autotts.envs.live.collecting.spending import TokenPrices

    from ..llm.prices import Prices

    known = Prices(Path(args.prices) if args.prices else None).find(model)
    if args.price_in is not None or args.price_out is not None:
        return TokenPrices(args.price_in or 0.0, args.price_in or 0.0, args.price_out or 0.0)
    if known is not None:
        return TokenPrices(known.input, known.cache_read, known.output)
    if args.max_dollars is not None:
        raise InputError(
            f"no price is known for the model {model!r}, so --max-dollars cannot hold: give --price-in and "
            "--price-out, in dollars per million tokens"
        )
    return None


def connection(args: argparse.Namespace, server: ServerAddress) -> Callable[[], Coroutine[Any, Any, Endpoint]]:
    """Return a function that connects to ``server``."""
    from autotts.envs.live.connecting import connect

    return lambda: connect(
        server.base_url, server.model, server.api_key, timeout=args.timeout, concurrency=args.concurrency,
        alternatives=args.alternatives,
    )  # fmt: skip


def _finish(args: argparse.Namespace, plan: CollectPlan, path: Path, outcome: CollectOutcome) -> int:
    """Write the environment, and print what was reached."""
    from autotts.envs import store
    from autotts.envs.summary import summarize

    from .env import summary_lines

    collection = outcome.collection
    if outcome.made is not None:
        store.save(outcome.made.environment, path)
    json_writer.write(args, lambda: _document(plan, path, outcome))
    if outcome.estimate is not None:
        for line in _estimate_lines(outcome.estimate):
            print(line)
    if outcome.made is not None:
        print(f"{plan.name} -> {path}")
        print(f"  {outcome.made.comparison.line()}")
        for note in outcome.made.notes:
            print(f"  note: {note}")
        print("\n".join(summary_lines(outcome.made.environment, summarize(outcome.made.environment))))
    if outcome.stopped is None:
        if plan.dry_run:
            notice(f"the branches of the dry run are kept in {plan.home}; without --dry-run the command goes on")
        return 0
    done = f"{collection.finished:,} of {collection.total:,} branches are done and kept in {plan.home}"
    if outcome.stopped.failed:
        warn(f"{outcome.stopped.why}; {done}: the same command goes on")
        return 1
    warn(f"{outcome.stopped.why}; {done}: the same command with a higher limit goes on")
    return 130


def _estimate_lines(found: CollectEstimate) -> list[str]:
    """Return an estimate as lines for the user."""
    from ..reports.console.collecting import duration

    def tokens(each: RangeEstimate) -> str:
        return f"{each.value:,.0f} [{each.low:,.0f}, {each.high:,.0f}]"

    hours = found.hours
    counted_branches = f"{found.of - found.forks:,} branches"
    if found.forks:
        counted_branches += f" and about {found.forks:,} forks"
    lines = [
        f"estimate for {counted_branches}, from {found.branches} (95% intervals)",
        f"  generated      {tokens(found.tokens)} tokens",
        f"  prompts        {tokens(found.prompt_tokens)} tokens, cached ones included",
        f"  requests       {tokens(found.requests)}",
    ]
    if found.dollars is not None:
        dollars = found.dollars
        lines.append(f"  cost           ${dollars.value:,.2f} [{dollars.low:,.2f}, {dollars.high:,.2f}]")
    if hours.value > 0:
        ends = f"[{duration(3600 * hours.low)}, {duration(3600 * hours.high)}]"
        lines.append(f"  time           {duration(3600 * hours.value)} {ends} at the speed of the dry run")
    return lines


def _document(plan: CollectPlan, path: Path, outcome: CollectOutcome) -> BaseModel:
    from .json_documents import CollectDocument

    return CollectDocument.of(plan, path, outcome)
