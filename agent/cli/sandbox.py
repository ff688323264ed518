"""`autotts sandbox build`, `sandbox check` and `doctor`: where candidates run, and whether it holds."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from envs.errors import InputError
from envs.store import write_atomically
from sandbox.check import AttackAttempt, AttackCheck, attacks
from sandbox.choice import open_sandbox

from ..reports.console.display import console
from . import machine


def build(args: argparse.Namespace) -> int:
    """Build the image that candidates run in."""
    from sandbox.backends import image
    from sandbox.backends.docker import engine

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    with engine() as client:
        made = image.bootstrap(client, say) if args.bootstrap else image.build(client, args.base, say)
    print(f"{image.NAME} {made}")
    return 0


def check(args: argparse.Namespace) -> int:
    """Attack the sandbox; exit code 1 if anything got through."""
    if args.sandbox == "process":
        raise InputError("the process sandbox is a guard against accidents: attacks run in docker or bubblewrap alone")
    chosen = [attack for attack in attacks() if not args.attacks or attack.name in args.attacks]
    missing = set(args.attacks) - {attack.name for attack in chosen}
    if missing:
        raise InputError(f"no attack {', '.join(sorted(missing))}: they are the files of tests/attacks, by name")
    name = args.sandbox
    attempts: list[AttackAttempt] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with open_sandbox(name, runtime=args.runtime) as probe:
        name = probe.name
        print(f"sandbox {probe.name} ({probe.about}): {len(chosen)} attacks, with and without the check of the source")
    with AttackCheck(lambda limits: open_sandbox(name, runtime=args.runtime, limits=limits)) as under_attack, bar:
        task = bar.add_task("", total=2 * len(chosen))
        for attack in chosen:
            for policy in (True, False):
                bar.update(task, description=attack.name)
                attempts.append(under_attack.attempt(attack, policy))
                bar.advance(task)
    table = Table("attack", "what was tried", "with policy", "the sandbox alone: what stopped it", show_lines=True)
    for first, second in zip(attempts[::2], attempts[1::2], strict=True):
        table.add_row(first.attack, *map(Text, (first.tries, _short(first), _long(second))))
    console().print(table)
    if args.json:
        document = {"sandbox": name, "attempts": [dataclasses.asdict(attempt) for attempt in attempts]}
        write_atomically(Path(args.json), json.dumps(document, indent=1).encode())
    through = [attempt for attempt in attempts if attempt.breaches]
    print(f"{len(chosen)} attacks, {len(attempts)} attempts, {len(through)} got through")
    return 1 if through else 0


def _short(attempt: AttackAttempt) -> str:
    return "GOT THROUGH" if attempt.breaches else attempt.verdict


def _long(attempt: AttackAttempt) -> str:
    if attempt.breaches:
        return f"GOT THROUGH: {'; '.join(attempt.breaches)}"
    return f"{attempt.verdict}: {attempt.stopped_by}"


def examine(args: argparse.Namespace) -> int:
    """Say what this machine offers; exit code 1 if candidates that nobody has read cannot run here."""
    parts = machine.check_machine(args.data)
    isolated = machine.isolates(parts)
    if args.quiet:
        return 0 if isolated else 1
    if args.json:
        document = {"isolates": isolated, "parts": [dataclasses.asdict(part) for part in parts]}
        write_atomically(Path(args.json), json.dumps(document, indent=1).encode())
    table = Table("", "part", "state", "what mends it")
    for part in parts:
        table.add_row("ok" if part.ok else "--", *map(Text, (part.name, part.state, part.mend)))
    console().print(table)
    if isolated:
        with open_sandbox() as sandbox:
            print(f"candidates run in: {sandbox.name} ({sandbox.about})")
    else:
        print("candidates run in: nothing that isolates them; --sandbox process runs those that you trust")
    return 0 if isolated else 1
