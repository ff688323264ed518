"""Writes the figures of a command as JSON: to a file, or alone to standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

ALONE = "-"
"""The value of `--json` that stands for standard output."""


@contextmanager
def standard_output(args: argparse.Namespace) -> Iterator[None]:
    """With `--json -`, keep standard output for the JSON, and drop what the command prints for people.

    Raises:
        InputError: `--json` names a directory.
    """
    args.json_stream = sys.stdout
    if getattr(args, "json", None) and Path(args.json).is_dir():  # said before the work, not after it
        raise InputError(f"--json {args.json}: is a directory; name a file, or - for standard output")
    if getattr(args, "json", None) != ALONE:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def write(args: argparse.Namespace, document: Callable[[], BaseModel]) -> None:
    """Write the figures where `--json` says, if it is given.

    Args:
        args: the command line.
        document: returns the figures. Those that are infinite or no number become null.
    """
    if getattr(args, "json", None) is None:
        return
    text = document().model_dump_json(indent=1) + "\n"
    if args.json == ALONE:
        args.json_stream.write(text)
        args.json_stream.flush()
        return
    from autotts.envs.store import write_atomically

    write_atomically(Path(args.json), text.encode())
