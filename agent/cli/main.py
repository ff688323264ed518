"""The command `autotts`: parse, call, print. Heavy imports wait until a command needs them."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from envs.errors import DamagedFile, InputError

from . import options
from .allocator import return_freed_memory
from .options import count, hours

_Parsers = Any  # argparse's type of a group of subcommands is private


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    parsed = parser().parse_args(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names of files may be anything
    return_freed_memory()
    try:
        return int(parsed.run(parsed) or 0)
    except DamagedFile as error:
        return _complain(error, 1)
    except InputError as error:
        return _complain(error, 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except MemoryError:
        return _complain("out of memory: fewer --seeds, environments or --workers need less", 1)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; nothing to add
        return 1
    except OSError as error:
        return _complain(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    except Exception as error:
        if {kind.__name__ for kind in type(error).__mro__} & _FAILURES:
            return _complain(error, 1)
        raise


_FAILURES = {"SandboxError", "ExplorerFailed", "ExplorerError", "CandidateFailed"}
"""By name, so that what they come from is not loaded for every command."""


def _complain(error: object, code: int) -> int:
    print(f"autotts: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _calls(module: str, function: str) -> Callable[[argparse.Namespace], int | None]:
    def call(parsed: argparse.Namespace) -> int | None:
        found: Callable[[argparse.Namespace], int | None] = getattr(
            importlib.import_module(f"agent.cli.{module}"), function
        )
        return found(parsed)

    return call


class _OneLineErrorParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong with the command line."""
        self.exit(2, f"autotts: {' '.join(message.split())}; see `{self.prog} --help`\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _OneLineErrorParser(
        prog="autotts", description="Discover how a language model should spend its tokens at inference time."
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _environments(commands)
    _evaluate(commands)
    _replay(commands)
    _discover(commands)
    _inspect(commands)
    _plot(commands)
    _ui(commands)
    _archive(commands)
    _sandbox(commands)
    _mcp(commands)
    return top


def _add(commands: _Parsers, name: str, module: str, function: str, help: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help.replace("%", "%%"), description=help)
    command.set_defaults(run=_calls(module, function))
    return command


def _environments(commands: _Parsers) -> None:
    group = commands.add_parser("env", help="recorded environments: import, list, show, export, validate, fit")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    _import(_add(verbs, "import", "env", "import_", "read recorded branches into an environment file"))
    _add(verbs, "schema", "env", "schema", "print the JSON Schema of a line of JSONL, for `import`")
    options.data(_add(verbs, "list", "env", "list_", "list the environments under the data root"))
    for name, function, help in (
        ("show", "show", "say what is in an environment"),
        ("export", "export", "write an environment as the published JSON, or as JSONL"),
        ("validate", "validate", "check environment files against their hashes"),
        ("fit", "fit", "fit the synthetic model to a recorded environment"),
    ):
        command = _add(verbs, name, "env", function, help)
        command.add_argument("names", nargs="*" if name == "validate" else "+", metavar="NAME")
        if name in ("export", "fit"):
            command.add_argument("-o", "--output", metavar="FILE", help="where to write (default: standard output)")
        if name == "export":
            command.add_argument("--format", choices=("published", "jsonl"), default="published")
        options.data(command)
    command = _add(verbs, "synthesize", "env", "synthesize", "make environments from a synthetic model")
    command.add_argument("--model", metavar="FILE", help="a fitted model (default: the four that are built in)")
    command.add_argument("--questions", type=count, default=30)
    command.add_argument("--branches", type=count, default=128)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--name", help="name of the environment, where a model is given")
    options.data(command)


def _import(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help="of one format; see docs/data.md")
    command.add_argument("--name", required=True, help="benchmark/model, such as aime24/Qwen3-1.7B")
    command.add_argument("--replace", action="store_true", help="overwrite an environment of that name")
    command.add_argument(
        "--format", choices=("auto", "published", "jsonl", "inspect", "lm-eval", "hf"), default="auto",
        help="default: what the file looks like",
    )  # fmt: skip
    command.add_argument(
        "--map", action="append", default=[], metavar="FIELD=PATH",
        help="where a field lies, such as final_answer=output.answer; may be given again; * is every item of a list",
    )  # fmt: skip
    command.add_argument("--delta", type=count, metavar="N", help="tokens of an interval, where the file has none")
    command.add_argument("--tokens", metavar="chars/N", help="estimate lengths that are not there from the texts")
    command.add_argument("--extract", metavar="REGEX", help="take the last match in the text for the final answer")
    command.add_argument("--extract-gold", metavar="REGEX", help="the same, in the gold answer")
    command.add_argument("--scorer", metavar="NAME", help="whose answers are taken from an Inspect log")
    command.add_argument("--filter", metavar="NAME", help="whose answers are taken from lm-eval samples")
    command.add_argument("--split", metavar="NAME", help="of a Hugging Face data set")
    command.add_argument("--strict", action="store_true", help="write nothing if anything has to be skipped")
    command.add_argument("--json", metavar="FILE", help="also write what was taken and skipped as JSON")
    options.data(command)


def _evaluate(commands: _Parsers) -> None:
    command = _add(commands, "evaluate", "evaluate", "evaluate", "score controllers on environments")
    command.add_argument("controllers", nargs="+", metavar="CONTROLLER", help="a seed, an archive id, or a path")
    command.add_argument("--env", nargs="+", metavar="ENV", help="names or patterns (default: the synthetic ones)")
    options.grid(command)
    options.data(command)
    options.where(command)
    options.workers(command)
    command = _add(commands, "compare", "evaluate", "compare", "compare two controllers, paired by question and seed")
    command.add_argument("controllers", nargs=2, metavar="CONTROLLER")
    command.add_argument("--env", nargs="+", metavar="ENV", help="names or patterns (default: the synthetic ones)")
    options.grid(command)
    options.data(command)
    options.where(command)
    options.workers(command)


def _replay(commands: _Parsers) -> None:
    command = _add(commands, "replay", "replay", "run", "report how an archive does on other environments; resumable")
    command.add_argument("--env", nargs="+", metavar="ENV", required=True, help="names or patterns")
    command.add_argument(
        "--select", nargs="+", default=["front"], metavar="ID", help="front (default), all, or versions by their ids",
    )  # fmt: skip
    command.add_argument("--price", type=float, metavar="DOLLARS", help="for a million output tokens")
    command.add_argument("--parquet", action="store_true", help="also write results.parquet")
    command.add_argument(
        "-o", "--output", default="replay", metavar="DIR", help="of the report, and of what has been run (./replay)"
    )
    options.protocol(command)
    options.data(command)
    options.where(command)
    options.workers(command)


def _discover(commands: _Parsers) -> None:
    command = _add(commands, "discover", "discover", "discover", "discover controllers; go on where a run was left")
    command.add_argument("--env", nargs="+", metavar="ENV", help="search set (default: the synthetic environments)")
    command.add_argument(
        "--explorer", default="evolve", help="evolve (default), anthropic, openai, command (a coding agent) or mixture",
    )  # fmt: skip
    command.add_argument("--model", metavar="NAME", help="of the explorer that asks a model")
    command.add_argument("--command", metavar="AGENT", help="claude, codex, ..., or a command line with {task} in it")
    command.add_argument("--agent-minutes", type=float, default=30.0, metavar="N", help="a coding agent's time")
    command.add_argument("--agent-tries", type=count, default=12, metavar="N", help="evaluations that it may have")
    command.add_argument("--pass-env", nargs="+", metavar="NAME", help="variables that it gets, such as its key")
    command.add_argument("--mixture", nargs="+", metavar="EXPLORER", help="the explorers of a mixture")
    command.add_argument("--generations", type=int, metavar="N", help="default: 10, or as many as --hours allow")
    command.add_argument("--hours", type=hours, metavar="N", help="work for so long, over night for example")
    command.add_argument(
        "--population", type=count, metavar="N", help="candidates of a generation (default: 16 of evolve's, else 4)"
    )
    command.add_argument(
        "--islands", type=count, metavar="N", help="populations that breed apart (default: 1)"
    )
    command.add_argument("--latency", action="store_true", help="latency as a third objective")
    command.add_argument("--seed", type=int, default=0, help="of all the run's chance")
    command.add_argument("--orders", type=count, default=4, metavar="N", help="branch orders to try a candidate on")
    command.add_argument(
        "--simulated", type=count, default=0, metavar="N",
        help="also search on N environments made from the others: harder ones, easier ones, ones with fewer answers",
    )  # fmt: skip
    command.add_argument(
        "--simulated-weight", type=float, default=0.25, metavar="W", help="what these count together (default: 0.25)"
    )
    command.add_argument("--max-branches", type=count, default=64, metavar="N")
    command.add_argument("--max-tokens", type=count, metavar="N")
    command.add_argument("--run", dest="home", metavar="DIR", help="run directory (default: a new one under ./runs)")
    for name, what in (
        ("traces", "no traces and no diagnosis for the explorer"),
        ("beta", "no knob: candidates are tried at one beta"),
        ("history", "nothing of earlier versions but the parents"),
    ):
        command.add_argument(f"--no-{name}", dest=name, action="store_false", help=f"ablation: {what}")
    command.add_argument(
        "--no-screening", dest="screening", action="store_false", help="run every candidate on all of its episodes"
    )
    options.spending(command)
    options.data(command)
    options.workers(command)
    command = _add(commands, "try", "try_draft", "attempt", "try a controller on a part of a run's search set")
    command.add_argument("file", metavar="FILE", nargs="?", default="controller.py")
    command.add_argument("--run", dest="home", metavar="DIR", help="default: the workspace here, else the newest run")
    options.workers(command)
    command = _add(commands, "resume", "discover", "resume", "go on with a run that was interrupted")
    command.add_argument("home", metavar="DIR")
    options.spending(command)
    options.data(command)
    options.workers(command)
    command = _add(commands, "history", "history", "history", "list the checkpoints of a run, the latest first")
    command.add_argument("home", metavar="DIR", nargs="?")
    command.add_argument("--limit", type=count, default=30, metavar="N")
    command = _add(commands, "fork", "history", "fork", "begin a new run where an old one once was")
    command.add_argument("home", metavar="DIR")
    command.add_argument("--generation", type=int, required=True, metavar="G", help="the last one to be taken over")
    command.add_argument("--run", dest="new", metavar="DIR", help="the new run (default: a new one under ./runs)")
    for name, kind in (("explorer", str), ("model", str), ("generations", int), ("seed", int)):
        command.add_argument(f"--{name}", type=kind, help=f"another {name}")
    command.add_argument("--population", type=count, help="another number of candidates")
    command.add_argument("--islands", type=count, help="another number of islands")
    command = _add(commands, "status", "status", "status", "say how far a run is, and how good")
    command.add_argument("home", metavar="DIR", nargs="?")


def _inspect(commands: _Parsers) -> None:
    command = _add(commands, "lineage", "inspect", "lineage", "draw the family of versions and the scaling curve")
    command.add_argument("--all", action="store_true", help="every version (default: the front and its ancestors)")
    options.where(command)
    command = _add(commands, "show", "inspect", "show", "show a version: card, curve, findings, source")
    command.add_argument("id")
    options.where(command)
    command = _add(commands, "diff", "inspect", "diff", "compare two versions: source and curve")
    command.add_argument("first")
    command.add_argument("second")
    options.where(command)
    command = _add(commands, "trace", "inspect", "trace", "draw one episode, width against depth")
    options.episode(command)
    command.add_argument("--steps", action="store_true", help="list the actions too")
    options.data(command)
    options.where(command)
    options.workers(command)
    command = _add(commands, "transcript", "inspect", "transcript", "show the conversation that led to a version")
    command.add_argument("id", help="a version, or a conversation that led to none: g003-propose-0")
    options.where(command)


def _plot(commands: _Parsers) -> None:
    group = commands.add_parser("plot", help="curves, the lineage or an episode as a picture: PNG, SVG or PDF")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    command = _add(verbs, "curves", "plot", "curves", "accuracy against tokens, with 95% intervals")
    command.add_argument(
        "controllers", nargs="*", metavar="CONTROLLER",
        help="seeds, champions, versions, paths, or JSON figures of `evaluate --json` and runs' report.json "
        "(default: the best of the archive and the seeds)",
    )  # fmt: skip
    command.add_argument("--env", nargs="+", metavar="ENV", help="names or patterns, a panel each (default: the mean)")
    command.add_argument("--beta", type=float, nargs="+", metavar="B", help="values of beta (default: as archived)")
    command.add_argument("--seeds", type=count, metavar="N", help="branch orders (default: as archived, else 20)")
    command.add_argument("--first-seed", type=int, metavar="S", help="the first of them (default: as archived, else 0)")
    command.add_argument("--max-branches", type=count, metavar="N", help="default: as archived, else 64")
    command.add_argument("--max-tokens", type=count, metavar="N", help="default: as archived, else no limit")
    options.picture(command)
    options.workers(command)
    command = _add(verbs, "lineage", "plot", "lineage", "the family by generation and score, and the way of the best")
    command.add_argument("--by", choices=("explorer", "verdict", "island"), default="explorer", help="the colours")
    command.add_argument("--tokens", type=count, metavar="N", help="score by the accuracy within N tokens a question")
    options.picture(command)
    command = _add(verbs, "trace", "plot", "trace", "one episode: a row a branch, a cell an interval")
    options.episode(command)
    options.picture(command)
    options.workers(command)


def _ui(commands: _Parsers) -> None:
    command = _add(commands, "ui", "ui", "ui", "look at a run or an archive in the browser")
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    command.add_argument("--port", type=int, default=8321, metavar="N", help="default: 8321; 0 is any that is free")
    options.data(command)
    options.where(command)
    command.add_argument("--sandbox", choices=options.SANDBOXES, default="auto", help="where an episode is replayed")


def _archive(commands: _Parsers) -> None:
    group = commands.add_parser("archive", help="the archive itself: verify, reindex, export, import")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    for name, help in (("verify", "check every hash"), ("reindex", "rebuild the index from the folders")):
        options.where(_add(verbs, name, "archive", name, help))
    command = _add(verbs, "export", "archive", "export", "write versions and their ancestors as one file, to be shared")
    command.add_argument("ids", nargs="+", metavar="ID")
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="the bundle, such as bundle.zip")
    command.add_argument("--no-ancestors", dest="ancestors", action="store_false", help="the named versions alone")
    options.where(command)
    command = _add(verbs, "import", "archive", "import_", "add the versions of a bundle; nothing of them is run")
    command.add_argument("file", metavar="BUNDLE")
    command.add_argument("--archive", required=True, metavar="DIR", help="to add to, or to make; not that of a run")
    command.add_argument("--sha256", metavar="HASH", help="that the bundle was cited by")


