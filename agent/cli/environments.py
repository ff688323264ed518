"""Chooses the environments of a command, and tells the user which they are."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .messages import notice

if TYPE_CHECKING:
    from autotts.envs.store import Environment

    from ..archive.run_directory import RunConfig


def chosen_environments(args: argparse.Namespace) -> list[Environment]:
    """Return the environments that `--env` names, else all under the data root, else the built-in synthetic ones.

    Raises:
        InputError: one does not exist.
    """
    from autotts.envs import catalogue

    from ..archive import resolve

    found = resolve.environments(args.env, args.data)
    root = catalogue.data_root(args.data)
    recorded = set(catalogue.names(root))
    origin = ""
    if not args.env:
        origin = f" (all under {root}; choose with --env)" if recorded else ""
    built_in = [environment.name for environment in found if environment.name not in recorded]
    if built_in:
        origin += f" (built in: {root} holds {'none' if not recorded else 'no ' + ', '.join(built_in)})"
    tell_environments((environment.name for environment in found), origin)
    resolve.note_width(getattr(args, "max_branches", 0), found)
    return found


def tell_held_out(config: RunConfig) -> None:
    """Tell the user of a run that holds out questions from the search."""
    if config.held_out:
        notice(f"held out: {config.holdout:.0%} of the questions, for the final evaluation alone (--holdout)")


def tell_environments(names: Iterable[str], origin: str = "") -> None:
    """Tell the user the names of the environments that the command uses."""
    notice(f"environments: {', '.join(names)}{origin}")
