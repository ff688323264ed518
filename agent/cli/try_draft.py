"""`autotts try`: measures a draft controller within seconds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import json_output, options
from .options import Commands

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.statistics import Point
    from autotts.sandbox.outcome import Candidate, Verdict

    from ..archive.best import BestVersion
    from ..archive.run_directory import Run
    from ..records.version import CurvePoint, Finding


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "try", attempt, "try a controller on a part of a run's search set",
        "autotts try first_four.py --run runs/1",
    )  # fmt: skip
    command.add_argument(
        "file", metavar="FILE", nargs="?", default="controller.py", help="source (default: controller.py)"
    )
    command.group(options.VERSIONS).add_argument(
        "--run", metavar="RUN", help="run directory (default: the run of this workspace, else the newest under ./runs)"
    )
    options.workers(command)
    options.json_output(command)


def attempt(args: argparse.Namespace) -> int:
    """Try a controller on a part of a run's search set; return exit code 1 if the controller fails.

    Inside a workspace, the workspace runs the controller and counts the try.
    """
    from ..archive import resolve
    from ..explorers.coding_agent import client as workspace_client

    path = Path(args.file)
    workspace = None if args.run else _workspace()
    if workspace is not None and getattr(args, "json", None):
        raise InputError("the workspace prints text alone: leave --json out, or name a --run")
    if workspace is not None:
        source = resolve.controller(str(path.resolve())).source
        try:
            reply = workspace_client.ask(workspace, {"verb": "try", "source": source})
        except workspace_client.NoWorkspace as error:
            raise InputError(f"{workspace}: {error}") from None
        print(reply["text"])
        return 1 if reply["error"] else 0
    return _try_in_sandbox(args, path)


def _workspace() -> Path | None:
    """Return the workspace that contains the current directory, or None."""
    from ..explorers.coding_agent.client import ADDRESS

    here = Path.cwd()
    return next((directory for directory in (here, *here.parents) if (directory / ADDRESS).is_file()), None)


def _try_in_sandbox(args: argparse.Namespace, path: Path) -> int:
    from autotts.envs.statistics import MEAN
    from autotts.sandbox import policy
    from autotts.sandbox.audit.look_ahead import SMALLEST_SHARE
    from autotts.sandbox.evaluation import evaluate_and_print
    from autotts.sandbox.trial import audited

    from ..archive import resolve
    from ..diagnosis.findings import diagnose
    from ..records.version import CurvePoint
    from ..reports.console.bars import ProgressBars
    from ..reports.console.display import curve_table
    from ..reports.console.terminal import console
    from ..tools.draft_episodes import about_part, part_of

    candidate = resolve.controller(str(path) if path.suffix == ".py" else str(path.resolve()))
    run = resolve.chosen_run(args.run)
    verdict = policy.check(candidate.source, prints=True)
    if not verdict.ok:
        return _failed(args, run, candidate, verdict)
    episodes = run.episodes(run.environments())
    part = episodes.take(part_of(episodes))
    with resolve.sandbox(args, [candidate]) as sandbox, ProgressBars() as bars:
        ran, printed = evaluate_and_print(candidate, part, sandbox, bars.add(candidate.name, len(part)))
        found = audited(ran, part, sandbox, SMALLEST_SHARE)  # a draft that is convicted shows the verdict, no figures
    print("\n".join(_prints(printed)), end="\n" if printed else "")
    if found.logs is None or found.scores is None:
        return _failed(args, run, candidate, found.verdict, printed)
    several = len(episodes.environments) > 1
    points = [point for point in found.curve if not several or point.environment == MEAN]
    print(f"{candidate.name} on a part of the search set of {run.home}: {about_part(part)}")
    console().print(curve_table([(candidate.name, point) for point in points]))
    curve = [CurvePoint(p.beta, p.accuracy_pct, p.mean_tokens, p.mean_latency) for p in points]
    quality, best = _against_best(run, curve)
    if quality is None:
        print("the run has no versions to compare with")
    else:
        print(f"quality {quality:.2f} on this part of the search set; the best version of the run: {best}")
    findings = diagnose(found.scores, found.logs)
    for finding in findings:
        print(f"- {finding.kind}: {finding.message}")
    json_output.write(args, lambda: _document(run, candidate, found.verdict, printed, points, quality, best, findings))
    return 0


def _prints(printed: bytes) -> Iterator[str]:
    """Yield the lines that a controller printed, each marked, and safe to show on a terminal."""
    from autotts.envs.plain_text import listing
    from autotts.sandbox.wire import PRINTED

    if printed:
        yield "the controller printed (in a try alone: a discovery refuses controllers that print):"
        for line in listing(printed[:PRINTED].decode(errors="backslashreplace")).splitlines():
            yield f"| {line}"
    if len(printed) > PRINTED:
        yield f"| ... cut after {PRINTED:,} bytes"


def _failed(
    args: argparse.Namespace, run: Run, candidate: Candidate, verdict: Verdict, printed: bytes = b""
) -> int:
    """Print how the draft failed, and return the exit code."""
    print(f"{verdict.kind}: {verdict.message}")
    json_output.write(args, lambda: _document(run, candidate, verdict, printed))
    return 1


def _document(
    run: Run, candidate: Candidate, verdict: Verdict, printed: bytes, points: Sequence[Point] = (),
    quality: float | None = None, best: BestVersion | None = None, findings: Sequence[Finding] = (),
) -> BaseModel:  # fmt: skip
    from .json_documents import TryDocument
    from .json_rows import rows

    return TryDocument(
        controller=candidate.name, run=str(run.home), verdict=verdict.kind, message=verdict.message,
        rows=rows([(candidate.name, point) for point in points]), quality=quality, best=best, findings=tuple(findings),
        printed=printed.decode(errors="backslashreplace"),
    )  # fmt: skip


def _against_best(run: Run, curve: list[CurvePoint]) -> tuple[float | None, BestVersion | None]:
    """Return the quality of the curve, and the best version, which was measured on the whole search set."""
    import numpy as np

    from .. import population
    from ..archive.version import ArchivedVersions

    versions = ArchivedVersions(run.archive)
    if versions.best is None:
        return None, None
    return float(np.mean(population.attained(curve, versions.budgets))), versions.best
