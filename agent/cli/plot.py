"""`autotts plot`: draws scaling curves, the lineage, or one episode as a picture (needs the extra `plot`)."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotts.envs.errors import InputError

from . import options
from .command_parser import CommandParser
from .messages import tell_progress, warn
from .options import Commands, add_command, count

if TYPE_CHECKING:
    from autotts.envs.statistics import Point

    from ..archive.reader import ArchiveReader
    from ..records.card import EvaluationProtocol
    from ..reports.plots.curves import CurveLine
    from ..reports.plots.points import PlottedController

_ORDERS = 20
"""Default number of branch orders."""


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = options.add_group(commands, "plot", "draw curves, the lineage or an episode as PNG, SVG or PDF")
    command = add_command(
        verbs, "curves", curves, "draw accuracy against tokens, with 95% intervals",
        "autotts plot curves runs/1/report.json -o curve.png",
        "autotts plot curves balanced parallel_probe --env 'synthetic/*' -o curve.svg",
    )  # fmt: skip
    _add_curves(command)
    command = add_command(
        verbs, "lineage", lineage, "draw the lineage by generation and score, and mark the best",
        "autotts plot lineage runs/1 -o lineage.svg",
    )  # fmt: skip
    output = command.group(options.OUTPUT)
    output.add_argument(
        "--by", choices=("explorer", "verdict", "island"), default="explorer", help="colours (default: explorer)"
    )
    output.add_argument(
        "--tokens", type=count, metavar="N", help="score versions by their accuracy within N tokens a question"
    )
    options.data_root(command)
    options.picture(command, argument=True)
    command = add_command(
        verbs, "trace", trace, "draw one episode: a row for each branch, a cell for each interval",
        "autotts plot trace balanced --env synthetic/small --question 3 -o trace.pdf",
    )  # fmt: skip
    options.episode(command)
    command.group(options.OUTPUT).add_argument(
        "--colour-by", metavar="SIGNAL",
        help="a signal of the environment, or `verifier` for its scores (default: the answers)",
    )  # fmt: skip
    options.picture(command)
    options.workers(command)


def _add_curves(command: CommandParser) -> None:
    command.add_argument(
        "controllers", nargs="*", metavar="CONTROLLER",
        help="baselines, champions, versions, paths, or JSON files: of `evaluate --json`, or a run's report.json "
        "(default: the best version of the archive, and the baselines)",
    )  # fmt: skip
    command.group(options.ENVIRONMENTS).add_argument(
        "--env", nargs="+", type=options.environment, metavar="ENV",
        help="names or patterns; each environment has a panel (default: the mean)",
    )  # fmt: skip
    options.data_root(command)
    group = command.group(options.EPISODES)
    group.add_argument(
        "--beta", type=options.number, nargs="+", metavar="B", help="values of beta (default: as archived)"
    )
    group.add_argument(
        "--orders", type=count, metavar="N", help="number of branch orders (default: as archived, else 20)"
    )
    group.add_argument(
        "--first-order", type=int, metavar="N", help="the first branch order (default: as archived, else 0)"
    )
    group = command.group(options.BUDGET)
    group.add_argument(
        "--max-branches", type=count, metavar="N", help="branches of a question at most (default: as archived, else 64)"
    )
    group.add_argument(
        "--max-tokens", type=count, metavar="N",
        help="tokens of a question at most (default: as archived, else no limit)",
    )  # fmt: skip
    options.picture(command)
    options.workers(command)


def lineage(args: argparse.Namespace) -> int:
    """Draw every version by generation and score."""
    from autotts.envs.counting import counted

    from ..archive.reader import open_reader
    from ..reports.plots.lineage import draw_lineage
    from ..reports.plots.picture import ready

    ready(Path(args.output))
    place = open_reader(args.run, args.archive, args.data)
    view = place.view()
    if not view.rows:
        raise InputError("the archive is empty; see `autotts discover --help`")
    title = f"{place.title}: {counted(len(view.rows), 'version')}"
    draw_lineage(view, Path(args.output), args.by, args.tokens, title, place.best())
    for problem in view.problems.values():
        warn(f"left out: {problem}")
    print(args.output)
    return 0


def trace(args: argparse.Namespace) -> int:
    """Run one episode, and draw it."""
    from autotts.sandbox.sealed_extras import declared_by

    from ..diagnosis.drawing import draw_episode
    from ..reports.plots.picture import ready
    from ..reports.plots.trace import draw_trace
    from .episode import run_episode

    ready(Path(args.output))
    batch, logs, candidate = run_episode(args)
    episode = draw_episode(batch, logs, 0, args.id, "", played=True, declared=declared_by(candidate.source))
    draw_trace(episode, Path(args.output), args.colour_by or "")
    print(args.output)
    return 0


def curves(args: argparse.Namespace) -> int:
    """Draw accuracy against tokens, of controllers or of figures in JSON files."""
    from ..archive.measurements import orders
    from ..reports.plots.curves import draw_curves
    from ..reports.plots.picture import ready

    path = Path(args.output)
    ready(path)
    if any(name.endswith(".json") for name in args.controllers):
        if args.env or not all(name.endswith(".json") for name in args.controllers):
            raise InputError("JSON files are drawn as they are: name no controllers beside them, and no --env")
        draw_curves([line for name in args.controllers for line in _read_json(Path(name))], path)
    else:
        wanted, lines = _lines(args)
        draw_curves(lines, path, mean=args.env is None, title=orders(wanted))
    print(path)
    return 0


def _lines(args: argparse.Namespace) -> tuple[EvaluationProtocol, list[CurveLine]]:
    """Return the protocol of the picture, and the curve of each controller."""
    from ..archive.baselines import every_baseline
    from ..archive.best import label
    from ..reports.plots.curves import CurveLine
    from ..reports.plots.points import protocol

    place = _open_archive(args)
    chosen = [_chosen(name, place, args) for name in dict.fromkeys(args.controllers or _default_controllers(place))]
    wanted = protocol(chosen, args.env, place, _default_protocol())
    given = {
        "betas": tuple(sorted(set(args.beta))) if args.beta else None, "first_order": args.first_order,
        "orders": args.orders, "max_branches": args.max_branches, "max_tokens": args.max_tokens,
    }  # fmt: skip
    wanted = wanted.model_copy(update={name: value for name, value in given.items() if value is not None})
    points, names = _points_of(chosen, wanted, place, args), place.given_names
    return wanted, [
        CurveLine(label(name, names.get(name, "")), name in every_baseline(), found)
        for name, found in zip((one.candidate.name for one in chosen), points, strict=True)
    ]


def _default_protocol() -> EvaluationProtocol:
    from autotts.envs.episodes import BETAS, MAX_BRANCHES
    from autotts.envs.synthetic.model import default_environments

    from ..records.card import EvaluationProtocol

    return EvaluationProtocol(
        environments={env.name: env.hash for env in default_environments()}, betas=BETAS, first_order=0, orders=_ORDERS,
        max_branches=MAX_BRANCHES,
    )  # fmt: skip


def _open_archive(args: argparse.Namespace) -> ArchiveReader:
    """Return the named or the newest archive; without any archive, return an empty one.

    Raises:
        InputError: the named archive does not exist.
    """
    from autotts.envs import catalogue

    from ..archive import resolve
    from ..archive.reader import ArchiveReader, open_reader

    try:
        return open_reader(args.run, args.archive, args.data)
    except InputError:
        if args.run or args.archive:
            raise
        return ArchiveReader(resolve.RUNS / "none", None, catalogue.data_root(args.data))


def _default_controllers(place: ArchiveReader) -> list[str]:
    """Return the best version of an archive, and its baselines."""
    view = place.view()
    if not view.ranked:
        raise InputError("no version has scores: name controllers, or another --run")
    chosen = place.best()
    best = [chosen.id] if chosen and chosen.discovered else []
    start = [row.id for row in view.rows if row.generation == 0 and row.ok]
    given = [name for name in start if name in place.given_names]  # beside the best: their colours differ the most
    return [*best, *given, *(name for name in start if name not in given)]


def _chosen(name: str, place: ArchiveReader, args: argparse.Namespace) -> PlottedController:
    """Return the controller of this name (`archive.names`), with its archived figures."""
    from ..archive import resolve
    from ..archive.archive import Archive
    from ..archive.baselines import baseline_source, every_baseline
    from ..archive.names import run_of
    from ..archive.reader import ArchiveReader
    from ..reports.plots.points import PlottedController

    found = resolve.find_controller(name, args.run, args.archive)
    if found.archive is None:
        archived = name in every_baseline() and name in place.view().by_id
        if archived and Archive(place.root).source(name) == baseline_source(name):
            return _archived(name, place, name)
        return PlottedController(found.candidate)
    same = found.archive.root == place.root
    reader = place if same else ArchiveReader(found.archive.root, run_of(found.archive), place.data)
    return _archived(found.candidate.name, reader, found.version)


def _archived(name: str, place: ArchiveReader, version: str) -> PlottedController:
    from autotts.sandbox.outcome import Candidate

    from ..reports.plots.points import PlottedController

    card = place.card(version)
    if not card.ok:
        raise InputError(f"{version} has no scores: {card.verdict}")
    return PlottedController(Candidate(name or version, place.source(version)), place, card)


def _points_of(
    chosen: Sequence[PlottedController], wanted: EvaluationProtocol, place: ArchiveReader, args: argparse.Namespace
) -> list[tuple[Point, ...]]:
    """Return the points of ``chosen`` under the protocol ``wanted``: archived points, else new measurements."""
    from autotts.envs.episodes import grid
    from autotts.sandbox.evaluation import measure, require_needs

    from ..archive import resolve
    from ..reports.console.bars import ProgressBars
    from ..reports.plots.points import protocol_environments, stored

    found = [stored(each, wanted) for each in chosen]
    missing = [each.candidate for each, points in zip(chosen, found, strict=True) if points is None]
    measured: dict[str, tuple[Point, ...]] = {}
    if missing:
        places = [place, *(each.reader for each in chosen if each.reader)]
        orders = range(wanted.first_order, wanted.first_order + wanted.orders)
        environments = protocol_environments(wanted, places)
        batch = grid(environments, wanted.betas, orders, wanted.max_branches, wanted.max_tokens)
        require_needs(missing, batch)
        with resolve.sandbox(args, missing) as sandbox, ProgressBars() as bars:
            for candidate in missing:
                tell_progress(f"measuring {candidate.name}: {len(batch):,} episodes")
                result = measure(candidate, batch, sandbox, bars.add(candidate.name, len(batch)))
                measured[candidate.name] = tuple(result.curve)  # raises `CandidateFailed`
    return [
        measured[each.candidate.name] if points is None else points
        for each, points in zip(chosen, found, strict=True)
    ]  # fmt: skip


def _read_json(path: Path) -> Iterator[CurveLine]:
    """Yield the curves of a file of `evaluate --json`, or of a run's report.

    Raises:
        InputError: the file is neither.
    """
    from pydantic import ValidationError

    from ..archive.baselines import every_baseline
    from ..reports.plots.curves import CurveLine

    try:
        rows = _rows(json.loads(path.read_text(encoding="utf-8")))
        lines = {name: _points([row for of, row in rows if of == name]) for name, _ in rows}
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        lines = {}
    if not lines:
        raise InputError(f"{path}: neither figures of `autotts evaluate --json`, nor a run's report.json")
    for name, points in lines.items():
        yield CurveLine(name, name in every_baseline(), points)


def _rows(document: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a document, each with the name of its controller."""
    from ..archive.baselines import every_baseline

    if isinstance(document, dict):
        shown = (*every_baseline(), document["best"])
        return [(name, row) for name, curve in document["curves"].items() if name in shown for row in curve]
    return [(str(row["controller"]), {k: v for k, v in row.items() if k != "controller"}) for row in document]


def _points(rows: Sequence[dict[str, Any]]) -> tuple[Point, ...]:
    """Return rows as points.

    Raises:
        ValueError: a figure is infinite or not a number.
    """
    from pydantic import TypeAdapter

    from autotts.envs.statistics import Point

    points = tuple(TypeAdapter(Point).validate_python(row) for row in rows)
    for p in points:
        if not all(map(math.isfinite, (p.mean_tokens, p.accuracy_pct, *p.accuracy_ci))):
            raise ValueError("figures that are no numbers")
    return points
