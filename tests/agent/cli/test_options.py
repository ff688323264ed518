"""The command line: every command can say what it takes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from agent.cli.main import parser


def every(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield command
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from every(one)


def test_every_command_helps() -> None:
    found = list(every(parser()))
    assert len(found) > 30
    assert all(command.format_help().startswith("usage: autotts") for command in found)