def _sandbox(commands: _Parsers) -> None:
    group = commands.add_parser("sandbox", help="where candidates run: build, check")
    verbs = group.add_subparsers(metavar="VERB", required=True)
    command = _add(verbs, "build", "sandbox", "build", "build the image of the Docker sandbox")
    base = command.add_mutually_exclusive_group()
    base.add_argument("--base", metavar="IMAGE", help="an image with Python (default: that of Dockerfile.sandbox)")
    base.add_argument("--bootstrap", action="store_true", help="make the base here, from Debian packages (as root)")
    command = _add(verbs, "check", "sandbox", "check", "attack the sandbox, and say what stopped each attack")
    command.add_argument("attacks", nargs="*", metavar="ATTACK", help="names (default: all)")
    command.add_argument("--json", metavar="FILE", help="also write the results as JSON")
    options.isolation(command)
    command = _add(commands, "doctor", "sandbox", "examine", "say what this machine offers, and what mends the rest")
    command.add_argument("--quiet", action="store_true", help="only the exit code: 0 if candidates can be isolated")
    command.add_argument("--json", metavar="FILE", help="also write it as JSON")
    options.data(command)


def _mcp(commands: _Parsers) -> None:
    command = _add(commands, "mcp", "mcp", "mcp", "let an agent of your own explore: an MCP server on standard input")
    command.add_argument("--env", nargs="+", metavar="ENV", help="search set (default: the synthetic environments)")
    command.add_argument("--generations", type=count, metavar="N", help="rounds (default: 10, or the run's own)")
    command.add_argument("--seed", type=int, default=0, help="of all the run's chance")
    command.add_argument("--orders", type=count, default=4, metavar="N", help="branch orders to try a candidate on")
    command.add_argument("--max-branches", type=count, default=64, metavar="N")
    command.add_argument("--max-tokens", type=count, metavar="N")
    command.add_argument("--run", dest="home", metavar="DIR", help="begun, or gone on with (default: runs/mcp)")
    options.data(command)
    options.workers(command)
