"""`autotts env synthesize`: draws environments from models, and simulates signals, a verifier and forks of branches."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from .command_parser import CommandParser
from .options import Commands, add_command, count, data_root, fork_depths, whole

if TYPE_CHECKING:
    from autotts.envs.store import Environment
    from autotts.envs.synthetic.model import SyntheticModel
    from autotts.envs.synthetic.parts import SimulatedParts
    from autotts.envs.synthetic.strength import Strength
    from autotts.envs.synthetic.trees import ForkPlan

_QUESTIONS, _BRANCHES = 30, 128


def add_parser(verbs: Commands) -> None:
    """Add the command."""
    command = add_command(
        verbs, "synthesize", synthesize, "make environments from synthetic models, or add simulated parts to one",
        "autotts env synthesize --questions 60 --seed 1 --data other",
        "autotts env synthesize --add-to aime24/Qwen3-1.7B --name aime24-sure/Qwen3-1.7B --signal confidence=0.8",
        "autotts env synthesize --data trees --fork-at 2,5,9 --forks 2 --verifier-strength 0.85 --verify-cost 50",
    )  # fmt: skip
    group = command.group("model")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--model", metavar="FILE", help="file of fitted models (default: the built-in ones)")
    source.add_argument("--add-to", metavar="ENV", help="environment to which parts are added instead")
    group.add_argument("--questions", type=count, metavar="N", help=f"default: {_QUESTIONS}")
    group.add_argument("--branches", type=count, metavar="N", help=f"branches a question (default: {_BRANCHES})")
    group.add_argument("--seed", type=whole, default=0, metavar="N", help="seed of every random choice (default: 0)")
    group.add_argument(
        "--name", metavar="NAME", help="name of the environment, or its prefix if --model holds several models"
    )
    _add_parts(command)
    data_root(command)


def _add_parts(command: CommandParser) -> None:
    group = command.group("simulated parts")
    group.add_argument(
        "--signal", nargs="+", default=[], metavar="NAME=P",
        help="signals that are higher for a right branch than for a wrong one with probability P: 0.5 is noise, 0.6:0.9"
        " grows from the first interval to the end",
    )  # fmt: skip
    group.add_argument(
        "--verifier-strength", metavar="P", help="a verifier of this strength, likewise; 1 - P is its error"
    )
    group.add_argument(
        "--verify-cost", type=whole, default=0, metavar="N", help="tokens of a verification (default: 0)"
    )
    group.add_argument(
        "--verifier-kind", choices=("score", "program"), default="score",
        help="score: a probability (default); program: 1 or 0, wrong with probability 1 - P",
    )  # fmt: skip
    group.add_argument("--fork-at", metavar="N[,N...]", help="intervals after which each running branch is forked")
    group.add_argument("--forks", type=count, metavar="N", help="forks of a branch at each of them (default: 2)")
    group.add_argument(
        "--fork-levels", type=count, metavar="N", help="1: forks of roots alone (default); 2: forks of forks as well"
    )
    group.add_argument(
        "--decided", metavar="P",
        help="probability that a prefix decides whether its forks end right (default: 0.5); 0.1:0.9 grows with depth",
    )  # fmt: skip
    group.add_argument(
        "--fork-rule", choices=("recorded", "nearest"),
        help="a fork that is not there is refused (default), or answered by the nearest one",
    )  # fmt: skip


def synthesize(args: argparse.Namespace) -> int:
    """Make environments from synthetic models, or add simulated parts to a recorded one."""
    from autotts.envs import catalogue, store
    from autotts.envs.counting import counted
    from autotts.envs.synthetic.model import generate
    from autotts.envs.synthetic.parts import with_parts

    from ..reports.console.bars import ProgressBars

    parts = _parts(args)
    root = catalogue.data_root(args.data)
    made: list[tuple[str, Environment | SyntheticModel]]
    made = [_source(args, root, parts)] if args.add_to else list(_models(args).items())
    # a wrong name raises before any file is written
    paths = {name: catalogue.path_of(root, name) for name, _ in made}
    lines = []
    questions, branches = args.questions or _QUESTIONS, args.branches or _BRANCHES
    with ProgressBars() as bars:
        for name, given in bars.over("synthesize", made):
            drawn = given if isinstance(given, store.Environment) else generate(
                given, name, questions, branches, seed=args.seed
            )  # fmt: skip
            env = with_parts(drawn, parts)
            store.save(env, paths[name])
            size = f"{counted(len(env), 'question')}, {counted(len(env.final_answers), 'branch')}"
            lines.append(f"{name}: {size} -> {paths[name]}")
    print("\n".join(lines))
    return 0


def _source(args: argparse.Namespace, root: Path, parts: SimulatedParts) -> tuple[str, Environment]:
    """Return the environment of ``--add-to`` under its new name, without branches left out or added."""
    from dataclasses import replace

    from autotts.envs import catalogue

    if args.questions or args.branches:
        raise InputError("--questions and --branches are for models, but --add-to takes an environment as it is")
    if not parts:
        raise InputError("--add-to adds parts: name some with --signal, --verifier-strength or --fork-at")
    if not args.name:
        raise InputError("--add-to needs the name of the new environment: --name NAME")
    found = catalogue.find(root, [args.add_to])
    if len(found) != 1:
        raise InputError(f"--add-to {args.add_to}: {len(found)} environments, but it takes one")
    if args.name == found[0].name:
        raise InputError(f"--name {args.name}: the environment with the parts needs a name of its own")
    return args.name, replace(found[0], name=args.name)


def _models(args: argparse.Namespace) -> dict[str, Environment | SyntheticModel]:
    """Return the models by the names of the environments to make."""
    from pydantic import ValidationError

    from autotts.envs.synthetic.model import SyntheticModel, default_models

    if not args.model:
        if args.name:
            raise InputError("--name is for fitted models: name their file with --model")
        return {**default_models()}
    try:
        document = json.loads(Path(args.model).read_text(encoding="utf-8"))
        models = {name: SyntheticModel.model_validate(value) for name, value in document.items()}
    except (ValueError, AttributeError, RecursionError, ValidationError):
        raise InputError(f"{args.model}: not a file of `autotts env fit`") from None
    if args.name and len(models) == 1:
        return {args.name: next(iter(models.values()))}
    return {name if args.name is None else f"{args.name}/{name}": model for name, model in models.items()}


def _parts(args: argparse.Namespace) -> SimulatedParts:
    from autotts.envs.synthetic.parts import SimulatedParts
    from autotts.envs.synthetic.strength import Strength

    signals: dict[str, Strength] = {}
    for text in args.signal:
        name, mark, strength = text.partition("=")
        if not mark or name in signals:
            problem = "is named twice" if name in signals else "expected NAME=P, such as confidence=0.8"
            raise InputError(f"--signal {text[:60]}: {problem}")
        signals[name] = Strength.parse(strength)
    return SimulatedParts(
        signals, Strength.parse(args.verifier_strength) if args.verifier_strength else None, args.verify_cost,
        args.verifier_kind == "program", _plan(args), args.seed,
    )  # fmt: skip


def _plan(args: argparse.Namespace) -> ForkPlan | None:
    from autotts.envs.synthetic.strength import pair
    from autotts.envs.synthetic.trees import ForkPlan

    options = {"--forks": args.forks, "--fork-levels": args.fork_levels, "--decided": args.decided,
               "--fork-rule": args.fork_rule}  # fmt: skip
    if args.fork_at is None:
        given = [option for option, value in options.items() if value is not None]
        if given:
            raise InputError(f"{given[0]} is for forks: --fork-at says where they are")
        return None
    return ForkPlan(
        fork_depths(args.fork_at), args.forks or 2, args.fork_levels or 1,
        pair(args.decided, "a probability") if args.decided else (0.5, 0.5), args.fork_rule or "recorded",
    )  # fmt: skip
