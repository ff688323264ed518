"""`autotts sandbox build`, `sandbox check` and `doctor`: prepare and check the isolation of candidates."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from autotts.envs.counting import counted
from autotts.envs.errors import InputError

from . import json_output, options
from .messages import notice, warn
from .options import Commands, add_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from rich.table import Table

    from autotts.sandbox.check import AttackAttempt

    from .machine import MachineCheck


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = options.add_group(commands, "sandbox", "build or check the isolation of candidates")
    command = add_command(
        verbs, "build", build, "build the image of the Docker sandbox, or PyPy for all sandboxes",
        "autotts sandbox build --bootstrap", "autotts sandbox build --interpreter pypy",
    )  # fmt: skip
    base = command.group(options.SANDBOX).add_mutually_exclusive_group()
    base.add_argument("--base", metavar="IMAGE", help="an image with Python (default: the one in Dockerfile.sandbox)")
    base.add_argument(
        "--bootstrap", action="store_true", help="make the base image from Debian packages on this machine (as root)"
    )
    command.group(options.SANDBOX).add_argument(
        "--interpreter", choices=("cpython", "pypy"), default="cpython", metavar="NAME",
        help="cpython, or pypy: always from Debian packages, for Docker and bubblewrap (default: cpython)",
    )  # fmt: skip
    command = add_command(
        verbs, "check", check, "attack the sandbox, and print which guard stopped each attack",
        "autotts sandbox check --sandbox bubblewrap",
    )  # fmt: skip
    command.add_argument("attacks", nargs="*", metavar="ATTACK", help="names of attacks (default: all)")
    options.json_output(command)
    options.sandbox(command)
    command = add_command(
        commands, "doctor", doctor, "check this machine, and print how to repair each problem", "autotts doctor",
        quiet="print nothing: the exit code is 0 if candidates can be isolated",
    )  # fmt: skip
    options.json_output(command)
    options.data_root(command)


def build(args: argparse.Namespace) -> int:
    """Build the image of the Docker sandbox, or PyPy's root and, where an engine answers, its image."""
    if args.interpreter == "pypy":
        return _build_pypy(args)
    from autotts.sandbox.backends import image
    from autotts.sandbox.backends.docker import engine

    with engine() as client:
        made = image.bootstrap(client, notice) if args.bootstrap else image.build(client, args.base, notice)
    print(f"{image.NAME} {made}")
    return 0


def _build_pypy(args: argparse.Namespace) -> int:
    from autotts.sandbox.backends import image
    from autotts.sandbox.backends.docker import engine
    from autotts.sandbox.backends.root import build_pypy
    from autotts.sandbox.base import SandboxUnavailable

    if args.base is not None:
        raise InputError("--base is for CPython: PyPy always comes from Debian packages")
    print(build_pypy(notice))
    try:
        with engine() as client:
            print(f"{image.PYPY_NAME} {image.ensure_pypy(client, notice)}")
    except SandboxUnavailable as error:
        notice(f"{error}: PyPy serves bubblewrap now, and Docker as soon as an engine answers")
    return 0


