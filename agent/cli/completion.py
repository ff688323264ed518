"""`autotts completion`: prints a script that completes commands, options and their values in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from . import options
from .command_parser import CommandParser
from .options import Commands

SHELLS = ("bash", "zsh", "fish", "tcsh")
_FILES = {"FILE", "FILE ...", "BUNDLE"}
_DIRECTORIES = {"DIR", "RUN"}
"""Values that are files or directories, by the word that stands for them in the help."""
_CONTROLLERS = {"CONTROLLER", "FIRST", "SECOND"}
"""Values that are controllers: names, or files."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "completion", completion, "print a script that completes commands and options in your shell",
        "eval \"$(autotts completion bash)\"", prints_data=True,
    )  # fmt: skip
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def completion(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    _complete_values(args.parser)
    print(shtab.complete(args.parser, shell=args.shell))
    return 0


def _complete_values(parser: CommandParser) -> None:
    """Tell `shtab` what values the options and arguments of all commands have."""
    import shtab

    named, environments = _controllers(), _environments()
    for action in parser._actions:
        word = str(action.metavar)
        if "--sandbox" in action.option_strings:
            action.choices = options.SANDBOXES
        elif word in _CONTROLLERS:
            action.complete = named  # type: ignore[attr-defined]
        elif "--env" in action.option_strings:
            action.complete = environments  # type: ignore[attr-defined]
        elif word in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif word in _DIRECTORIES:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    for command in parser.subcommands().values():
        _complete_values(command)


def _controllers() -> Mapping[str, object]:
    """Return the completion of a controller: bash offers the names of those that ship too, other shells files."""
    from ..archive.baselines import every_baseline
    from ..archive.champions import champion_names

    names = " ".join([*champion_names(), *every_baseline()])
    function = (
        "# $1=COMP_WORDS[1]\n_autotts_controllers() {\n"
        f"  compgen -W '{names}' -- \"$1\"\n  compgen -f -X '!*.py' -- \"$1\"\n  compgen -d -S / -- \"$1\"\n}}"
    )
    return {"bash": "_autotts_controllers", "zsh": "_files", "tcsh": "f", "fish": "", "preamble": {"bash": function}}


def _environments() -> Mapping[str, object]:
    """Return the completion of an environment: bash offers those under the default data root, and the built-in ones."""
    from autotts.envs.store import SUFFIX
    from autotts.envs.synthetic.model import default_models

    function = (
        "# $1=COMP_WORDS[1]\n_autotts_environments() {\n"
        '  local root="${AUTOTTS_DATA:-data}" held\n'
        f"  held=$(cd \"$root\" 2>/dev/null && find . -name '*{SUFFIX}' | sed 's,^\\./,,; s,{SUFFIX}$,,')\n"
        f"  compgen -W \"$held {' '.join(default_models())}\" -- \"$1\"\n}}"
    )
    return {"bash": "_autotts_environments", "zsh": "", "tcsh": "", "fish": "", "preamble": {"bash": function}}
