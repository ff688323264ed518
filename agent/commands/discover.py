"""`autotts discover`, `resume` and `status`: runs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from envs.errors import Damaged, InputError
from sandbox.base import SandboxError
from sandbox.runner import Runner

from .. import choose, population
from ..display import console, curve_table
from ..explorers.registry import explorer
from ..report import read_report
from ..run import Run, RunConfig, next_home


def discover(args: argparse.Namespace) -> int:
    """Begin a run, or go on with the one in the directory that was named."""
    explorer(args.explorer)  # a wrong name is refused before anything is written
    if args.generations < 0:
        raise InputError(f"generations is {args.generations}, but must not be negative")
    environments = choose.environments(args.env, args.data)
    home = Path(args.home) if args.home else next_home(choose.RUNS)
    with choose.sandbox(args) as sandbox:
        config = RunConfig(
            explorer=args.explorer,
            generations=args.generations,
            population=args.population,
            seed=args.seed,
            seeds=args.orders,
            max_branches=args.max_branches,
            max_tokens=args.max_tokens,
            environments={env.name: env.hash for env in environments},
            sandbox=sandbox.name,
        )
        return _go_on(Run.create(home, config, environments), sandbox)


def resume(args: argparse.Namespace) -> int:
    """Go on with an interrupted run."""
    run = Run(Path(args.home))
    if args.sandbox == "auto":  # the run's own, so that its archive is that of an undisturbed run
        args.sandbox = run.config.sandbox
    with choose.sandbox(args) as sandbox:
        return _go_on(run, sandbox)


def _go_on(run: Run, sandbox: Runner) -> int:
    from ..graph import Discovery, discover

    watch = Watch(run)
    print(f"run {run.home}, sandbox {sandbox.name} ({sandbox.about}), {sandbox.workers} workers")
    try:
        with watch:
            discover(Discovery(run, explorer(run.config.explorer), sandbox, watch.report))
    except KeyboardInterrupt:
        print(f"autotts: interrupted; go on with `autotts resume {run.home}`", file=sys.stderr)
        return 130
    except SandboxError as error:
        raise SandboxError(f"{error}; go on with `autotts resume {run.home}`") from error
    return _summary(run)


def _summary(run: Run) -> int:
    report = read_report(run)
    if report is None:
        raise Damaged(f"{run.home / 'report.json'}: missing; remove {run.checkpoint}, and resume: the archive is kept")
    print(f"\nbest: {report.best}, on branch orders that the search has not seen")
    for version, measured in sorted(report.measured.items(), key=lambda item: -item[1]):
        searched = report.searched[version]
        print(f"  {version:24} {measured:6.2f}  (search {searched:6.2f}, optimism {searched - measured:+.2f})")
    print("  (mean accuracy over the token budgets of the seeds, in per cent)")
    ahead = max(report.measured, key=lambda version: report.measured[version])
    if report.measured[ahead] > report.measured[report.best]:
        print(f"  {ahead}, which was hand-written, is still ahead of all that was discovered: search for longer")
    return 0


def status(args: argparse.Namespace) -> int:
    """Say how far a run is."""
    run = choose.chosen_run(args.home)
    cards = run.archive.cards()
    done = max((card.generation for card in cards), default=-1)
    at = population.budgets(cards)
    finished = read_report(run) is not None
    print(f"run {run.home}: {'finished' if finished else 'not finished'}, explorer {run.config.explorer}")
    print(f"  search set   {', '.join(run.config.environments)}")
    print(f"  generations  {max(0, done)} of {run.config.generations} archived, {len(cards)} versions")
    failed: dict[str, int] = {}
    for card in cards:
        if not card.ok:
            failed[card.verdict] = failed.get(card.verdict, 0) + 1
    print(f"  failures     {', '.join(f'{kind}: {n}' for kind, n in sorted(failed.items())) or 'none'}")
    dollars = sum(card.cost.dollars for card in cards)
    tokens = sum(card.cost.input_tokens + card.cost.output_tokens for card in cards)
    print(f"  cost         {dollars:.2f} dollars, {tokens} tokens")
    tried = [event for event in run.events() if event["event"] == "candidate" and event.get("episodes")]
    if tried:
        seconds = sum(event.get("seconds", 0) for event in tried)
        print(f"  speed        {sum(event['episodes'] for event in tried) / max(seconds, 1e-9):,.0f} episodes a second")
    for card in population.ranked(cards)[:5]:
        print(f"  {card.id:24} {population.quality(card, at):6.2f}  {card.name}")
    best = [card for card in population.ranked(cards) if card.generation > 0][:1]
    for card in best:
        several = len(run.config.environments) > 1
        rows = [(card.id, p) for p in card.curve if not several or p.environment == "mean"]
        console().print(curve_table(rows))
    if not finished:
        print(f"go on with `autotts resume {run.home}`")
    return 0


class Watch:
    """Live progress on standard error: a line for each generation, and a bar where there is a terminal."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._episodes = 0
        self._first: int | None = None

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, event: str, fields: dict[str, Any]) -> None:
        """Show an event."""
        if event == "episodes":
            self._episodes += fields["count"]
        elif event == "generation":
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._first = fields["generation"] if self._first is None else self._first
            label = f"generation {fields['generation']} of {fields['of']}"
            self._task = self._bar.add_task(label, total=None, note="")
        elif event == "candidate":
            if self._task is not None:
                self._bar.update(self._task, total=fields["of"], completed=fields["position"], note=self._speed())
        elif event == "archived":
            left = self._left(fields["generation"])
            best = f"best {fields['best']} {fields['quality']:.2f}" if fields["best"] else "none ran"
            self._bar.console.print(
                f"generation {fields['generation']:3d}: {fields['versions']:4d} versions, {best}"
                f" (best seed {fields['seeds']:.2f}), {self._speed()}, {left}",
                highlight=False,
                soft_wrap=True,
            )

    def _speed(self) -> str:
        return f"{self._episodes / max(1e-9, time.monotonic() - self._began):,.0f} episodes/s"

    def _left(self, generation: int) -> str:
        """Return the time left, from the generations that this process has done."""
        done = generation - (self._first or 0) + 1
        left = (self.run.config.generations - generation) * (time.monotonic() - self._began) / done
        return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"
