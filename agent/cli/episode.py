"""Runs the one episode that a command line names; `autotts trace` and `autotts plot trace` import it when they run."""

from __future__ import annotations

import argparse

from autotts.envs import catalogue
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.errors import InputError
from autotts.envs.store import Environment
from autotts.sandbox.evaluation import CandidateFailed, evaluate

from ..archive import resolve


def run_episode(args: argparse.Namespace) -> tuple[Episodes, Logs]:
    """Run the episode in a sandbox.

    Raises:
        InputError: the controller, the environment or the question does not exist.
        CandidateFailed: the controller failed.
    """
    candidate = resolve.controller(args.id, args.run, args.archive)
    environment = _environment(args)
    if not 0 <= args.question < len(environment):
        raise InputError(f"{environment.name} has questions 0 to {len(environment) - 1}, not {args.question}")
    batch = grid([environment], [args.beta], [args.order], args.max_branches).only(args.question)
    with resolve.sandbox(args, [candidate]) as sandbox:
        result = evaluate(candidate, batch, sandbox)
    if result.logs is None:
        raise CandidateFailed(candidate, result.verdict)
    return batch, result.logs


def _environment(args: argparse.Namespace) -> Environment:
    """Return the named environment: from the data root, else from the run, else a synthetic one.

    Without a name, return the first environment of the run, else the first synthetic one.
    """
    try:
        run = resolve.chosen_run(args.run)
    except InputError:
        run = None
    if args.env is None:
        return (run.environments() if run else resolve.environments(None, None))[0]
    root = catalogue.data_root(args.data)
    if args.env in catalogue.names(root):
        return catalogue.find(root, [args.env])[0]
    for environment in [*(run.environments() if run else []), *resolve.environments(None, None)]:
        if environment.name == args.env:
            return environment
    return catalogue.find(root, [args.env])[0]
