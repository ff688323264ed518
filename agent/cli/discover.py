"""`autotts discover`: begins a discovery run, or continues the run in the named directory."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import config_file, options
from .command_parser import CommandParser, add_renamed
from .environments import chosen_environments, tell_held_out
from .messages import notice
from .options import Commands, count, whole

if TYPE_CHECKING:
    from autotts.envs.holdout import DividedQuestions
    from autotts.envs.store import Environment

    from ..archive.run_directory import Ablation, RunConfig
    from ..loop.steady.turns import TurnEvent
    from ..records.given import GivenController


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "discover", discover, "search for controllers; continues the run if its directory exists",
        "autotts discover --env 'synthetic/*' --generations 2 --population 4 --orders 1",
        "autotts discover --env 'aime24/*' --explorer anthropic --max-dollars 5",
    )
    options.environments(command, "search set: ")
    _add_explorer(command)
    _add_search(command)
    _add_ablations(command)
    options.budget(command)
    options.spending(command)
    options.executor(command)
    options.at_once(command)
    options.json_output(command)
    add_renamed(command, "--hours", "--max-hours")


def _add_explorer(command: CommandParser) -> None:
    group = command.group(options.SEARCH)
    group.add_argument(
        "--explorer", default="evolve", metavar="NAME",
        help="evolve (default), formulas (finds rules of its own), anthropic, openai, command (a coding agent), "
        "mixture, or your own as package.module:object",
    )  # fmt: skip
    group.add_argument("--model", metavar="NAME", help="language model of the explorer")
    group.add_argument(
        "--command", metavar="AGENT", help="coding agent: claude, codex, ..., or a command line that contains {task}"
    )
    group.add_argument(
        "--agent-minutes", type=float, default=30.0, metavar="N", help="minutes of a coding agent (default: 30)"
    )
    group.add_argument(
        "--agent-tries", type=count, default=12, metavar="N", help="evaluations of a coding agent (default: 12)"
    )
    group.add_argument(
        "--pass-env", nargs="+", metavar="NAME", help="environment variables for the coding agent, such as its key"
    )
    group.add_argument("--mixture", nargs="+", metavar="EXPLORER", help="explorers of a mixture")


def _add_search(command: CommandParser) -> None:
    group = command.group(options.SEARCH)
    group.add_argument(
        "--from", dest="start", nargs="+", metavar="CONTROLLER",
        help="start from these controllers: files, versions, champions (default: from the explorer's own ideas)",
    )
    group.add_argument(
        "--generations", type=int, metavar="N", help="default: 10, or as many as fit into --max-hours"
    )
    group.add_argument(
        "--population", type=count, metavar="N", help="candidates of a generation (default: 16 for evolve, else 4)"
    )
    group.add_argument("--islands", type=count, metavar="N", help="populations with separate ancestry (default: 1)")
    group.add_argument(
        "--latency", action="store_true", help="make latency, in tokens of the critical path, a third objective"
    )
    group.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="seed of every random choice of the run (default: 0)"
    )
    group.add_argument(
        "--orders", type=count, default=4, metavar="N", help="branch orders of each evaluation (default: 4)"
    )
    group.add_argument(
        "--simulated", type=count, default=0, metavar="N",
        help="add N simulated environments to the search set: harder, easier, or with fewer distinct answers",
    )  # fmt: skip
    group.add_argument(
        "--simulated-weight", type=float, default=0.25, metavar="W",
        help="weight of all simulated environments together (default: 0.25)",
    )  # fmt: skip
    group.add_argument(
        "--share", metavar="ARCHIVE",
        help="share an archive with runs on the same environments: add versions to it, and try those of others",
    )  # fmt: skip
    group.add_argument(
        "--steady-state", action="store_true",
        help="do not wait for whole generations: ask as soon as a slot is free (see `autotts docs search`)",
    )  # fmt: skip
    group.add_argument(
        "--staleness", type=whole, metavar="N",
        help="with --steady-state, drop a proposal if more than N versions were archived since its brief was made "
        "(default: 8 times --population)",
    )  # fmt: skip
    group.add_argument(
        "--replay-events", metavar="FILE",
        help="with --steady-state, follow the order of another run, whose events.jsonl this is: same archive",
    )
    options.holdout(command, "0.3 for explorers that write free code, 0 for evolve")
    command.group(options.OUTPUT).add_argument(
        "--run", metavar="RUN", help="run directory (default: a new one under ./runs)"
    )


def _add_ablations(command: CommandParser) -> None:
    group = command.group(options.SEARCH)
    for name, effect in (
        ("traces", "the explorer sees no traces and no diagnosis"),
        ("beta", "every candidate runs at one value of beta"),
        ("history", "the explorer sees no earlier versions except the parents"),
    ):
        group.add_argument(f"--no-{name}", dest=name, action="store_false", help=f"ablation: {effect}")
    group.add_argument(
        "--no-screening", dest="screening", action="store_false", help="run every candidate on all of its episodes"
    )


def discover(args: argparse.Namespace) -> int:
    """Begin a run, or continue the run in the named directory.

    Raises:
        InputError: the settings contradict each other, or differ from the settings of the existing run.
    """
    from autotts.envs.holdout import divide
    from autotts.sandbox.choice import check_name, recorded_name
    from autotts.sandbox.cluster.choice import check_executor

    from ..archive import resolve
    from ..archive.run_directory import Run
    from ..archive.run_hold import refuse_a_second, working_on
    from ..archive.run_settings import record_settings
    from ..explorers.registry import check_requirements, default_holdout
    from ..llm.prices import Prices
    from ..loop.assembly import simulated_environments
    from ..loop.shared_archive import open_shared
    from ..loop.starting_points import starting_points
    from .run_session import check_tracker, limits_of, run_discovery

    turns = _steady(args)
    check_name(args.sandbox)
    check_executor(args.executor, args.ray_address)
    if args.holdout is None:
        args.holdout = default_holdout(args.explorer, args.mixture or ())
        args.sources["holdout"] = args.holdout, config_file.DEFAULT
    parts = divide(chosen_environments(args), args.holdout, args.seed)
    simulated = simulated_environments(parts.searched, args.simulated, args.simulated_weight, args.seed, notice)
    home = resolve.new_home(args.run)
    refuse_a_second(home)
    named = [resolve.find_controller(text) for text in args.start or ()]
    given = starting_points(named, notice, [*parts.searched, *simulated])
    config = _config(args, parts, simulated, given)
    tell_held_out(config)
    # before anything is written
    _refuse_unused(args, config)
    check_requirements(config, Prices(Path(args.prices) if args.prices else None), *limits_of(args))
    check_tracker(args.tracker)
    open_shared(config)
    with resolve.sandbox(args) as sandbox, working_on(home):
        name = recorded_name(args.sandbox, sandbox)
        config = config.model_copy(update={"sandbox": name})
        run = Run.create(home, config, [*parts.searched, *simulated], given, parts.held_out)
        record_settings(run, args.sources)
        return run_discovery(run, sandbox, args, turns=turns)


def _steady(args: argparse.Namespace) -> list[TurnEvent]:
    """Check the options of a steady state, and return the turns to follow.

    Raises:
        InputError: an option has no effect, waits for a generation, or names a file without turns.
    """
    if not args.steady_state:
        for name in ("staleness", "replay_events"):
            if getattr(args, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} has no effect without --steady-state")
        return []
    from ..loop.steady.log import read_turns

    if args.share:
        raise InputError("--share works between generations, so it does not go with --steady-state")
    if args.approve:
        raise InputError("--approve waits for you, and a steady state (--steady-state) waits for nobody: leave one out")
    for name in ("max_dollars_each", "max_calls_each", "max_hours_each"):
        if getattr(args, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} limits generations, and --steady-state has no such barrier")
    if args.replay_events is None:
        return []
    try:
        return read_turns(Path(args.replay_events).read_bytes(), args.replay_events)
    except OSError as error:
        raise InputError(f"{args.replay_events}: cannot be read ({error.strerror})") from None


def _refuse_unused(args: argparse.Namespace, config: RunConfig) -> None:
    """Check that the explorer uses every option of the command line; tell which ones of a file it does not use.

    Raises:
        InputError: an option has no effect with this explorer.
    """
    from ..explorers.unused_settings import describe_unused, unused

    sources = {name: source for name, (_, source) in args.sources.items() if source != config_file.DEFAULT}
    for name in unused(config, sources):
        if sources[name] == config_file.COMMAND_LINE:
            raise InputError(describe_unused(config, name, f"--{name}"))
        notice(describe_unused(config, name, f"{name} in {sources[name]}"))


def _config(
    args: argparse.Namespace, parts: DividedQuestions, simulated: Sequence[Environment],
    given: Sequence[GivenController],
) -> RunConfig:  # fmt: skip
    from autotts.envs.episodes import BETAS

    from ..archive.run_directory import WITHOUT_BETA
    from ..loop.assembly import ENDLESS, GENERATIONS, check_sizes, default_population, new_config

    if args.generations == 0:
        raise InputError("--generations 0 searches for nothing; `autotts evaluate` measures baselines and controllers")
    population = args.population or default_population(args.explorer)
    check_sizes(args.generations, population, args.islands or 1)
    generations = args.generations
    if generations is None:
        generations = GENERATIONS if args.max_hours is None else ENDLESS
    return new_config(
        parts.searched,
        simulated,
        parts.held_out,
        holdout=args.holdout,
        explorer=args.explorer,
        model=args.model or "",
        command=args.command or "",
        agent_minutes=args.agent_minutes,
        agent_tries=args.agent_tries,
        agent_variables=tuple(args.pass_env or ()),
        mixture=tuple(args.mixture or ()),
        generations=generations,
        population=population,
        islands=args.islands or 1,
        latency=args.latency,
        seed=args.seed,
        orders=args.orders,
        betas=BETAS if args.beta else WITHOUT_BETA,
        max_branches=args.max_branches,
        max_tokens=args.max_tokens,
        simulated_weight=args.simulated_weight,
        ablations=_ablations(args),
        screening=args.screening,
        staleness=_staleness(args, population),
        share=args.share or "",
        given={controller.id: controller.source_sha256 for controller in given},
    )


def _staleness(args: argparse.Namespace, population: int) -> int | None:
    from ..loop.steady.turns import STALENESS

    if not args.steady_state:
        return None
    return STALENESS * population if args.staleness is None else int(args.staleness)


def _ablations(args: argparse.Namespace) -> tuple[Ablation, ...]:
    names: tuple[Ablation, ...] = ("traces", "beta", "history")
    return tuple(name for name in names if not getattr(args, name))
