"""`autotts cluster check`: what each node of a Ray cluster offers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from autotts.envs.counting import counted

from . import json_output, options
from .options import Commands

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.table import Table

    from autotts.sandbox.cluster.check import ClusterCheck


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = options.add_group(commands, "cluster", "check the nodes of a Ray cluster")
    command = options.add_command(
        verbs, "check", check, "have each node of a Ray cluster say what it offers and play a small batch",
        "autotts cluster check --ray-address 10.0.0.1:6379",
    )  # fmt: skip
    options.sandbox(command)
    options.ray_address(command)
    options.json_output(command)


def check(args: argparse.Namespace) -> int:
    """Print a row for each node; return exit code 1 if a node cannot be used."""
    from autotts.sandbox.choice import check_name
    from autotts.sandbox.cluster.check import check_cluster
    from autotts.sandbox.cluster.choice import chosen_address

    from ..reports.console.terminal import console

    check_name(args.sandbox)
    found = check_cluster(chosen_address(args.ray_address), args.sandbox, args.runtime, interpreter=args.interpreter)
    console().print(_table(found))
    json_output.write(args, lambda: _document(found))
    bad = sum(bool(found.problem(node)) for node in found.nodes)
    print(f"{found.where}: {counted(len(found.nodes), 'node')}, {counted(found.slots, 'CPU')}, {bad} cannot be used")
    return 0 if found.usable else 1


def _table(found: ClusterCheck) -> Table:
    from rich.table import Table
    from rich.text import Text

    from autotts.sandbox.choice import INTERPRETERS

    table = Table("node", "CPUs", "memory, GiB", "Python", "Ray", "program", "sandbox", "small batch", show_lines=True)
    for node in found.nodes:
        table.add_row(
            Text(node.address), f"{node.cpus:g}", f"{node.memory / 2**30:.1f}", Text(node.python), Text(node.ray),
            Text(node.version), Text(f"{node.sandbox}, {INTERPRETERS[node.interpreter]}" if node.sandbox else "none"),
            Text(found.problem(node) or f"the same bits, {node.seconds:.1f} s"),
        )  # fmt: skip
    return table


def _document(found: ClusterCheck) -> BaseModel:
    from .json_documents import ClusterDocument
    from .json_rows import ClusterNodeRow

    rows = [
        ClusterNodeRow(
            address=node.address, machine=node.machine, cpus=node.cpus, memory=node.memory, object_store=node.store,
            python=node.python, ray=node.ray, version=node.version, code=node.code, sandbox=node.sandbox,
            about=node.about, interpreter=node.interpreter, same_bits=node.played == found.expected,
            seconds=node.seconds, problem=found.problem(node),
        )
        for node in found.nodes
    ]  # fmt: skip
    return ClusterDocument(cluster=found.where, usable=found.usable, slots=found.slots, nodes=tuple(rows))
