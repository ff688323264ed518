"""`autotts try`: what a draft is worth, in seconds."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from envs.errors import InputError
from envs.statistics import MEAN
from sandbox import policy
from sandbox.evaluation import evaluate

from .. import population
from ..archive import resolve
from ..archive.run_directory import Run
from ..diagnosis.findings import diagnose
from ..explorers.coding_agent import client as workspace_client
from ..records.card import Card
from ..records.version import CurvePoint
from ..reports.console.display import console, curve_table
from ..tools.draft_episodes import about_part, part_of


def attempt(args: argparse.Namespace) -> int:
    """Try a file on a part of a run's search set; inside a workspace, by its rules. Exit code 1 if it fails."""
    path = Path(args.file)
    workspace = None if args.home else _workspace()
    if workspace is not None:
        source = resolve.controller(str(path.resolve())).source
        try:
            reply = workspace_client.ask(workspace, {"verb": "try", "source": source})
        except workspace_client.NoWorkspace as error:
            raise InputError(f"{workspace}: {error}") from None
        print(reply["text"])
        return 1 if reply["error"] else 0
    return _sandboxed(args, path)


def _workspace() -> Path | None:
    """Return the workspace that the current directory belongs to, or None."""
    here = Path.cwd()
    return next((home for home in (here, *here.parents) if (home / workspace_client.ADDRESS).is_file()), None)


def _sandboxed(args: argparse.Namespace, path: Path) -> int:
    candidate = resolve.controller(str(path) if path.suffix == ".py" else str(path.resolve()))
    refused = policy.check(candidate.source)
    if not refused.ok:
        print(f"{refused.kind}: {refused.message}")
        return 1
    run = resolve.chosen_run(args.home)
    episodes = run.episodes(run.environments())
    part = episodes.take(part_of(episodes))
    with resolve.sandbox(args, [candidate]) as sandbox:
        found = evaluate(candidate, part, sandbox)
    if found.logs is None or found.scores is None:
        print(f"{found.verdict.kind}: {found.verdict.message}")
        return 1
    several = len(episodes.environments) > 1
    points = [point for point in found.curve if not several or point.environment == MEAN]
    print(f"{candidate.name} on a part of the search set of {run.home}: {about_part(part)}")
    console().print(curve_table([(candidate.name, point) for point in points]))
    print(_against(run, [CurvePoint(p.beta, p.accuracy_pct, p.mean_tokens, p.mean_latency) for p in points]))
    for finding in diagnose(found.scores, found.logs):
        print(f"- {finding.kind}: {finding.message}")
    return 0


def _against(run: Run, curve: list[CurvePoint]) -> str:
    """Return in a line how the curve stands to the best version of the run, measured on all of its search set."""
    cards: list[Card] = population.ranked(run.archive.believed())
    if not cards:
        return "the run has no versions to compare it with"
    at = population.budgets(run.archive.cards())
    mine, best = float(np.mean(population.attained(curve, at))), population.quality(cards[0], at)
    return f"quality {mine:.2f} on this part; the run's best, {cards[0].id}, has {best:.2f} on all of the search set"
