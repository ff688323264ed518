"""`autotts plot`: scaling curves, the lineage, or one episode as a picture (needs the extra `plot`)."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from envs import catalogue
from envs.episodes import BETAS, MAX_BRANCHES, grid
from envs.errors import InputError
from envs.statistics import Point
from sandbox.evaluation import CandidateFailed, evaluate
from sandbox.outcome import Candidate

from ..archive import resolve
from ..archive.archive import Archive
from ..archive.baselines import baseline_names, baseline_source
from ..archive.champions import champion, champion_names
from ..archive.measurements import orders
from ..archive.reader import ArchiveReader, open_reader
from ..diagnosis.drawing import draw_episode
from ..records.card import EvaluationProtocol
from ..reports.plots.curves import CurveLine, draw_curves
from ..reports.plots.lineage import draw_lineage
from ..reports.plots.picture import ready
from ..reports.plots.points import PlottedController, protocol, protocol_environments, stored
from ..reports.plots.trace import draw_trace
from .inspect import played

_ORDERS = 20
"""Branch orders where nothing says how many."""


def lineage(args: argparse.Namespace) -> int:
    """Draw every version by generation and score."""
    ready(Path(args.output))
    place = open_reader(args.home, args.archive, args.data)
    view = place.view()
    if not view.rows:
        raise InputError("the archive is empty; see `autotts discover --help`")
    draw_lineage(view, Path(args.output), args.by, args.tokens, f"{place.title}: {len(view.rows):,} versions")
    for problem in view.problems.values():
        print(f"autotts: left out: {problem}", file=sys.stderr)
    print(args.output)
    return 0


def trace(args: argparse.Namespace) -> int:
    """Run one episode again, and draw it."""
    ready(Path(args.output))
    only, logs = played(args)
    draw_trace(draw_episode(only, logs, 0, args.id, "", played=True), Path(args.output))
    print(args.output)
    return 0


def curves(args: argparse.Namespace) -> int:
    """Draw accuracy against tokens: of controllers, or of JSON figures."""
    path = Path(args.output)
    ready(path)
    if any(name.endswith(".json") for name in args.controllers):
        if args.env or not all(name.endswith(".json") for name in args.controllers):
            raise InputError("JSON figures are drawn as they are: name no controllers beside them, and no --env")
        draw_curves([line for name in args.controllers for line in _read(Path(name))], path)
    else:
        wanted, lines = _lines(args)
        draw_curves(lines, path, mean=args.env is None, title=orders(wanted))
    print(path)
    return 0


def _lines(args: argparse.Namespace) -> tuple[EvaluationProtocol, list[CurveLine]]:
    """Return on what the controllers are drawn, and their curves."""
    place = _place(args)
    chosen = [_chosen(name, place) for name in dict.fromkeys(args.controllers or _usual(place))]
    wanted = protocol(chosen, args.env, place, _default())
    given = {
        "betas": tuple(sorted(set(args.beta))) if args.beta else None, "first_order": args.first_seed,
        "orders": args.seeds, "max_branches": args.max_branches, "max_tokens": args.max_tokens,
    }  # fmt: skip
    wanted = wanted.model_copy(update={name: value for name, value in given.items() if value is not None})
    points = _measured(chosen, wanted, place, args)
    return wanted, [
        CurveLine(one.candidate.name, one.candidate.name in baseline_names(), found)
        for one, found in zip(chosen, points, strict=True)
    ]


def _default() -> EvaluationProtocol:
    from envs.synthetic.model import default_environments

    return EvaluationProtocol(
        environments={env.name: env.hash for env in default_environments()}, betas=BETAS, first_order=0, orders=_ORDERS,
        max_branches=MAX_BRANCHES,
    )  # fmt: skip


def _place(args: argparse.Namespace) -> ArchiveReader:
    """Return the archive that was named or is at hand; one without versions where there is none."""
    try:
        return open_reader(args.home, args.archive, args.data)
    except InputError:
        if args.home or args.archive:
            raise
        return ArchiveReader(resolve.RUNS / "none", None, catalogue.data_root(args.data))


def _usual(place: ArchiveReader) -> list[str]:
    """Return the best version of an archive, and its hand-written ones."""
    view = place.view()
    if not view.ranked:
        raise InputError("no version has scores: name controllers, or another --run")
    best = [view.best.id] if view.best and view.best.generation > 0 else []
    return [*best, *(row.id for row in view.rows if row.generation == 0 and row.ok)]


def _chosen(name: str, place: ArchiveReader) -> PlottedController:
    """Return the controller that ``name`` stands for (as `resolve.controller`), with what is written down of it."""
    if name in champion_names():
        archive, version = champion(name)
        return _archived(name, ArchiveReader(archive.root, None, place.data), version)
    if name in baseline_names():
        there = name in place.view().by_id and place.source(name) == baseline_source(name)
        return _archived(name, place, name) if there else PlottedController(resolve.controller(name))
    if name.endswith(".py") or "/" in name:
        return PlottedController(resolve.controller(name))
    if not place.view().by_id:
        ours = ", ".join([*champion_names(), *baseline_names()])
        raise InputError(f"no controller {name!r}: not one of ours ({ours}), not a file, and there is no archive")
    return _archived("", place, Archive(place.root).resolve(name))


def _archived(name: str, place: ArchiveReader, version: str) -> PlottedController:
    card = place.card(version)
    if not card.ok:
        raise InputError(f"{version} has no scores: {card.verdict}")
    return PlottedController(Candidate(name or version, place.source(version)), place, card)


def _measured(
    chosen: Sequence[PlottedController], wanted: EvaluationProtocol, place: ArchiveReader, args: argparse.Namespace
) -> list[tuple[Point, ...]]:
    """Return the points of ``chosen`` under ``wanted``; those that are not written down are measured."""
    found = [stored(each, wanted) for each in chosen]
    missing = [each.candidate for each, points in zip(chosen, found, strict=True) if points is None]
    measured: dict[str, tuple[Point, ...]] = {}
    if missing:
        places = [place, *(each.place for each in chosen if each.place)]
        orders = range(wanted.first_order, wanted.first_order + wanted.orders)
        batch = grid(
            protocol_environments(wanted, places), wanted.betas, orders, wanted.max_branches, wanted.max_tokens
        )
        with resolve.sandbox(args, missing) as sandbox:
            for candidate in missing:
                print(f"measuring {candidate.name}: {len(batch):,} episodes", file=sys.stderr)
                result = evaluate(candidate, batch, sandbox)
                if not result.verdict.ok:
                    raise CandidateFailed(candidate, result.verdict)
                measured[candidate.name] = tuple(result.curve)
    return [
        measured[each.candidate.name] if points is None else points
        for each, points in zip(chosen, found, strict=True)
    ]  # fmt: skip


def _read(path: Path) -> Iterator[CurveLine]:
    """Yield the curves of an `evaluate --json` file, or of a run's report."""
    try:
        rows = _rows(json.loads(path.read_text(encoding="utf-8")))
        lines = {name: _points([row for of, row in rows if of == name]) for name, _ in rows}
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        lines = {}
    if not lines:
        raise InputError(f"{path}: not figures of `autotts evaluate --json`, nor a run's report.json")
    for name, points in lines.items():
        yield CurveLine(name, name in baseline_names(), points)


def _rows(document: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(document, dict):
        shown = (*baseline_names(), document["best"])
        return [(name, row) for name, curve in document["curves"].items() if name in shown for row in curve]
    return [(str(row["controller"]), {k: v for k, v in row.items() if k != "controller"}) for row in document]


def _points(rows: Sequence[dict[str, Any]]) -> tuple[Point, ...]:
    points = tuple(TypeAdapter(Point).validate_python(row) for row in rows)
    for p in points:
        if not all(map(math.isfinite, (p.mean_tokens, p.accuracy_pct, *p.accuracy_ci))):
            raise ValueError("figures that are no numbers")
    return points
