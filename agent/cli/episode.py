"""Runs the one episode that a command line names; `autotts trace` and `autotts plot trace` import it when they run."""

from __future__ import annotations

import argparse
import fnmatch
from contextlib import suppress

from autotts.envs import catalogue
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.errors import InputError
from autotts.envs.store import Environment
from autotts.sandbox.evaluation import CandidateFailed, evaluate, require_needs
from autotts.sandbox.outcome import Candidate

from ..archive import resolve
from ..archive.names import FoundController, run_of
from .environments import tell_environments


def run_episode(args: argparse.Namespace) -> tuple[Episodes, Logs, Candidate]:
    """Run the episode in a sandbox, and return it with its controller.

    Raises:
        InputError: the controller, the environment or the question does not exist.
        CandidateFailed: the controller failed.
    """
    if args.question is None:
        raise InputError("--question is missing: the number of the question, from 0, or else its id")
    found = resolve.find_controller(args.id, args.run, args.archive)
    candidate, environment = found.candidate, _environment(args, found)
    tell_environments([environment.name])
    question = environment.question_number(args.question)
    resolve.note_width(args.max_branches, [environment])
    batch = grid([environment], [args.beta], [args.order], args.max_branches, args.max_tokens).only(question)
    require_needs([candidate], batch)
    with resolve.sandbox(args, [candidate]) as sandbox:
        result = evaluate(candidate, batch, sandbox)
    if result.logs is None:
        raise CandidateFailed(candidate, result.verdict)
    return batch, result.logs, candidate


def _environment(args: argparse.Namespace, controller: FoundController) -> Environment:
    """Return the environment whose name or pattern is given: of the data root, else of the run, else a built-in one.

    Without a name, return the first environment of the run, else of the data root, else the first built-in one.

    Raises:
        InputError: there is none, or a pattern matches several.
    """
    run = run_of(controller.archive) if controller.archive else None
    if run is None or args.run:
        with suppress(InputError):
            run = resolve.chosen_run(args.run)
    if args.env is None:
        return (run.environments() if run else resolve.environments(None, args.data))[0]
    root = catalogue.data_root(args.data)
    held = [env for env in (run.environments() if run else []) if fnmatch.fnmatchcase(env.name, args.env)]
    found = held if not fnmatch.filter(catalogue.names(root), args.env) else []
    found = found or resolve.environments([args.env], args.data)
    if len(found) > 1:
        names = ", ".join(env.name for env in found)
        raise InputError(f"--env {args.env!r} matches {len(found)} environments, but one is needed: {names}")
    return found[0]