def check(args: argparse.Namespace) -> int:
    """Attack the sandbox; return exit code 1 if an attack succeeds."""
    from autotts.sandbox.check import AttackCheck, attacks
    from autotts.sandbox.choice import describe, interpreter_of, open_sandbox

    from ..reports.console.bars import ProgressBars
    from ..reports.console.terminal import console

    if args.sandbox == "process":
        raise InputError("the process sandbox stops accidents, not attacks: check docker or bubblewrap")
    chosen = [attack for attack in attacks() if not args.attacks or attack.name in args.attacks]
    missing = set(args.attacks) - {attack.name for attack in chosen}
    if missing:
        raise InputError(f"no attack {', '.join(sorted(missing))}: an attack is a file of tests/attacks, without .py")
    name = args.sandbox
    attempts: list[AttackAttempt] = []
    with open_sandbox(name, runtime=args.runtime, interpreter=args.interpreter) as probe:
        name, interpreter = probe.name, interpreter_of(probe)
        size = f"{counted(len(chosen), 'attack')}, each with and without the source check"
        notice(f"sandbox {describe(probe)}: {size}")
    opened = AttackCheck(
        lambda limits: open_sandbox(name, runtime=args.runtime, limits=limits, interpreter=interpreter)
    )
    with opened as under_attack, ProgressBars() as bars:
        bar = bars.add("", 2 * len(chosen))
        for attack in chosen:
            for policy in (True, False):
                bar.label(attack.name)
                attempts.append(under_attack.attempt(attack, policy))
                bar()
    if args.verbose:
        console().print(_every_attack(attempts))
    for attempt in (attempt for attempt in attempts if attempt.breaches):
        way = "with the source check" if attempt.policy else "by the sandbox alone"
        warn(f"{attempt.attack}, {way}: {_long(attempt)}")
    console().print(_layers(attempts))
    json_output.write(args, lambda: _check_document(name, attempts))
    through = [attempt for attempt in attempts if attempt.breaches]
    more = "" if args.verbose else "; --verbose lists every attack"
    print(f"{counted(len(chosen), 'attack')}, {len(attempts)} attempts, {len(through)} got through{more}")
    return 1 if through else 0


def _every_attack(attempts: Sequence[AttackAttempt]) -> Table:
    """Return a table with a row for each attack."""
    from rich.table import Table
    from rich.text import Text

    table = Table("attack", "attempt", "with source check", "stopped by the sandbox alone", show_lines=True)
    for first, second in zip(attempts[::2], attempts[1::2], strict=True):
        table.add_row(first.attack, *map(Text, (first.tries, _short(first), _long(second))))
    return table


def _layers(attempts: Sequence[AttackAttempt]) -> Table:
    """Return a table of how many attacks each layer has stopped, with and without the source check before it."""
    from collections import Counter

    from rich.table import Table

    stopped = {policy: Counter(_short(each) for each in attempts if each.policy == policy) for policy in (True, False)}
    table = Table("stopped by, or result", "with source check", "by the sandbox alone")
    for layer in sorted({*stopped[True], *stopped[False]}):
        table.add_row(layer, str(stopped[True][layer]), str(stopped[False][layer]))
    return table


def _check_document(name: str, attempts: list[AttackAttempt]) -> BaseModel:
    from .json_documents import SandboxCheckDocument

    return SandboxCheckDocument(sandbox=name, attempts=tuple(attempts))


def _short(attempt: AttackAttempt) -> str:
    return "GOT THROUGH" if attempt.breaches else attempt.verdict


def _long(attempt: AttackAttempt) -> str:
    if attempt.breaches:
        return f"GOT THROUGH: {'; '.join(attempt.breaches)}"
    return f"{attempt.verdict}: {attempt.stopped_by}"


def doctor(args: argparse.Namespace) -> int:
    """Check this machine; return exit code 1 if it cannot isolate candidates."""
    from rich.table import Table
    from rich.text import Text

    from autotts.sandbox.choice import describe, open_sandbox

    from ..reports.console.terminal import console
    from . import machine

    parts = machine.check_machine(args.data)
    isolated = machine.isolates(parts)
    json_output.write(args, lambda: _doctor_document(isolated, parts))
    if args.quiet:
        return 0 if isolated else 1
    table = Table("", "part", "state", "how to repair it")
    for part in parts:
        table.add_row("ok" if part.ok else "--", *map(Text, (part.name, part.state, part.repair)))
    console().print(table)
    if isolated:
        with open_sandbox(interpreter="auto") as sandbox:
            print(f"candidates run in: {describe(sandbox)}")
    else:
        print("no sandbox isolates candidates here; --sandbox process runs candidates that you trust")
    return 0 if isolated else 1


def _doctor_document(isolated: bool, parts: list[MachineCheck]) -> BaseModel:
    from .json_documents import DoctorDocument

    return DoctorDocument(isolates=isolated, parts=tuple(parts))
