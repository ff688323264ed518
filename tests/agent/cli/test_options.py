"""Checks the parser of the whole command line."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator

from autotts.agent.cli.main import parser


def every(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield command
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from every(one)


def test_every_command_prints_its_help() -> None:
    found = list(every(parser()))
    assert len(found) > 30
    assert all(command.format_help().startswith("usage: autotts") for command in found)


def test_help_imports_no_heavy_package() -> None:
    script = "import sys; from autotts.agent.cli.main import parser; parser().format_help(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "rich", "langgraph", "autotts.envs.store"} & set(done.stdout.split())


def test_help_calls_branch_orders_orders_and_not_seeds() -> None:
    text = "\n".join(command.format_help() for command in every(parser()))
    assert "--orders" in text and "--first-order" in text
    assert "--seeds" not in text and "--first-seed" not in text
